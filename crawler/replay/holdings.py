"""What is served, in a folder: the index and the list of articles, as of the newest commit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import filterfalse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from crawler import cdxj, commits, exclusions, merge
from crawler.commits import Commit
from crawler.hidden import Hidden
from crawler.items import ArticleId, Outcome
from crawler.replay import search
from crawler.stores import Store

SHOWN = (Outcome.ARTICLE, Outcome.CHANGED, Outcome.UNCHANGED)
INSERT = "INSERT OR REPLACE INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
SHOW = """
INSERT OR REPLACE INTO shown SELECT id, version, moment FROM articles WHERE (id, version) = (?, ?)
"""
INDEX = "index.cdxj"


class Holdings:
    """The index and the list of an archive, but for excluded ids, in a folder that is read meanwhile.

    `also`: sorted index lines of other WARC files, which stand beside the archive's.
    """

    def __init__(self, store: Store, folder: Path, also: Path | None = None) -> None:
        self._store, self._folder, self._also = store, folder, also
        self._n = 0
        self._warcs: set[str] = set()
        self._hidden: Hidden | None = None
        with closing(sqlite3.connect(folder / search.FILE)) as database:
            database.executescript(search.SCHEMA)

    def refresh(self) -> None:
        """Take in what was committed, or excluded, since the last time."""
        new = list(commits.log(self._store, self._n + 1))
        hidden = self._current(new, exclusions.excluded(exclusions.read(self._store)))
        if new or hidden is not self._hidden:
            self._write_list(new, hidden)
            self._write_index(new, hidden)
            self._n += len(new)
            self._warcs |= {file.path for commit in new if (file := commit.file("warc"))}
            self._hidden = hidden  # the last step: what failed before it is done anew

    def hides(self, url: str) -> bool:
        """Whether an exclusion leaves out what lies there."""
        return self._hidden is not None and self._hidden.url(url)

    def _current(self, new: Sequence[Commit], out: frozenset[ArticleId]) -> Hidden:
        """What was hidden, if that can't have changed: an excluded article may show new pictures."""
        if self._hidden is not None and self._hidden.ids == out and not (new and out):
            return self._hidden
        return Hidden.of(self._store, commits.log(self._store))

    def open(self, name: str) -> BinaryIO | None:
        """A WARC file, if a commit names it."""
        key = f"warcs/{name}"
        return self._store.read(key) if key in self._warcs else None

    def _write_list(self, new: Iterable[Commit], hidden: Hidden) -> None:
        with closing(sqlite3.connect(self._folder / search.FILE)) as database, database:
            for commit in new:
                lines = commits.lines(self._store, commit, "items")
                database.executemany(INSERT, map(_row, lines))
                database.executemany(SHOW, self._versions(commit))
            database.execute("DELETE FROM excluded")
            database.executemany("INSERT INTO excluded VALUES (?)", ((id,) for id in hidden.ids))

    def _versions(self, commit: Commit) -> Iterator[tuple[int, int]]:
        """Which version of an article is the last that was seen."""
        for line in commits.outcomes(self._store, commit):
            if line.outcome in SHOWN and line.version is not None:
                yield int(line.id), line.version

    def _write_index(self, new: Sequence[Commit], hidden: Hidden) -> None:
        index, part = self._folder / INDEX, self._folder / f"{INDEX}.part"
        with ExitStack() as let_go:
            file = let_go.enter_context(part.open("wb", buffering=1 << 20))
            if hidden is self._hidden:
                more = (line + b"\n" for each in new for line in commits.lines(self._store, each, "index"))
                sources = [iter(let_go.enter_context(index.open("rb"))), iter(sorted(more))]
            else:
                folder = Path(let_go.enter_context(TemporaryDirectory(dir=self._folder)))
                sources = [merge.merge(self._store, folder, last=self._n + len(new)).lines]
                if self._also:
                    sources.append(iter(let_go.enter_context(self._also.open("rb"))))
            lines = filterfalse(cdxj.shows_nothing, merge.merged(sources))
            file.writelines(filterfalse(hidden.line, lines))
        part.rename(index)  # pywb opens it anew for each search


def _row(line: bytes) -> tuple[object, ...]:
    item = json.loads(line)
    names = ("url", "captured_at", "published_at", "title", "section")
    moment = item["published_at"] or item["captured_at"]
    words = search.searched(f"{item['title']} {item['text']}")
    return int(item["id"]), item["version"], moment, *(item[name] for name in names), words
