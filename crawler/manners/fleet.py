"""One budget a host for all workers of a fleet: what one of them is told, each of them keeps to."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, Self
from uuid import uuid4

from msgspec import MsgspecError, msgpack

from crawler.manners.hosts import Host, Hosts

logger = logging.getLogger("anapress")
FLIGHT_SECONDS = 15.0  #: without a word, after which a request counts as gone with its worker
LOOK_SECONDS = 0.1  #: between two looks whether there is room, where nothing tells when there will be
LONGEST_SLEEP = 5.0  #: a host may be heard of meanwhile
LATE_SECONDS = 2.0  #: after which a turn that we were given is none any more: we have slept
AWAY_SECONDS = 1.0  #: between two looks whether the board is there again


class BoardAway(Exception):
    """The board can't be read now: nobody goes, for nobody knows who else does."""


class Board(Protocol):
    """Where the workers of a fleet write what they know of a host. Methods block."""

    def read(self, host: str) -> tuple[bytes | None, float]:
        """What stands there of the host, and the time by the one clock of all."""

    def swap(self, host: str, old: bytes | None, new: bytes) -> bool:
        """Write anew, unless something else than the old stands there by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The seconds between two requests of the fleet to one host: as many as an answer takes, within these."""

    least: float
    most: float

    def after(self, delay: float, took: float) -> float:
        """As AutoThrottle does it: slower at once, faster by halves."""
        return min(max(took, (delay + took) / 2, self.least), self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A host's budget as it stands on the board."""

    host: Host = Host()  # noqa: RUF009 -- it is frozen
    pace: float = 0.0
    flying: tuple[
        tuple[str, float], ...
    ] = ()  #: requests under way, and until when they count without a word

    @classmethod
    def parse(cls, data: bytes | None, pace: Pace) -> Self:
        """From the board; what can't be read there was written by nobody of ours."""
        try:
            return msgpack.decode(data or b"", type=cls)
        except MsgspecError:
            return cls(pace=pace.least)

    def __bytes__(self) -> bytes:
        return msgpack.encode(self)

    def at(self, now: float) -> Self:
        """Without those that went with their workers; a clock that was put back knows nothing ahead of it."""
        living = tuple((name, end) for name, end in self.flying if now < end <= now + FLIGHT_SECONDS)
        sent = self.host.sent if self.host.sent <= now else float("-inf")
        return replace(self, flying=living, host=replace(self.host, sent=sent))

    def beside(self, seen: Budget) -> Budget:
        """The same, where the board knows no less than we saw there: a server may come back without it."""
        newer = seen if seen.host.sent > self.host.sent else self
        until = max(self.host.until, seen.host.until)
        return replace(newer, host=replace(newer.host, until=until))

    def wait(self, now: float, room: int) -> float:
        """Seconds until a request may go, as far as that is known; 0: now."""
        wait = max(self.host.wait(now), self.host.sent + self.pace - now, 0.0)
        return wait or (LOOK_SECONDS if len(self.flying) >= room else 0.0)

    def left(self, request: str, now: float) -> Self:
        """The request is on its way."""
        return replace(self.heard(request, now), host=self.host.asked(now))

    def heard(self, request: str, now: float) -> Self:
        """It still is."""
        others = self.back(request).flying
        return replace(self, flying=(*others, (request, now + FLIGHT_SECONDS)))

    def back(self, request: str) -> Self:
        return replace(self, flying=tuple(each for each in self.flying if each[0] != request))


Change = Callable[[Budget, float], Budget]


class FleetHosts(Hosts):
    """The budgets on a board: a turn is had when no worker's request stands in its way."""

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        board: Board,
        ask: Callable[[Callable[[], object]], Awaitable[object]],
        *,
        room: int,
        pace: Pace,
    ) -> None:
        super().__init__(clock, sleep, room=room)
        self._board, self._ask, self._room, self._pace = board, ask, room, pace
        self._seats: dict[str, int] = {}  # rooms of their own, whose pace is their delay alone
        self._seen: dict[str, Budget] = {}  # on the board, last
        self._told: defaultdict[str, list[Change]] = defaultdict(list)  # that the board does not know yet
        self._away = False  # the board, when it was asked last

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        request = uuid4().hex[:12]
        async with super().turn(name):
            await self._go(name, request)
            alive = asyncio.ensure_future(self._tell_alive(name, request))
            began = self._clock()
            try:
                yield
            finally:
                alive.cancel()
                took, told = self._clock() - began, self._told.pop(name, [])
                await self._back(name, request, told, took)

    def answered(self, name: str) -> None:
        super().answered(name)
        self._tell(name, lambda host, _: host.answered())

    def wait(self, name: str, seconds: float) -> int:
        self._tell(name, lambda host, now: host.told_to_wait(now, seconds))
        return super().wait(name, seconds)

    def missed(self, name: str, seconds: float) -> int:
        self._tell(name, lambda host, now: host.missed(now, seconds))
        return super().missed(name, seconds)

    def seat(self, name: str, room: int, delay: float) -> None:
        self._seats[name] = room
        super().seat(name, room, delay)

    def slow(self, name: str, delay: float) -> None:
        super().slow(name, delay)
        self._tell(name, lambda host, _: replace(host, delay=delay))

    def _tell(self, name: str, change: Callable[[Host, float], Host]) -> None:
        self._told[name].append(lambda budget, now: replace(budget, host=change(budget.host, now)))

    async def _go(self, name: str, request: str) -> None:
        """Wait for the turn, and take it."""
        while True:
            told, began = self._told.pop(name, []), self._clock()
            wait = await self._step(name, partial(self._leave, name, request, told))
            if not wait and self._clock() - began < LATE_SECONDS:
                return
            await self._sleep(min(wait, LONGEST_SLEEP) * random.uniform(1, 1.1))  # noqa: S311

    def _leave(
        self, name: str, request: str, told: list[Change], budget: Budget, now: float
    ) -> tuple[Budget, float]:
        for change in told:
            budget = change(budget, now)
        budget = budget.back(request)  # of a turn that came too late
        wait = budget.wait(now, self._seats.get(name, self._room))
        return (budget, wait) if wait else (budget.left(request, now), 0.0)

    async def _tell_alive(self, name: str, request: str) -> None:
        while True:
            await asyncio.sleep(FLIGHT_SECONDS / 3)
            await self._step(name, lambda budget, now: (budget.heard(request, now), 0.0))

    async def _back(self, name: str, request: str, told: list[Change], took: float) -> None:
        def come(budget: Budget, now: float) -> tuple[Budget, float]:
            for change in told:
                budget = change(budget, now)
            return replace(budget.back(request), pace=self._pace_of(name).after(budget.pace, took)), 0.0

        try:
            await self._step(name, come, wait=False)
        except BoardAway:
            self._told[name] += told  # with the next turn; the request's place ends by itself

    async def _step(
        self, name: str, change: Callable[[Budget, float], tuple[Budget, float]], *, wait: bool = True
    ) -> float:
        """Change a host's budget on the board; what the change says of waiting."""
        while True:
            try:
                done = await self._ask(partial(self._swapped, name, change))
            except BoardAway as error:
                self._missed_board(error)
                if not wait:
                    raise
                await self._sleep(AWAY_SECONDS)
                continue
            if self._away:
                self._away = False
                logger.info("The fleet's budget is there again: we go on")
            if isinstance(done, float):
                return done

    def _missed_board(self, error: BoardAway) -> None:
        if not self._away:
            self._away = True
            logger.warning(
                "The fleet's budget is away: nobody asks for anything until it is back (%s)", error
            )

    def _swapped(self, name: str, change: Callable[[Budget, float], tuple[Budget, float]]) -> float | None:
        """None if another worker was quicker."""
        old, now = self._board.read(name)
        there = Budget.parse(old, self._pace_of(name))
        before = there.beside(self._seen.get(name, there)).at(now)
        after, wait = change(before, now)
        data = bytes(after)
        if data != old and not self._board.swap(name, old, data):
            return None
        self._seen[name] = after
        self._hosts[name] = self._as_ours(after.host, now)
        return wait

    def _pace_of(self, name: str) -> Pace:
        return Pace(least=0.0, most=0.0) if name in self._seats else self._pace

    def _as_ours(self, host: Host, now: float) -> Host:
        """By our own clock: what the panel shows, and what ends the run."""
        ahead = self._clock() - now
        return replace(host, until=host.until + ahead if host.until else 0.0, sent=float("-inf"))
