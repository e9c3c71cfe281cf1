"""What we ask for: the parts of a URL, and the bytes of a request head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from crawler.wire.failure import BadRequest, SchemeRefused

Headers = Sequence[tuple[bytes, bytes]]

# One strict reading of a URL: what two parsers could take for two hosts (userinfo, backslash,
# spaces, other letters) is none. Nothing that matches can break out of its line.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{0,5}))?"
    r"(?P<path>/[!-\"$->@-~]*)?(?P<query>\?[!-\"$-~]*)?(?:#.*)?",
    re.IGNORECASE | re.ASCII,
)
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = {b"content-length", b"transfer-encoding"}
_WITH_BODY = {"POST", "PUT", "PATCH"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL that we can ask for."""

    url: str  #: without its fragment
    secure: bool
    host: str  #: lower case, IPv6 without brackets
    port: int
    authority: str  #: as the URL has it: what Host says
    path: str  #: with the query

    @classmethod
    def parse(cls, url: str) -> Self:
        scheme = _SCHEME.match(url)
        if not scheme or scheme[1].lower() not in ("http", "https"):
            raise SchemeRefused(f"only http and https are fetched, not {url[:80]!r}")
        match = _URL.fullmatch(url)
        if not match:
            raise BadRequest(f"not a URL that we ask for: {url[:200]!r}")
        secure = scheme[1].lower() == "https"
        port = int(match["port"] or (443 if secure else 80))
        if not 0 < port < 65536:
            raise BadRequest(f"no such port: {url[:200]!r}")
        return cls(
            url=url.partition("#")[0],
            secure=secure,
            host=match["host"].lower().strip("[]"),
            port=port,
            authority=match["host"] + (f":{port}" if port != (443 if secure else 80) else ""),
            path=(match["path"] or "/") + (match["query"] or ""),
        )

    @property
    def netloc(self) -> str:
        """Host and port as CONNECT wants them."""
        return netloc(self.host, self.port)

    @property
    def absolute(self) -> str:
        """The form that a proxy is asked in (RFC 9112, 3.2.2)."""
        return f"{'https' if self.secure else 'http'}://{self.authority}{self.path}"


def netloc(host: str, port: int) -> str:
    """Host and port in one, IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def request_head(method: str, form: str, authority: str, headers: Headers, body: bytes = b"") -> bytes:
    """The bytes that ask: the line, Host, and the headers in their own order and case.

    BadRequest where a name or value could be read as more than itself, or frames the body.
    """
    verb = method.encode("ascii", "replace")
    if not _TOKEN.fullmatch(verb):
        raise BadRequest(f"not a method: {method[:40]!r}")
    lines = [b"%s %s HTTP/1.1" % (verb, form.encode("ascii"))]
    names = [name.lower() for name, _ in headers]
    if b"host" not in names:
        lines.append(b"Host: " + authority.encode("ascii"))
    for name, value in headers:
        if not (_TOKEN.fullmatch(name) and _VALUE.fullmatch(value)) or name.lower() in _FRAMING:
            raise BadRequest(f"not a header that we write: {name[:40]!r}")
        lines.append(name + b": " + value)
    if body or method in _WITH_BODY:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n"
