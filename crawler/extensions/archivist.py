"""The archivist: what one crawl takes from its archive and brings to it, from within Scrapy's loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from crawler.account import Account
from crawler.arguments import Arguments
from crawler.commits import File
from crawler.ending import Ending
from crawler.errors import ArchiveError, CrawlerError, StoreError, WriterDied
from crawler.extensions.course import Course
from crawler.extensions.thread import Thread
from crawler.extensions.uploads import Uploads
from crawler.housing import Housing
from crawler.items import Absent, ArticleId, Exchange, Lease, Outcome, Take
from crawler.programs import Programs
from crawler.runs import Run
from crawler.worker import Worker, utc_now
from crawler.writer.frames import Broken, Checkpointed, Committed, Report, SealedSegment
from crawler.writer.link import Link, start_writer

RENEW_SECONDS = 60


class Archivist:
    """Leases ids, keeps exchanges and takes, commits segments; a failure to keep ends the crawl, exit 6."""

    def __init__(self, crawler: Crawler, housing: Housing, programs: Programs, *, room: int) -> None:
        self._crawler, self.housing, self._programs, self._room = crawler, housing, programs, room
        self.course = Course(crawler, housing.stop_seconds, self._changed)
        self._worker = Worker(housing)
        self._leasing = Thread("leasing", self.course.fail)
        self._committing = Thread("committing", self.course.fail)
        self._renewing = Thread("renewing", self.course.fail)
        spare = housing.spool_bytes - housing.segment_bytes  # for the segment that is being filled
        self._uploads = Uploads(self._worker, self._committing, room=spare, committed=self._committed)
        self._link: Link | None = None
        self._drafted: deque[Take] = deque()  # sent to the writer, not safe yet
        self._flying: dict[ArticleId, Lease] = {}  # handed to the spider, no take yet
        self._adding = 0  # batches of found ids on their way into the ledger
        self._news = asyncio.Event()  # a take came, ids were found, a segment went: leases() may look again
        self._events = 0
        self._chores: set[asyncio.Future[None]] = set()
        self._parted = True  # False while the last steps of the archive are under way
        self._began = utc_now()
        self.account = Account()
        self.begun = False  #: a crawl of leases, and not `scrapy shell`
        self.run: Run | None = None  #: as it was in the end
        self.ending: Ending | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        room = 2 * settings.getint("CONCURRENT_REQUESTS")
        archivist = cls(crawler, Housing.of(settings), Programs.of(settings), room=room)
        crawler.signals.connect(archivist.close, signals.spider_closed)
        crawler.signals.connect(archivist.spider_failed, signals.spider_error)
        crawler.signals.connect(archivist.item_failed, signals.item_error)
        return archivist

    @property
    def open(self) -> bool:
        """Whether there is an archive to write to: only a crawl of leases opens one (not `scrapy shell`)."""
        return self._link is not None

    @property
    def left(self) -> int:
        """Ids that this run has yet to take, as far as it is known."""
        return max(self._worker.due - self.account.takes, 0)

    @property
    def spool(self) -> Path | None:
        """The folder of what is not committed yet."""
        return self._worker.spool.folder if self._worker.moved_in else None

    @property
    def made(self) -> Sequence[File]:
        """The files of this run's commits so far."""
        return self._worker.made

    @property
    def waiting(self) -> int:
        """Bytes of sealed segments that are not committed yet."""
        return self._uploads.waiting

    @property
    def busy(self) -> bool:
        """Whether a step of the archive is under way that nobody waits for any more."""
        return not self._uploads.idle or not self._parted

    async def start(self, arguments: Arguments) -> None:
        """Read the ids, apply the log, commit what dead workers left, start the writer."""
        self.begun = True
        if not await self._committing.take(partial(self._worker.move_in, arguments)):
            return
        plan = self.housing.plan(self._worker.spool.folder, self._programs.about)
        self._link = await start_writer(plan, self._worker.spool, self._report)
        self._link.ended.add_done_callback(self._writer_ended)
        self.course.under_way = True
        self._chore(self._every(RENEW_SECONDS, partial(self._leasing.take, self._worker.renew)))
        if (lock := self._worker.lock) is not None:
            self._chore(self._every(lock.renew_seconds, partial(self._renewing.take, lock.renew)))

    async def leases(self) -> AsyncIterator[Lease]:
        """One lease after the other, as there is room for it; ends when nothing is left to be leased."""
        while not self.course.over:
            events = self._events
            try:
                batch = await self._leasing.ask(self._worker.lease)
            except CrawlerError as error:  # raised in start() it would only be logged
                self.course.fail(error)
                return
            for lease in batch:
                while (len(self._flying) >= self._room or self._uploads.full) and self.course.failure is None:
                    await self._wait()
                self._flying[lease.id] = lease
                yield lease
            if not batch and events == self._events:
                if not (self._flying or self._drafted or self._adding):
                    return
                await self._wait()

    async def record(self, exchange: Exchange) -> None:
        """Hand an exchange to the writer; ArchiveError if it can't be kept."""
        self.account.receive(exchange)
        await self._send(exchange)

    async def settle(self, take: Take) -> None:
        """Hand a take to the writer: its lease has come to its end."""
        await self._send(take)
        self._drafted.append(take)
        self._flying.pop(take.lease.id, None)
        self._count(f"takes/{self.account.add(take)}")
        self._changed()

    async def tried(self, lease: Lease) -> None:
        """Remember how many attempts at a lease failed, before there is another."""
        if self.open:
            await self._leasing.take(partial(self._worker.tried, lease))

    def leave(self, lease: Lease, why: str) -> None:
        """Hand a lease back untaken, for the next run: it waits for something."""
        self._flying.pop(lease.id, None)
        self.account.postponed[why] += 1
        self._changed()

    def spider_failed(self, failure: Failure, response: Response | Failure) -> None:
        """A page that our code can't read without an error fails alone; the run ends with exit 1."""
        if not isinstance(response, Response):  # no page: it was an answer to a failure
            self.course.stumble(response.request.url, failure.value)  # type: ignore[attr-defined]
            return
        self.account.bugs += 1
        lease = response.request.cb_kwargs.get("lease") if response.request else None
        if lease is not None and lease.id in self._flying:
            result = Absent(outcome=Outcome.FAILED, reason=f"error:{type(failure.value).__name__}")
            take = Take(
                lease=lease,
                url=response.url,
                result=result,
                capture=None,
                captured_at=None,
                status=response.status,
                attempts=lease.attempts + 1,
            )
            self._chore(self._settled(take))  # a signal's handler is not waited for

    def item_failed(self, failure: Failure) -> None:
        """A take that could not be drafted ends the crawl: its id is left, and the next run takes it."""
        error = failure.value
        self.course.fail(error if isinstance(error, CrawlerError) else CrawlerError(f"{error!r}"))

    async def close(self, reason: str) -> None:
        """Seal, commit and let go, whatever ended the crawl; after a signal within STOP_SECONDS."""
        signalled = reason == "shutdown"
        self.course.stop()
        if self._link is not None:
            if (died := await self._link.close()) is not None:
                self.course.fail(died)
            await self._upload_rest(hurried=signalled)
            for chore in self._chores:
                chore.cancel()
            self._count("takes", self.account.takes)
        if self._uploads.idle:
            self._parted = False
            part = asyncio.ensure_future(self._let_go(reason, hurried=signalled))
            await asyncio.wait([part], timeout=self.course.seconds_left(hurried=signalled))
            self._parted = part.done()
        self.ending = self._ended(reason)
        self.run = self._run(self.ending) if self._worker.moved_in else None
        for thread in (self._leasing, self._committing, self._renewing):
            thread.end()

    async def _let_go(self, reason: str, *, hurried: bool) -> None:
        await self._leasing.take(self._worker.release)  # behind a lease that may be under way
        await self._committing.take(partial(self._part, reason, hurried=hurried))

    def _part(self, reason: str, *, hurried: bool) -> None:
        """The last steps of the archive. With a store that is away, none that needs it."""
        away = isinstance(self.course.failure, StoreError)
        try:
            if self._worker.moved_in:
                self._worker.finish(hurried=hurried or away)
                if not away:
                    self._worker.report(self._run(self._ended(reason)))
        finally:
            self._worker.move_out(away=away)

    async def _upload_rest(self, *, hurried: bool) -> None:
        if not await self._uploads.done(self.course.seconds_left(hurried=hurried)):
            self.course.fail(
                StoreError(
                    f"{self._uploads.waiting} bytes were not committed within STOP_SECONDS: "
                    f"they lie in {self.housing.spool}, and the next run there commits them"
                )
            )

    def _ended(self, reason: str) -> Ending:
        worker = self._worker
        return Ending.of(
            self.course.reason(reason),
            self.course.failure,
            worker.took,
            worker.left,
            worker.missed,
            self.account.bugs,
            settled=worker.settled,
            postponed=self.account.postponed,
        )

    def _run(self, ending: Ending) -> Run:
        return Run(
            worker=self._worker.spool.worker,
            start=self._began,
            end=utc_now(),
            exit_code=ending.code,
            reason=ending.sentence,
            outcomes=self._worker.took.outcomes,
            reasons=self._worker.took.reasons,
            left=self._worker.left,
            commits=tuple(self._worker.commits),
            versions=self._programs.versions,
            settings=self._programs.settings,
        )

    def _report(self, report: Report) -> None:
        match report:
            case Checkpointed(takes):
                safe = [self._drafted.popleft() for _ in range(takes)]
                links = [link for take in safe for link in take.found]
                if links:
                    self._adding += 1
                    self._chore(self._add(links))
                self._changed()
            case SealedSegment(name, size):
                self._uploads.add(name, size)
            case Broken(message):
                self.course.fail(WriterDied(message))

    async def _settled(self, take: Take) -> None:
        with suppress(ArchiveError):  # it ends the crawl; the id is left
            await self.settle(take)

    async def _add(self, links: list[ArticleId]) -> None:
        await self._leasing.take(partial(self._worker.found, links))
        self._adding -= 1
        self._changed()

    def _committed(self, segment: str) -> None:
        self._changed()
        self._chore(self._tell(Committed(segment)))

    async def _send(self, order: Exchange | Take) -> None:
        if self._link is None:
            return
        try:
            await self._link.send(order)
        except ArchiveError as error:
            self.course.fail(error)
            raise

    async def _tell(self, order: Committed) -> None:
        if self._link is not None and not self._link.ended.done():
            await self._link.send(order)

    def _changed(self) -> None:
        self._events += 1
        self._news.set()

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def _every(self, seconds: float, step: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await step()

    def _writer_ended(self, ended: asyncio.Future[WriterDied | None]) -> None:
        if (died := ended.result()) is not None:
            self.course.fail(died)

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        chore = asyncio.ensure_future(work)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    def _count(self, stat: str, by: int = 1) -> None:
        if self._crawler.stats is not None:
            self._crawler.stats.inc_value(stat, by)
