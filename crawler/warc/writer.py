"""Records in the making: an exchange as gzip members, one a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

from crawler.clock import stamp
from crawler.items import Copy, End, Exchange, Resource, Stored
from crawler.warc.member import packed, streamed
from crawler.warc.sums import Measured, digest
from crawler.wire.message import parse_head

SOURCE = "WARC-Source-URI"  #: of a record that an archive service gave
PROFILE = "http://netpreserve.org/warc/1.1/revisit/"  # the 1.1 text's own example lacks /revisit/
IDENTICAL, NOT_MODIFIED = PROFILE + "identical-payload-digest", PROFILE + "server-not-modified"

_NOT_IN_A_URI = re.compile(r"[^\x21-\x7e]+")
_LINE_END = re.compile(r"[\r\n]+")

Fields = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """A record that is yet to be written: its member is what `pieces` gives, once."""

    type: str
    id: str  #: <urn:uuid:…>
    pieces: Iterable[bytes]
    payload_digest: str | None = None
    original: Stored | None = None  #: of a revisit: what it names


def warcinfo(filename: str, date: datetime, record_id: UUID, fields: Mapping[str, str]) -> bytes:
    """The member that opens a WARC file and says who made it, and how (WARC 1.1, 6.2)."""
    lines = (f"{name}: {_LINE_END.sub(' ', value)}\r\n" for name, value in fields.items())
    block = "".join(lines).encode()
    header = _header(
        ("WARC-Type", "warcinfo"),
        ("WARC-Record-ID", _urn(record_id)),
        ("WARC-Date", warc_date(date)),
        ("WARC-Filename", filename),
        ("WARC-Block-Digest", digest(block)),
        ("Content-Type", "application/warc-fields"),
        ("Content-Length", str(len(block))),
    )
    return packed(header, block)


def records(
    exchange: Exchange,
    measured: Measured,
    *,
    original: Stored | None,
    warcinfo_id: UUID,
    new_id: Callable[[], UUID],
) -> Iterator[NewRecord]:
    """The records of an exchange: response or revisit, then request, then what came before the final head.

    The first has the exchange's id, the others are concurrent to it; with no head there is no response.
    A revisit is made where `original` allows it (DESIGN part 4), else the original is passed over.
    """
    first, common = _urn(exchange.id), _common(exchange, warcinfo_id)
    if exchange.head:
        named = original if original and _is_revisit(exchange, measured, original) else None
        yield _revisit(exchange, measured, named, common) if named else _response(exchange, measured, common)
    if exchange.request:
        yield _request(exchange, (_urn(new_id()), first) if exchange.head else (first, None), common)
    if exchange.interim:
        yield _interim(exchange, (_urn(new_id()), first), common)


def announcement(copy: Copy, record_id: str, *, warcinfo_id: UUID, new_id: Callable[[], UUID]) -> NewRecord:
    """The record that stands before a copied one, and says where it came from."""
    origin = copy.origin
    fields = {
        "copied": "the next record, member for member",
        "source": target_uri(origin.url),
        "range": origin.span,
        "exchange": _urn(origin.exchange) if origin.exchange else None,
        "sha256": sha256(copy.member).hexdigest(),
    }
    block = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value).encode()
    header = _header(
        ("WARC-Type", "metadata"),
        ("WARC-Record-ID", own := _urn(new_id())),
        ("WARC-Date", warc_date(origin.at)),
        ("WARC-Warcinfo-ID", _urn(warcinfo_id)),
        ("WARC-Refers-To", record_id),
        (SOURCE, target_uri(origin.url)),
        ("WARC-Block-Digest", digest(block)),
        ("Content-Type", "application/warc-fields"),
        ("Content-Length", str(len(block))),
    )
    return NewRecord(type="metadata", id=own, pieces=(packed(header, block),))


def resource(made: Resource, warcinfo_id: UUID) -> NewRecord:
    """The record of what a browser made of a page, concurrent to the record that brought the page."""
    header = _header(
        ("WARC-Type", "resource"),
        ("WARC-Record-ID", own := _urn(made.id)),
        ("WARC-Date", warc_date(made.began)),
        ("WARC-Target-URI", target_uri(made.uri)),
        ("WARC-Warcinfo-ID", _urn(warcinfo_id)),
        ("WARC-Concurrent-To", _urn(made.page) if made.page else None),
        ("WARC-Block-Digest", named := digest(made.block)),
        ("WARC-Payload-Digest", named),
        ("Content-Type", made.content_type),
        ("Content-Length", str(len(made.block))),
    )
    return NewRecord(type="resource", id=own, pieces=(packed(header, made.block),), payload_digest=named)


def repeatable(exchange: Exchange, measured: Measured) -> bool:
    """Whether a revisit may stand for the payload: it is whole, and there is one."""
    return not exchange.whole and exchange.end is End.COMPLETE and measured.length > 0


def not_modified(exchange: Exchange) -> bool:
    """Whether the server says that its answer is still the one that we have."""
    return bool(exchange.head) and parse_head(exchange.head).status == 304 and exchange.end is End.COMPLETE


def target_uri(url: str) -> str:
    """The URL as a record and its index line have it: what no URI may hold is percent-encoded."""
    return _NOT_IN_A_URI.sub(lambda found: quote(found[0], errors="surrogatepass"), url)


def warc_date(at: datetime) -> str:
    """A WARC-Date, always with milliseconds: 2026-11-23T09:46:54.123Z."""
    return stamp(at)


def _is_revisit(exchange: Exchange, measured: Measured, original: Stored) -> bool:
    if not_modified(exchange):
        return original.url == target_uri(exchange.url) and original.record.payload_digest is not None
    same = (original.sha256, original.length) == (measured.sha256, measured.length)
    return same and repeatable(exchange, measured)


def _response(exchange: Exchange, measured: Measured, common: Fields) -> NewRecord:
    header = _header(
        ("WARC-Type", "response"),
        ("WARC-Record-ID", first := _urn(exchange.id)),
        *common,
        ("WARC-Block-Digest", measured.block_digest),
        ("WARC-Payload-Digest", measured.payload_digest),
        ("WARC-Truncated", None if exchange.end is End.COMPLETE else exchange.end.value),
        ("Content-Type", "application/http; msgtype=response"),
        ("Content-Length", str(measured.block_length)),
    )
    start, body = header + exchange.head, exchange.body
    member: Iterable[bytes]
    if isinstance(body, Path):
        member = streamed(start, body, len(header) + measured.block_length)
    else:
        member = (packed(start, body),)
    return NewRecord(type="response", id=first, pieces=member, payload_digest=measured.payload_digest)


def _revisit(exchange: Exchange, measured: Measured, original: Stored, common: Fields) -> NewRecord:
    """WARC 1.1, 6.7: the exact head, and the name of the record that has the rest."""
    unchanged = not_modified(exchange)
    header = _header(
        ("WARC-Type", "revisit"),
        ("WARC-Record-ID", first := _urn(exchange.id)),
        *common,
        ("WARC-Profile", NOT_MODIFIED if unchanged else IDENTICAL),
        ("WARC-Refers-To", original.record.record_id),
        ("WARC-Refers-To-Target-URI", original.url),
        ("WARC-Refers-To-Date", original.date),
        ("WARC-Block-Digest", digest(exchange.head)),
        ("WARC-Payload-Digest", named := original.record.payload_digest or measured.payload_digest),
        ("WARC-Truncated", None if unchanged else "length"),  # a 304 had no body to drop
        ("Content-Type", "application/http; msgtype=response"),
        ("Content-Length", str(len(exchange.head))),
    )
    member = (packed(header, exchange.head),)
    return NewRecord(type="revisit", id=first, pieces=member, payload_digest=named, original=original)


def _request(exchange: Exchange, ids: tuple[str, str | None], common: Fields) -> NewRecord:
    own, response = ids
    payload = exchange.request.partition(b"\r\n\r\n")[2]
    header = _header(
        ("WARC-Type", "request"),
        ("WARC-Record-ID", own),
        *common,
        ("WARC-Concurrent-To", response),
        ("WARC-Block-Digest", digest(exchange.request)),
        ("WARC-Payload-Digest", named := digest(payload)),
        ("Content-Type", "application/http; msgtype=request"),
        ("Content-Length", str(len(exchange.request))),
    )
    member = (packed(header, exchange.request),)
    return NewRecord(type="request", id=own, pieces=member, payload_digest=named)


def _interim(exchange: Exchange, ids: tuple[str, str], common: Fields) -> NewRecord:
    own, first = ids
    header = _header(
        ("WARC-Type", "metadata"),
        ("WARC-Record-ID", own),
        # no URI: an indexer that takes metadata for a capture would offer a 103 in the page's place
        *((name, value) for name, value in common if name != "WARC-Target-URI"),
        ("WARC-Concurrent-To", first),
        ("WARC-Block-Digest", digest(exchange.interim)),
        ("Content-Type", "application/http; msgtype=response"),
        ("Content-Length", str(len(exchange.interim))),
    )
    return NewRecord(type="metadata", id=own, pieces=(packed(header, exchange.interim),))


def _common(exchange: Exchange, warcinfo_id: UUID) -> Fields:
    origin = exchange.origin
    return (
        ("WARC-Date", warc_date(exchange.began)),
        ("WARC-Target-URI", target_uri(exchange.url)),
        ("WARC-IP-Address", exchange.ip),
        ("WARC-Warcinfo-ID", _urn(warcinfo_id)),
        # fields of warcit's, and one of ours that says what it is
        (SOURCE, target_uri(origin.url) if origin else None),
        ("WARC-Creation-Date", warc_date(origin.at) if origin else None),
        ("WARC-Restored-From", _urn(origin.exchange) if origin and origin.exchange else None),
    )


def _urn(uuid: UUID) -> str:
    return f"<urn:uuid:{uuid}>"


def _header(*fields: tuple[str, str | None]) -> bytes:
    lines = (f"{name}: {value}\r\n" for name, value in fields if value is not None)
    return f"WARC/1.1\r\n{''.join(lines)}\r\n".encode()
