"""The files of `source=warc`: looked through once, then read record by record, in a thread of their own."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import BinaryIO, Self
from uuid import uuid4

from scrapy import signals
from scrapy.crawler import Crawler

from crawler.arguments import Arguments
from crawler.captures import Captures
from crawler.clock import utc_now
from crawler.errors import CrawlerError, Damaged, WrongUse
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.fetching import fetch
from crawler.extensions.listing import Unlistable
from crawler.extensions.thread import Thread
from crawler.foreign.address import Address, files
from crawler.foreign.elsewhere import UNREADABLE, There, there
from crawler.foreign.files import OpenVolumes, Volume, is_web, names, tells_more, volumes
from crawler.foreign.finds import Finds, places
from crawler.foreign.pages import moment
from crawler.foreign.records import Bad, Found, Spot, read, scan
from crawler.items import Absent, ArticleId, Capture, ForeignFile, Origin, Outcome
from crawler.site import article_id
from crawler.sources.archived import NOT_ARCHIVED, Brought, brought_of
from crawler.sources.warcfiles import BAD_RECORD, WARC
from crawler.warc import target_uri, warc_date

logger = logging.getLogger("anapress")
BATCH = 200  #: records that are looked at before anybody may end the run
NAMED = 1000  #: bad records that are named; all are counted
PIECE = 1 << 20  #: bytes of a file that are summed at once
TELLING = (
    "-a copy=0 writes the addresses of files into the archive, and a name or what is behind ? may be secret: "
    "fetch that file and give it by its path, or leave copy=0 out."
)
UNRESOLVED = Absent(outcome=Outcome.FAILED, reason="revisit_unresolved")


class Shelf:
    """What the files of a run have of the articles: looked through when it is needed, and only then."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._volumes: Sequence[Volume] = ()
        self._finds: tuple[Finds, Captures] | None = None
        self._files = OpenVolumes()
        self._copies = True
        self._sums: dict[str, ForeignFile] = {}  # by their URLs, where nothing is copied
        self._kept: set[str] = set()  # of these, what the writer knows
        self._fetched: dict[str, BinaryIO] = {}  # by their URLs: what of the web is here now
        self._bad = 0
        self._broken: set[ArticleId] = set()  # whose records some of these were

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        shelf = cls(crawler)
        crawler.signals.connect(shelf.close, signals.spider_closed)
        return shelf

    async def listed(self, arguments: Arguments) -> Arguments | None:
        """The arguments, with the files' ids where no others are given; None if the files can't be read."""
        if arguments.source != WARC or arguments.warcs is None:
            return arguments
        archivist = extension(self._crawler, Archivist)
        self._thread = Thread("reading", archivist.course.fail)
        given, self._copies = arguments.warcs, arguments.copy
        try:
            if not self._copies and any(tells_more(name) for name in filter(is_web, names(given))):
                raise WrongUse(TELLING)
            for name in filter(is_web, names(given)):
                self._fetched[name] = await fetch(self._crawler, name)
            self._volumes = await self._thread.ask(lambda: volumes(given, archivist.housing, self._fetched))
            if arguments.ids is not None:
                return arguments
            table = await self._looked_through()
            ids = await self._thread.ask(lambda: list(table.ids()))
            if not ids:
                raise WrongUse(f"-a warcs={given}: no page of an article is in there.")
        except CrawlerError as error:
            archivist.course.fail(error)
        except Unlistable as error:
            archivist.course.end(str(error))
        else:
            return replace(arguments, listed=ids)
        return None

    async def captures(self, id: ArticleId) -> Sequence[Capture]:
        """What the files have of it; Unlistable if one of them can't be read."""
        table = await self._looked_through()
        return await self._thread.ask(lambda: table.of(id))

    def none(self, id: ArticleId) -> Absent:
        """Why the files have no capture of it, once it was looked for."""
        return BAD_RECORD if id in self._broken else NOT_ARCHIVED

    async def bring(self, capture: Capture) -> Brought | Absent:
        """The capture's record, in our archive from now on, or why there is none; Unlistable as above."""
        archivist = extension(self._crawler, Archivist)
        name = self._volumes[places(capture)[0][0]].name
        try:
            found, there = await self._thread.ask(lambda: self._there(capture))
        except Damaged as error:
            logger.warning("%s: %s", name, error)
            return BAD_RECORD
        except UNREADABLE as error:
            raise Unlistable(f"{name} can't be read: {error}") from error
        if not self._copies:
            return UNRESOLVED if there is None else await self._referred(there)
        for date in (found.headers["warc-date"], warc_date(moment(found))):
            if (held := await archivist.held(target_uri(found.url), date)) is not None:
                return Brought(place=held[0].record, record=held[1])
        if there is None:
            return UNRESOLVED
        await archivist.keep(there.made)
        return brought_of(there.made)

    async def _referred(self, there: There) -> Brought:
        """The record where it lies; the writer knows the files first that it lies in."""
        for url in files(there.ref):
            if url not in self._kept:
                await extension(self._crawler, Archivist).keep(self._sums[url])
                self._kept.add(url)  # not before: no take may overtake what it refers to
        payload = None if there.payload is there.ref else there.payload
        return Brought(place=there.ref, record=there.record, payload=payload)

    async def close(self) -> None:
        """Let go of the files."""
        if self._volumes or self._fetched:
            with suppress(Exception):
                await self._thread.ask(self._shut)
            self._thread.end()

    async def _looked_through(self) -> Captures:
        if self._finds is None:
            self._finds = await self._thread.ask(lambda: (Finds(), Captures()))
            finds, table = self._finds
            course = extension(self._crawler, Archivist).course
            for number, volume in enumerate(self._volumes):
                steps = self._steps(number, volume, finds)
                while await self._thread.ask(partial(self._batch, steps, table)):
                    if course.over:
                        raise Unlistable("the run is ending")
            await self._thread.ask(lambda: table.add(finds.revisits()))
            if self._bad:
                logger.warning("%s records of the files can't be read, and were passed over", self._bad)
        return self._finds[1]

    def _batch(self, steps: Iterator[Capture | None], table: Captures) -> int:
        """Look at some more records; how many there were."""
        looked = list(islice(steps, BATCH))
        table.add(capture for capture in looked if capture)
        return len(looked)

    def _steps(self, number: int, volume: Volume, finds: Finds) -> Iterator[Capture | None]:
        """The captures of a file's pages, one by one, and what is between them."""
        try:
            if not self._copies and volume.url not in self._sums:
                yield from self._summed(volume)
            with volume.open() as file:
                for step in scan(file):
                    yield self._noted(number, step, finds)
        except UNREADABLE as error:
            raise Unlistable(f"{volume.name} can't be read: {error}") from error

    def _summed(self, volume: Volume) -> Iterator[None]:
        """Read the whole file once, piece by piece: what it is before anything is taken from it."""
        digest, size = hashlib.sha256(), 0
        with volume.opened() as file:
            while piece := file.read(PIECE):
                digest.update(piece)
                size += len(piece)
                yield None
        self._sums[volume.url] = ForeignFile(url=volume.url, bytes=size, sha256=digest.hexdigest())

    def _noted(self, number: int, step: Found | Bad | None, finds: Finds) -> Capture | None:
        if isinstance(step, Found):
            try:
                return finds.note(number, step)
            except Damaged as error:
                step = Bad(step.spot.offset, str(error), step.url)
        if step is not None:
            self._tell(self._volumes[number], step)
        return None

    def _tell(self, volume: Volume, bad: Bad) -> None:
        self._bad += 1
        if (id := article_id(bad.url)) is not None:
            self._broken.add(id)
        if self._crawler.stats is not None:
            self._crawler.stats.inc_value("warcs/bad_records")
        if self._bad <= NAMED:
            logger.warning("%s, offset %s: %s", volume.name, bad.offset, bad.why)

    def _there(self, capture: Capture) -> tuple[Found, There | None]:
        """The record, and what we make of it; nothing of a revisit that names none."""
        (number, spot), *named = places(capture)
        found = read(self._file(number), spot)
        body = original = None
        if found.headers["warc-type"] == "revisit":
            if not named:
                return found, None
            body, original = self._address(*named[0]), read(self._file(named[0][0]), named[0][1])
        address = replace(self._address(number, spot), body=body)
        return found, there(address, found, original, self._origin(number, spot), uuid4)

    def _address(self, number: int, spot: Spot) -> Address:
        volume = self._volumes[number]
        return Address(url=volume.url, spot=spot, inside=volume.inside)

    def _origin(self, number: int, spot: Spot) -> Origin:
        span = f"bytes={spot.offset}-" + (f" ({spot.skip} inside)" if spot.skip else "")
        return Origin(url=self._volumes[number].source, at=utc_now(), span=span)

    def _file(self, number: int) -> BinaryIO:
        return self._files.file(self._volumes[number])

    def _shut(self) -> None:
        for each in (self._files, *(self._finds or ()), *self._fetched.values()):
            each.close()
