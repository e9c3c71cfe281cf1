"""Records read back, strictly: whoever wrote the file, what is wrong with it is named with its offset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import BinaryIO, cast

from zlib_ng import zlib_ng

from crawler.errors import Damaged
from crawler.items import Copy, Exchange
from crawler.warc.sums import digest
from crawler.warc.writer import SOURCE, target_uri, warc_date
from crawler.wire.failure import BadMessage
from crawler.wire.message import Head, dechunk, parse_head

HEADER_BYTES = 1 << 16
BLOCK_BYTES = (256 + 4) << 20  # of a block, in memory: the largest body that a crawl may keep, and a head

_READ_BYTES = 1 << 16
_GZIP = 31  # zlib's wbits for a gzip member; its CRC and length are compared
_GzipError = cast("type[Exception]", zlib_ng.error)  # its stub says that it is an instance
_MAGIC = b"\x1f\x8b"
_END = b"\r\n\r\n"
_HEAD_END = re.compile(rb"\n\r?\n")  # as crawler.wire.message ends a head
_LENGTH = re.compile(r"[0-9]{1,18}")
_VERSIONS = (b"WARC/1.1", b"WARC/1.0")
_NEEDED = ("WARC-Type", "WARC-Record-ID", "WARC-Date", "Content-Length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record as it lies in the file."""

    offset: int
    length: int  #: of the gzip member
    headers: Mapping[str, str]
    block: bytes
    copied: bool = False  #: the record before it announces it as somebody else's

    @property
    def type(self) -> str:
        return self.headers["WARC-Type"]

    @property
    def id(self) -> str:
        return self.headers["WARC-Record-ID"]


def members(stream: BinaryIO, *, offset: int = 0, limit: int = BLOCK_BYTES) -> Iterator[Record]:
    """Every record from where the stream stands, which is `offset`; Damaged at the first that is not whole.

    Memory is bound by `limit`, the largest block that is read, whatever the file declares or inflates to.
    A record that the one before it announces as copied need not be written as ours are, nor the first
    in the middle of a file: who reads from the beginning has judged that.
    """
    ahead, copied, strict = stream.read(_READ_BYTES), False, offset == 0
    while ahead:
        record, ahead = _next(stream, ahead, offset, limit, strict=strict, copied=copied)
        yield record
        offset += record.length
        copied = _announces(record)
        strict = not copied
        ahead = ahead or stream.read(_READ_BYTES)


def read_member(stream: BinaryIO, offset: int, *, limit: int = BLOCK_BYTES) -> Record:
    """The record whose member begins at offset; Damaged if none does, or it is not whole."""
    stream.seek(offset)
    if not (ahead := stream.read(_READ_BYTES)):
        raise Damaged(f"offset {offset}: the file ends before it")
    return _next(stream, ahead, offset, limit, strict=False)[0]


def parsed(member: bytes) -> Record:
    """The record that is this gzip member, whoever wrote it; Damaged if there is more, or less."""
    record = replace(read_member(BytesIO(member), 0), copied=True)
    if record.length != len(member):
        raise Damaged(f"the member has {record.length} of {len(member)} bytes")
    return record


def as_read(made: Copy | Exchange) -> Record:
    """What is not written yet, or never will be, as it would be read."""
    if isinstance(made, Copy):
        return parsed(made.member)
    body = made.body if isinstance(made.body, bytes) else made.body.read_bytes()
    headers = {
        "WARC-Type": "response",
        "WARC-Target-URI": target_uri(made.url),
        "WARC-Date": warc_date(made.began),
    }
    return Record(offset=0, length=0, headers=headers, block=made.head + body)


def check(record: Record) -> list[str]:
    """What the record's digests say that its bytes do not; of a revisit, the block's alone."""
    found = {"WARC-Block-Digest": digest(record.block)}
    if record.type in ("response", "request", "resource") and not _is_over_chunks(record):
        found["WARC-Payload-Digest"] = digest(payload(record))
    return [
        f"{name} is {said}, the bytes give {right}"
        for name, right in found.items()
        if (said := record.headers.get(name)) != right
        and not (record.copied and not (said or "").startswith("sha1:"))  # others may have none, or SHA-256
    ]


def _is_over_chunks(record: Record) -> bool:
    """Whether a copied response's digest is of its body as it lies there: warcio's and wget's are."""
    if not record.copied or record.type != "response":
        return False
    return record.headers.get("WARC-Payload-Digest") == digest(exchange_parts(record)[1])


