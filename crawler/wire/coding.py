"""Content codings (RFC 9110, 8.4.1) taken off, within a limit."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator

from crawler.errors import Undecodable

_PIECE = 64 * 1024
_STACK = 5  # codings on one body; more is an attack on our time
_MEMBERS = 1000  # of one gzip body; empty ones cost time and give nothing
_GZIP_MAGIC = b"\x1f\x8b"


def decode(payload: bytes, content_encoding: str, *, limit: int) -> bytes:
    """The body as it was before its Content-Encoding.

    Undecodable says why there is none: unknown_coding, truncated, corrupt, or bomb (larger than
    limit, and never held beyond it). A plain body that calls itself gzip is given as it is.
    """
    for coding in reversed(_codings(content_encoding)):
        payload = coding(payload, limit)
    if len(payload) > limit:
        raise Undecodable("bomb")
    return payload


def _codings(content_encoding: str) -> list[Callable[[bytes, int], bytes]]:
    names = [name.strip().lower() for name in content_encoding.split(",")]
    try:
        codings = [_CODINGS[name] for name in names if name not in ("", "identity")]
    except KeyError:
        raise Undecodable("unknown_coding") from None
    if len(codings) > _STACK:
        raise Undecodable("bomb")
    return codings


def _gunzip(payload: bytes, limit: int) -> bytes:
    if payload[:2] != _GZIP_MAGIC[: len(payload)]:
        return payload
    return _collect(_members(memoryview(payload)), limit)


def _deflated(payload: bytes, limit: int) -> bytes:
    """Deflate is zlib's format by the book (RFC 9110, 8.4.1.2) and raw in some servers."""
    wrapped = payload[:1] and payload[0] & 0x0F == 8 and int.from_bytes(payload[:2], "big") % 31 == 0
    return _collect(_inflate(memoryview(payload), 15 if wrapped else -15), limit)


def _members(payload: memoryview) -> Iterator[bytes]:
    """Gzip is one member or several (RFC 1952, 2.2); what else follows them is nobody's."""
    for _ in range(_MEMBERS):
        payload = yield from _inflate(payload, 31)
        if payload[:2] != _GZIP_MAGIC:
            return
    raise Undecodable("bomb")


def _inflate(payload: memoryview, wbits: int) -> Generator[bytes, None, memoryview]:
    """What the stream gives, in pieces so small that a bomb can be left in time; returns the rest."""
    stream = zlib.decompressobj(wbits)
    try:
        for start in range(0, len(payload), _PIECE):
            piece: bytes | memoryview = payload[start : start + _PIECE]
            end = start + len(piece)
            while out := stream.decompress(piece, _PIECE):
                yield out
                piece = stream.unconsumed_tail
            if stream.eof:
                return payload[end - len(stream.unused_data) :]
    except zlib.error:
        raise Undecodable("corrupt") from None
    if payload:
        raise Undecodable("truncated")
    return payload


def _collect(pieces: Iterator[bytes], limit: int) -> bytes:
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise Undecodable("bomb")
        kept.append(piece)
    return b"".join(kept)


_CODINGS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _deflated,
}
