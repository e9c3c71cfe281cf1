"""Sealed segments on their way into the archive, in their order, beside the crawl."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from crawler.extensions.thread import Thread
from crawler.worker import Worker


class Uploads:
    """Commits one segment after the other; after one that failed, none: a later may not come before it."""

    def __init__(
        self, worker: Worker, thread: Thread, *, room: int, committed: Callable[[str], None]
    ) -> None:
        self._worker, self._thread, self._room, self._committed = worker, thread, room, committed
        self._waiting: dict[str, int] = {}  # segment: bytes
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: set[str] = set()
        self._broken = False

    @property
    def full(self) -> bool:
        """Whether so much waits in the spool that nothing more should be fetched."""
        return self.waiting > self._room

    @property
    def idle(self) -> bool:
        """Whether no commit is under way."""
        return not self._tasks

    @property
    def waiting(self) -> int:
        """Bytes of sealed segments that are not committed yet."""
        return sum(self._waiting.values())

    def add(self, segment: str, size: int) -> None:
        self._waiting[segment] = size
        task = asyncio.ensure_future(self._commit(segment))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def done(self, seconds: float | None) -> bool:
        """Wait until all is committed, or can't be; False if it is still under way after seconds."""
        if not self._tasks:
            return True
        return not (await asyncio.wait(self._tasks, timeout=seconds))[1]

    async def _commit(self, segment: str) -> None:
        if await self._thread.take(partial(self._step, segment)) and segment in self._done:
            del self._waiting[segment]
            self._committed(segment)

    def _step(self, segment: str) -> None:
        if not self._broken:
            self._broken = True  # until it went well
            self._worker.commit(segment)
            self._broken = False
            self._done.add(segment)
