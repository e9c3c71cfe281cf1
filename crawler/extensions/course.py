"""The course of a run: whether it goes on, and if not, why, and how long its end may take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from scrapy.crawler import Crawler

from crawler.errors import CrawlerError, Stumbled, WrongUse

logger = logging.getLogger(__name__)
ENDING = "the run is ending"  #: why a request is not made any more


class Course:
    """Ends the crawl when it must; `changed` is called when it failed."""

    def __init__(self, crawler: Crawler, stop_seconds: float, changed: Callable[[], None]) -> None:
        self._crawler, self._stop_seconds, self._changed = crawler, stop_seconds, changed
        self._over = asyncio.Event()  # nobody rests any longer
        self.stopping = False  #: the run is ending
        self._why: str | None = None  # a host's, where one ended the run
        self._closing: asyncio.Future[None] | None = None  # kept, or it might be collected
        self._stop_by: float | None = None  # by the loop's clock
        self.under_way = False  #: the archive is open to be written to
        self.failure: CrawlerError | None = None

    @property
    def over(self) -> bool:
        """Whether what does not come to its end is left to the next run: that is no take."""
        return self.stopping or self.failure is not None

    def reason(self, closed: str) -> str:
        """Why the run ended, if all that Scrapy knows is that it closed for this reason."""
        return self._why or closed

    async def rest(self, seconds: float) -> None:
        """Sleep so long, or until the run is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    def fail(self, error: CrawlerError) -> None:
        """End the crawl for this reason; the first one counts."""
        if self.failure is None:
            self.failure = error
            self._over.set()
            if not isinstance(error, WrongUse):  # the last line says that already
                logger.critical("%s", error)
            self._changed()
            self._close_spider("archive_failed")

    def stumble(self, url: str, error: BaseException | None) -> None:
        """End the crawl for an error that is nobody's but ours: nothing is settled by it."""
        if isinstance(error, CrawlerError):
            self.fail(error)
            return
        logger.critical("%s", url, exc_info=error)
        self.fail(
            Stumbled(
                f"Our own code stumbled over {url}: {error!r}. The log has the traceback. Nothing is lost."
            )
        )

    def end(self, why: str) -> None:
        """End the run for a reason outside of us: what is left, the next run takes."""
        if not self.stopping:
            self._why = why
            self.stop()
            if self.under_way:
                self._close_spider("host_asked")

    def stop(self) -> None:
        """The run is ending, for whatever reason: nothing that fails from now on is a take."""
        if not self.stopping:
            self.stopping = True
            self._over.set()
            self._stop_by = asyncio.get_running_loop().time() + self._stop_seconds

    def seconds_left(self, *, hurried: bool) -> float | None:
        """How long a step may take that somebody waits for; None: as long as it takes."""
        if not hurried or self._stop_by is None:
            return None
        return max(self._stop_by - asyncio.get_running_loop().time(), 1)

    def _close_spider(self, reason: str) -> None:
        if (engine := self._crawler.engine) is not None and engine.spider is not None:
            self._closing = asyncio.ensure_future(engine.close_spider_async(reason=reason))
