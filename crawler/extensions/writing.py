"""What a crawl hands to its writer process, and hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from crawler.errors import ArchiveError, CrawlerError, WriterDied
from crawler.items import Copy, Exchange, ForeignFile, Resource, Take
from crawler.spool import Spool
from crawler.writer.frames import AllSealed, Broken, Committed, Report, Seal, Together
from crawler.writer.link import Link, start_writer
from crawler.writer.process import Plan


class Writing:
    """The line to the writer; before it begins, what is handed over goes nowhere.

    `fail` is told of a writer that died, or that takes nothing more; `heard` gets all else that it reports.
    """

    def __init__(self, fail: Callable[[CrawlerError], None], heard: Callable[[Report], None]) -> None:
        self._fail, self._heard = fail, heard
        self._link: Link | None = None
        self._sealed = asyncio.Event()  # nothing is open there

    @property
    def under_way(self) -> bool:
        """Whether there is, or was, a writer."""
        return self._link is not None

    async def begin(self, plan: Plan, spool: Spool) -> None:
        self._link = await start_writer(plan, spool, self._report)
        self._link.ended.add_done_callback(self._ended)

    async def send(self, *orders: Exchange | Copy | ForeignFile | Resource | Take) -> None:
        """Hand these over, to be kept together or not at all; ArchiveError if they can't be."""
        if self._link is not None:
            await self._kept(self._link.send(Together(orders) if len(orders) > 1 else orders[0]))

    async def sync(self) -> None:
        """Until what was sent survives a kill; ArchiveError if it can't be kept."""
        if self._link is not None:
            await self._kept(self._link.sync())

    async def seal(self) -> None:
        """Until the writer has sealed what it has open, or is gone; ArchiveError if it takes no orders."""
        if self._link is None:
            return
        self._sealed.clear()
        await self._link.send(Seal())
        sealed = asyncio.ensure_future(self._sealed.wait())
        await asyncio.wait((sealed, self._link.ended), return_when=asyncio.FIRST_COMPLETED)
        sealed.cancel()

    async def committed(self, segment: str) -> None:
        """Tell a writer that lives: what the segment holds may be named by later ones."""
        if self._link is not None and not self._link.ended.done():
            await self._link.send(Committed(segment))

    async def close(self) -> None:
        """Let the writer seal and end."""
        if self._link is not None and (died := await self._link.close()) is not None:
            self._fail(died)

    async def _kept(self, handed: Awaitable[None]) -> None:
        """What can't be kept ends the crawl."""
        try:
            await handed
        except ArchiveError as error:
            self._fail(error)
            raise

    def _report(self, report: Report) -> None:
        match report:
            case AllSealed():
                self._sealed.set()
            case Broken(message):
                self._fail(WriterDied(message))
            case _:
                self._heard(report)

    def _ended(self, ended: asyncio.Future[WriterDied | None]) -> None:
        if (died := ended.result()) is not None:
            self._fail(died)
