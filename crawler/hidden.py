"""What we leave out of all that we publish: the records of excluded ids, and those that show their texts.

A record is hidden if its URL names an excluded id, if an outcome of such an id rests on it, or that of
another id which shows such an id's text; and so is whatever belongs to a hidden record: its request, and
revisits of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Self

from crawler import commits, exclusions
from crawler.commits import Commit
from crawler.items import ArticleId
from crawler.lines import OutcomeLine
from crawler.site import named_in
from crawler.stores import Store
from crawler.warc import Record

_RECORD = re.compile(rb'"id":"([^"]+)"')
_BELONGS = ("WARC-Record-ID", "WARC-Concurrent-To", "WARC-Refers-To")


class Hidden:
    """Knows of each record whether it is hidden; it learns of records as they are shown to it."""

    def __init__(self, ids: Collection[ArticleId], records: Iterable[str] = ()) -> None:
        self.ids = frozenset(ids)
        self._records = set(records)

    @classmethod
    def of(cls, store: Store, log: Iterable[Commit]) -> Self:
        """What the archive's exclusions hide, as of now, of these commits."""
        hidden = cls(exclusions.excluded(exclusions.read(store)))
        if hidden:
            for commit in log:
                for line in commits.outcomes(store, commit):
                    hidden.outcome(line)
        return hidden

    def __bool__(self) -> bool:
        return bool(self.ids)

    def url(self, url: str) -> bool:
        return not self.ids.isdisjoint(named_in(url))

    def outcome(self, line: OutcomeLine) -> bool:
        """Whether what became of an id is hidden; then its record is too."""
        of = line.duplicate_of
        if line.article_id in self.ids or (of is not None and int(of.id) in self.ids):
            if line.record:
                self._records.add(line.record.record_id)
            return True
        return line.record is not None and line.record.record_id in self._records

    def line(self, line: bytes) -> bool:
        """Whether an index line is that of a hidden record."""
        if not self.ids:
            return False
        found = _RECORD.search(line)
        id = found[1].decode() if found else ""
        if id in self._records or self.url(line.decode(errors="replace")):
            if id:  # an index of others names no record
                self._records.add(id)
            return True
        return False

    def record(self, record: Record) -> bool:
        """Whether a record is hidden, if those that it belongs to were shown before it."""
        headers = record.headers
        named = {headers[name] for name in _BELONGS if name in headers}
        if self._records.isdisjoint(named) and not self.url(headers.get("WARC-Target-URI", "")):
            return False
        self._records.add(record.id)
        return True
