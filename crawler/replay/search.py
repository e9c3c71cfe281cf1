"""The list of articles, searched. It also runs where pywb does, and so needs nothing but Python.

A search is a look through all texts, newest first, until a page is full. An index would not find what stands
inside a word, and Arabic writes its articles and prepositions as one with the word.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from crawler.fingerprint import normalised

FILE = "articles.db"
ROWS = 50  #: of a page of the list
HITS = 1000  #: of a search that are counted: the rest would be a look through all texts, for a number
WORDS = 8  #: of a search that count
SCHEMA = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
CREATE TABLE articles (
    id INTEGER, version INTEGER, moment TEXT, url TEXT, captured_at TEXT, published_at TEXT, title TEXT,
    section TEXT, words TEXT, PRIMARY KEY (id, version));
CREATE TABLE shown (id INTEGER PRIMARY KEY, version INTEGER, moment TEXT);
CREATE INDEX newest ON shown (moment DESC, id DESC);
CREATE TABLE excluded (id INTEGER PRIMARY KEY);
"""
FIND = """
SELECT id, articles.moment, url, captured_at, published_at, title, section
FROM shown JOIN articles USING (id, version)
WHERE (shown.moment, id) < (?, ?) AND id NOT IN excluded {words}
ORDER BY shown.moment DESC, id DESC LIMIT ?
"""
COUNT = """
SELECT count(*) FROM (
    SELECT 1 FROM shown JOIN articles USING (id, version) WHERE id NOT IN excluded {words} LIMIT ?)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An article in the list."""

    id: int
    moment: str  #: what the list is sorted by: when it was published, or captured where the page does not say
    url: str
    captured_at: str
    published_at: str | None
    title: str
    section: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Between two rows of the list: before all that is as new as this."""

    moment: str = "~"  #: sorts behind every date
    id: int = 0

    def __str__(self) -> str:
        return f"{self.moment} {self.id}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """From a date, a moment, or what stood in a link; the newest of all where it is none of them."""
        moment, _, id = text.strip().partition(" ")
        number = int(id) if id.isascii() and id.isdigit() and len(id) < 20 else 0
        return cls(moment, min(number, 2**63 - 1)) if moment else cls()


def searched(text: str) -> str:
    """A text as it is looked through, and looked for."""
    return normalised(text).casefold()


@dataclass(frozen=True, slots=True)
class Shelf:
    """The list in its file, to be read while another process writes it."""

    file: Path

    def count(self) -> int:
        """How many articles there are."""
        with closing(self._open()) as database:
            (count,) = database.execute("SELECT count(*) FROM shown WHERE id NOT IN excluded").fetchone()
            return int(count)

    def find(self, text: str = "", before: Place = Place(), most: int = ROWS) -> list[Row]:
        """The newest articles before this place that hold all of these words."""
        words = _words(text)
        with closing(self._open()) as database:
            rows = database.execute(_holding(FIND, words), (before.moment, before.id, *words, most))
            return [Row(*row) for row in rows]

    def hits(self, text: str) -> int:
        """How many articles hold all of these words; of more than HITS, one more."""
        words = _words(text)
        with closing(self._open()) as database:
            (count,) = database.execute(_holding(COUNT, words), (*words, HITS + 1)).fetchone()
            return int(count)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=30)


def _words(text: str) -> list[str]:
    """The patterns of a text's words, the rarest first."""
    words = sorted(set(searched(text).split()), key=len, reverse=True)
    return [_anywhere(word) for word in words[:WORDS]]


def _holding(query: str, words: list[str]) -> str:
    return query.format(words="AND words GLOB ? " * len(words))


def _anywhere(word: str) -> str:
    """The pattern of a text that holds the word; SQLite finds it in an eighth of the time of its instr()."""
    return "*" + re.sub("([*?[])", "[\\1]", word) + "*"
