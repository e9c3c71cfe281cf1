"""What is served, in a folder: the index and the list of articles, as of the newest commit."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from crawler import commits, exclusions, merge
from crawler.commits import Commit
from crawler.items import ArticleId, Outcome
from crawler.replay.search import SCHEMA, searched
from crawler.stores import Store

SHOWN = (Outcome.ARTICLE, Outcome.CHANGED, Outcome.UNCHANGED)
INSERT = "INSERT OR REPLACE INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
INDEX, LIST = "index.cdxj", "articles.db"
ARTICLE = re.compile(rb"anapress[^ ]*?/a/0*([1-9][0-9]{0,18})(?![0-9])")


class Holdings:
    """The index and the list of an archive, but for excluded ids, in a folder that is read meanwhile.

    `also`: sorted index lines of other WARC files, which stand beside the archive's.
    """

    def __init__(self, store: Store, folder: Path, also: Path | None = None) -> None:
        self._store, self._folder, self._also = store, folder, also
        self._n = 0
        self._warcs: set[str] = set()
        self._excluded: frozenset[ArticleId] | None = None
        with closing(sqlite3.connect(folder / LIST)) as database:
            database.executescript(SCHEMA)

    def refresh(self) -> bool:
        """Take in what was committed, or excluded, since the last time: whether there was any."""
        out = exclusions.excluded(exclusions.read(self._store))
        new = list(commits.log(self._store, self._n + 1))
        if not new and out == self._excluded:
            return False
        self._write_list(new, out)
        self._write_index(new, out)
        self._n += len(new)
        self._warcs |= {file.path for commit in new if (file := commit.file("warc"))}
        self._excluded = out
        return True

    def open(self, name: str) -> BinaryIO | None:
        """A WARC file, if a commit names it."""
        key = f"warcs/{name}"
        return self._store.read(key) if key in self._warcs else None

    def _write_index(self, new: Sequence[Commit], out: frozenset[ArticleId]) -> None:
        index, part = self._folder / INDEX, self._folder / f"{INDEX}.part"
        with ExitStack() as let_go:
            file = let_go.enter_context(part.open("wb", buffering=1 << 20))
            if out == self._excluded:  # then what stands there already needs no second look
                more = (line + b"\n" for each in new for line in commits.lines(self._store, each, "index"))
                sources = [iter(let_go.enter_context(index.open("rb"))), iter(sorted(more))]
            else:
                folder = Path(let_go.enter_context(TemporaryDirectory(dir=self._folder)))
                sources = [merge.merge(self._store, folder, last=self._n + len(new)).lines]
                if self._also:
                    sources.append(iter(let_go.enter_context(self._also.open("rb"))))
            file.writelines(_shown(out, merge.merged(sources)))
        part.rename(index)  # pywb opens it anew for each search

    def _write_list(self, new: Iterable[Commit], out: frozenset[ArticleId]) -> None:
        with closing(sqlite3.connect(self._folder / LIST)) as database, database:
            for commit in new:
                lines = commits.lines(self._store, commit, "items")
                database.executemany(INSERT, map(_row, lines))
                database.executemany(
                    "INSERT OR REPLACE INTO shown SELECT id, version, moment FROM articles"
                    " WHERE (id, version) = (?, ?)",
                    self._versions(commit),
                )
            database.execute("DELETE FROM excluded")
            database.executemany("INSERT INTO excluded VALUES (?)", ((id,) for id in out))

    def _versions(self, commit: Commit) -> Iterator[tuple[int, int]]:
        for line in commits.outcomes(self._store, commit):
            if line.outcome in SHOWN and line.version is not None:
                yield int(line.id), line.version


def _row(line: bytes) -> tuple[object, ...]:
    item = json.loads(line)
    names = ("url", "captured_at", "published_at", "title", "section")
    moment = item["published_at"] or item["captured_at"]
    words = searched(f"{item['title']} {item['text']}")
    return int(item["id"]), item["version"], moment, *(item[name] for name in names), words


def _shown(out: frozenset[ArticleId], lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines but for those of excluded articles, in whatever form of URL, and of 304s.

    pywb would give a 304 to a browser that has no page to go with it; without its line it gives that page.
    """
    for line in lines:
        if b'"status":"304"' not in line and not (
            out and any(int(id) in out for id in ARTICLE.findall(line))
        ):
            yield line
