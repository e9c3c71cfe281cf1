"""The head of a response: status line and header lines, read leniently and kept in order."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crawler.wire.failure import BadMessage

_STATUS = re.compile(rb"(HTTP/\d\.\d)[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?[ \t]*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a response says of itself, in its own order and case."""

    version: bytes
    status: int
    reason: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    odd: bool = False  #: some lines are not as HTTP has them

    def all(self, name: bytes) -> tuple[bytes, ...]:
        """Every value of the header, in order; name in any case."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)

    def get(self, name: bytes) -> bytes | None:
        """The header's first value."""
        return next(iter(self.all(name)), None)

    def tokens(self, name: bytes) -> list[bytes]:
        """The members of all the header's comma lists, in lower case."""
        return [token.strip().lower() for value in self.all(name) for token in value.split(b",")]

    @property
    def chunked(self) -> bool:
        """Whether chunks frame the body: the last transfer coding says so (RFC 9112, 6.3)."""
        return self.tokens(b"Transfer-Encoding")[-1:] == [b"chunked"]

    @property
    def persistent(self) -> bool:
        """Whether the server means to keep the connection (RFC 9112, 9.3)."""
        options = self.tokens(b"Connection")
        return b"close" not in options and (self.version != b"HTTP/1.0" or b"keep-alive" in options)


def parse_head(head: bytes) -> Head:
    """The head that these bytes are; BadMessage if they do not start as HTTP/1 does.

    Lenient as browsers are: LF ends a line, folds are joined, lines without a name are passed over.
    """
    status, *lines = [line.removesuffix(b"\r") for line in head.lstrip(b"\r\n").split(b"\n")]
    match = _STATUS.fullmatch(status)
    if not match:
        raise BadMessage(f"not a status line: {status[:80]!r}")
    version, code, reason = match.groups()
    headers = tuple(_headers(lines))
    ends = head.count(b"\n")
    odd = head.count(b"\r\n") < ends or head.count(b"\r") > ends or len(headers) < ends - 2
    return Head(version=version, status=int(code), reason=reason or b"", headers=headers, odd=odd)


def _headers(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = []
    skipped = True
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not skipped:
                name, value = headers[-1]
                headers[-1] = (name, value + b" " + line.strip(b" \t"))
            continue
        name, colon, value = line.partition(b":")
        name = name.strip(b" \t")
        skipped = not (name and colon)
        if not skipped:
            headers.append((name, value.strip(b" \t")))
    return headers
