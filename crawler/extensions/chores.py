"""Work beside the crawl that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


class Chores:
    """Each goes on until it is done, or all are cancelled."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Future[None]] = set()  # kept, or they might be collected

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        chore = asyncio.ensure_future(work)
        self._under_way.add(chore)
        chore.add_done_callback(self._under_way.discard)

    def every(self, seconds: float, step: Callable[[], Awaitable[object]]) -> None:
        """Take the step again and again, after so many seconds each time."""
        self.begin(_every(seconds, step))

    def cancel(self) -> None:
        for chore in self._under_way:
            chore.cancel()


async def _every(seconds: float, step: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await step()
