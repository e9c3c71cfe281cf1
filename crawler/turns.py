"""The turns of an id: it is looked for in one source after another, until one has its article."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler

from crawler.arguments import Arguments, Render
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.listing import Listing, Unlistable
from crawler.extensions.shelf import Shelf
from crawler.items import LIVE, Absent, ArticleId, Lease, Take
from crawler.layouts import read
from crawler.manners.services import COMMONCRAWL, WAYBACK, base
from crawler.sources.archived import Read
from crawler.sources.commoncrawl import commoncrawl
from crawler.sources.live import Answer, Brought, live
from crawler.sources.warcfiles import WARC, warcfiles
from crawler.sources.wayback import wayback
from crawler.validators import Validators

AUTO = (LIVE, WAYBACK, COMMONCRAWL)  #: the sources in their turn
WAITS = "robots_waits"  #: of an id whose site's robots.txt can't be had

Flow = Generator[Request, Answer, Brought | Take]


class Turns:
    """Begins a source's flow for a lease, and the next source's where that had no article."""

    def __init__(
        self, crawler: Crawler, arguments: Arguments, *, machine: str, files: str, hops: int, read: Read
    ) -> None:
        self._crawler, self._arguments = crawler, arguments
        self._machine, self._files, self._hops, self._read = machine, files, hops, read
        self._sources = AUTO if arguments.source == "auto" else (arguments.source,)
        self._firsts: dict[ArticleId, Take] = {}  # of ids that are looked for further on

    @classmethod
    def of(cls, crawler: Crawler, arguments: Arguments) -> Self:
        """The turns that a crawl's arguments ask for."""
        settings = crawler.settings
        return cls(
            crawler,
            arguments,
            machine=base(settings, "WAYBACK_URL"),
            files=base(settings, "COMMONCRAWL_DATA_URL"),
            hops=settings.getint("REDIRECT_MAX_TIMES"),
            read=partial(read, tags=settings.getint("PAGE_TAGS")),
        )

    @property
    def alone(self) -> bool:
        """Whether there is one source, and no turn to another."""
        return len(self._sources) == 1

    async def first(self, lease: Lease) -> Flow:
        """How the first source fetches the lease's page."""
        return await self._flow(lease, self._sources[0])

    async def after(self, take: Take) -> Flow | Take | None:
        """The next source's flow, or the take that counts in the end; None: the id waits for another run."""
        if isinstance(take.result, Absent):
            first = self._firsts.setdefault(take.lease.id, take)
            turn = self._sources.index(take.source) + 1
            if turn < len(self._sources):
                return await self._turned(take.lease, self._sources[turn])
            take = first  # nobody has it: what the site says counts
        self._firsts.pop(take.lease.id, None)
        if isinstance(take.result, Absent) and take.result.reason == WAITS:
            why = "its robots.txt can't be had, and no archive has it"
            extension(self._crawler, Archivist).leave(take.lease, why)
            return None
        return take

    def live(self, lease: Lease, *, render: bool) -> Flow:
        """The site itself; nothing that a browser renders is the same as before."""
        held = None if render else Validators(lease.etag, lease.last_modified)
        return live(lease.id, held=held, hops=self._hops, render=render)

    async def _turned(self, lease: Lease, source: str) -> Flow | None:
        try:
            return await self._flow(lease, source)
        except Unlistable as error:  # what others the site gives goes on
            self._firsts.pop(lease.id, None)
            archivist = extension(self._crawler, Archivist)
            if not archivist.course.over:
                archivist.leave(lease, str(error))
            return None

    async def _flow(self, lease: Lease, source: str) -> Flow:
        wanted = self._arguments
        if source == LIVE:
            return self.live(lease, render=wanted.render is Render.BROWSER)
        if source == WARC:
            shelf = extension(self._crawler, Shelf)
            captures = await shelf.captures(lease.id)
            return warcfiles(lease, captures, wanted.captures, read=self._read, none=shelf.none(lease.id))
        among = None if wanted.ids is None else extension(self._crawler, Archivist).due
        fresh = wanted.refresh is not None
        listing = extension(self._crawler, Listing)
        captures = await listing.captures(source, lease.id, among=among, fresh=fresh)
        if source == WAYBACK:
            machine = self._machine
            return wayback(lease, captures, wanted.captures, base=machine, read=self._read, hops=self._hops)
        return commoncrawl(lease, captures, wanted.captures, base=self._files, read=self._read)
