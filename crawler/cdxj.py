"""The index of a WARC file: a CDXJ line a response, revisit and resource, as cdxj-indexer writes them.

`<SURT> <14 digits> {json}`, numbers as strings. After its keys come ours: sha256 and size of the payload that
the digest names, the record's id, the exact WARC-Date, and, where the response was cut, why (as Common Crawl
does). Lines are sorted by bytes in their file.
"""

from __future__ import annotations

import re
from hashlib import sha256

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder

from crawler.errors import Damaged
from crawler.items import DOM, End, Exchange, RecordRef, Resource, Revisit, Stored
from crawler.lines import canonical
from crawler.site import HOME
from crawler.warc import Measured, NewRecord, Record, digest, http_head, payload, target_uri, warc_date
from crawler.wire.message import Head

REVISIT = "warc/revisit"

_KEYS = (
    *("url", "mime", "status", "digest", "length", "offset", "filename"),
    *("sha256", "size", "id", "date"),
)
_ASKED_ANYWAY = re.compile(r"https?://[^/]*/(?:a/[0-9]|robots\.txt$)", re.IGNORECASE)
_OURS = re.compile(rf"{re.escape(HOME)}(a/[0-9]+|robots\.txt)")
_MIME_END = re.compile(r"[;\s]")
_NOT_A_DIGIT = re.compile(r"[^0-9]")


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the index."""

    url: str
    mime: str  #: warc/revisit, or the Content-Type without parameters, or unk
    status: int | None = None  #: a resource has none
    digest: str  #: of the payload: sha1:BASE32
    length: int  #: of the gzip member
    offset: int
    filename: str
    sha256: str  #: of the payload, in hex
    size: int  #: of the payload
    id: str  #: <urn:uuid:…>
    date: str  #: the record's WARC-Date
    truncated: str | None = None

    def __str__(self) -> str:
        """The line in the file, without its end."""
        timestamp = _NOT_A_DIGIT.sub("", self.date)[:14]
        values = ((key, getattr(self, key)) for key in _KEYS)
        fields = {key: str(value) for key, value in values if value is not None}
        if self.truncated:
            fields["truncated"] = self.truncated
        return f"{urlkey(self.url)} {timestamp} {canonical(fields)}"

    @property
    def page(self) -> tuple[str, int | None]:
        """URL and status of the page that the record shows; only what came as 200 is ever rendered."""
        return (self.url.removeprefix(DOM), 200) if self.url.startswith(DOM) else (self.url, self.status)

    def ref(self, segment: str) -> RecordRef:
        """Where the record lies, in the archive that the segment is of."""
        return RecordRef(
            segment=segment,
            warc=f"warcs/{self.filename}",
            offset=self.offset,
            length=self.length,
            record_id=self.id,
            payload_digest=self.digest,
        )


def urlkey(url: str) -> str:
    """The URL as the index sorts it; a URL that has no such form stands for itself, as in cdxj-indexer."""
    if ours := _OURS.fullmatch(url):
        return f"net,anapress)/{ours[1]}"
    from surt import surt  # 70 ms of a start, most of them for an HTTP client that it never asks

    try:
        return str(surt(url))
    except ValueError:
        return url


def entry(
    exchange: Exchange, measured: Measured, record: NewRecord, *, filename: str, offset: int, length: int
) -> Entry:
    """The line of a response or revisit that was just written at offset."""
    assert measured.head
    assert record.payload_digest
    original = record.original
    return Entry(
        url=target_uri(exchange.url),
        mime=REVISIT if original else _mime(_type(measured.head)),
        status=measured.head.status,
        digest=record.payload_digest,
        length=length,
        offset=offset,
        filename=filename,
        sha256=(original or measured).sha256.hex(),
        size=(original or measured).length,
        id=record.id,
        date=warc_date(exchange.began),
        truncated=None if exchange.end is End.COMPLETE else exchange.end.value,
    )


def resource_entry(made: Resource, record: NewRecord, *, filename: str, offset: int, length: int) -> Entry:
    """The line of a resource that was just written at offset."""
    assert record.payload_digest
    return Entry(
        url=target_uri(made.uri),
        mime=_mime(made.content_type),
        digest=record.payload_digest,
        length=length,
        offset=offset,
        filename=filename,
        sha256=sha256(made.block).hexdigest(),
        size=len(made.block),
        id=record.id,
        date=warc_date(made.began),
    )


def entry_of(record: Record, filename: str, original: Stored | None = None) -> Entry:
    """The line of a record that is in a file already; of a revisit, with what it names."""
    head = None if record.type == "resource" else http_head(record)
    headers, revisit = record.headers, record.type == "revisit"
    if revisit is not bool(original):
        raise Damaged(
            f"offset {record.offset}: a {record.type} {'with' if original else 'without'} an original"
        )
    data = b"" if original else payload(record)
    said = headers.get("WARC-Payload-Digest")
    if record.copied and not (said or "").startswith("sha1:"):
        said = digest(data)
    try:
        return Entry(
            url=headers["WARC-Target-URI"],
            mime=REVISIT if original else _mime(_type(head) if head else headers["Content-Type"]),
            status=head.status if head else None,
            digest=said or headers["WARC-Payload-Digest"],
            length=record.length,
            offset=record.offset,
            filename=filename,
            sha256=original.sha256.hex() if original else sha256(data).hexdigest(),
            size=original.length if original else len(data),
            id=record.id,
            date=headers["WARC-Date"],
            truncated=None if original else headers.get("WARC-Truncated"),
        )
    except KeyError as error:
        raise Damaged(f"offset {record.offset}: the record's header lacks {error}") from error


_entry = Decoder(Entry, strict=False).decode  # numbers stand as strings


def parse(line: bytes) -> Entry:
    """The line read back; Damaged if it lacks what is ours. That it is right, only its record can show."""
    try:
        entry = _entry(line.split(b" ", 2)[2])
        bytes.fromhex(entry.sha256)
    except (MsgspecError, ValueError, LookupError) as error:
        raise Damaged(f"an index line can't be read: {line[:200]!r}: {error!r}") from error
    return entry


def shows_nothing(line: bytes) -> bool:
    """Whether the line is that of a 304: a replay gives it to a browser that has no page to go with it.

    Without the line it gives the page that the 304 speaks of, for that is the nearest.
    """
    return b'"status":"304"' in line


def stored(entry: Entry, segment: str) -> Stored | None:
    """The payload that the entry's record holds whole; none if it is a revisit, no response, cut or empty."""
    if entry.mime == REVISIT or entry.status is None or entry.truncated or not entry.size:
        return None
    return Stored(
        sha256=bytes.fromhex(entry.sha256),
        length=entry.size,
        record=entry.ref(segment),
        url=entry.url,
        date=entry.date,
    )


def revisit(entry: Entry) -> Revisit | None:
    """The payload that the entry's record names; none if it is no revisit."""
    if entry.mime != REVISIT:
        return None
    return Revisit(sha256=bytes.fromhex(entry.sha256), length=entry.size, digest=entry.digest, url=entry.url)


def _type(head: Head) -> str:
    return (head.get(b"Content-Type") or b"").decode("latin-1")


def held(entry: Entry) -> str | None:
    """The URL of a requisite that the entry's record answers for good: nobody need ask for it again."""
    status = entry.status or 0  # a resource is no answer
    answered = 200 <= status < 400 and status != 304
    whole = entry.truncated in (None, End.LENGTH)  # what is too long is so next time, too
    return entry.url if answered and whole and not asked_anyway(entry.url) else None


def asked_anyway(url: str) -> bool:
    """Whether the URL is asked for though the archive has it, since it may be an article's, or rules."""
    return _ASKED_ANYWAY.match(url) is not None


def _mime(value: str) -> str:
    """cdxj-indexer leaves the key out where there is no type; the CDXJ specification requires it."""
    return _MIME_END.split(value, maxsplit=1)[0] or "unk"
