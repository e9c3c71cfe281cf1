"""A file of the web, brought here piece by piece, whoever asks for the pieces."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from crawler.errors import StoreError
from crawler.sources.live import HOPS, REDIRECTS
from crawler.wire.client import Client
from crawler.wire.failure import Failure

PIECE_BYTES = 8 << 20  #: a request; a page's limit is twice that
_RANGE = re.compile(rb"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")


class Unfetched(Exception):
    """A file of the web can't be had; the message says which, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """An answer, and of its headers those that we need."""

    status: int
    body: bytes
    whole: bool  #: nothing of the body was cut
    location: bytes | None
    span: bytes | None  #: Content-Range
    marks: Sequence[bytes | None]  #: ETag, Last-Modified


Ask = Callable[[str, str], Awaitable[Piece]]
"""Asks a URL for a span of bytes, `bytes=0-99`; Unfetched if no answer comes."""


async def fill(file: BinaryIO, ask: Ask, url: str, most: int, limit: str) -> None:
    """Write the whole file of the web into this one; Unfetched if it has more bytes than the limit allows."""
    at, size, mark = 0, 1, None
    while at < size:
        piece, url = await _piece(ask, url, at)
        size = _size(url, piece, at)
        found = (size, *piece.marks)
        if mark not in (None, found):
            raise Unfetched(f"{shown(url)} can't be fetched: it changed meanwhile")
        if size > most:
            raise Unfetched(f"{shown(url)} has {size} bytes, {limit} {most}")
        file.write(piece.body)
        at, mark = at + len(piece.body), found
    file.flush()


def bring(client: Callable[[], Client], agent: str, url: str, path: Path, most: int) -> None:
    """Fetch the file to a path, for a command that has no crawl; StoreError if it can't be had."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            asyncio.run(_bring(client(), agent, url, file, most))
        part.rename(path)
    except Unfetched as error:
        raise StoreError(str(error)) from error
    finally:
        part.unlink(missing_ok=True)  # others need the room


def shown(url: str) -> str:
    """The URL without its query, which may be a signature."""
    return url.partition("?")[0]


async def _bring(client: Client, agent: str, url: str, file: BinaryIO, most: int) -> None:
    try:
        await fill(file, partial(_ask, client, agent), url, most, "it had")
    finally:
        await client.close()


async def _ask(client: Client, agent: str, url: str, span: str) -> Piece:
    headers = [(b"User-Agent", agent.encode()), (b"Accept-Encoding", b"identity"), (b"Range", span.encode())]
    try:
        received = await client.fetch("GET", url, headers)
    except Failure as failure:
        raise Unfetched(f"{shown(url)} can't be fetched ({failure})") from failure
    for exchange in received.exchanges:
        if isinstance(exchange.body, Path):
            exchange.body.unlink(missing_ok=True)
    get = received.head.get
    return Piece(
        status=received.head.status,
        body=received.payload or b"",
        whole=received.payload is not None,
        location=get(b"Location"),
        span=get(b"Content-Range"),
        marks=(get(b"ETag"), get(b"Last-Modified")),
    )


async def _piece(ask: Ask, url: str, at: int) -> tuple[Piece, str]:
    """What is there from this byte on, and where that was found behind redirects."""
    for _ in range(HOPS):
        piece = await ask(url, f"bytes={at}-{at + PIECE_BYTES - 1}")
        if piece.status not in REDIRECTS:
            return piece, url
        url = _onward(url, (piece.location or b"").decode("latin-1"))
    raise Unfetched(f"{shown(url)} can't be fetched: it leads in circles")


def _onward(url: str, location: str) -> str:
    """Where a redirect leads, if that is in the web."""
    with suppress(ValueError):  # no URL
        if urlsplit(led := urljoin(url, location)).scheme in ("http", "https"):
            return led
    raise Unfetched(f"{shown(url)} can't be fetched: it leads to {shown(location)[:200]!r}")


def _size(url: str, piece: Piece, at: int) -> int:
    """How many bytes the file has; Unfetched if these are not those that were asked for."""
    span = _RANGE.fullmatch(piece.span or b"")
    if piece.status == 206 and span and int(span[1]) == at and piece.body:
        return int(span[2])
    if piece.status == 200 and at == 0 and piece.whole:
        return len(piece.body)  # a server without ranges gives all of it, where that is no more than a page
    why = "it is too long for a server without ranges" if piece.status == 200 else f"status {piece.status}"
    raise Unfetched(f"{shown(url)} can't be fetched: {why}")
