"""What the archive services list of the articles, for one run: a table on disk that goes with it.

It proves nothing and is never kept: the services' answers are in the archive, and give it again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from crawler.items import ArticleId, Capture

TABLE = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
CREATE TABLE captures (
    id INTEGER, at TEXT, url TEXT, status INTEGER, mime TEXT, digest TEXT, place TEXT,
    PRIMARY KEY (id, at, url)
) WITHOUT ROWID;
"""
OF = "SELECT id, at, url, status, mime, digest, place FROM captures WHERE id = ? ORDER BY at, url"


class Captures:
    """Captures by their ids; a capture that is listed twice is one."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # a file without a name
        self._database.executescript(TABLE)

    def add(self, captures: Iterable[Capture]) -> None:
        rows = ((one.id, one.at, one.url, one.status, one.mime, one.digest, one.place) for one in captures)
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO captures VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._database.execute("COMMIT")

    def of(self, id: ArticleId) -> Sequence[Capture]:
        """The id's captures in the order of capture."""
        rows = self._database.execute(OF, (id,))
        names = [column[0] for column in rows.description]
        return [Capture(**dict(zip(names, row, strict=True))) for row in rows]

    def ids(self) -> Iterator[ArticleId]:
        """Every id that has a capture."""
        for (id,) in self._database.execute("SELECT DISTINCT id FROM captures ORDER BY id"):
            yield ArticleId(id)

    def close(self) -> None:
        self._database.close()
