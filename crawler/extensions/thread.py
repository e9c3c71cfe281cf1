"""A thread of the archive, beside Scrapy's loop: stores, ledgers and locks block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from crawler.errors import ArchiveError, CrawlerError

T = TypeVar("T")


class Thread:
    """Takes steps one after the other; `fail` is told of what goes wrong in them."""

    def __init__(self, name: str, fail: Callable[[CrawlerError], None]) -> None:
        self._pool = ThreadPoolExecutor(1, name)
        self._fail = fail

    async def ask(self, step: Callable[[], T], *, last: bool = False) -> T:
        """What the step gives; what it raises. Nothing that is asked for behind a last one is done."""
        try:
            taken = self._pool.submit(step)
        except RuntimeError:  # behind the last: what it would use may be closed, and nobody waits for it
            raise asyncio.CancelledError from None
        if last:
            self._pool.shutdown(wait=False)
        return await asyncio.wrap_future(taken)

    async def take(self, step: Callable[[], object], *, last: bool = False) -> bool:
        """Whether the step went well; if not, that was told."""
        try:
            await self.ask(step, last=last)
        except CrawlerError as error:
            self._fail(error)
        except OSError as error:
            self._fail(ArchiveError(f"the archive can't be written: {error}"))
        else:
            return True
        return False

    def end(self) -> None:
        """Take no more steps. One that is under way is not waited for: what it would have said is known."""
        self._pool.shutdown(wait=False, cancel_futures=True)
