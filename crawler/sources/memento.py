"""The site's response behind a playback (`id_`): what a Wayback Machine tells of it, in its place again."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote
from uuid import uuid5

from crawler.errors import Undecodable
from crawler.items import Exchange, Origin
from crawler.wire.coding import decode
from crawler.wire.failure import BadMessage
from crawler.wire.head import Head, parse_head
from crawler.wire.message import dechunk

RESTORED_BYTES = 16 << 20  #: of a page; a longer one is kept as the service gave it

_ORIGINAL = b"x-archive-orig-"
_FRAMING = {b"content-length", b"transfer-encoding", b"content-encoding", b"connection", b"keep-alive"}
_LINK = re.compile(rb'<([^<>]+)>\s*;\s*rel="original"', re.IGNORECASE)
_REWRITTEN = re.compile(rb"^(?:https?:)?(?://[^/]*)?/web/[0-9]+[a-z_]*/")
_GZIP = b"\x1f\x8b"


def restored(exchange: Exchange) -> Exchange | None:
    """The site's response that a playback shows; None if the machine speaks for itself."""
    try:
        head = parse_head(exchange.head)
        if (date := _memento(head)) is None:
            return None
        body = _body(exchange, head)
    except (BadMessage, Undecodable):
        return None
    played = re.fullmatch(r".*?/web/[0-9]{1,14}[a-z_]*/(.*)", exchange.url, re.DOTALL)
    link = _LINK.search(b", ".join(head.all(b"Link")))
    url = link[1].decode("latin-1") if link else unquote(played[1]) if played else exchange.url
    return replace(
        exchange,
        id=uuid5(exchange.id, "restored"),
        url=url,
        began=date,
        request=b"",
        head=_head(head, body),
        body=body,
        ip=None,
        interim=b"",
        origin=Origin(url=exchange.url, at=exchange.began, exchange=exchange.id),
    )


def _memento(head: Head) -> datetime | None:
    try:
        date = parsedate_to_datetime((head.get(b"Memento-Datetime") or b"").decode("latin-1"))
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


def _body(exchange: Exchange, head: Head) -> bytes:
    """The body as the machine has it: the codings of its own transfer taken off."""
    if isinstance(exchange.body, bytes):
        body = exchange.body
    elif exchange.body.stat().st_size > RESTORED_BYTES:
        raise Undecodable("large")
    else:
        body = exchange.body.read_bytes()
    body = dechunk(body) if head.chunked else body
    coding = b",".join(head.all(b"Content-Encoding")).decode("latin-1")
    return decode(body, coding, limit=RESTORED_BYTES)


def _head(played: Head, body: bytes) -> bytes:
    """The site's head as far as the machine tells it; what framed the first transfer keeps its new name."""
    lines = [b"HTTP/1.1 %d %s" % (played.status, played.reason)]
    names = set()
    for name, value in played.headers:
        if (lower := name.lower()).startswith(_ORIGINAL):
            own = name[len(_ORIGINAL) :]
            kept = name if own.lower() in _FRAMING else own
            names.add(kept.lower())
            lines.append(kept + b": " + value)
            if lower == b"x-archive-orig-content-encoding" and b"gzip" in value and body[:2] == _GZIP:
                lines.append(b"Content-Encoding: gzip")  # nothing else said so
    lines += [
        name + b": " + _REWRITTEN.sub(b"", said)
        for name in (b"Content-Type", b"Location")
        if name.lower() not in names and (said := played.get(name))
    ]
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n"
