"""What we keep of somebody else's record: the record itself where our readers can have it, else its response.

A copy is the gzip member as it lies in the file, or the record's bytes packed as one. Where its form is not
WARC/1.0's or 1.1's (ARC, WARC/0.18, brackets around the URI, an odd status line, a body that is no longer
framed as its head says), the response is written anew, marked as restored; its body is never changed.
"""

from __future__ import annotations

import re
from base64 import b32decode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import new
from uuid import UUID

from zlib_ng import zlib_ng

from crawler import warc
from crawler.errors import Damaged, Undecodable
from crawler.foreign.records import Found
from crawler.items import Copy, End, Exchange, Origin
from crawler.remake import DECODED_BYTES
from crawler.warc import target_uri
from crawler.wire.chunks import Dechunker, dechunk
from crawler.wire.coding import decode
from crawler.wire.failure import BadMessage
from crawler.wire.head import Head, parse_head

FIRST, LAST = 1990, 3000  #: years in which a page may have been captured

_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS = re.compile(rb"[A-Za-z]{2,8}/?[0-9.]{0,5}[ \t]+([1-9][0-9]{2})\b[ \t]*([^\r\n]*)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")
_DIGEST = re.compile(r"(sha1|sha256|md5):([A-Za-z0-9]+)=*", re.IGNORECASE)
_LEVEL, _GZIP = 6, 31


class Response:
    """A record's response as our readers can have it; Damaged if there is none."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.head, self.body = _readable(head, body), body
        self.parsed = _parsed(self.head)

    @classmethod
    def of(cls, found: Found) -> Response:
        """That of a whole record, whose digest its bytes have where it tells one."""
        _compare(found)
        return cls(*parts(found))

    @property
    def payload(self) -> bytes:
        return dechunk(self.body) if self.parsed.chunked else self.body


def parts(found: Found) -> tuple[bytes, bytes]:
    """A block's head, with the blank line that ends it, and its body."""
    if not (end := _HEAD_END.search(found.block)):
        raise Damaged("it has no whole HTTP head")
    return found.block[: end.end()], found.block[end.end() :]


def moment(found: Found) -> datetime:
    """When it was captured; Damaged if it does not say so."""
    said = found.headers.get("warc-date", "").strip()
    try:
        at = datetime.fromisoformat(said)
    except ValueError as error:
        raise Damaged(f"its date can't be read: {error}") from error
    if not FIRST <= at.year < LAST:  # the clock of somebody's machine, or of nobody's
        raise Damaged(f"its date is {said[:40]}")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def brought(
    found: Found, original: Found | None, origin: Origin, new_id: Callable[[], UUID]
) -> Copy | Exchange:
    """What we keep, or read, of a record; `original`: of a revisit, the one that has its payload."""
    return resolved(found, original, origin, new_id) if original else kept(found, origin, new_id)


def kept(found: Found, origin: Origin, new_id: Callable[[], UUID]) -> Copy | Exchange:
    """The record as it goes into our archive."""
    response = Response.of(found)
    if response.head == parts(found)[0]:
        for member in (found.member, zlib_ng.compress(found.text + found.block + b"\r\n\r\n", _LEVEL, _GZIP)):
            if member is not None and _serves(member):
                return Copy(id=new_id(), member=member, origin=origin)
    return restored(found, response, origin, new_id)


def resolved(found: Found, original: Found, origin: Origin, new_id: Callable[[], UUID]) -> Exchange:
    """A revisit's response: its own head, if it has one, and the body of the record that it names."""
    head, body = parts(original)
    _compare(original)
    if found.block.strip():
        own = parts(found)[0]
        same = _framing(own) == _framing(head)
        head = own if same else head  # a head that does not frame the body would make another of it
    return restored(found, Response(head, body), origin, new_id)


def restored(found: Found, response: Response, origin: Origin, new_id: Callable[[], UUID]) -> Exchange:
    """The response, to be written as a record of ours that says what it was made of."""
    return Exchange(
        id=new_id(),
        url=found.url,
        began=moment(found),
        request=b"",
        head=response.head,
        body=response.body,
        end=End.COMPLETE,
        whole=True,
        origin=origin,
    )


def _serves(member: bytes) -> bool:
    """Whether the record is one that `verify` and plain readers find nothing wrong with."""
    try:
        record = warc.parsed(member)
        warc.http_head(record)
    except Damaged:
        return False
    headers = record.headers
    url = headers.get("WARC-Target-URI", "")
    named = headers["WARC-Record-ID"]
    form = url == target_uri(url) and "<" not in url and named.startswith("<urn:uuid:")
    dated = _DATE.fullmatch(headers["WARC-Date"]) is not None
    return form and dated and record.type == "response" and not warc.check(record)


def _readable(head: bytes, body: bytes) -> bytes:
    """The head, its status line as HTTP has it; without what it says of the body and is no longer so."""
    head = head.lstrip(b"\r\n")
    try:
        parse_head(head)
    except BadMessage:
        head = _STATUS.sub(rb"HTTP/1.1 \1 \2", head, count=1)
    parsed = _parsed(head)
    if parsed.chunked and not _is_chunked(body):
        head = _set_aside(head, b"Transfer-Encoding")
        parsed = _parsed(head)
    coding = b",".join(parsed.all(b"Content-Encoding")).decode("latin-1")
    try:
        decode(dechunk(body) if parsed.chunked else body, coding, limit=DECODED_BYTES)
    except Undecodable:
        if body.lstrip()[:1] == b"<":  # it calls itself coded, and is plain: some writers decode it
            head = _set_aside(head, b"Content-Encoding")
    return head


def _set_aside(head: bytes, name: bytes) -> bytes:
    return re.sub(rb"(?im)^(?=%s[ \t]*:)" % name, b"X-Archive-Orig-", head)


def _parsed(head: bytes) -> Head:
    try:
        return parse_head(head)
    except BadMessage as error:
        raise Damaged(f"its response can't be read: {error}") from error


def _is_chunked(body: bytes) -> bool:
    dechunker = Dechunker(lambda _: None)
    dechunker.feed(body)
    return dechunker.done


def _framing(head: bytes) -> tuple[bool, list[bytes]]:
    parsed = _parsed(head)
    return parsed.chunked, parsed.tokens(b"Content-Encoding")


def _compare(found: Found) -> None:
    """Damaged where the block's digest, in whatever form, is another."""
    if not (said := _DIGEST.fullmatch(found.headers.get("warc-block-digest", "").strip())):
        return
    right = new(said[1].lower(), found.block, usedforsecurity=False)
    if said[2].lower() == right.hexdigest():
        return
    try:
        same = b32decode(said[2].upper() + "=" * (-len(said[2]) % 8)) == right.digest()
    except ValueError:
        same = False
    if not same:
        raise Damaged("its block has not the digest that it says")
