"""What files have of the articles, for one run: their captures, and revisits with what they name."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from crawler.errors import Damaged
from crawler.foreign.pages import Response, moment, parts
from crawler.foreign.records import Found, Spot
from crawler.items import ArticleId, Capture
from crawler.site import article_id
from crawler.warc import digest
from crawler.wire.failure import BadMessage
from crawler.wire.head import Head, parse_head

TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
CREATE TABLE wholes (record TEXT, url TEXT, date TEXT, digest TEXT, sum TEXT, place TEXT);
CREATE INDEX wholes_record ON wholes (record);
CREATE INDEX wholes_url ON wholes (url, date);
CREATE INDEX wholes_digest ON wholes (digest);
CREATE TABLE revisits (
    id INTEGER, at TEXT, url TEXT, status INTEGER, place TEXT,
    record TEXT, of_url TEXT, of_date TEXT, digest TEXT
);
"""
NAMED = (  # how a revisit names the record that has its payload, the surest first
    "SELECT sum, place FROM wholes WHERE record = :record AND record != '' LIMIT 1",
    "SELECT sum, place FROM wholes WHERE url = :of_url AND date = :of_date LIMIT 1",
    "SELECT sum, place FROM wholes WHERE digest = :digest AND digest != '' LIMIT 1",
)
REVISIT = "warc/revisit"

Place = tuple[int, Spot]
"""Which file, and where in it."""


class Finds:
    """Notes pages one by one; in the end `captures` are all of them."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a file without a name
        self._db.row_factory = sqlite3.Row
        self._db.executescript(TABLES)

    def note(self, volume: int, found: Found) -> Capture | None:
        """The capture that a whole page is, None of a revisit; Damaged if nothing can be made of it."""
        id, at, headers = article_id(found.url), moment(found), found.headers
        assert id is not None
        place = f"{volume} {found.spot.offset} {found.spot.skip}"
        said = headers.get("warc-payload-digest", "").lower()
        if headers["warc-type"] == "revisit":
            head = _head(found)
            row = (id, f"{at:%Y%m%d%H%M%S}", found.url, head.status if head else None, place)
            named = (
                headers.get(f"warc-refers-to{part}", "").strip("<>") for part in ("", "-target-uri", "-date")
            )
            self._db.execute("INSERT INTO revisits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, *named, said))
            return None
        response = Response.of(found)
        sum_ = digest(response.payload).removeprefix("sha1:")
        record, date = headers.get("warc-record-id", "").strip("<>"), headers.get("warc-date", "")
        row_ = (record, found.url, date, said, sum_, place)
        self._db.execute("INSERT INTO wholes VALUES (?, ?, ?, ?, ?, ?)", row_)
        kind = (response.parsed.get(b"Content-Type") or b"").decode("latin-1")
        return Capture(
            id=id,
            at=f"{at:%Y%m%d%H%M%S}",
            url=found.url,
            status=response.parsed.status,
            mime=kind,
            digest=sum_,
            place=place,
        )

    def revisits(self) -> list[Capture]:
        """Every revisit, its place followed by that of the record that has its payload, if there is one."""
        return [self._revisit(row) for row in self._db.execute("SELECT * FROM revisits")]

    def close(self) -> None:
        self._db.close()

    def _revisit(self, row: sqlite3.Row) -> Capture:
        whole = next(filter(None, (self._db.execute(query, dict(row)).fetchone() for query in NAMED)), None)
        return Capture(
            id=ArticleId(row["id"]),
            at=row["at"],
            url=row["url"],
            status=row["status"],
            mime=REVISIT,
            digest=whole["sum"] if whole else "",
            place=f"{row['place']} {whole['place']}" if whole else row["place"],
        )


def places(capture: Capture) -> Sequence[Place]:
    """Where the capture's record lies, and of a revisit, the record that has its payload."""
    numbers = [int(number) for number in capture.place.split()]
    return [(numbers[n], Spot(*numbers[n + 1 : n + 3])) for n in range(0, len(numbers), 3)]


def _head(found: Found) -> Head | None:
    with suppress(Damaged, BadMessage):
        return parse_head(parts(found)[0])
    return None
