"""A record as a gzip member: a WARC file has one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zlib_ng import zlib_ng

from crawler.errors import SpoolError
from crawler.warc.sums import pieces

_LEVEL = 6
_GZIP = 31  # zlib's wbits for a gzip member; its header then has no name and no time
_END = b"\r\n\r\n"


def packed(start: bytes, rest: bytes) -> bytes:
    """In one compress call: many small ones cost as much again (field/wire.md)."""
    return zlib_ng.compress(b"".join((start, rest, _END)), _LEVEL, _GZIP)


def streamed(start: bytes, body: Path, length: int) -> Iterator[bytes]:
    """In pieces, a member whose body is a file; SpoolError if all of it is not of that length."""
    deflate = zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, _GZIP)
    yield deflate.compress(start)
    left = length - len(start)
    for piece in pieces(body):
        left -= len(piece)
        yield deflate.compress(piece)
    if left:
        raise SpoolError(f"{body} changed while it was written: {-left:+} bytes")
    yield deflate.compress(_END) + deflate.flush()
