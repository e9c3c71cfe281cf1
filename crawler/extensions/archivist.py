"""The archivist: what one crawl takes from its archive and brings to it, from within Scrapy's loop."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from crawler.arguments import Arguments
from crawler.commits import File
from crawler.ending import Ending
from crawler.errors import ArchiveError, CrawlerError, StoreError, Stumbled, WriterDied, WrongUse
from crawler.extensions.thread import Thread
from crawler.extensions.uploads import Uploads
from crawler.housing import Housing
from crawler.items import Absent, ArticleId, Exchange, Lease, Outcome, Take
from crawler.programs import Programs
from crawler.runs import Run, kind_of
from crawler.worker import Worker, utc_now
from crawler.writer.frames import Broken, Checkpointed, Committed, Report, SealedSegment
from crawler.writer.link import Link, start_writer

logger = logging.getLogger(__name__)
RENEW_SECONDS = 60
EXAMPLES = 3  #: ids of a reason that are told


class Archivist:
    """Leases ids, keeps exchanges and takes, commits segments; a failure to keep ends the crawl, exit 6."""

    def __init__(self, crawler: Crawler, housing: Housing, programs: Programs, *, room: int) -> None:
        self._crawler, self.housing, self._programs, self._room = crawler, housing, programs, room
        self._worker = Worker(housing)
        self._leasing = Thread("leasing", self.fail)
        self._committing = Thread("committing", self.fail)
        self._renewing = Thread("renewing", self.fail)
        spare = housing.spool_bytes - housing.segment_bytes  # for the segment that is being filled
        self._uploads = Uploads(self._worker, self._committing, room=spare, committed=self._committed)
        self._link: Link | None = None
        self._drafted: deque[Take] = deque()  # sent to the writer, not safe yet
        self._flying: dict[ArticleId, Lease] = {}  # handed to the spider, no take yet
        self._adding = 0  # batches of found ids on their way into the ledger
        self._news = asyncio.Event()  # a take came, ids were found, a segment went: leases() may look again
        self._events = 0
        self._end = asyncio.Event()
        self._chores: set[asyncio.Future[None]] = set()
        self._parted = True  # False while the last steps of the archive are under way
        self._closing: asyncio.Future[None] | None = None  # no chore: close() runs inside it
        self._stop_by: float | None = None  # by the loop's clock
        self._began = utc_now()
        self._why: str | None = None  # the host's, where one ended the run
        self.failure: CrawlerError | None = None
        self.settled: Counter[str] = Counter()  #: takes so far, by what they bring before the commit decides
        self.reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)  #: and why, where no article
        self.examples: dict[tuple[str, str], deque[ArticleId]] = {}  #: the last ids of each; the latest last
        self.received = 0  #: bytes of responses
        self.begun = False  #: a crawl of leases, and not `scrapy shell`
        self.run: Run | None = None  #: as it was in the end
        self.postponed: Counter[str] = Counter()  #: ids that were left, by what they wait for
        self.bugs = 0  #: pages that our own code stumbled over
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
    def over(self) -> bool:
        """Whether what does not come to its end is left to the next run: that is no take."""
        return self.stopping or self.failure is not None

    @property
    def open(self) -> bool:
        """Whether there is an archive to write to: only a crawl of leases opens one (not `scrapy shell`)."""
        return self._link is not None

    @property
    def left(self) -> int:
        """Ids that this run has yet to take, as far as it is known."""
        return max(self._worker.due - sum(self.settled.values()), 0)

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

    @property
    def stopping(self) -> bool:
        """Whether the run is ending: what did not come to its end is left to the next."""
        return self._end.is_set()

    async def start(self, arguments: Arguments) -> None:
        """Read the ids, apply the log, commit what dead workers left, start the writer."""
        self.begun = True
        if not await self._committing.take(partial(self._worker.move_in, arguments)):
            return
        plan = self.housing.plan(self._worker.spool.folder, self._programs.about)
        self._link = await start_writer(plan, self._worker.spool, self._report)
        self._link.ended.add_done_callback(self._writer_ended)
        self._chore(self._every(RENEW_SECONDS, partial(self._leasing.take, self._worker.renew)))
        if (lock := self._worker.lock) is not None:
            self._chore(self._every(lock.renew_seconds, partial(self._renewing.take, lock.renew)))

    async def leases(self) -> AsyncIterator[Lease]:
        """One lease after the other, as there is room for it; ends when nothing is left to be leased."""
        while self.failure is None and not self.stopping:
            events = self._events
            try:
                batch = await self._leasing.ask(self._worker.lease)
            except CrawlerError as error:  # raised in start() it would only be logged
                self.fail(error)
                return
            for lease in batch:
                while (len(self._flying) >= self._room or self._uploads.full) and self.failure is None:
                    await self._wait()
                self._flying[lease.id] = lease
                yield lease
            if not batch and events == self._events:
                if not (self._flying or self._drafted or self._adding):
                    return
                await self._wait()

    async def record(self, exchange: Exchange) -> None:
        """Hand an exchange to the writer; ArchiveError if it can't be kept."""
        self.received += _bytes(exchange)
        await self._send(exchange)

    async def settle(self, take: Take) -> None:
        """Hand a take to the writer: its lease has come to its end."""
        await self._send(take)
        self._drafted.append(take)
        self._flying.pop(take.lease.id, None)
        self._tally(take)
        self._changed()

    async def tried(self, lease: Lease) -> None:
        """Remember how many attempts at a lease failed, before there is another."""
        if self.open:
            await self._leasing.take(partial(self._worker.tried, lease))

    def leave(self, lease: Lease, why: str) -> None:
        """Hand a lease back untaken, for the next run: it waits for something."""
        self._flying.pop(lease.id, None)
        self.postponed[why] += 1
        self._changed()

    async def rest(self, seconds: float) -> None:
        """Sleep so long, or until the run is ending."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._end.wait(), seconds)

    def fail(self, error: CrawlerError) -> None:
        """End the crawl for this reason; the first one counts."""
        if self.failure is None:
            self.failure = error
            if not isinstance(error, WrongUse):  # the last line says that already
                logger.critical("%s", error)
            self._changed()
            self._close_spider("archive_failed")

    def end(self, why: str) -> None:
        """End the run for a reason outside of us: what is left, the next run takes."""
        if not self.stopping:
            self._why = why
            self.stop()
            if self.open:
                self._close_spider("host_asked")

    def stop(self) -> None:
        """The run is ending, for whatever reason: nothing that fails from now on is a take."""
        if not self.stopping:
            self._end.set()
            self._stop_by = asyncio.get_running_loop().time() + self.housing.stop_seconds

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

    def spider_failed(self, failure: Failure, response: Response | Failure) -> None:
        """A page that our code can't read without an error fails alone; the run ends with exit 1."""
        if not isinstance(response, Response):  # no page: it was an answer to a failure
            self.stumble(response.request.url, failure.value)  # type: ignore[attr-defined]
            return
        self.bugs += 1
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
        self.fail(
            failure.value if isinstance(failure.value, CrawlerError) else CrawlerError(f"{failure.value!r}")
        )

    async def close(self, reason: str) -> None:
        """Seal, commit and let go, whatever ended the crawl; after a signal within STOP_SECONDS."""
        signalled = reason == "shutdown"
        self.stop()
        if self._link is not None:
            if (died := await self._link.close()) is not None:
                self.fail(died)
            await self._upload_rest(hurried=signalled)
            for chore in self._chores:
                chore.cancel()
            self._count("takes", sum(self.settled.values()))
        if self._uploads.idle:
            self._parted = False
            part = asyncio.ensure_future(self._let_go(reason, hurried=signalled))
            await asyncio.wait([part], timeout=self._seconds_left(hurried=signalled))
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
        away = isinstance(self.failure, StoreError)
        try:
            if self._worker.moved_in:
                self._worker.finish(hurried=hurried or away)
                if not away:
                    self._worker.report(self._run(self._ended(reason)))
        finally:
            self._worker.move_out(away=away)

    async def _upload_rest(self, *, hurried: bool) -> None:
        if not await self._uploads.done(self._seconds_left(hurried=hurried)):
            self.fail(
                StoreError(
                    f"{self._uploads.waiting} bytes were not committed within STOP_SECONDS: "
                    f"they lie in {self.housing.spool}, and the next run there commits them"
                )
            )

    def _seconds_left(self, *, hurried: bool) -> float | None:
        """How long a step may take that somebody waits for; None: as long as it takes."""
        if not hurried or self._stop_by is None:
            return None
        return max(self._stop_by - asyncio.get_running_loop().time(), 1)

    def _ended(self, reason: str) -> Ending:
        worker = self._worker
        return Ending.of(
            self._why or reason,
            self.failure,
            worker.took,
            worker.left,
            worker.missed,
            self.bugs,
            settled=worker.settled,
            postponed=self.postponed,
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

    def _close_spider(self, reason: str) -> None:
        if (engine := self._crawler.engine) is not None and engine.spider is not None:
            self._closing = asyncio.ensure_future(engine.close_spider_async(reason=reason))

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
                self.fail(WriterDied(message))

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
            self.fail(error)
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
            self.fail(died)

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        chore = asyncio.ensure_future(work)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    def _tally(self, take: Take) -> None:
        """Count what a take brought, as far as it can be said before the commit."""
        outcome = "article" if take.result else "unchanged"
        if isinstance(take.result, Absent):
            outcome = take.result.outcome.value
            reason = kind_of(take.result.reason)
            self.reasons[outcome][reason] += 1
            ids = self.examples.pop((outcome, reason), None) or deque(maxlen=EXAMPLES)
            ids.append(take.lease.id)
            self.examples[outcome, reason] = ids
        self.settled[outcome] += 1
        self._count(f"takes/{outcome}")

    def _count(self, stat: str, by: int = 1) -> None:
        if self._crawler.stats is not None:
            self._crawler.stats.inc_value(stat, by)


def _bytes(exchange: Exchange) -> int:
    body = exchange.body.stat().st_size if isinstance(exchange.body, Path) else len(exchange.body)
    return len(exchange.head) + body
