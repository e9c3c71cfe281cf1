"""The writer process: takes exchanges and takes, keeps them in segments, says when they are safe."""

from __future__ import annotations

import json
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

from crawler import warc
from crawler.clock import Clock, utc_now
from crawler.disk import Disk, open_disk
from crawler.drafts import Draft
from crawler.errors import CrawlerError
from crawler.foreign.address import files
from crawler.items import Copy, Exchange, ForeignFile, RecordRef, Resource, Stored, Take
from crawler.ledger import Ledger, open_ledger
from crawler.segment import Segment, segment_name
from crawler.site import article_id, url_of
from crawler.spool import Spool
from crawler.validators import Validators
from crawler.writer.frames import (
    AllSealed,
    Broken,
    Checkpointed,
    Close,
    Committed,
    Order,
    Report,
    Seal,
    SealedSegment,
    Sync,
    Synced,
    Together,
    Unpacker,
    packed,
)
from crawler.writer.places import Places

RECEIVED = 1 << 20  #: bytes at once; new ones each time would cost more than what comes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a worker's segments are made."""

    spool: str
    ledger: str
    disk: str
    segment_bytes: int
    segment_seconds: float
    checkpoint_takes: int = 128
    checkpoint_seconds: float = 0.2
    about: dict[str, str]  #: the fields of each warcinfo


