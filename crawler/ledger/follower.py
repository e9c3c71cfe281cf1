"""What follows the log in a SQLite file: commits become rows, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any

from crawler.errors import LedgerError
from crawler.items import Outcome, Revisit, Stored
from crawler.ledger import sql
from crawler.ledger.database import Database
from crawler.ledger.rows import key_of, payload_row, values
from crawler.lines import OutcomeLine


class SqliteFollower:
    """The part of a ledger that the log makes; promises: crawler.ledger.Follower."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def n(self) -> int:
        return int(self._db.row("SELECT coalesce(max(n), 0) FROM commits")[0])

    def segment(self, name: str) -> int | None:
        row = self._db.row("SELECT n FROM commits WHERE segment = ? ORDER BY n LIMIT 1", name)
        return row and int(row[0])

    def apply(
        self,
        n: int,
        segment: str,
        at: str,
        outcomes: Iterable[OutcomeLine],
        stored: Iterable[Stored | Revisit],
        held: Iterable[str] = (),
    ) -> None:
        with self._db.transaction() as db:
            if n <= (applied := self.n()):
                return
            if n > applied + 1:
                raise LedgerError(f"{self._db.path} has {applied} commits and can't take in commit {n} next")
            db.execute("INSERT INTO commits (n, segment) VALUES (?, ?)", (n, segment))
            for sentences, rows in _batches(outcomes, n, at):
                for sentence in sentences:
                    db.executemany(sentence, rows)
            whole = (each for each in stored if isinstance(each, Stored))
            db.executemany(sql.PAYLOAD, (payload_row(n, segment, record) for record in whole))
            db.executemany(sql.HELD, ((key_of(url),) for url in held))


def _batches(
    outcomes: Iterable[OutcomeLine], n: int, at: str
) -> Iterator[tuple[Sequence[str], list[dict[str, Any]]]]:
    """The lines in their order, those that want the same sentences together: a call a line is dear."""
    lines = iter(outcomes)
    while some := list(islice(lines, 1000)):
        for sentences, group in groupby(some, lambda line: _sentences(line.outcome)):
            yield sentences, [values(line, n, at) for line in group]


def _sentences(outcome: Outcome) -> tuple[str, ...]:
    """What a line with this outcome changes."""
    if outcome is Outcome.KNOWN:
        return (sql.KNOW,)
    if outcome in (Outcome.ARTICLE, Outcome.CHANGED):
        return sql.SETTLE, sql.UNSUSPECT, sql.TEXT
    return sql.SETTLE, sql.UNSUSPECT
