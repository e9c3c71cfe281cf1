"""What is to be known of a response before its record can be made: its sums, taken in one pass."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path

from crawler.items import Exchange
from crawler.wire.message import Dechunker, Head, parse_head

PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A response's block (all its bytes) and payload (without head and transfer coding), in numbers.

    WARC 1.1, 5.8 and 5.9; with no head there is no response, and all is as of no bytes.
    """

    head: Head | None
    block_digest: str
    block_length: int
    payload_digest: str  #: sha1:BASE32, the form in which Wayback compares
    sha256: bytes  #: of the payload, as are the two beside it
    length: int

    @property
    def status(self) -> int | None:
        return self.head.status if self.head else None


class _Sums:
    """The sums of a payload that comes in pieces."""

    def __init__(self) -> None:
        self.sha1 = sha1(usedforsecurity=False)
        self.sha256 = sha256()
        self.length = 0

    def add(self, piece: bytes) -> None:
        self.sha1.update(piece)
        self.sha256.update(piece)
        self.length += len(piece)


def measure(exchange: Exchange) -> Measured:
    """The sums of the exchange's response; a body in a file is read once, in constant memory."""
    head = parse_head(exchange.head) if exchange.head else None
    block, payload = sha1(exchange.head, usedforsecurity=False), _Sums()
    length = len(exchange.head)
    add: Callable[[bytes], object] = Dechunker(payload.add).feed if head and head.chunked else payload.add
    for piece in pieces(exchange.body) if head else ():
        block.update(piece)
        length += len(piece)
        add(piece)
    return Measured(
        head=head,
        block_digest=_labelled(block.digest()),
        block_length=length,
        payload_digest=_labelled(payload.sha1.digest()),
        sha256=payload.sha256.digest(),
        length=payload.length,
    )


def digest(data: bytes) -> str:
    """A labelled digest as the records carry it: sha1:BASE32."""
    return _labelled(sha1(data, usedforsecurity=False).digest())


def pieces(body: bytes | Path) -> Iterator[bytes]:
    """A body, wherever it lies, never much of it at a time."""
    if isinstance(body, bytes):
        yield body
        return
    with body.open("rb", buffering=0) as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _labelled(sha1_digest: bytes) -> str:
    return "sha1:" + b32encode(sha1_digest).decode()
