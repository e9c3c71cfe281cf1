"""The claims of a crawl on requisites: which are its own to take, and which it leaves to other workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from crawler.extensions.chores import Chores
from crawler.extensions.course import Course
from crawler.extensions.lull import Lull
from crawler.extensions.thread import Thread
from crawler.ledger.roster import SIGNS, Claims
from crawler.worker import Worker

logger = logging.getLogger(__name__)


class Claiming:
    """Stands before the ledger for whoever asks for requisites."""

    def __init__(
        self, worker: Worker, leasing: Thread, course: Course, chores: Chores, lull: Lull, *, seconds: float
    ) -> None:
        self._worker, self._leasing, self._course = worker, leasing, course
        self._chores, self._lull = chores, lull
        self._seconds = seconds  # after which a worker without a sign counts as dead
        self._until: float | None = None  # by the loop's clock

    def now_and_then(self, step: Callable[[], Awaitable[object]]) -> None:
        """Take the step as often as we give a sign of life, if the archive is open."""
        if self._course.under_way:
            self._chores.every(self._seconds / SIGNS, step)

    async def claim(self, urls: Collection[str]) -> Claims:
        """Which of these are to be asked for; CrawlerError if the ledger can't say."""
        return await self._leasing.ask(partial(self._worker.desk.claim, urls))

    async def unclaim(self, urls: Collection[str]) -> None:
        """Let others have these."""
        if urls:
            await self._leasing.take(partial(self._worker.desk.unclaim, urls))

    async def lasts(self) -> bool:
        """With nothing else to do: whether to look again, after a while, at what others have claimed.

        Only if they are about to end, too, and not for ever: who dies while we wait is soon known to be dead.
        """
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + 2 * self._seconds
            logger.info(
                "Waiting for requisites that other workers are at, for %d s at most", 2 * self._seconds
            )
        return not self._course.over and now < self._until and await self._lull.awaits_claims()
