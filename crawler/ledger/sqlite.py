"""The ledger of one machine: a SQLite file that several processes use at the same time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from crawler.errors import WrongUse
from crawler.items import ArticleId, Lease, Outcome
from crawler.ledger import LEASE_SECONDS, WAY_SECONDS, Counts, Fill, Seed, making, sql
from crawler.ledger.database import Database
from crawler.ledger.index import SqliteIndex
from crawler.ledger.rows import key_of, milliseconds
from crawler.validators import Validators

SCHEME = "sqlite://"


class SqliteLedger(SqliteIndex):
    """A ledger in a file, for all processes of one machine; an object serves one thread at a time.

    Promises and their reasons: crawler.ledger.Ledger.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        lease_seconds: float = LEASE_SECONDS,
        seed: Seed | None = None,
        fill: Fill | None = None,
        only_read: bool = False,
    ) -> None:
        if not only_read:
            making.ensure(path, seed, fill)
        super().__init__(Database(path, only_read=only_read))
        self._clock = clock  # one for all processes of a machine, whatever becomes of its wall clock
        self._lease_seconds = lease_seconds

    @classmethod
    def from_url(
        cls,
        url: str,
        seed: Seed | None = None,
        fill: Fill | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> Self:
        """The ledger at `sqlite:///FILE`; FILE is taken as it is written, from the root."""
        return cls(_path(url), seed=seed, fill=fill, lease_seconds=lease_seconds)

    @classmethod
    def to_read(cls, url: str, lease_seconds: float = LEASE_SECONDS) -> Self | None:
        """The same, and nothing is written, not even beside it; None if there is none of this format."""
        if not (path := _path(url)).exists():
            return None
        ledger = cls(path, lease_seconds=lease_seconds, only_read=True)
        if ledger._db.outdated:
            ledger.close()
            return None
        return ledger

    def close(self) -> None:
        self._db.close()

    def bind(self, archive: UUID) -> None:
        if self.bound() is None:
            with self._db.transaction() as db:
                db.execute("UPDATE meta SET archive = ? WHERE archive IS NULL", (str(archive),))
        if (bound := self.bound()) != str(archive):
            raise WrongUse(
                f"{self._db.path} is the ledger of archive {bound}, not of {archive}: "
                "set LEDGER_URL or ARCHIVE_URL to the one that you mean."
            )

    def bound(self) -> str | None:
        (bound,) = self._db.row("SELECT archive FROM meta")
        return None if bound is None else str(bound)

    def add(self, ids: Iterable[ArticleId], found: str) -> int:
        # First into a table of our own: whatever the ids come from, nobody waits for it, and they are
        # written in the order of the key. DEFERRED locks nothing but that table.
        self._db.rows("CREATE TEMP TABLE IF NOT EXISTS added (id INTEGER PRIMARY KEY)")
        with self._db.transaction("DEFERRED") as db:
            db.execute("DELETE FROM temp.added")
            db.executemany("INSERT INTO temp.added VALUES (?) ON CONFLICT DO NOTHING", ((id,) for id in ids))
        with self._db.transaction() as db:
            new = db.execute(sql.ADD, (found,)).rowcount
            db.execute("DELETE FROM temp.added")
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
        before = None if captured_before is None else milliseconds(captured_before)
        with self._db.transaction() as db:
            self._seen(worker)
            self._end_leases_of_dead_workers()
            rows = self._free(among, max(count, 0), before, as_of)  # a negative LIMIT is none
            number = self._number(worker)
            db.executemany(sql.HOLD, ((number, row[0]) for row in rows))
        return [self._leased(*row) for row in rows]

    def tried(self, lease: Lease) -> None:
        with self._db.transaction() as db:
            db.execute(sql.TRIED, {"id": lease.id, "take": lease.take, "attempts": lease.attempts})

    def renew(self, worker: str) -> None:
        with self._db.transaction():
            self._seen(worker)

    def flies(self, id: ArticleId, *, away: bool) -> None:
        self._db.rows(sql.FLIES, away, id)

    def release(self, worker: str, ids: Collection[ArticleId] | None = None, *, dead: bool = False) -> None:
        with self._db.transaction() as db:
            if (number := self._number(worker)) is None:
                return
            if dead:
                db.execute(sql.DIED, (number,))
            for step in (sql.LANDED, sql.END):
                if ids is None:
                    db.execute(step, (number,))
                else:
                    db.executemany(f"{step} AND id = ?", ((number, id) for id in ids))
            if ids is None:
                db.execute(sql.GONE, (number,))

    def leased(self, worker: str | None = None) -> int:
        if worker is None:
            return int(self._db.row(sql.LEASED, *self._alive())[0])
        return int(self._db.row(f"{sql.LEASED} AND worker = ?", *self._alive(), worker)[0])

    def search(self, worker: str, place: str, *, due: bool) -> str | None:
        with self._db.transaction() as db:
            self._seen(worker)
            seekers = self._db.rows(sql.SEEKERS, *self._alive(), place)
            holder = next((name for name, holds, _ in seekers if holds), None)
            living = {name for name, _, lives in seekers if lives}
            if holder not in living:
                holder = worker if holder or (due and not living) else None
            if holder or due:
                db.executemany(sql.UNSEEK, ((place, name) for name, *_ in seekers if name not in living))
                db.execute(sql.SEEK, (place, worker, holder == worker))
        return holder

    def searched(self, worker: str, place: str) -> None:
        self._db.rows(sql.SEARCHED, place, worker)

    def claim(self, urls: Collection[str]) -> Sequence[str]:
        by_key = {key_of(url): url for url in urls}
        self._db.rows(sql.CLAIMS)
        return [by_key[key] for (key,) in self._db.rows(sql.CLAIM, json.dumps(list(by_key)))]

    def done(self, ids: Iterable[ArticleId], *, captured_before: datetime | None = None) -> int:
        before = None if captured_before is None else milliseconds(captured_before)
        given, count = iter(ids), 0
        while chunk := list(islice(given, 1000)):
            count += self._db.row(sql.DONE, json.dumps(chunk), before)[0]
        return count

    def ahead(self, segment: str, *, asks: bool) -> int:
        now = self._clock()
        alive = now - WAY_SECONDS, now + WAY_SECONDS
        if asks:
            with self._db.transaction() as db:
                db.execute(sql.SLEPT, alive)
                db.execute(sql.ASK, (segment, now))
        return int(self._db.row(sql.AHEAD, *alive, segment)[0])

    def through(self, segment: str) -> None:
        self._db.rows(sql.THROUGH, segment)

    def counts(self) -> Counts:
        with self._db.transaction("DEFERRED"):  # one state of the file for all of it
            outcomes = {Outcome(outcome): count for outcome, count in self._db.rows(sql.COUNT_SETTLED)}
            (left,) = self._db.row(sql.COUNT_LEFT)
            (leased,) = self._db.row(sql.LEASED, *self._alive())
            (unlogged,) = self._db.row(sql.COUNT_UNLOGGED)
        known = left + sum(outcomes.values())
        return Counts(known=known, left=left, leased=leased, unlogged=unlogged, outcomes=outcomes)

    def aged(self, captured_before: datetime) -> int:
        return int(self._db.row(sql.COUNT_OLD, milliseconds(captured_before))[0])

    def _free(
        self, among: Iterable[ArticleId] | None, count: int, before: int | None, as_of: int
    ) -> list[Any]:
        """Up to count rows of ids that nobody holds."""
        if among is not None:
            return self._free_among(among, count, before, as_of)
        rows = self._db.rows(sql.LEASE_LEFT, count)
        if before is not None and len(rows) < count:
            rows += self._db.rows(sql.LEASE_OLD, before, as_of, count - len(rows))
        return rows

    def _free_among(
        self, among: Iterable[ArticleId], count: int, before: int | None, as_of: int
    ) -> list[Any]:
        wanted = iter(among)
        rows: dict[int, Any] = {}
        while len(rows) < count and (some := list(islice(wanted, 1000))):
            found = self._db.rows(sql.LEASE_AMONG, json.dumps(some), before, as_of, count - len(rows))
            rows.update((row[0], row) for row in found)
        return list(rows.values())

    def _leased(
        self, id: int, takes: int, found: str, attempts: int, deaths: int, *validators: str | None
    ) -> Lease:
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
            deaths=deaths,
        )

    def _number(self, worker: str) -> int | None:
        row = self._db.row("SELECT number FROM workers WHERE worker = ?", worker)
        return row and int(row[0])

    def _seen(self, worker: str) -> None:
        self._db.rows(sql.SEEN, worker, self._clock())

    def _alive(self) -> tuple[float, float]:
        """Between which moments a worker must have been seen for its leases to hold."""
        now = self._clock()
        return now - self._lease_seconds, now + self._lease_seconds

    def _end_leases_of_dead_workers(self) -> None:
        for (number,) in self._db.rows(sql.DEAD, *self._alive()):
            self._db.rows(sql.DIED, number)
            self._db.rows(sql.END, number)
            self._db.rows(sql.GONE, number)


def _path(url: str) -> Path:
    path = url.removeprefix(SCHEME)
    if path == url or not path.startswith("/") or path.endswith("/"):
        raise WrongUse(f"LEDGER_URL is {url!r}: give sqlite:///FILE with the file's whole path")
    return Path(path)
