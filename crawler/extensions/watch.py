"""What ends a run early, looked for beside the crawl: a stop, a disk that runs full. And a sign of life."""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest

from crawler.errors import SpoolError
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.course import ENDING
from crawler.wire.handler import CUT

TICK = 0.1  #: seconds between two looks
SHARE = 0.4  #: of STOP_SECONDS, in which what is in flight may finish; seal and upload have the rest
SIGN_SECONDS = 10
SIGN = "alive"  #: a file of the spool folder that is touched while a crawl runs (deploy/: health)


class Watch:
    """Stops what is not under way when the engine closes; what is in flight may finish, for a while."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._task: asyncio.Task[None] | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._signed = 0.0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        watch = cls(crawler)
        crawler.signals.connect(watch.opened, signals.spider_opened)
        # the archivist ends the archive's work in spider_closed, which may take long: that is life too
        crawler.signals.connect(watch.closed, signals.engine_stopped)
        return watch

    def opened(self) -> None:
        self._archivist = extension(self._crawler, Archivist)
        self._housing = self._archivist.housing
        self._task = asyncio.ensure_future(self._run())

    def closed(self) -> None:
        for timer in (self._task, self._cut):
            if timer is not None:
                timer.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            if self._archivist.open:
                self._look()

    def _look(self) -> None:
        ending = self._ending()
        if ending:
            if self._cut is None:
                self._stop()
            self._drop_queued()
        if time.monotonic() >= self._signed + SIGN_SECONDS:
            self._signed = time.monotonic()
            (self._housing.spool / SIGN).touch()
            if not ending:
                self._weigh()

    def _ending(self) -> bool:
        """Whether the engine closes, or has closed; Scrapy tells nobody before all is over."""
        engine = self._crawler.engine
        slot = engine._slot if engine is not None else None  # noqa: SLF001
        return slot is None or slot.closing is not None

    def _stop(self) -> None:
        self._archivist.course.stop()
        seconds = self._housing.stop_seconds * SHARE
        loop = asyncio.get_running_loop()
        self._cut = loop.call_later(seconds, self._crawler.signals.send_catch_log, CUT)

    def _drop_queued(self) -> None:
        """Requests that wait for their turn would be sent one a DOWNLOAD_DELAY, however long that takes."""
        assert self._crawler.engine is not None
        for slot in self._crawler.engine.downloader.slots.values():
            while slot.queue:
                _, waiting = slot.queue.popleft()
                waiting.errback(IgnoreRequest(ENDING))

    def _weigh(self) -> None:
        """End the crawl while there is still room to end it well."""
        free = shutil.disk_usage(self._housing.spool).free
        if free < self._housing.min_disk_bytes:
            self._archivist.course.fail(
                SpoolError(
                    f"{self._housing.spool} has {free} bytes left, MIN_DISK_BYTES is "
                    f"{self._housing.min_disk_bytes}: make room, and run again"
                )
            )
