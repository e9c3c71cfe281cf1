"""The ledger of one machine: a SQLite file that several processes use at the same time."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from crawler.errors import LedgerError, WrongUse
from crawler.items import ArticleId, Lease, Outcome, Stored
from crawler.ledger import Counts, Seed, Standing, schema
from crawler.ledger.database import Database
from crawler.ledger.rows import milliseconds, pack_hash, payload_row, stored_of, unpack_hash, values
from crawler.lines import Original, OutcomeLine
from crawler.site import url_of
from crawler.validators import Validators

LEASE_SECONDS = 600
PAGE = 10_000  # ids read at a time
SCHEME = "sqlite://"


def utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteLedger:
    """A ledger in a file, for all processes of one machine; an object serves one thread at a time.

    Promises and their reasons: crawler.ledger.Ledger.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = utc_now,
        lease_seconds: float = LEASE_SECONDS,
        seed: Seed | None = None,
    ) -> None:
        self._db = Database(path, seed)
        self._clock = clock
        self._lease_seconds = lease_seconds

    @classmethod
    def from_url(cls, url: str, seed: Seed | None = None) -> Self:
        """The ledger at `sqlite:///FILE`; FILE is taken as it is written, from the root."""
        path = url.removeprefix(SCHEME)
        if path == url or not path.startswith("/") or path.endswith("/"):
            raise WrongUse(f"LEDGER_URL is {url!r}: give sqlite:///FILE with the file's whole path")
        return cls(Path(path), seed=seed)

    def close(self) -> None:
        self._db.close()

    def bind(self, archive: UUID) -> None:
        with self._db.transaction() as db:
            db.execute("UPDATE meta SET archive = ? WHERE archive IS NULL", (str(archive),))
            (bound,) = self._db.row("SELECT archive FROM meta")
        if bound != str(archive):
            raise WrongUse(
                f"{self._db.path} is the ledger of archive {bound}, not of {archive}: "
                "set LEDGER_URL or ARCHIVE_URL to the one that you mean."
            )

    def n(self) -> int:
        return int(self._db.row("SELECT coalesce(max(n), 0) FROM commits")[0])

    def apply(
        self, n: int, segment: str, at: str, outcomes: Iterable[OutcomeLine], stored: Iterable[Stored]
    ) -> None:
        with self._db.transaction() as db:
            if n <= (applied := self.n()):
                return
            if n > applied + 1:
                raise LedgerError(f"{self._db.path} has {applied} commits and can't take in commit {n} next")
            db.execute("INSERT INTO commits (n, segment) VALUES (?, ?)", (n, segment))
            for sentences, rows in _batches(outcomes, at):
                for sentence in sentences:
                    db.executemany(sentence, rows)
            db.executemany(schema.PAYLOAD, (payload_row(n, segment, record) for record in stored))

    def add(self, ids: Iterable[ArticleId], found: str) -> int:
        # First into a table of our own: whatever the ids come from, nobody waits for it, and they are
        # written in the order of the key. DEFERRED locks nothing but that table.
        self._db.rows("CREATE TEMP TABLE IF NOT EXISTS added (id INTEGER PRIMARY KEY)")
        with self._db.transaction("DEFERRED") as db:
            db.execute("DELETE FROM temp.added")
            db.executemany("INSERT INTO temp.added VALUES (?) ON CONFLICT DO NOTHING", ((id,) for id in ids))
        with self._db.transaction() as db:
            new = db.execute(schema.ADD, (found,)).rowcount
            db.execute("DELETE FROM temp.added")
        return new

    def lease(
        self,
        worker: str,
        count: int,
        *,
        among: Collection[ArticleId] | None = None,
        captured_before: datetime | None = None,
    ) -> Sequence[Lease]:
        before = None if captured_before is None else milliseconds(captured_before)
        with self._db.transaction() as db:
            self._seen(worker)
            self._end_leases_of_dead_workers()
            rows = self._free(among, max(count, 0), before)  # a negative LIMIT is none
            number = self._number(worker)
            db.executemany(schema.HOLD, ((number, row[0]) for row in rows))
        return [self._leased(*row) for row in rows]

    def tried(self, lease: Lease) -> None:
        with self._db.transaction() as db:
            db.execute(schema.TRIED, {"id": lease.id, "take": lease.take, "attempts": lease.attempts})

    def renew(self, worker: str) -> None:
        with self._db.transaction():
            self._seen(worker)

    def release(self, worker: str, ids: Collection[ArticleId] | None = None) -> None:
        with self._db.transaction() as db:
            if (number := self._number(worker)) is None:
                return
            if ids is None:
                db.execute(schema.END, (number,))
            else:
                db.executemany(f"{schema.END} AND id = ?", ((number, id) for id in ids))

    def leased(self, worker: str) -> int:
        return int(self._db.row(f"{schema.LEASED} AND worker = ?", *self._alive(), worker)[0])

    def standing(self, id: ArticleId) -> Standing:
        row = self._db.row(schema.STANDING, id)
        if row is None:
            return Standing()
        takes, outcome, version, content_hash, versions, left = row
        return Standing(
            takes=takes,
            outcome=Outcome(outcome),
            version=version,
            content_hash=content_hash and unpack_hash(content_hash),
            versions=versions,
            left=bool(left),
        )

    def logged(self, id: ArticleId) -> bool:
        return self._db.row("SELECT 1 FROM ids WHERE id = ? AND logged = 1", id) is not None

    def unlogged(self, ids: Iterable[ArticleId]) -> Iterator[ArticleId]:
        given = iter(ids)
        while chunk := list(islice(given, 1000)):
            logged = {row[0] for row in self._db.rows(schema.LOGGED, json.dumps(chunk))}
            yield from (id for id in chunk if id not in logged)

    def version(self, id: ArticleId, content_hash: str) -> int | None:
        row = self._db.row(schema.VERSION, id, pack_hash(content_hash))
        return row and int(row[0])

    def original(self, content_hash: str) -> Original | None:
        row = self._db.row("SELECT id, version FROM firsts WHERE content_hash = ?", pack_hash(content_hash))
        return row and Original(id=str(row[0]), version=row[1])

    def stored(self, sha256: bytes, length: int) -> Stored | None:
        where = "WHERE sha256 = ? AND length = ? ORDER BY number LIMIT 1"
        return stored_of(self._db.row(f"{schema.STORED} {where}", sha256, length))

    def validated(self, id: ArticleId, held: Validators) -> Stored | None:
        row = (id, url_of(id), held.etag, held.last_modified)
        return stored_of(self._db.row(schema.VALIDATED, *row))

    def segment(self, name: str) -> int | None:
        row = self._db.row("SELECT n FROM commits WHERE segment = ? ORDER BY n LIMIT 1", name)
        return row and int(row[0])

    def counts(self) -> Counts:
        with self._db.transaction("DEFERRED"):  # one state of the file for all of it
            outcomes = {Outcome(outcome): count for outcome, count in self._db.rows(schema.COUNT_SETTLED)}
            (left,) = self._db.row(schema.COUNT_LEFT)
            (leased,) = self._db.row(schema.LEASED, *self._alive())
            (unlogged,) = self._db.row(schema.COUNT_UNLOGGED)
        known = left + sum(outcomes.values())
        return Counts(known=known, left=left, leased=leased, unlogged=unlogged, outcomes=outcomes)

    def settled(self, outcome: Outcome, reason: str | None = None) -> Iterator[tuple[ArticleId, int]]:
        for id, takes in self._pages(schema.SETTLED, outcome, reason or ""):
            yield ArticleId(id), takes

    def ids(self, *, left: bool) -> Iterator[ArticleId]:
        for (id,) in self._pages("SELECT id FROM ids WHERE todo = ?", left):
            yield ArticleId(id)

    def dump(self, file: Path) -> int:
        return self._db.copied(file, schema.LOGGED_ONLY, "SELECT coalesce(max(n), 0) FROM commits")

    def _pages(self, select: str, *values: object) -> Iterator[Any]:
        """Rows by id, which comes first in them, some at a time: others may write meanwhile."""
        last = 0
        while rows := self._db.rows(f"{select} AND id > ? ORDER BY id LIMIT ?", *values, last, PAGE):
            yield from rows
            last = rows[-1][0]

    def _free(self, among: Iterable[ArticleId] | None, count: int, before: int | None) -> list[Any]:
        """Up to count rows of ids that nobody holds."""
        if among is not None:
            return self._free_among(among, count, before)
        rows = self._db.rows(schema.LEASE_LEFT, count)
        if before is not None and len(rows) < count:
            rows += self._db.rows(schema.LEASE_OLD, before, count - len(rows))
        return rows

    def _free_among(self, among: Iterable[ArticleId], count: int, before: int | None) -> list[Any]:
        wanted = iter(among)
        rows: dict[int, Any] = {}
        while len(rows) < count and (some := list(islice(wanted, 1000))):
            found = self._db.rows(schema.LEASE_AMONG, json.dumps(some), before, count - len(rows))
            rows.update((row[0], row) for row in found)
        return list(rows.values())

    def _leased(self, id: int, takes: int, found: str, attempts: int, *validators: str | None) -> Lease:
        held = Validators(*validators)
        if held and self.validated(ArticleId(id), held) is None:
            held = Validators()
        return Lease(
            id=ArticleId(id),
            take=takes + 1,
            found=found,
            etag=held.etag,
            last_modified=held.last_modified,
            attempts=attempts,
        )

    def _number(self, worker: str) -> int | None:
        row = self._db.row("SELECT number FROM workers WHERE worker = ?", worker)
        return row and int(row[0])

    def _seen(self, worker: str) -> None:
        self._db.rows(schema.SEEN, worker, self._clock().timestamp())

    def _alive(self) -> tuple[float, float]:
        """Between which moments a worker must have been seen for its leases to hold."""
        now = self._clock().timestamp()
        return now - self._lease_seconds, now + self._lease_seconds

    def _end_leases_of_dead_workers(self) -> None:
        for (number,) in self._db.rows(schema.DEAD, *self._alive()):
            self._db.rows(schema.END, number)
            self._db.rows("DELETE FROM workers WHERE number = ?", number)


def _batches(
    outcomes: Iterable[OutcomeLine], at: str
) -> Iterator[tuple[Sequence[str], list[dict[str, Any]]]]:
    """The lines in their order, those that want the same sentences together: a call a line is dear."""
    lines = iter(outcomes)
    while some := list(islice(lines, 1000)):
        for sentences, group in groupby(some, lambda line: _sentences(line.outcome)):
            yield sentences, [values(line, at) for line in group]


def _sentences(outcome: Outcome) -> tuple[str, ...]:
    """What a line with this outcome changes."""
    if outcome is Outcome.KNOWN:
        return (schema.KNOW,)
    if outcome in (Outcome.ARTICLE, Outcome.CHANGED):
        return schema.SETTLE, schema.TEXT, schema.FIRST
    return (schema.SETTLE,)
