"""Where every response and revisit of an archive lies, as its WARC files themselves say: a table on disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from crawler.cdxj import Entry, parse
from crawler.items import RecordRef

SCHEMA = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE places (
    id TEXT, segment TEXT, line TEXT, original TEXT, PRIMARY KEY (id, segment)
) WITHOUT ROWID;
"""


class Places:
    """Record ids to index entries."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.executescript(SCHEMA)
        self._database.execute("BEGIN")

    def new(self, record_id: str) -> bool:
        """Whether no record of the archive had this id before."""
        return self._database.execute("INSERT OR IGNORE INTO ids VALUES (?)", (record_id,)).rowcount == 1

    def add(self, record_id: str, line: str, segment: str, original: str | None) -> None:
        row = (record_id, segment, line, original)
        self._database.execute("INSERT OR IGNORE INTO places VALUES (?, ?, ?, ?)", row)

    def find(self, record_id: str, segment: str | None = None) -> tuple[Entry, RecordRef, str | None] | None:
        """The record's entry, its place, and the record that it refers to if it is a revisit.

        A copied record may lie in several segments: then the one that is meant must be said.
        """
        query = "SELECT line, segment, original FROM places WHERE id = ?1 AND segment = coalesce(?2, segment)"
        if (row := self._database.execute(query, (record_id, segment)).fetchone()) is None:
            return None
        entry = parse(row[0].encode())
        return entry, entry.ref(row[1]), row[2]

    def close(self) -> None:
        self._database.close()
