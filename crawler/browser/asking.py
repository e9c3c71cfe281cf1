"""What a browser asks its proxy for (RFC 9112, 3.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crawler.wire.head import Head
from crawler.wire.message import parse_head
from crawler.wire.relay import Asked

BODY_BYTES = 64 << 20  #: of an upload; no page of a newspaper sends more

_LINE = re.compile(rb"([A-Z]{1,20}) ([\x21-\x7e]+) HTTP/1\.1")
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_LENGTH = re.compile(rb"\d{1,12}")
_PROXY = re.compile(rb"(?im)^proxy-[^\r\n]*\r?\n")
_CODINGS = re.compile(rb"(?im)^(accept-encoding:[ \t]*)[^\r\n]*")
_SCHEME = re.compile(r"http://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A wish to be connected to a place."""

    host: str  #: IPv6 without brackets
    port: int

    def origin(self, *, secure: bool) -> str:
        scheme, usual = ("https", 443) if secure else ("http", 80)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}" + ("" if self.port == usual else f":{self.port}")


@dataclass(frozen=True, slots=True)
class Question:
    """A request as the browser wrote it, its body still to come."""

    method: str
    url: str
    lines: bytes
    body_bytes: int

    def asked(self, body: bytes) -> Asked:
        return Asked(method=self.method, url=self.url, lines=self.lines, body=body)


def read(head: bytes, origin: str | None) -> Tunnel | Question | None:
    """What this head asks for, inside a tunnel to origin or outside of any; None if we don't do that."""
    line, _, lines = head.lstrip(b"\r\n").partition(b"\n")
    if not (match := _LINE.fullmatch(line.removesuffix(b"\r"))):
        return None
    method, form = match[1].decode(), match[2].decode()
    if method == "CONNECT":
        return _tunnel(form) if origin is None else None
    url = _url(form, origin)
    if url is None or (size := _body_bytes(lines)) is None:
        return None
    return Question(method, url, _sent(lines), size)


def _tunnel(form: str) -> Tunnel | None:
    place = _PLACE.fullmatch(form)
    return Tunnel(place[1].strip("[]").lower(), int(place[2])) if place else None


def _url(form: str, origin: str | None) -> str | None:
    if origin is not None:
        return origin + form if form.startswith("/") else None
    return form if _SCHEME.match(form) else None


def _sent(lines: bytes) -> bytes:
    """The header lines as the host gets them: what is meant for a proxy is not sent on, and gzip is what we
    offer: what most WARC tools can read.
    """
    return _CODINGS.sub(rb"\1gzip", _PROXY.sub(b"", lines))


def _body_bytes(lines: bytes) -> int | None:
    """How much body follows; None if that can't be told, or is too much."""
    head: Head = parse_head(b"HTTP/1.1 200\r\n" + lines)
    lengths = head.all(b"Content-Length") or (b"0",)
    if head.odd or head.all(b"Transfer-Encoding") or len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        return None
    return size if (size := int(lengths[0])) <= BODY_BYTES else None