class Writer:
    """Keeps what it is given in segments, one after the other."""

    def __init__(
        self,
        plan: Plan,
        spool: Spool,
        ledger: Ledger,
        disk: Disk,
        report: Callable[[Report], None],
        *,
        clock: Clock = utc_now,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._plan, self._spool, self._ledger, self._disk = plan, spool, ledger, disk
        self._report, self._clock, self._new_id = report, clock, new_id
        self._serial = 0
        self._segment: Segment | None = None
        self._takes = 0  # since the last checkpoint
        self._places = Places()
        self._foreign: dict[str, ForeignFile] = {}  # by their URLs
        self._checkpointed = self._opened = time.monotonic()

    def take(self, order: Order) -> None:
        """Do what the crawl asks for."""
        match order:
            case Exchange() | Copy() | Resource() | ForeignFile():
                self._keep(order)
            case Take():
                self._draft(order)
            case Together(orders):
                self._take_all(orders)
            case Committed(segment):
                self._places.forget(segment)
            case Sync():
                self.checkpoint()
                self._report(Synced())
            case Seal():
                self.seal()
                self._report(AllSealed())
            case Close():
                self.seal()

    def _take_all(self, orders: Sequence[Order]) -> None:
        for each in orders:
            self.take(each)

    def _keep(self, order: Exchange | Copy | Resource | ForeignFile) -> None:
        match order:
            case Exchange():
                self._record(order)
            case Copy():
                self._places.note(order.id, *self._open().add_copy(order))
            case Resource():
                self._places.note(order.id, self._open().keep(order))
            case ForeignFile(url=url):
                self._foreign[url] = order

    def rest(self) -> None:
        """Between two orders: the checkpoint and the seal that are due."""
        if (segment := self._segment) is None:
            return
        now = time.monotonic()
        full = segment.bytes + segment.referred >= self._plan.segment_bytes  # the journal grows by both
        if full or (now - self._opened >= self._plan.segment_seconds and not segment.empty):
            self.seal()
        elif self._takes >= self._plan.checkpoint_takes or (
            now - self._checkpointed >= self._plan.checkpoint_seconds
        ):
            self.checkpoint()

    def checkpoint(self) -> None:
        """Make all that was taken survive, and say so."""
        self._checkpointed = time.monotonic()
        if self._segment is not None and not self._segment.clean:
            self._segment.checkpoint()
        self._acknowledge()

    def seal(self) -> None:
        """End the open segment."""
        if (segment := self._segment) is None:
            return
        self._disk.reached("seal")
        segment.seal()
        self._segment = None
        self._acknowledge()
        self._report(SealedSegment(segment.name, segment.bytes))

    def _acknowledge(self) -> None:
        if self._takes:
            self._report(Checkpointed(self._takes))
        self._takes = 0

    def _record(self, exchange: Exchange) -> None:
        segment = self._open()
        measured = warc.measure(exchange)
        original = self._original(exchange, measured)
        self._places.note(exchange.id, *segment.add(exchange, measured, original), original)
        if isinstance(exchange.body, Path):
            exchange.body.unlink(missing_ok=True)

    def _original(self, exchange: Exchange, measured: warc.Measured) -> Stored | None:
        if warc.not_modified(exchange):
            return self._confirmed(exchange)
        if not warc.repeatable(exchange, measured):
            return None
        stored = self._places.payload(measured.sha256, measured.payload_digest)
        return stored or self._ledger.stored(measured.sha256, measured.length, measured.payload_digest)

    def _confirmed(self, exchange: Exchange) -> Stored | None:
        """What a 304 speaks of: the page whose validators its request had."""
        id, held = article_id(exchange.url), Validators.asked(exchange.request)
        if id is None or exchange.url != url_of(id) or not held:
            return None
        return self._ledger.validated(id, held)

    def _draft(self, take: Take) -> None:
        capture, payload = self._refs(take)
        for url in files(capture):
            self._open().refer(self._foreign[url])
        self._open().draft(Draft.of(take, capture, payload))
        self._takes += 1

    def _refs(self, take: Take) -> tuple[RecordRef | None, RecordRef | None]:
        """Where a take's capture lies, and the payload of it; a foreign record is of the take's segment."""
        capture = take.capture
        if isinstance(capture, RecordRef):
            payload = take.payload or capture
            if not capture.foreign:
                return capture, payload
            name = self._open().name
            return replace(capture, segment=name), replace(payload, segment=name)
        return (self._places.taken(capture) if capture else None) or (None, None)

    def _open(self) -> Segment:
        if self._segment is None:
            self._serial += 1
            now = self._clock()
            name = segment_name(now, self._spool.worker, self._serial)
            self._segment = Segment(
                self._spool, name, self._disk, new_id=self._new_id, opened=now, about=self._plan.about
            )
            self._opened = time.monotonic()
        return self._segment


def main(arguments: Sequence[str]) -> int:
    """Serve one crawl until it says Close or is gone; whatever arrived whole is checkpointed then.

    The arguments: the descriptors of the socket and of the spool's lock. The Plan comes through stdin, for
    the ledger's URL may hold a password, and arguments are for all to see.
    """
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # the crawl decides when we end
    plan = Plan(**json.loads(sys.stdin.read()))
    link = socket.socket(fileno=int(arguments[0]))
    try:
        disk = open_disk(plan.disk)
        spool = Spool(Path(plan.spool), int(arguments[1]), disk)
        writer = Writer(plan, spool, open_ledger(plan.ledger), disk, lambda report: _send(link, report))
        _serve(link, writer, plan.checkpoint_seconds)
    except (CrawlerError, OSError) as error:
        _send(link, Broken(f"the segment in {plan.spool} can't be written: {error}"))
        return 6
    return 0


def _serve(link: socket.socket, writer: Writer, seconds: float) -> None:
    unpacker, room = Unpacker(), memoryview(bytearray(RECEIVED))
    while True:
        if select.select([link], [], [], seconds)[0]:
            if not (size := link.recv_into(room)):
                writer.checkpoint()
                return
            for order in unpacker.feed(room[:size]):
                writer.take(order)  # type: ignore[arg-type]
                writer.rest()
                if isinstance(order, Close):
                    return
        else:
            writer.rest()


def _send(link: socket.socket, report: Report) -> None:
    try:
        link.sendall(packed(report))
    except OSError:
        return  # the crawl is gone: what it was told no longer matters, what is on disk does
