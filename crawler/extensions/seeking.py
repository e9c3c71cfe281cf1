"""A search for ids, from within Scrapy's loop: what it asks of the archive, and brings to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from crawler.extensions.course import Course
from crawler.extensions.lull import Lull
from crawler.extensions.thread import Thread
from crawler.items import ArticleId
from crawler.worker import Worker


class Seeking:
    """Stands before the archive for whoever walks the site, or a list; `changed` is called when ids came."""

    def __init__(
        self,
        worker: Worker,
        committing: Thread,
        course: Course,
        lull: Lull,
        changed: Callable[[], None],
        *,
        shared: bool,
    ) -> None:
        self._worker, self._committing, self._course = worker, committing, course
        self._lull, self._changed, self._shared = lull, changed, shared

    @property
    def place(self) -> str | None:
        """Where ids are to be searched for, before the next lease."""
        return None if self._course.over else self._worker.seeks

    async def walked(self) -> Sequence[str]:
        """The site's sections that were searched to their end before."""
        return await self._committing.ask(self._worker.walked)

    async def unknown(self, ids: Sequence[ArticleId]) -> Sequence[ArticleId]:
        """Those of the ids that the archive does not know."""
        return await self._committing.ask(partial(self._worker.unknown, ids))

    async def discovered(self, ids: Sequence[ArticleId], found: str) -> None:
        """Make ids known, all in one step; what goes wrong ends the crawl."""
        await self._committing.take(partial(self._worker.discovered, ids, found))
        self._changed()

    async def share(self) -> None:
        """Bring what we have into the log, where we are one of many: others look there before they ask."""
        if self._shared:
            await self._lull.hand_in()

    async def searched(self, *, over: bool) -> None:
        """We have searched for ids, to the end or as far as we could: what is not over, others go on with."""
        await self._committing.take(partial(self._worker.searched, over=over))