def exchange_parts(record: Record) -> tuple[bytes, bytes]:
    """A request's or response's head, with the blank line that ends it, and its body as on the wire."""
    if not (end := _HEAD_END.search(record.block)):
        raise Damaged(f"offset {record.offset}: the {record.type} has no whole head")
    return record.block[: end.end()], record.block[end.end() :]


def http_head(record: Record) -> Head:
    """The head of a response or revisit, parsed."""
    try:
        return parse_head(exchange_parts(record)[0])
    except BadMessage as error:
        raise Damaged(f"offset {record.offset}: {error}") from error


def payload(record: Record) -> bytes:
    """What the record holds without head and transfer coding, content coding kept (WARC 1.1, 5.9)."""
    if record.type not in ("response", "request", "revisit"):
        return record.block
    body = exchange_parts(record)[1]
    return dechunk(body) if record.type == "response" and http_head(record).chunked else body


class _Member:
    """The inflated bytes of one gzip member, never more of them than are asked for."""

    def __init__(self, stream: BinaryIO, ahead: bytes) -> None:
        if not _MAGIC.startswith(ahead[:2]):
            raise Damaged("garbage, where a gzip member should begin")
        self._stream = stream
        self._inflate = zlib_ng.decompressobj(_GZIP)
        self._input = ahead
        self._read = len(ahead)

    @property
    def rest(self) -> bytes:
        """What was read of the stream behind the member's end."""
        return self._inflate.unused_data

    @property
    def length(self) -> int:
        return self._read - len(self.rest)

    def read(self, size: int) -> bytes:
        """The next bytes: fewer only at the member's end, whose CRC is right then."""
        pieces = []
        while size > 0 and not self._inflate.eof:
            pieces.append(piece := self._inflate.decompress(self._input or self._more(), size))
            self._input = self._inflate.unconsumed_tail
            size -= len(piece)
        return b"".join(pieces)

    def _more(self) -> bytes:
        if not (data := self._stream.read(_READ_BYTES)):
            raise Damaged("the file ends inside the gzip member")
        self._read += len(data)
        return data


def _next(
    stream: BinaryIO, ahead: bytes, offset: int, limit: int, *, strict: bool, copied: bool = False
) -> tuple[Record, bytes]:
    """The record whose member begins with what was read ahead, and what of that is behind it."""
    try:
        member = _Member(stream, ahead)
        headers, block = _record(member, limit, strict=strict)
    except (Damaged, _GzipError) as error:
        raise Damaged(f"offset {offset}: {error}") from error
    return Record(
        offset=offset, length=member.length, headers=headers, block=block, copied=copied
    ), member.rest


def _announces(record: Record) -> bool:
    return record.type == "metadata" and "WARC-Refers-To" in record.headers and SOURCE in record.headers


def _record(member: _Member, limit: int, *, strict: bool) -> tuple[Mapping[str, str], bytes]:
    text = member.read(HEADER_BYTES)
    start = text.find(_END) + len(_END)
    if start < len(_END):
        raise Damaged("no end of the record's header")
    headers = _headers(text[: start - len(_END)], strict=strict)
    length = _content_length(headers, limit)
    missing = start + length + len(_END) - len(text)
    # one byte more than there should be: it brings the member to its end, or shows that there is more
    text += member.read(missing + 1)
    if (there := len(text) - start - len(_END)) != length:
        raise Damaged(f"Content-Length is {length}, the member has {'more' if there > length else there}")
    if not text.endswith(_END):
        raise Damaged("the block does not end with CRLF CRLF")
    return headers, text[start : -len(_END)]


def _headers(text: bytes, *, strict: bool) -> Mapping[str, str]:
    version, *lines = text.split(b"\r\n")
    if version not in ((b"WARC/1.1",) if strict else _VERSIONS):
        raise Damaged(f"not a WARC/1.1 record: {version[:20]!r}")
    try:
        pairs = [line.decode().split(": ", 1) for line in lines]
        headers = dict(pairs)
    except ValueError as error:
        raise Damaged(f"the record's header can't be read: {error}") from error
    if strict and len(headers) < len(pairs):  # WARC-Protocol and WARC-Concurrent-To may stand twice
        raise Damaged("the record's header repeats a field")
    if missing := [name for name in _NEEDED if name not in headers]:
        raise Damaged(f"the record's header lacks {', '.join(missing)}")
    return headers


def _content_length(headers: Mapping[str, str], limit: int) -> int:
    said = headers["Content-Length"]
    if not _LENGTH.fullmatch(said):
        raise Damaged(f"Content-Length is {said[:20]!r}")
    if int(said) > limit:
        raise Damaged(f"the block has {said} bytes, we read {limit} at most")
    return int(said)
