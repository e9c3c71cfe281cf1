"""The leases of a crawl: handed out as there is room, and followed until their takes are safe."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from crawler.errors import CrawlerError
from crawler.extensions.chores import Chores
from crawler.extensions.course import Course
from crawler.extensions.thread import Thread
from crawler.extensions.uploads import Uploads
from crawler.items import ArticleId, Lease, Take
from crawler.needs import Needs
from crawler.worker import Worker


class Leases:
    """Those that fly, as many as there is room for; a link on a page may bring the next."""

    def __init__(
        self,
        worker: Worker,
        thread: Thread,
        uploads: Uploads,
        course: Course,
        chores: Chores,
        needs: Needs,
        others: Callable[[], Awaitable[bool]],
        *,
        room: int,
    ) -> None:
        self._worker, self._thread, self._uploads, self._needs = worker, thread, uploads, needs
        self._course, self._chores, self._room = course, chores, room
        self._others = others  # whether, with nothing to do here, there may be something later
        self._flying: dict[ArticleId, Lease] = {}  # handed to the spider, no take yet
        self._drafted: deque[Take] = deque()  # sent to the writer, not safe yet
        self._adding = 0  # batches of found ids on their way into the ledger
        self._news = asyncio.Event()  # a take came, ids were found, a segment went: each() may look again
        self._events = 0

    def __contains__(self, id: ArticleId) -> bool:
        """Whether the id's lease flies."""
        return id in self._flying

    async def each(self) -> AsyncIterator[Lease]:
        """One after the other, as there is room for it; ends when nothing is left to be leased."""
        alone = False  # nobody else holds anything: one more look, for that may just have come back
        while not self._course.over:
            events = self._events
            try:
                batch = await self._thread.ask(self._worker.desk.lease)
            except CrawlerError as error:  # raised in the spider's start() it would only be logged
                self._course.fail(error)
                return
            alone = alone and not batch
            for lease in batch:
                while self._is_full and self._course.failure is None:
                    await self._wait()
                self._flying[lease.id] = lease
                yield lease
            if not batch and events == self._events:
                if self._flying or self._drafted or self._adding:
                    await self._wait()
                elif alone:
                    return
                else:
                    alone = not await self._others()

    async def asks(self, lease: Lease) -> None:
        """A request of the lease goes out now: should we die of it, the ledger knows."""
        if lease.deaths:
            await self._suspect(lease, away=True)

    def drafted(self, take: Take) -> None:
        """The writer has the take: it is safe with a later checkpoint."""
        self._drafted.append(take)
        self._flying.pop(take.lease.id, None)

    def leave(self, lease: Lease) -> None:
        """The lease has come to its end without a take."""
        self._flying.pop(lease.id, None)
        if lease.deaths:
            self._chores.begin(self._suspect(lease, away=False))

    def safe(self, takes: int) -> None:
        """So many more takes are safe: what their pages link to may be leased."""
        safe = [self._drafted.popleft() for _ in range(takes)]
        links = [link for take in safe for link in take.found]
        for take in safe:
            if take.lease.deaths:
                self._chores.begin(self._suspect(take.lease, away=False))
        if links:
            self._adding += 1
            self._chores.begin(self._add(links))
        self.look_again()

    def look_again(self) -> None:
        """Something happened that may make room, or end the run."""
        self._events += 1
        self._news.set()

    @property
    def _is_full(self) -> bool:
        return len(self._flying) >= self._room or self._uploads.full or self._needs.full

    async def _suspect(self, lease: Lease, *, away: bool) -> None:
        """Workers died of this id, perhaps: should we die while it is on its way, that counts."""
        await self._thread.take(partial(self._worker.desk.flies, lease.id, away=away))

    async def _add(self, links: list[ArticleId]) -> None:
        await self._thread.take(partial(self._worker.desk.found, links))
        self._adding -= 1
        self.look_again()

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()
