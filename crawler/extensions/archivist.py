"""The archivist: what one crawl takes from its archive and brings to it, from within Scrapy's loop."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Self
from uuid import UUID

from scrapy import Request, signals
from scrapy.crawler import Crawler

from crawler.account import Account
from crawler.arguments import Arguments
from crawler.extensions.bugs import Bugs
from crawler.extensions.chores import Chores
from crawler.extensions.claiming import Claiming
from crawler.extensions.course import Course
from crawler.extensions.leases import Leases
from crawler.extensions.lull import Lull
from crawler.extensions.parting import Parting
from crawler.extensions.seeking import Seeking
from crawler.extensions.thread import Thread
from crawler.extensions.uploads import Uploads
from crawler.extensions.writing import Writing
from crawler.housing import Housing
from crawler.items import Copy, Exchange, ForeignFile, Lease, Resource, Stored, Take
from crawler.ledger.roster import SIGNS
from crawler.made import Made
from crawler.needs import Need, Needs
from crawler.programs import Programs
from crawler.warc import Record
from crawler.worker import Worker
from crawler.writer.frames import Checkpointed, Report, SealedSegment

NEEDS_SECONDS = 2  #: as many of requisites a kill loses


class Archivist:
    """Leases ids, keeps exchanges and takes, commits segments; a failure to keep ends the crawl, exit 6."""

    def __init__(self, crawler: Crawler, housing: Housing, programs: Programs, *, room: int) -> None:
        self._crawler, self.housing, self._programs = crawler, housing, programs
        self.account = Account()
        self.needs = Needs(self._changed)
        self.course = Course(crawler, housing.stop_seconds, self._changed)
        self._worker = Worker(housing)
        self._leasing = Thread("leasing", self.course.fail)
        self._committing = Thread("committing", self.course.fail)
        self._renewing = Thread("renewing", self.course.fail)
        spare = housing.spool_bytes - housing.segment_bytes  # for the segment that is being filled
        self._uploads = Uploads(self._worker, self._committing, room=spare, committed=self._committed)
        self._writing = Writing(self.course.fail, self._heard)
        self._chores = Chores()
        self._lull = Lull(
            self._worker,
            self._writing,
            self._uploads,
            self.course,
            self.account,
            self.needs,
            leasing=self._leasing,
            committing=self._committing,
            shared=housing.shared,
        )
        self._leases = Leases(
            self._worker,
            self._leasing,
            self._uploads,
            self.course,
            self._chores,
            self.needs,
            self._lull.passes,
            room=room,
        )
        self.seeking = Seeking(
            *(self._worker, self._committing, self.course, self._lull, self._changed), shared=housing.shared
        )
        self.claiming = Claiming(
            *(self._worker, self._leasing, self.course, self._chores, self._lull),
            seconds=housing.lease_seconds,
        )
        self.bugs = Bugs(self.course, self.account, self._leases, self._chores, self.settle)
        self.parting = Parting(
            housing,
            programs,
            self._worker,
            self._uploads,
            self.course,
            self.account,
            self.needs,
            leasing=self._leasing,
            committing=self._committing,
        )
        self.begun = False  #: a crawl of leases, and not `scrapy shell`

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        room = 2 * settings.getint("CONCURRENT_REQUESTS")
        archivist = cls(crawler, Housing.of(settings), Programs.of(settings), room=room)
        crawler.signals.connect(archivist.close, signals.spider_closed)
        crawler.signals.connect(archivist.bugs.spider_failed, signals.spider_error)
        crawler.signals.connect(archivist.bugs.item_failed, signals.item_error)
        return archivist

    @property
    def open(self) -> bool:
        """Whether there is an archive to write to: only a crawl of leases opens one (not `scrapy shell`)."""
        return self.course.under_way

    @property
    def left(self) -> int:
        """Ids that this run has yet to take, as far as it is known."""
        return max(self.due - self.account.takes, 0)

    @property
    def due(self) -> int:
        """Ids that this run has or had to take, as far as it is known."""
        return self._worker.errand.due

    @property
    def spool(self) -> Path | None:
        """The folder of what is not committed yet."""
        return self._worker.spool.folder if self._worker.moved_in else None

    @property
    def made(self) -> Made:
        """What this run's commits have brought so far."""
        return self._worker.made

    @property
    def dropped(self) -> Sequence[Need]:
        """Requisites that runs before did not come to."""
        return self._worker.dropped

    @property
    def home(self) -> UUID | None:
        """The archive, where one is open."""
        return self._worker.home if self.open else None

    @property
    def waiting(self) -> int:
        """Bytes of sealed segments that are not committed yet."""
        return self._uploads.waiting

    async def start(self, arguments: Arguments) -> None:
        """Read the ids, apply the log, commit what dead workers left, start the writer."""
        self.begun = True
        if not await self._committing.take(partial(self._worker.move_in, arguments)):
            return
        plan = self.housing.plan(self._worker.spool.folder, self._programs.about)
        await self._writing.begin(plan, self._worker.spool)
        self.course.under_way = True
        gc.freeze()  # what a start made stays: no collection need look at it
        sign = self.housing.lease_seconds / SIGNS
        self._chores.every(sign, partial(self._leasing.take, self._worker.desk.renew))
        self._chores.every(NEEDS_SECONDS, self._remember)
        if (lock := self._worker.lock) is not None:
            self._chores.every(lock.renew_seconds, partial(self._renewing.take, lock.renew))

    def leases(self) -> AsyncIterator[Lease]:
        """One lease after the other, as there is room for it; ends when nothing is left to be leased."""
        return self._leases.each()

    async def record(self, exchange: Exchange, *brought: Exchange | Copy) -> None:
        """Hand an exchange to the writer, with what it brought; ArchiveError if it can't be kept."""
        self.account.receive(exchange)
        await self._writing.send(exchange, *brought)

    async def sync(self) -> None:
        """Until what was recorded survives a kill; ArchiveError if it can't be kept."""
        await self._writing.sync()

    async def keep(self, made: Resource | Copy | Exchange | ForeignFile) -> None:
        """Hand over what a browser made of a page, or a file gave or is; ArchiveError if it can't be kept."""
        await self._writing.send(made)

    async def settle(self, take: Take) -> None:
        """Hand a take to the writer, and those that go with it: their lease has come to its end."""
        takes = (take, *take.then)
        await self._writing.send(*takes)
        for each in takes:
            self._leases.drafted(each)
            self._count(f"takes/{self.account.add(each)}")
        self._changed()

    async def held(self, url: str, date: str | None = None) -> tuple[Stored, Record] | None:
        """The newest committed record of this URL, with this WARC-Date if that is said."""
        return await self._leasing.ask(partial(self._worker.desk.held, url, date)) if self.open else None

    async def asks(self, request: Request) -> None:
        """The request has its turn now: should we die of what comes, that counts against its id."""
        if (lease := request.cb_kwargs.get("lease")) is not None:
            await self._leases.asks(lease)

    async def tried(self, lease: Lease) -> None:
        """Remember how many attempts at a lease failed, before there is another."""
        if self.open:
            await self._leasing.take(partial(self._worker.desk.tried, lease))

    def leave(self, lease: Lease, why: str) -> None:
        """Hand a lease back untaken, for the next run: it waits for something."""
        self._leases.leave(lease)
        self.account.postponed[why] += 1
        self._changed()

    async def close(self, reason: str) -> None:
        """Seal, commit and let go, whatever ended the crawl; after a signal within STOP_SECONDS."""
        signalled = reason == "shutdown"
        self.course.stop()
        self.needs.drop()
        if self._writing.under_way:
            await self._writing.close()
            await self.parting.upload_rest(hurried=signalled)
            self._chores.cancel()
            self._count("takes", self.account.takes)
        await self.parting.part(reason, hurried=signalled)
        for thread in (self._leasing, self._committing, self._renewing):
            thread.end()

    def _heard(self, report: Report) -> None:
        match report:
            case Checkpointed(takes):
                self._leases.safe(takes)
            case SealedSegment(name, size):
                self._uploads.add(name, size)

    async def _remember(self) -> None:
        await self._leasing.take(partial(self._worker.remember, self.needs.remaining))

    def _committed(self, segment: str) -> None:
        self._changed()
        self._chores.begin(self._writing.committed(segment))

    def _changed(self) -> None:
        self._leases.look_again()

    def _count(self, stat: str, by: int = 1) -> None:
        if self._crawler.stats is not None:
            self._crawler.stats.inc_value(stat, by)
