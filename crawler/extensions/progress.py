"""Progress: a panel on a terminal, a line of the log now and then elsewhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from pathlib import Path
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler

from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.discovery import Discovery
from crawler.extensions.manners import Manners
from crawler.figures import Figures, Host, Pace, Reason
from crawler.screen import Screen

logger = logging.getLogger(__name__)
TICK = 0.5  #: seconds between two looks
WARC = ".warc.gz"


class Progress:
    """Tells how a crawl of leases stands, from its begin until all is committed."""

    def __init__(self, crawler: Crawler, *, every: float, panel: bool, color: bool) -> None:
        self._crawler, self._every, self._panel, self._color = crawler, every, panel, color
        self._task: asyncio.Task[None] | None = None
        self._screen: Screen | None = None
        self._began = self._told = time.monotonic()
        self._pace = Pace()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        panel = Screen.possible() and settings.getbool("PANEL") and not settings.getbool("LOG_JSON")
        every = settings.getfloat("LOGSTATS_INTERVAL")
        progress = cls(crawler, every=every, panel=panel, color=settings.getbool("LOG_COLOR"))
        crawler.signals.connect(progress.opened, signals.spider_opened)
        crawler.signals.connect(progress.stopped, signals.engine_stopped)
        return progress

    def opened(self) -> None:
        self._archivist = extension(self._crawler, Archivist)
        self._manners = extension(self._crawler, Manners)
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(_loud)

    def stopped(self) -> None:
        """After the archive's last step."""
        if self._task is not None:
            self._task.cancel()
        if self._screen is not None:
            self._screen.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            if self._archivist.begun:
                self._tell(time.monotonic())

    def _tell(self, now: float) -> None:
        figures = self._figures(now)
        if self._panel:
            self._show(figures)
        elif self._every and now >= self._told + self._every:
            self._told = now
            logger.info("%s", figures)

    def _show(self, figures: Figures) -> None:
        from crawler import panel  # rich is slow to import

        if self._screen is None:
            if not Screen.possible():
                return  # another crawl of this process has it
            self._screen = Screen()
        columns, rows = size = self._screen.size
        # one column and one row less: a full one would scroll
        self._screen.show(size, panel.lines(figures, columns - 1, rows - 1, color=self._color))

    def _figures(self, now: float) -> Figures:
        archivist = self._archivist
        spool = _sizes(archivist.spool)
        done = archivist.account.takes
        return Figures(
            phase=self._phase(),
            seconds=now - self._began,
            outcomes=dict(archivist.account.outcomes),
            reasons=[
                Reason(
                    outcome=outcome,
                    reason=reason,
                    count=archivist.account.reasons[outcome][reason],
                    last=ids[-1],
                )
                for (outcome, reason), ids in reversed(archivist.account.examples.items())
            ],
            left=None if archivist.housing.shared else archivist.left,
            pace=self._pace.at(now, done),
            hosts=self._hosts(),
            received=archivist.account.received,
            written=archivist.made.bytes["warc"] + spool[WARC],
            spool=spool.total(),
            spool_most=archivist.housing.spool_bytes,
            commits=archivist.made.commits,
            needs=archivist.needs.counts,
        )

    def _phase(self) -> str:
        if not self._archivist.open:
            return "opening the archive"
        if self._archivist.course.stopping:
            return "committing" if self._archivist.waiting else "ending"
        return "looking for ids" if extension(self._crawler, Discovery).under_way else "crawling"

    def _hosts(self) -> list[Host]:
        """Those that are asked, the busiest first."""
        engine = self._crawler.engine
        slots = engine.downloader.slots if engine is not None else {}
        budgets = self._manners.hosts
        hosts = [
            Host(
                name=name,
                flying=len(slot.transferring),
                most=slot.concurrency,
                delay=max(slot.delay, budgets[name].delay),
                waiting=len(slot.queue),
                pause=budgets.pause(name),
            )
            for name, slot in slots.items()
            if " " not in name  # the browser's own are no hosts
        ]
        return sorted(hosts, key=lambda host: -(host.flying + host.waiting))


def _loud(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("Progress is told no more; the crawl goes on", exc_info=error)


def _sizes(folder: Path | None) -> Counter[str]:
    """Bytes of a worker's spool, its WARCs apart."""
    sizes: Counter[str] = Counter()
    for path in folder.iterdir() if folder is not None and folder.is_dir() else ():
        try:
            sizes[WARC if path.name.endswith(WARC) else ""] += path.stat().st_size
        except FileNotFoundError:
            continue  # its commit was just applied
    return sizes
