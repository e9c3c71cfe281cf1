"""The corpus: every article's latest text, one line an id, by id: the same bytes from the same archive."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator

from crawler import commits
from crawler.items import LIVE, ArticleId, Outcome
from crawler.stores import Store
from crawler.tables import tables

SCHEMA = """
CREATE TABLE shown (id INTEGER PRIMARY KEY, version INTEGER, captured TEXT);
CREATE TABLE lines (id INTEGER, version INTEGER, line BLOB, PRIMARY KEY (id, version)) WITHOUT ROWID;
"""
# What an archive of years ago shows is not newer for being taken later; of the site the last take is.
SHOW = """
INSERT INTO shown VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET version = ?2, captured = ?3
WHERE ?4 OR ?3 > captured
"""
READ = (Outcome.ARTICLE, Outcome.CHANGED, Outcome.UNCHANGED)


class Corpus:
    """The lines, without their ends, but for excluded ids. SQLite sorts, on disk, so memory stays flat."""

    def __init__(self, store: Store, excluded: Collection[ArticleId]) -> None:
        self._store, self._excluded = store, excluded
        self.left_out = 0  #: articles of excluded ids, so far

    def __iter__(self) -> Iterator[bytes]:
        commits.look_over(self._store)
        with tables(SCHEMA, "the corpus") as database:
            for commit in commits.log(self._store):
                _take_in(database, self._store, commit)
            query = "SELECT id, line FROM shown JOIN lines USING (id, version) ORDER BY id"
            for id, line in database.execute(query):
                if id in self._excluded:
                    self.left_out += 1
                else:
                    yield line


def _take_in(database: sqlite3.Connection, store: Store, commit: commits.Commit) -> None:
    for line in commits.lines(store, commit, "items"):
        item = json.loads(line)
        database.execute("INSERT INTO lines VALUES (?, ?, ?)", (int(item["id"]), item["version"], line))
    for outcome in commits.outcomes(store, commit):
        if outcome.outcome in READ and outcome.version is not None:
            live = outcome.source == LIVE
            database.execute(SHOW, (int(outcome.id), outcome.version, outcome.captured_at, live))
