"""A choice of an archive's records: those of some ids, of some time, and what belongs to them.

To a page belongs what it needs to be shown (crawler/requisites.py), wherever the archive has it; to a revisit
the record that holds its payload; to a redirect where it leads, unless that is another article. Each round
reads all index lines, and of the WARCs only the pages, styles and redirects that it took, until a round wants
nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from crawler import cdxj, commits, remake, warc
from crawler.cdxj import REVISIT, Entry, urlkey
from crawler.commits import Commit
from crawler.errors import Damaged, LayoutUnknown, WrongUse
from crawler.excerpt import opened
from crawler.hidden import Hidden
from crawler.items import ArticleId
from crawler.layouts.charset import decoded
from crawler.layouts.document import document
from crawler.requisites import absolute, of_page, of_style
from crawler.site import named_in, url_of
from crawler.stores import Store
from crawler.warc import Record, http_head, target_uri

SHOWN = 5  #: ids that a message lists
STYLE = "text/css"
PAGES = ("text/html", "application/xhtml+xml")

Wanted = Callable[[str, Entry], bool]
"""Whether an entry under this URL key is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted: of these ids (None: of all), from one time to another."""

    ids: frozenset[ArticleId] | None = None
    since: str = ""  #: the beginning of a WARC-Date
    until: str = ""  #: likewise; all that begins so is within

    @property
    def all(self) -> bool:
        return self == Wish()

    def within(self, date: str) -> bool:
        return date >= self.since and date[: len(self.until)] <= self.until


def choose(store: Store, log: Sequence[Commit], wish: Wish, hidden: Hidden) -> dict[str, set[int]]:
    """By segment, the offsets of what is wished for, with all that belongs to it, but nothing hidden.

    WrongUse names ids that the archive has no record of.
    """
    keys = {urlkey(url_of(id)) for id in wish.ids or ()}
    records = _records(store, log, wish.ids) if wish.ids is not None else set()

    def wished(key: str, entry: Entry) -> bool:
        of_them = wish.ids is None or key.partition("?")[0] in keys or entry.id in records
        return of_them and wish.within(entry.date)

    choice = _Choice(store, log, hidden)
    choice.take(wished)
    while choice.wants_more():
        choice.take_more()
    return choice.offsets


def _records(store: Store, log: Iterable[Commit], ids: Collection[ArticleId]) -> set[str]:
    """The records that outcomes of these ids rest on."""
    records, there = set(), set()
    for commit in log:
        for line in commits.outcomes(store, commit):
            if line.record is not None and line.article_id in ids:
                records.add(line.record.record_id)
                there.add(line.article_id)
    if missing := sorted(set(ids) - there):
        named = ", ".join(map(str, missing[:SHOWN])) + (" …" if len(missing) > SHOWN else "")
        raise WrongUse(f"{store.url} has no record of {len(missing)} of these ids: {named}")
    return records


class _Choice:
    """What was taken so far, and what that wants."""

    def __init__(self, store: Store, log: Sequence[Commit], hidden: Hidden) -> None:
        self._store, self._log, self._hidden = store, log, hidden
        self.offsets: dict[str, set[int]] = {}
        self._keys: set[str] = set()  # of requisites, and those that were looked for
        self._sums: set[str] = set()  # SHA-256 of payloads, likewise
        self._new_keys: set[str] = set()
        self._new_sums: set[str] = set()

    def wants_more(self) -> bool:
        return bool(self._new_keys or self._new_sums)

    def take_more(self) -> None:
        """Take what is wanted since the last round; an article that a page names is none of its parts."""
        keys, sums = self._new_keys, self._new_sums
        self._keys |= keys
        self._sums |= sums
        self._new_keys, self._new_sums = set(), set()
        self.take(
            lambda key, entry: (
                (key in keys and not named_in(entry.url)) or (entry.sha256 in sums and entry.mime != REVISIT)
            )
        )

    def take(self, wanted: Wanted) -> None:
        """One round over the index."""
        for commit in self._log:
            taken = self.offsets.get(commit.segment, set())
            new = []
            for line in commits.lines(self._store, commit, "index"):
                entry, key = cdxj.parse(line), line[: line.index(b" ")].decode()
                if entry.offset not in taken and wanted(key, entry) and not self._hidden.line(line):
                    new.append(entry)
            if new:
                self.offsets[commit.segment] = taken | {entry.offset for entry in new}
                self._learn(commit, new)

    def _learn(self, commit: Commit, entries: Iterable[Entry]) -> None:
        sums = {entry.sha256 for entry in entries if entry.mime == REVISIT}
        self._new_sums |= sums - self._sums
        for url in self._needed(commit, [entry for entry in entries if _tells(entry)]):
            if (key := urlkey(target_uri(url))) not in self._keys:
                self._new_keys.add(key)

    def _needed(self, commit: Commit, entries: Collection[Entry]) -> set[str]:
        """The URLs that these pages, styles and redirects need."""
        needed: set[str] = set()
        if not entries or (file := commit.file("warc")) is None:
            return needed
        with opened(self._store, file) as stream:
            for entry in sorted(entries, key=lambda entry: entry.offset):
                record = warc.read_member(stream, entry.offset)
                needed.update(_location(entry, record) if _redirects(entry) else _requisites(entry, record))
        return needed


def _tells(entry: Entry) -> bool:
    return entry.status is not None and (entry.mime in (*PAGES, STYLE) or _redirects(entry))


def _redirects(entry: Entry) -> bool:
    return entry.status is not None and 300 <= entry.status < 400


def _location(entry: Entry, record: Record) -> Iterable[str]:
    location = (http_head(record).get(b"Location") or b"").decode("latin-1")
    return absolute([location], entry.url)


def _requisites(entry: Entry, record: Record) -> Iterable[str]:
    try:
        page, _ = remake.page(ArticleId(0), record, record, "")
        text, _ = decoded(page.body, page.content_type)
        return of_style(text, page.url) if entry.mime == STYLE else of_page(document(text).tree, page.url)
    except (Damaged, LayoutUnknown):  # a body that is not in its coding, or nested beyond reading
        return ()
