"""The archivist: owns ledger, spool, writer and store for one crawl."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, Self, TypeVar

import scrapy
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from crawler import archive, commits
from crawler.arguments import Arguments, Wanted
from crawler.disk import Disk, open_disk
from crawler.ending import Ending
from crawler.errors import ArchiveError, CrawlerError, WriterDied, WrongUse
from crawler.housing import Housing
from crawler.items import Absent, ArticleId, Exchange, Lease, Outcome, Take
from crawler.ledger import Ledger
from crawler.recovery import add, recover
from crawler.segment import sealed
from crawler.spool import Spool
from crawler.stores import Store, open_store
from crawler.writer.frames import Broken, Checkpointed, Committed, Report, SealedSegment
from crawler.writer.link import Link, start_writer

logger = logging.getLogger(__name__)
T = TypeVar("T")


def utc_now() -> datetime:
    return datetime.now(UTC)


VERSION = "0.1.0"
BATCH = 256  #: leases taken at once
RENEW_SECONDS = 60
NO_IDS = "The archive knows no ids yet. Give some: `-a ids=203367206718582`, or `scrapy ids add FILE`."


class Archivist:
    """Leases ids, keeps exchanges and takes, commits segments; a failure to keep ends the crawl, exit 6."""

    def __init__(self, crawler: Crawler, housing: Housing, *, room: int, about: dict[str, str]) -> None:
        self._crawler, self._housing, self._room, self._about = crawler, housing, room, about
        self._disk: Disk = open_disk(housing.disk)
        self._leasing = ThreadPoolExecutor(1, "leasing")
        self._committing = ThreadPoolExecutor(1, "committing")
        self._link: Link | None = None
        self._drafted: deque[Take] = deque()  # sent to the writer, not safe yet
        self._flying: dict[ArticleId, Lease] = {}  # handed to the spider, no take yet
        self._adding = 0  # batches of found ids on their way into the ledger
        self._news = asyncio.Event()  # a take came, or ids were found: leases() may look again
        self._events = 0
        self._chores: set[asyncio.Future[None]] = set()
        self._commits: set[asyncio.Future[None]] = set()
        self._closing: asyncio.Future[None] | None = None  # no chore: close() runs inside it
        self.failure: CrawlerError | None = None
        self.settled: Counter[str] = Counter()  #: takes of this run, by what they brought
        self.left = 0
        self.missed = 0  #: asked-for ids that are still left: somebody else holds them, or we ended early
        self.bugs = 0  #: pages that our own code stumbled over
        self.ending: Ending | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        told = ("CONCURRENT_REQUESTS_PER_DOMAIN", "DOWNLOAD_DELAY", "DOWNLOAD_MAXSIZE", "RETRY_TIMES")
        about = {
            "software": f"anapress-crawler/{VERSION} Scrapy/{scrapy.__version__}",
            "format": "WARC File Format 1.1",
            "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
            "robots": "obey" if settings.getbool("ROBOTSTXT_OBEY") else "ignore",
            "http-header-user-agent": str(settings["USER_AGENT"]),
            **{name.lower().replace("_", "-"): str(settings[name]) for name in told},
        }
        archivist = cls(
            crawler,
            Housing.of(settings),
            room=2 * settings.getint("CONCURRENT_REQUESTS"),
            about=about,
        )
        crawler.signals.connect(archivist.close, signals.spider_closed)
        crawler.signals.connect(archivist.spider_failed, signals.spider_error)
        crawler.signals.connect(archivist.item_failed, signals.item_error)
        return archivist

    @property
    def open(self) -> bool:
        """Whether there is an archive to write to: only a crawl of leases opens one (not `scrapy shell`)."""
        return self._link is not None

    async def start(self, arguments: Arguments) -> None:
        """Read the ids, apply the log, commit what dead workers left, start the writer."""
        await self._keep(partial(self._move_in, arguments))
        if self.failure is not None:
            return
        plan = self._housing.plan(self._spool.folder, self._about)
        self._link = await start_writer(plan, self._spool, self._report)
        self._link.ended.add_done_callback(self._writer_ended)
        self._chore(self._stay_alive())

    async def leases(self) -> AsyncIterator[Lease]:
        """One lease after the other, as there is room for it; ends when nothing is left to be leased."""
        while self.failure is None:
            events = self._events
            try:
                batch = await self._on(self._leasing, self._lease)
            except CrawlerError as error:  # raised in start() it would only be logged
                self.fail(error)
                return
            for lease in batch:
                while len(self._flying) >= self._room and self.failure is None:
                    await self._wait()
                self._flying[lease.id] = lease
                yield lease
            if not batch and events == self._events:
                if not (self._flying or self._drafted or self._adding):
                    return
                await self._wait()

    async def record(self, exchange: Exchange) -> None:
        """Hand an exchange to the writer; ArchiveError if it can't be kept."""
        await self._send(exchange)

    async def settle(self, take: Take) -> None:
        """Hand a take to the writer: its lease has come to its end."""
        await self._send(take)
        self._drafted.append(take)
        self._flying.pop(take.lease.id, None)
        self.settled[_outcome(take)] += 1
        self._count(f"takes/{_outcome(take)}")
        self._changed()

    def fail(self, error: CrawlerError) -> None:
        """End the crawl for this reason; the first one counts."""
        if self.failure is None:
            self.failure = error
            if not isinstance(error, WrongUse):  # the last line says that already
                logger.critical("%s", error)
            self._changed()
            if (engine := self._crawler.engine) is not None and engine.spider is not None:
                self._closing = asyncio.ensure_future(engine.close_spider_async(reason="archive_failed"))

    async def spider_failed(self, failure: Failure, response: Response) -> None:
        """A page that our code can't read without an error fails alone; the run ends with exit 1."""
        self.bugs += 1
        lease = response.request.cb_kwargs.get("lease") if response.request else None
        if lease is not None and lease.id in self._flying:
            result = Absent(outcome=Outcome.FAILED, reason=f"error:{type(failure.value).__name__}")
            await self.settle(
                Take(
                    lease=lease,
                    url=response.url,
                    result=result,
                    capture=None,
                    captured_at=None,
                    status=response.status,
                    attempts=1,
                )
            )

    def item_failed(self, failure: Failure) -> None:
        """A take that could not be drafted ends the crawl: its id is left, and the next run takes it."""
        self.fail(
            failure.value if isinstance(failure.value, CrawlerError) else CrawlerError(f"{failure.value!r}")
        )

    async def close(self, reason: str) -> None:
        """Seal, commit and let go, whatever ended the crawl."""
        if self._link is not None:
            if (died := await self._link.close()) is not None:
                self.fail(died)
            await asyncio.gather(*self._commits)
            for chore in self._chores:
                chore.cancel()
            await self._keep(self._move_out)
            self._count("takes", sum(self.settled.values()))
        self._leasing.shutdown()
        self._committing.shutdown()
        self.ending = Ending.of(reason, self.failure, self.settled, self.left, self.missed, self.bugs)

    def _move_in(self, arguments: Arguments) -> None:
        """Open the archive, and bring it, its ledger and its spools to where the log is."""
        housing = self._housing
        self._wanted: Wanted = arguments.wanted(utc_now())
        self._store: Store = open_store(housing.archive, self._disk)
        if self._wanted.ids is None and archive.find(self._store) is None:
            raise WrongUse(NO_IDS)  # before a mistake leaves an archive behind
        self._archive = archive.ensure(self._store, housing.contact)
        self._ledger: Ledger = housing.open_ledger()
        self._ledger.bind(self._archive.id)
        self._desk: Ledger = housing.open_ledger()  # the leasing thread's own
        recover(housing.spool, self._archive.id, self._store, self._ledger, self._disk, utc_now)
        if self._wanted.ids is None and not self._ledger.counts().known:
            raise WrongUse(NO_IDS)
        self._spool = Spool.claim(housing.spool, secrets.token_hex(4), self._archive.id, self._disk)
        if self._wanted.ids is not None:
            add(self._wanted.ids, "list", self._spool, self._store, self._ledger, self._disk, utc_now)
            self._asked = iter(self._wanted.ids)

    def _move_out(self) -> None:
        """Whatever was leased and not settled goes back; a spool with nothing left to commit goes."""
        self._ledger.release(self._spool.worker)
        self.left = self._ledger.counts().left
        asked = self._wanted.ids
        self.missed = (
            self.left if asked is None else self.left and sum(self._ledger.standing(id).left for id in asked)
        )
        self._desk.close()
        self._ledger.close()
        self._spool.close(remove=True)

    def _lease(self) -> Sequence[Lease]:
        """The next batch; of the asked ids in their order, each asked for once."""
        worker, before = self._spool.worker, self._wanted.captured_before
        if self._wanted.ids is None:
            return self._desk.lease(worker, BATCH, captured_before=before)
        while chunk := list(islice(self._asked, BATCH)):
            if batch := self._desk.lease(worker, BATCH, among=chunk, captured_before=before):
                return batch
        return ()

    def _report(self, report: Report) -> None:
        match report:
            case Checkpointed(takes):
                safe = [self._drafted.popleft() for _ in range(takes)]
                links = [link for take in safe for link in take.found]
                if links:
                    self._adding += 1
                    self._chore(self._add(links))
                self._changed()
            case SealedSegment(name):
                commit = asyncio.ensure_future(self._keep(partial(self._commit, name)))
                self._commits.add(commit)
                commit.add_done_callback(self._commits.discard)
                commit.add_done_callback(lambda _: self._chore(self._tell(Committed(name))))
            case Broken(message):
                self.fail(WriterDied(message))

    async def _add(self, links: list[ArticleId]) -> None:
        await self._keep(partial(self._desk.add, links, "link"), self._leasing)
        self._adding -= 1
        self._changed()

    def _commit(self, name: str) -> None:
        if self.failure is not None:
            return  # a later segment may not be committed before an earlier one
        segment = sealed(self._spool, name, self._disk)
        commits.commit(segment, self._store, self._ledger, self._disk, utc_now)
        self._disk.reached("commit/clean")
        self._spool.drop(name)

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

    async def _keep(self, step: Callable[[], Any], thread: ThreadPoolExecutor | None = None) -> None:
        """Take a step of the archive in its thread; a failure ends the crawl."""
        try:
            await self._on(thread or self._committing, step)
        except CrawlerError as error:
            self.fail(error)
        except OSError as error:
            self.fail(ArchiveError(f"the archive can't be written: {error}"))
        finally:
            self._changed()

    async def _on(self, thread: ThreadPoolExecutor, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, step)

    def _changed(self) -> None:
        self._events += 1
        self._news.set()

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def _stay_alive(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await self._keep(partial(self._desk.renew, self._spool.worker), self._leasing)

    def _writer_ended(self, ended: asyncio.Future[WriterDied | None]) -> None:
        if (died := ended.result()) is not None:
            self.fail(died)

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        chore = asyncio.ensure_future(work)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    def _count(self, stat: str, by: int = 1) -> None:
        if self._crawler.stats is not None:
            self._crawler.stats.inc_value(stat, by)


def _outcome(take: Take) -> str:
    """What a take brought, as far as it can be said before the commit."""
    return (
        take.result.outcome if isinstance(take.result, Absent) else "article" if take.result else "unchanged"
    )
