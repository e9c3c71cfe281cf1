"""What the log says of ids, texts and payloads, asked of a SQLite file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from crawler.items import ArticleId, Outcome, Stored
from crawler.ledger import Known, Standing, sql
from crawler.ledger.follower import SqliteFollower
from crawler.ledger.rows import pack_hash, stored_of, unpack_hash
from crawler.lines import Original
from crawler.site import url_of
from crawler.validators import Validators

PAGE = 10_000  # ids read at a time


class SqliteIndex(SqliteFollower):
    """The part of a ledger that is read; promises: crawler.ledger.Ledger."""

    def standing(self, id: ArticleId) -> Standing:
        row = self._db.row(sql.STANDING, id)
        if row is None:
            return Standing()
        takes, outcome, version, content_hash, versions, left = row
        return Standing(
            takes=takes,
            outcome=Outcome(outcome),
            version=version,
            content_hash=content_hash and unpack_hash(content_hash),
            versions=versions,
            left=bool(left),
        )

    def logged(self, id: ArticleId) -> bool:
        return self._db.row("SELECT 1 FROM ids WHERE id = ? AND logged = 1", id) is not None

    def unlogged(self, ids: Iterable[ArticleId]) -> Iterator[ArticleId]:
        given = iter(ids)
        while chunk := list(islice(given, 1000)):
            logged = {row[0] for row in self._db.rows(sql.LOGGED, json.dumps(chunk))}
            yield from (id for id in chunk if id not in logged)

    def version(self, id: ArticleId, content_hash: str) -> int | None:
        row = self._db.row(sql.VERSION, id, pack_hash(content_hash))
        return row and int(row[0])

    def original(self, content_hash: str) -> Original | None:
        row = self._db.row(sql.ORIGINAL, pack_hash(content_hash))
        return row and Original(id=str(row[0]), version=row[1])

    def among(self, ids: Iterable[ArticleId], texts: Iterable[str]) -> Known:  # noqa: ARG002
        return self  # a file is near

    def stored(self, sha256: bytes, length: int, digest: str | None) -> Stored | None:
        where = "WHERE sha256 = ? AND length = ? AND digest IS ? ORDER BY number LIMIT 1"
        return stored_of(self._db.row(f"{sql.STORED} {where}", sha256, length, digest))

    def captured(self, url: str, date: str | None = None) -> Stored | None:
        where = "WHERE url = ? AND date = coalesce(?, date) ORDER BY number DESC LIMIT 1"
        return stored_of(self._db.row(f"{sql.STORED} {where}", url, date))

    def validated(self, id: ArticleId, held: Validators) -> Stored | None:
        row = (id, url_of(id), held.etag, held.last_modified)
        return stored_of(self._db.row(sql.VALIDATED, *row))

    def settled(self, outcome: Outcome, reason: str | None = None) -> Iterator[tuple[ArticleId, int]]:
        for id, takes in self._pages(sql.SETTLED, outcome, reason or ""):
            yield ArticleId(id), takes

    def ids(self, *, left: bool) -> Iterator[ArticleId]:
        for (id,) in self._pages("SELECT id FROM ids WHERE todo = ?", left):
            yield ArticleId(id)

    def dump(self, file: Path) -> int:
        return self._db.copied(file, sql.LOGGED_ONLY, "SELECT coalesce(max(n), 0) FROM commits")

    def unlike(self, file: Path) -> list[str]:
        """What a dump does not say of the log as we do."""
        self._db.rows("ATTACH ? AS other", str(file))
        try:
            return [name for name, told in sql.FROM_LOG.items() if self._differ(told)]
        finally:
            self._db.rows("DETACH other")

    def _differ(self, told: str) -> bool:
        unlike = sql.UNLIKE.format(told.format("main"), told.format("other"))
        return bool(self._db.row(unlike)[0])

    def _pages(self, select: str, *values: object) -> Iterator[Any]:
        """Rows by id, which comes first in them, some at a time: others may write meanwhile."""
        last = 0
        while rows := self._db.rows(f"{select} AND id > ? ORDER BY id LIMIT ?", *values, last, PAGE):
            yield from rows
            last = rows[-1][0]
