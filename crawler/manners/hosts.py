"""The hosts that we ask: which of them wants to be left alone, and until when."""

from __future__ import annotations

from asyncio import Semaphore
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What one host has asked for, and how it took what we sent; times by one clock of the caller's."""

    until: float = 0.0  #: no request before
    waits: int = 0  #: pauses in a row that it asked for
    misses: int = 0  #: pauses in a row after connections that it did not take
    delay: float = 0.0  #: its Crawl-delay
    sent: float = float("-inf")  #: when the last request went

    def wait(self, now: float) -> float:
        """Seconds until the next request may go; 0: now."""
        return max(self.until - now, self.sent + self.delay - now, 0.0)

    def asked(self, now: float) -> Self:
        return replace(self, sent=now)

    def answered(self) -> Self:
        return self if not (self.waits or self.misses) else replace(self, waits=0, misses=0)

    def told_to_wait(self, now: float, seconds: float) -> Self:
        """Of many requests that were on their way together, each is told; that is one pause."""
        return replace(self._left(now, seconds), waits=self.waits + (now >= self.until), misses=0)

    def missed(self, now: float, seconds: float) -> Self:
        return replace(self._left(now, seconds), misses=self.misses + (now >= self.until))

    def _left(self, now: float, seconds: float) -> Self:
        return replace(self, until=max(self.until, now + seconds))


class Hosts:
    """The budget of each host: every request waits here for its turn."""

    def __init__(
        self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]], *, room: int = 1
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._hosts: dict[str, Host] = {}
        self._rooms: defaultdict[str, Semaphore] = defaultdict(lambda: Semaphore(room))

    def __getitem__(self, name: str) -> Host:
        return self._hosts.get(name) or Host()

    def pause(self, name: str) -> float:
        """Seconds for which the host wants to be left alone."""
        return max(self[name].until - self._clock(), 0.0)

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Entered when a request may go to this host, left at its end; `room` hold it at once."""
        async with self._rooms[name]:
            while wait := self[name].wait(self._clock()):  # who waited may have to wait again
                await self._sleep(wait)
            self._hosts[name] = self[name].asked(self._clock())
            yield

    def answered(self, name: str) -> None:
        """The host answered, and asked for nothing."""
        self._hosts[name] = self[name].answered()

    def wait(self, name: str, seconds: float) -> int:
        """The host wants to be left alone so long; how often it said so in a row."""
        self._hosts[name] = self[name].told_to_wait(self._clock(), seconds)
        return self[name].waits

    def missed(self, name: str, seconds: float) -> int:
        """The host took no connection: leave it alone so long; how often in a row."""
        self._hosts[name] = self[name].missed(self._clock(), seconds)
        return self[name].misses

    def seat(self, name: str, room: int, delay: float) -> None:
        """A budget of its own: so many at once, at most one each so many seconds."""
        self._rooms[name] = Semaphore(room)
        self.slow(name, delay)

    def slow(self, name: str, delay: float) -> None:
        """At most one request to the host each so many seconds."""
        self._hosts[name] = replace(self[name], delay=delay)
