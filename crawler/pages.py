"""The page list of a WACZ: a line for each text of each id, with its title and text (json-pages-1.0)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from crawler import commits
from crawler.commits import Commit
from crawler.items import ARTICLES
from crawler.lines import OutcomeLine, canonical
from crawler.stores import Store
from crawler.tables import tables

HEAD = {"format": "json-pages-1.0", "id": "pages", "title": "All Pages", "hasText": True}
SCHEMA = """
CREATE TABLE texts (
    id INTEGER, version INTEGER, title TEXT, text TEXT, PRIMARY KEY (id, version)
) WITHOUT ROWID;
CREATE TABLE pages (
    id INTEGER, of INTEGER, version INTEGER, url TEXT, ts TEXT, PRIMARY KEY (id, of, version)
) WITHOUT ROWID;
"""
PAGES = """
SELECT pages.id, pages.of, pages.version, url, ts, title, text
FROM pages JOIN texts ON texts.id = pages.of AND texts.version = pages.version
ORDER BY ts, pages.id
"""

Shown = Callable[[OutcomeLine], bool]
"""Whether a take's page is to be listed."""


def page_list(store: Store, log: Iterable[Commit], folder: Path, shown: Shown) -> Iterator[bytes]:
    """The lines, with their ends: of each id each text that it showed, as it was first captured.

    An id that repeats another's text is a page too, with that text.
    """
    with tables(SCHEMA, "the list of pages", folder) as database:
        for commit in log:
            _take_in(database, store, commit, shown)
        yield canonical(HEAD).encode() + b"\n"
        for id, of, version, url, ts, title, text in database.execute(PAGES):
            name = f"{id}-{version}" if id == of else f"{id}-as-{of}-{version}"
            page = {"id": name, "url": url, "ts": ts, "title": title, "text": text}
            yield canonical(page).encode() + b"\n"


def _take_in(database: sqlite3.Connection, store: Store, commit: Commit, shown: Shown) -> None:
    for line in commits.lines(store, commit, "items"):
        item = json.loads(line)
        row = (int(item["id"]), item["version"], item["title"], item["text"])
        database.execute("INSERT INTO texts VALUES (?, ?, ?, ?)", row)
    for outcome in commits.outcomes(store, commit):
        if outcome.outcome in ARTICLES and outcome.captured_at and shown(outcome):
            database.execute("INSERT OR IGNORE INTO pages VALUES (?, ?, ?, ?, ?)", _page(outcome))


def _page(line: OutcomeLine) -> tuple[int, int, int | None, str, str | None]:
    of = line.duplicate_of
    shows = (int(of.id), of.version) if of else (line.article_id, line.version)
    return line.article_id, *shows, line.url, line.captured_at
