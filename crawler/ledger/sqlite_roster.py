"""Who works on the ids of a SQLite ledger: several processes of one machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from crawler.items import ArticleId, Lease
from crawler.ledger import sql
from crawler.ledger.database import Database
from crawler.ledger.index import SqliteIndex
from crawler.ledger.roster import WAY_SECONDS, Claims, Presence
from crawler.ledger.rows import key_of, milliseconds
from crawler.validators import Validators


class SqliteRoster(SqliteIndex):
    """The part of a ledger that no log has; promises: crawler.ledger.roster.Roster."""

    def __init__(self, db: Database, clock: Callable[[], float], lease_seconds: float) -> None:
        super().__init__(db)
        self._clock = clock  # one for all processes of a machine, whatever becomes of its wall clock
        self._lease_seconds = lease_seconds

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

    def release(
        self,
        worker: str,
        ids: Collection[ArticleId] | None = None,
        *,
        dead: bool = False,
        stays: bool = False,
    ) -> None:
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
            if ids is None and not stays:
                db.execute(sql.GONE, (number,))

    def leased(self, worker: str | None = None) -> int:
        if worker is None:
            return int(self._db.row(sql.LEASED, *self._alive())[0])
        return int(self._db.row(f"{sql.LEASED} AND worker = ?", *self._alive(), worker)[0])

    def present(self) -> Sequence[Presence]:
        now = self._clock()
        return [
            Presence(worker=worker, silent=max(now - seen, 0.0), leases=leases)
            for worker, seen, leases in self._db.rows(sql.PRESENT, *self._alive())
        ]

    def searches(self) -> Mapping[str, str | None]:
        return dict(self._db.rows(sql.SEARCHES, *self._alive()))

    def claim(self, worker: str, urls: Collection[str]) -> Claims:
        by_key = {key_of(url): url for url in urls}
        with self._db.forgettable():
            self._seen(worker)
            ours = _keys(self._db.rows(sql.CLAIM, worker, json.dumps(list(by_key)), *self._alive()))
            rest = list(by_key.keys() - ours)
            others = _keys(self._db.rows(sql.CLAIMED, json.dumps(rest), worker)) if rest else ()
        return Claims(frozenset(by_key[key] for key in ours), frozenset(by_key[key] for key in others))

    def unclaim(self, worker: str, urls: Collection[str]) -> None:
        with self._db.forgettable() as db:
            db.executemany(sql.UNCLAIM, ((key_of(url), worker) for url in urls))

    def search(self, worker: str, place: str, *, due: bool) -> str | None:
        with self._db.transaction() as db:
            self._seen(worker)
            seekers = self._db.rows(sql.SEEKERS, *self._alive(), place)
            holder = next((name for name, holds, _ in seekers if holds), None)
            living = {name for name, _, lives in seekers if lives}
            if holder not in living:
                holder = worker if holder is not None or (due and not living) else None
            if holder or due:
                db.executemany(sql.UNSEEK, ((place, name) for name, *_ in seekers if name not in living))
                db.execute(sql.SEEK, (place, worker, holder == worker))
        return holder

    def searched(self, worker: str, place: str, *, over: bool) -> None:
        with self._db.transaction() as db:
            if not over:
                db.execute(sql.LEAVE, (place, worker))
            db.execute(sql.SEARCHED, (place, worker))

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


def _keys(rows: Iterable[tuple[int]]) -> set[int]:
    return {key for (key,) in rows}
