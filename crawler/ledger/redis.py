"""The ledger of a fleet: in Redis or Valkey, for workers on any number of machines.

It is an index over the log as any ledger is: what the server loses, the log gives back. Promises and their
reasons: crawler.ledger.Ledger.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import wraps
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar
from uuid import UUID

from crawler.errors import LedgerError, WrongUse
from crawler.items import ArticleId, Lease, Outcome, Stored
from crawler.ledger import Counts, Fill, Known, Seed, Standing, scripts
from crawler.ledger.ahead import Ahead
from crawler.ledger.entry import OUTCOMES, UNHEARD, Entry, hash_of
from crawler.ledger.payload import unpack, unpack_text
from crawler.ledger.rows import milliseconds
from crawler.ledger.server import SECONDS, Emptied, Server
from crawler.ledger.steps import Steps, bucket_of, captured_key, held_key, own_key, packed, text
from crawler.lines import Original, OutcomeLine
from crawler.validators import Validators

P = ParamSpec("P")
T = TypeVar("T")
LEASE_SECONDS = 600
SHA256 = 32  #: bytes
MANY = 1000  #: ids or lines in one call: nobody else is served meanwhile
FEW = 100  #: buckets in one call
LOOK_SECONDS = 0.2  #: between two looks whether another worker has made the ledger
MAKE_SECONDS = 600  #: for which somebody who can't make it waits for it


def anew(step: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """A step that is taken again, on a ledger that is whole, if the server turns out to have lost ours."""

    @wraps(step)
    def taken(ledger: Any, /, *args: P.args, **named: P.kwargs) -> T:
        while True:
            try:
                return step(ledger, *args, **named)
            except Emptied:
                ledger.join(make=ledger.fillable)

    return taken


class RedisLedger:
    """A ledger on a server that many machines use; an object serves one thread at a time."""

    def __init__(
        self,
        url: str,
        *,
        seed: Seed | None = None,
        fill: Fill | None = None,
        clock: Callable[[], float] | None = None,
        lease_seconds: float = LEASE_SECONDS,
        make: bool = True,
        seconds: float = SECONDS,
    ) -> None:
        self._seed, self._fill, self._lease_seconds = seed, fill, lease_seconds
        self._server = Server(url, clock=clock, seconds=seconds)  # without a clock of ours, the server's
        self._archive: UUID | None = None
        self._newest = 0  # the newest commit that we ever saw applied
        self._following = False
        self._claimed: set[bytes] = set()  # of this object's run alone
        self.join(make=make)

    @classmethod
    def from_url(cls, url: str, seed: Seed | None = None, fill: Fill | None = None) -> Self:
        """The ledger at `redis://HOST:PORT/NUMBER`; only who can fill it makes it."""
        return cls(url, seed=seed, fill=fill, make=fill is not None)

    @classmethod
    def to_read(cls, url: str) -> Self | None:
        """The same; None if there is none that is whole."""
        server = Server(url)
        there = server.join()
        server.close()
        return cls(url, make=False) if there else None

    @classmethod
    def forget(cls, url: str) -> None:
        """Remove it, so that whoever uses it makes it anew."""
        server = Server(url)
        server.forget()
        server.close()

    @property
    def fillable(self) -> bool:
        """Whether we could make it anew."""
        return self._fill is not None

    def close(self) -> None:
        self._server.close()

    def bind(self, archive: UUID) -> None:
        self._archive = archive
        bound = self._server.bind(str(archive))
        if bound != str(archive):
            raise WrongUse(
                f"{self._server.name} is the ledger of archive {bound}, not of {archive}: "
                "set LEDGER_URL or ARCHIVE_URL to the one that you mean."
            )

    # what follows the log

    @anew
    def n(self) -> int:
        n = int(self._server.run(scripts.READ, packed([]))[0])
        self._newest = max(self._newest, n)
        return n

    def segment(self, name: str) -> int | None:
        (n,) = self._fields([("segments", "", name)])
        return None if n is None else int(n)

    def apply(
        self,
        n: int,
        segment: str,
        at: str,
        outcomes: Iterable[OutcomeLine],
        stored: Iterable[Stored],
        held: Iterable[str] = (),
    ) -> None:
        """In parts, each of which may be taken in twice: until the last, n is the one before.

        All is read before the first part goes, so what can't be read whole changes nothing.
        """
        if n <= (applied := self.n()):
            return
        if n > applied + 1:
            raise LedgerError(f"{self._server.name} has {applied} commits and can't take in commit {n} next")
        parts = list(Steps(self._bucket, n, segment, at).parts(outcomes, stored, held, MANY))
        self._newest = max(self._newest, n)  # it is in the log
        try:
            for number, part in enumerate(parts, 1):
                self._server.run(scripts.APPLY, n, segment if number == len(parts) else "", part)
                self._server.still_making()
        except Emptied:
            self.join(make=self.fillable)
            self._entries([])  # which brings a ledger that is older than n to the log's end

    # ids and leases

    def add(self, ids: Iterable[ArticleId], found: str) -> int:
        given = iter(list(ids))  # to its end first: a list that breaks off adds nothing
        new = 0
        while some := list(islice(given, MANY)):
            new += self._add(some, found)
        return new

    def lease(
        self,
        worker: str,
        count: int,
        *,
        among: Collection[ArticleId] | None = None,
        captured_before: datetime | None = None,
        as_of: int = sys.maxsize,
    ) -> Sequence[Lease]:
        before = -1 if captured_before is None else milliseconds(captured_before)
        wanted = None if among is None else iter(among)
        given: list[tuple[ArticleId, Entry, int]] = []
        start = 0
        while True:  # once in any case: it also says that the worker lives
            chunk = None if wanted is None else list(islice(wanted, MANY))
            some, start = self._lease(worker, count - len(given), chunk, (before, as_of, start))
            given += some
            if chunk is not None:
                start = 0 if chunk else -1
            if start < 0 or len(given) >= count:
                break
        confirmed = self._confirmed([(id, entry) for id, entry, _ in given])
        return [
            entry.lease(id, entry.held if page is not None else Validators(), deaths)
            for (id, entry, deaths), page in zip(given, confirmed, strict=True)
        ]

    @anew
    def tried(self, lease: Lease) -> None:
        place = lease.id, self._bucket(lease.id)
        self._server.run(scripts.TRIED, *place, lease.take, min(lease.attempts, 255))

    @anew
    def flies(self, id: ArticleId, *, away: bool) -> None:
        self._server.run(scripts.FLIES, id, int(away))

    @anew
    def renew(self, worker: str) -> None:
        self._server.run(scripts.RENEW, worker)

    @anew
    def release(self, worker: str, ids: Collection[ArticleId] | None = None, *, dead: bool = False) -> None:
        some = "" if ids is None else packed(list(map(str, ids)))
        self._server.run(scripts.RELEASE, worker, some, int(dead))

    @anew
    def leased(self, worker: str | None = None) -> int:
        return int(self._server.run(scripts.LEASED, self._lease_seconds, worker or "")[0])

    def claim(self, urls: Collection[str]) -> Sequence[str]:
        by_key = {key: url for url in urls if (key := held_key(url)) not in self._claimed}
        held = self._fields([("r:", bucket_of(key), text(key)) for key in by_key])
        free = [key for key, there in zip(by_key, held, strict=True) if there is None]
        self._claimed.update(free)
        return [by_key[key] for key in free]

    # what the log says

    def standing(self, id: ArticleId) -> Standing:
        return self._entries([id])[0].standing

    def logged(self, id: ArticleId) -> bool:
        return self._entries([id])[0].logged

    def unlogged(self, ids: Iterable[ArticleId]) -> Iterator[ArticleId]:
        given = iter(ids)
        while chunk := list(islice(given, MANY)):
            entries = self._entries(chunk)
            yield from (id for id, entry in zip(chunk, entries, strict=True) if not entry.logged)

    def done(self, ids: Iterable[ArticleId], *, captured_before: datetime | None = None) -> int:
        before = None if captured_before is None else milliseconds(captured_before)
        given, count = iter(ids), 0
        while chunk := list(islice(given, MANY)):
            count += sum(entry.done(before) for entry in self._entries(chunk))
        return count

    def version(self, id: ArticleId, content_hash: str) -> int | None:
        entry = self._entries([id])[0]
        if entry.content_hash == content_hash and entry.version is not None:
            return entry.version
        (earlier,) = self._fields_of_ids("v:", [(id, text(b"%d" % id + hash_of(content_hash)))])
        return None if earlier is None else int(earlier)

    def original(self, content_hash: str) -> Original | None:
        return self._originals([content_hash])[0]

    def stored(self, sha256: bytes, length: int) -> Stored | None:
        (page,) = self._payloads([sha256])
        return page if page is not None and page.length == length else None

    def captured(self, url: str, date: str | None = None) -> Stored | None:
        key = captured_key(url, date)
        (found,) = self._fields([("c:", bucket_of(key), text(key))])
        if found is None:
            return None
        sha256, page = found[:SHA256], unpack(found[SHA256:])
        (segment,) = self._fields([("commits", "", str(page.n))])
        stored = page.stored(sha256, segment.decode()) if segment is not None else None
        return stored if stored is not None and stored.url == url else None

    def validated(self, id: ArticleId, held: Validators) -> Stored | None:
        (entry,) = self._entries([id])
        return self._confirmed([(id, entry)])[0] if held == entry.held else None

    def among(self, ids: Iterable[ArticleId], texts: Iterable[str]) -> Known:
        ids, texts = list(dict.fromkeys(ids)), list(dict.fromkeys(texts))
        standings = {id: entry.standing for id, entry in zip(ids, self._entries(ids), strict=True)}
        return Ahead(self, standings, dict(zip(texts, self._originals(texts), strict=True)))

    @anew
    def counts(self) -> Counts:
        leased, flat = self._server.run(scripts.LEASED, self._lease_seconds, "")
        told = dict(zip(flat[::2], flat[1::2], strict=True))
        outcomes = {each: int(told.get(b"o:%d" % number, 0)) for number, each in enumerate(OUTCOMES)}
        outcomes = {outcome: count for outcome, count in outcomes.items() if count}
        left = int(told.get(b"left", 0))
        return Counts(
            known=left + sum(outcomes.values()),
            left=left,
            leased=int(leased),
            unlogged=int(told.get(b"unlogged", 0)),
            outcomes=outcomes,
        )

    @anew
    def aged(self, captured_before: datetime) -> int:
        before, count = milliseconds(captured_before), 0
        buckets = iter(list(map(int, self._server.below("old", before))))
        while some := list(islice(buckets, FEW)):
            count += int(self._server.run(scripts.AGED, packed(some), before))
        return count

    def settled(self, outcome: Outcome, reason: str | None = None) -> Iterator[tuple[ArticleId, int]]:
        yield from sorted(
            (id, entry.takes)
            for id, entry in self._all()
            if not entry.todo and entry.outcome is outcome and entry.reason.startswith(reason or "")
        )

    def ids(self, *, left: bool) -> Iterator[ArticleId]:
        yield from sorted(id for id, entry in self._all() if entry.todo == left)

    def dump(self, file: Path) -> int:
        """Of the log, not of the server: that may not have all of it yet."""
        from crawler.ledger.sqlite import SqliteLedger

        if self._fill is None:
            return -1
        made = file.with_name(f"{file.name}.made")
        ledger = SqliteLedger(made, seed=self._seed, fill=self._fill)
        try:
            return ledger.dump(file)
        finally:
            ledger.close()
            made.unlink()

    # the server

    def join(self, *, make: bool) -> None:
        """Be at a ledger that is whole: that which is there, or one that we or others make of the log."""
        end = time.monotonic() + MAKE_SECONDS
        while not self._server.join():
            if make and self._server.make(self._filled):
                break
            if time.monotonic() >= end:
                raise LedgerError(f"{self._server.name} has no ledger, and nobody makes one.")
            time.sleep(LOOK_SECONDS)
        if self._archive is not None:
            self.bind(self._archive)

    def _filled(self) -> None:
        """At the log's end; what is read on the way there is of an older commit."""
        if self._fill is not None:
            self._following = True
            try:
                self._fill(self)
            finally:
                self._following = False

    def _check(self, n: object) -> None:
        """Emptied if the server does not know all that we know it to have known: it is an older dump.

        It follows the log from there first, for nothing may be decided by what it says.
        """
        if int(str(n)) < self._newest and self._fill is not None and not self._following:
            self._filled()
            raise Emptied

    def _bucket(self, id: ArticleId) -> int:
        """Which of the small hashes has the id: no site can know, and make one of them large."""
        key = self._server.epoch.encode()
        return int.from_bytes(blake2b(b"%d" % id, digest_size=2, key=key).digest(), "big")

    @anew
    def _add(self, ids: Sequence[ArticleId], found: str) -> int:
        return int(self._server.run(scripts.ADD, found, self._places(ids)))

    @anew
    def _lease(
        self, worker: str, count: int, among: Sequence[ArticleId] | None, bounds: tuple[int, int, int]
    ) -> tuple[list[tuple[ArticleId, Entry, int]], int]:
        """Some leases, and where a refresh goes on to look for more; -1: there are none."""
        token = secrets.token_hex(8)  # for a lease that is asked for again because its answer was lost
        before, as_of, start = bounds
        wanted = "" if among is None else self._places(among)
        n, more, flat = self._server.run(
            *(scripts.LEASE, worker, token, count, self._lease_seconds, before, as_of, wanted, start)
        )
        self._check(n)
        given = [
            (ArticleId(int(id)), Entry.parse(value), int(deaths))
            for id, value, deaths in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
        ]
        return given, int(more)

    def _places(self, ids: Iterable[ArticleId]) -> bytes:
        return packed([each for id in ids for each in (self._bucket(id), str(id))])

    def _entries(self, ids: Sequence[ArticleId]) -> list[Entry]:
        found = self._fields_of_ids("i:", [(id, str(id)) for id in ids])
        return [UNHEARD if each is None else Entry.parse(each) for each in found]

    def _originals(self, texts: Sequence[str]) -> list[Original | None]:
        keys = list(map(hash_of, texts))
        return [
            unpack_text(each) for each in self._fields([("t:", bucket_of(key), text(key)) for key in keys])
        ]

    def _payloads(self, keys: Sequence[bytes]) -> list[Stored | None]:
        found = self._fields([("p:", bucket_of(key), text(key)) for key in keys])
        pages = [None if each is None else unpack(each) for each in found]
        segments = self._fields([("commits", "", str(page.n if page else 0)) for page in pages])
        return [
            page.stored(key, segment.decode()) if page is not None and segment is not None else None
            for key, page, segment in zip(keys, pages, segments, strict=True)
        ]

    def _confirmed(self, entries: Sequence[tuple[ArticleId, Entry]]) -> list[Stored | None]:
        """The record that each entry's validators speak of."""
        wanted = {id: text(own_key(id, entry.digest)) for id, entry in entries if entry.held and entry.digest}
        keys = dict(zip(wanted, self._fields_of_ids("u:", list(wanted.items())), strict=True))
        there = {id: key for id, key in keys.items() if key is not None}
        pages = dict(zip(there, self._payloads(list(there.values())), strict=True))
        return [pages.get(id) for id, _ in entries]

    @anew
    def _fields_of_ids(self, kind: str, wanted: Sequence[tuple[ArticleId, object]]) -> list[Any]:
        """Fields that lie where their ids do."""
        return self._values([(kind, self._bucket(id), field) for id, field in wanted])

    @anew
    def _fields(self, wanted: Sequence[tuple[str, object, object]]) -> list[Any]:
        return self._values(wanted)

    def _values(self, wanted: Sequence[tuple[str, object, object]]) -> list[Any]:
        """The values of fields of hashes: kind, bucket, field."""
        values: list[Any] = []
        for start in range(0, max(len(wanted), 1), MANY):
            flat = [each for one in wanted[start : start + MANY] for each in one]
            n, *some = self._server.run(scripts.READ, packed(flat))
            self._check(n)
            values += some
        return values

    @anew
    def _all(self) -> list[tuple[ArticleId, Entry]]:
        buckets = [f"i:{int(each)}" for each in self._server.members("buckets")]
        return [
            (ArticleId(int(id)), Entry.parse(value))
            for start in range(0, len(buckets), MANY)
            for ids in self._server.hashes(buckets[start : start + MANY])
            for id, value in ids.items()
        ]
