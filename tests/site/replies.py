"""An answer as bytes, and how the connection goes on after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, repeat

DATE = "Tue, 03 Mar 2020 08:08:00 GMT"  #: the site's clock stands still, so that static pages are static
HTML = "text/html; charset=utf-8"


class After(Enum):
    """What becomes of the connection when the answer is sent."""

    KEEP = "keep"
    CLOSE = "close"
    DOOM = "doom"  # it closes as the next request arrives


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The bytes of one answer.

    `more` follows `response` in pieces, `pause` seconds apart, until it ends or the client goes;
    `surplus` is sent after the message's end and is no part of it.
    """

    response: bytes
    interim: bytes = b""
    surplus: bytes = b""
    more: Iterable[bytes] = ()
    pause: float = 0.0
    echo: bool = False  #: then the connection is a websocket, which says what it hears
    cut: bool = False  #: the message promises more than is sent
    after: After = After.KEEP


def head(status: str = "200 OK", *lines: str, version: str = "HTTP/1.1", end: str = "\r\n") -> bytes:
    """A status line, the lines that every answer has, these lines, and a blank one; Latin-1."""
    return end.join((f"{version} {status}", "Server: nginx", f"Date: {DATE}", *lines, "", "")).encode(
        "latin-1"
    )


def whole(body: bytes, *lines: str, status: str = "200 OK", kind: str = HTML) -> bytes:
    """A plain answer of a known length."""
    return head(status, f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines) + body


def chunked(
    body: bytes, sizes: Sequence[int] = (8192,), *, extension: str = "", trailer: str = "", end: str = "\r\n"
) -> bytes:
    """The body in chunks of these sizes, taken in turn."""
    pieces, at, newline = [], 0, end.encode()
    turns = chain.from_iterable(repeat(sizes))
    while piece := body[at : at + next(turns)]:
        pieces += [f"{len(piece):x}{extension}".encode(), newline, piece, newline]
        at += len(piece)
    return b"".join((*pieces, b"0", newline, trailer.encode(), newline))
