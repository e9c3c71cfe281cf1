"""The ledger of one machine: a SQLite file that several processes use at the same time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Self
from uuid import UUID

from crawler.errors import WrongUse
from crawler.items import ArticleId, Outcome
from crawler.ledger import Counts, Fill, Seed, making, sql
from crawler.ledger.database import Database
from crawler.ledger.roster import LEASE_SECONDS
from crawler.ledger.rows import milliseconds
from crawler.ledger.sqlite_roster import SqliteRoster

SCHEME = "sqlite://"


class SqliteLedger(SqliteRoster):
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
        super().__init__(Database(path, only_read=only_read), clock, lease_seconds)

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

    def done(self, ids: Iterable[ArticleId], *, captured_before: datetime | None = None) -> int:
        before = None if captured_before is None else milliseconds(captured_before)
        given, count = iter(ids), 0
        while chunk := list(islice(given, 1000)):
            count += self._db.row(sql.DONE, json.dumps(chunk), before)[0]
        return count

    def counts(self) -> Counts:
        with self._db.transaction("DEFERRED"):  # one state of the file for all of it
            outcomes = {Outcome(outcome): count for outcome, count in self._db.rows(sql.COUNT_SETTLED)}
            (left,) = self._db.row(sql.COUNT_LEFT)
            leased = self.leased()
            (unlogged,) = self._db.row(sql.COUNT_UNLOGGED)
        known = left + sum(outcomes.values())
        return Counts(known=known, left=left, leased=leased, unlogged=unlogged, outcomes=outcomes)

    def aged(self, captured_before: datetime) -> int:
        return int(self._db.row(sql.COUNT_OLD, milliseconds(captured_before))[0])


def _path(url: str) -> Path:
    path = url.removeprefix(SCHEME)
    if path == url or not path.startswith("/") or path.endswith("/"):
        raise WrongUse(f"LEDGER_URL is {url!r}: give sqlite:///FILE with the file's whole path")
    return Path(path)
