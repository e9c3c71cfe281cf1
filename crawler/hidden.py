"""What we leave out of all that we publish: the records of excluded ids, and those that show their texts.

A record is hidden if its URL names an excluded id, or a picture that stands in the article of such an id and
in none that is shown; if an outcome of such an id rests on it, or that of another id which shows such an
id's text; and so is whatever belongs to a hidden record: its request, revisits of it, and where a browser
made it of a page, that page and what else was made of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from typing import Self

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder

from crawler import cdxj, commits, exclusions
from crawler.browser.page import LOOKS
from crawler.commits import Commit
from crawler.errors import Damaged
from crawler.items import DOM, ArticleId
from crawler.lines import OutcomeLine
from crawler.site import named_in
from crawler.stores import Store
from crawler.warc import Record, read_member, target_uri

_RECORD = re.compile(rb'"id":"([^"]+)"')
_SUM = re.compile(rb'"sha256":"([^"]+)"')
# Common Crawl: an answer with a range of one names no id, and its record stands copied beside it.
_FILES = "/crawl-data/"
_BELONGS = ("WARC-Record-ID", "WARC-Concurrent-To", "WARC-Refers-To")


class Hidden:
    """Knows of each record whether it is hidden; it learns of records as they are shown to it."""

    def __init__(self, ids: Collection[ArticleId], pictures: Iterable[str] = ()) -> None:
        self.ids = frozenset(ids)
        self._keys = {cdxj.urlkey(target_uri(url)) for url in pictures}
        self._records: set[str] = set()

    @classmethod
    def of(cls, store: Store, log: Iterable[Commit]) -> Self:
        """What the archive's exclusions hide, as of now, of these commits."""
        log = list(log)  # it is read several times
        ids = exclusions.excluded(exclusions.read(store))
        hidden = cls(ids, _pictures(store, log, ids) if ids else ())
        if hidden:
            for commit in log:
                for line in commits.outcomes(store, commit):
                    shows = hidden.outcome(line) and line.article_id not in ids
                    if shows and (ref := line.record) and not ref.foreign:
                        # what names an excluded id is hidden anyway
                        hidden.made(_read(store, ref.warc, ref.offset))
            hidden._learn_revisits(store, log)
        return hidden

    def __bool__(self) -> bool:
        return bool(self.ids)

    def url(self, url: str) -> bool:
        if self.ids and _FILES in url:
            return True
        return not self.ids.isdisjoint(named_in(url)) or (bool(self._keys) and cdxj.urlkey(url) in self._keys)

    def outcome(self, line: OutcomeLine) -> bool:
        """Whether what became of an id is hidden; then its record is too."""
        of = line.duplicate_of
        if line.article_id in self.ids or (of is not None and int(of.id) in self.ids):
            if line.record:
                self._records.add(line.record.record_id)
            return True
        return line.record is not None and line.record.record_id in self._records

    def made(self, record: Record) -> None:
        """A hidden record: if a browser made it of a page, that is hidden, and what else was made of it."""
        headers = record.headers
        url, page = headers.get("WARC-Target-URI", ""), headers.get("WARC-Concurrent-To")
        if page and url.startswith(DOM):
            self._records.add(page)
            self._keys |= {cdxj.urlkey(look.uri + url.removeprefix(DOM)) for look in LOOKS.values()}

    def line(self, line: bytes) -> bool:
        """Whether an index line is that of a hidden record."""
        if not self.ids:
            return False
        found = _RECORD.search(line)
        id = found[1].decode() if found else ""
        text = line.decode(errors="replace")
        by_key = text.partition(" ")[0] in self._keys
        if id in self._records or by_key or _FILES in text or not self.ids.isdisjoint(named_in(text)):
            if id:  # an index of others names no record
                self._records.add(id)
            return True
        return False

    def _learn_revisits(self, store: Store, log: Iterable[Commit]) -> None:
        """Which revisits rest on a hidden record: index lines don't say it, but have the payload's sum."""
        sums = {_sum(line) for line in _index(store, log) if self.line(line)}
        for line in _index(store, log):
            if _sum(line) in sums and (entry := cdxj.parse(line)).mime == cdxj.REVISIT:
                self.record(_read(store, f"warcs/{entry.filename}", entry.offset))

    def record(self, record: Record) -> bool:
        """Whether a record is hidden, if those that it belongs to were shown before it."""
        headers = record.headers
        named = {headers[name] for name in _BELONGS if name in headers}
        if self._records.isdisjoint(named) and not self.url(headers.get("WARC-Target-URI", "")):
            return False
        self._records.add(record.id)
        return True


def _read(store: Store, warc: str, offset: int) -> Record:
    if (stream := store.read(warc)) is None:
        raise Damaged(f"{warc} is missing. `scrapy verify` tells more.")
    with closing(stream):
        return read_member(stream, offset)


def _index(store: Store, log: Iterable[Commit]) -> Iterator[bytes]:
    return (line for commit in log for line in commits.lines(store, commit, "index"))


def _sum(line: bytes) -> bytes:
    found = _SUM.search(line)
    return found[1] if found else b""


class _Image(Struct):
    url: str


class _Item(Struct):
    """What is wanted of an item line."""

    id: str
    images: list[_Image]


_item = Decoder(_Item).decode


def _pictures(store: Store, log: Iterable[Commit], ids: Collection[ArticleId]) -> set[str]:
    """The URLs of pictures in the articles of these ids that are in no other id's."""
    theirs: set[str] = set()
    for item in _items(store, log):
        if int(item.id) in ids:
            theirs.update(image.url for image in item.images)
    for item in _items(store, log) if theirs else ():
        if int(item.id) not in ids:
            theirs.difference_update(image.url for image in item.images)
    return theirs


def _items(store: Store, log: Iterable[Commit]) -> Iterator[_Item]:
    for commit in log:
        for line in commits.lines(store, commit, "items"):
            try:
                yield _item(line)
            except (MsgspecError, ValueError) as error:
                raise Damaged(f"an item of commit {commit.n} can't be read: {error}") from error
