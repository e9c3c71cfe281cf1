"""The plain, frozen data that travels between the rooms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NewType
from uuid import UUID

ArticleId = NewType("ArticleId", int)
"""The number in `http://anapress.net/a/<id>`: 1 to 2**63-1, written without leading zeros."""


class Outcome(StrEnum):
    """What became of an id in one take (DESIGN part 3)."""

    KNOWN = "known"  # not a take: the id is there to be taken
    ARTICLE = "article"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"  # another id's text
    GONE = "gone"
    NOT_ARTICLE = "not_article"
    REFUSED = "refused"
    FAILED = "failed"


ARTICLES = (Outcome.ARTICLE, Outcome.CHANGED, Outcome.UNCHANGED, Outcome.DUPLICATE)
"""Outcomes of takes that found an article."""


class End(StrEnum):
    """How an exchange ended; what WARC-Truncated says where that is not the whole."""

    COMPLETE = "complete"
    DISCONNECT = "disconnect"  # closed before the message's own end
    TIME = "time"  # a time limit of ours
    LENGTH = "length"  # a size limit of ours
    UNSPECIFIED = "unspecified"  # the framing broke


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a record came from that was not taken off the wire of its own host by us."""

    url: str  #: what was asked
    at: datetime  #: when; aware, UTC
    exchange: UUID | None = None  #: the exchange that brought it; none of what a file gave
    span: str | None = None  #: the range that was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what came back, byte for byte as on the connection.

    `head` is the final response's status line and header lines with the blank line that ends them,
    empty when no whole head was received. `body` is what followed it on the wire, still chunked and
    still compressed: bytes, or the file that holds them when they are many (the exchange's last
    owner, the segment writer, removes it). `interim` is any 1xx heads that came before `head`.
    """

    id: UUID  #: becomes the record id of the response record
    url: str  #: as asked for, whatever CONNECT_TO or a proxy made of it
    began: datetime  #: aware, UTC
    request: bytes
    head: bytes
    body: bytes | Path
    end: End
    ip: str | None = None
    interim: bytes = b""
    method: str = "GET"
    whole: bool = False  #: never to be stored as a revisit: an archive service's, or restored from one
    origin: Origin | None = None  #: of a response that was restored from what an archive service gave


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A record of somebody else's WARC file, as it lies there: one gzip member."""

    id: UUID  #: ours, for the take that rests on it; the record keeps its own
    member: bytes
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignFile:
    """Somebody else's file, as it was when records were read in it, where it lies."""

    url: str  #: file:///…, s3://… or https://…
    bytes: int
    sha256: str


DOM = "urn:dom:"  #: stands before a page's URL, as the name of what a browser made of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What a browser made of a page: nothing of it was on a connection, so it is never a response."""

    id: UUID  #: becomes the record's
    uri: str  #: `urn:dom:<url>` …
    began: datetime  #: when it was taken; aware, UTC
    content_type: str
    block: bytes
    page: UUID | None  #: the exchange that brought the page


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRef:
    """Where a record lies: in the archive, or in a file of somebody else's (crawler.foreign.address)."""

    segment: str  #: of a foreign record, that of the take: its commit has the file's SHA-256
    warc: str  #: its key: warcs/<segment>.warc.gz; or the foreign file's URL
    offset: int
    length: int  #: of the gzip member
    record_id: str  #: <urn:uuid:…>
    payload_digest: str | None  #: sha1:BASE32

    @property
    def foreign(self) -> bool:
        """Whether it lies in no file of ours."""
        return "://" in self.warc


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A whole payload that the archive holds: what a revisit may name."""

    sha256: bytes
    length: int  #: of the payload
    record: RecordRef
    url: str
    date: str  #: the record's WARC-Date


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisit:
    """A payload that came once more under this URL: another record holds it whole."""

    sha256: bytes
    length: int
    digest: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One capture of an article's page, as an archive service lists it."""

    id: ArticleId
    at: str  #: YYYYMMDDhhmmss, a real moment
    url: str  #: as it was captured
    status: int | None  #: None: unknown, as of a revisit
    mime: str
    digest: str  #: of the payload, base32 of SHA-1; as the service says
    place: str = ""  #: in files, a service's or somebody's: where its record lies


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right, and the duty, to settle one id with one take."""

    id: ArticleId
    take: int  #: 1, 2 …
    found: str = "list"
    etag: str | None = None
    last_modified: str | None = None
    attempts: int = 0  #: of this take, that failed already
    deaths: int = 0  #: of workers that held it, and may have died of it


LIVE = "live"  #: the source that is the site itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the layouts read: a decoded body, and what was said about it."""

    id: ArticleId  #: the id that was asked for
    url: str
    captured_at: str  #: the WARC-Date of its capture
    body: bytes  #: content coding removed
    content_type: str  #: the header's value, or empty
    source: str = LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    url: str
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    id: str | None
    url: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """Which layout, in which released version, read the page."""

    layout: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One article: the derived part of an item line, in the line's own order (DESIGN part 3)."""

    id: str
    url: str
    title: str
    text: str
    paragraphs: tuple[str, ...]
    published_at: str | None
    published_time: str | None
    author: str | None
    section: str | None
    tags: tuple[str, ...]
    views: int | None
    images: tuple[Image, ...]
    related: tuple[Related, ...]
    language: str
    content_hash: str
    captured_at: str
    source: str
    extractor: Extractor


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Why there is no article: one of gone, not_article, refused, failed, and the reason."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A lease that came to its end, not decided yet."""

    lease: Lease
    url: str
    result: Article | Absent | None  #: None: the server says that nothing changed (304)
    capture: UUID | RecordRef | None  #: the exchange or copy that it rests on, or a record of before
    captured_at: str | None
    status: int | None
    attempts: int
    source: str = LIVE
    found: tuple[ArticleId, ...] = field(default=())  #: ids of article links on the page
    etag: str | None = None
    last_modified: str | None = None
    note: str | None = None  #: the reason that an article's outcome has
    payload: RecordRef | None = None  #: of a foreign revisit: the record that has its payload
    then: tuple[Take, ...] = ()  #: further takes of the same lease: kept with this one, or not at all
