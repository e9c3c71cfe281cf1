"""One HTTP/1 response as a state machine: bytes in, and how many of them are its own (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto

from crawler.wire.chunks import Dechunker, dechunk
from crawler.wire.failure import BadMessage, Cut, EmptyReply, HeadTooLarge
from crawler.wire.head import Head, parse_head

__all__ = ["Dechunker", "Head", "Message", "dechunk", "parse_head"]

HEAD_BYTES = 256 * 1024
HEAD_LINES = 1000

_BLANK = re.compile(rb"[\r\n]*")
_HEAD_END = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"\d{1,18}")  # more digits than a disk has bytes


class _State(Enum):
    HEAD = auto()
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()  # the body ends with the connection
    DONE = auto()


def _nowhere(_: bytes) -> None:
    """Where bytes go that nobody wants."""


class Message:
    """A response to one request, however its bytes are split.

    `interim + raw_head + body` are the bytes received: interim the 1xx heads (and blank lines) that
    came before the final head; `body` gets what follows it as it is on the wire, `payload` the same
    without chunk framing.
    """

    def __init__(
        self,
        method: str = "GET",
        *,
        body: Callable[[bytes], object] = _nowhere,
        payload: Callable[[bytes], object] = _nowhere,
        head_bytes: int = HEAD_BYTES,
        head_lines: int = HEAD_LINES,
    ) -> None:
        self.head: Head | None = None
        self.raw_head = b""
        self.interim = b""
        self.length: int | None = None  #: of the body, where the head says it
        self.oddities: list[str] = []  #: what was not as HTTP has it, and taken nonetheless
        self._method = method
        self._body = body
        self._payload = payload
        self._head_bytes = head_bytes
        self._head_lines = head_lines
        self._state = _State.HEAD
        self._buffer = bytearray()
        self._left = 0
        self._chunks = Dechunker(payload)
        self._reusable = False

    @property
    def done(self) -> bool:
        return self._state is _State.DONE

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another exchange after this one."""
        return self.done and self._reusable

    def feed(self, data: bytes) -> int:
        """How many of these bytes belong to this message; BadMessage if it is none."""
        at = 0
        while self._state is _State.HEAD and at < len(data):
            at += self._feed_head(data[at:])
        if at < len(data) and not self.done:
            at += self._feed_body(data[at:])
        return at

    def close(self) -> None:
        """The connection ended: so does the message, or it is Cut."""
        self._reusable = False
        if self._state is _State.CLOSE:
            self._state = _State.DONE
        elif self._state is _State.HEAD and not (self._buffer or self.interim):
            raise EmptyReply
        elif not self.done:
            raise Cut

    def _feed_head(self, data: bytes) -> int:
        before = len(self._buffer)
        self._buffer += data
        limit = self._head_bytes - len(self.interim)
        blank = _blank(self._buffer)
        if blank > limit:
            raise HeadTooLarge
        if not b"HTTP/".startswith(start := self._buffer[blank : blank + 5]):
            raise BadMessage(f"not a status line: {bytes(start)!r}")
        found = _HEAD_END.search(self._buffer, max(blank, before - 2))
        if (found.end() if found else len(self._buffer)) > limit:
            raise HeadTooLarge
        if not found:
            return len(data)
        self._take_head(bytes(self._buffer[blank : found.end()]), bytes(self._buffer[:blank]))
        self._buffer.clear()
        return found.end() - before

    def _take_head(self, raw: bytes, blank: bytes) -> None:
        if raw.count(b"\n") > self._head_lines:
            raise HeadTooLarge
        head = parse_head(raw)
        self.interim += blank
        if 100 <= head.status < 200 and head.status != 101:
            self.interim += raw
            return
        self.head, self.raw_head = head, raw
        self._frame(head)

    def _frame(self, head: Head) -> None:
        """Where the body ends (RFC 9112, 6.3)."""
        lengths = set(given := head.tokens(b"Content-Length"))
        self._note("odd_head", head.odd)
        self._note("repeated_length", len(given) > 1)
        self._note("two_framings", head.chunked and bool(lengths))
        # both framings in one head: the next "answer" may be part of this one (RFC 9112, 6.3)
        self._reusable = head.persistent and not (head.chunked and lengths)
        if self._method == "CONNECT":  # what follows is not HTTP any more
            self._reusable = True
            self._state = _State.DONE
        elif self._method == "HEAD" or head.status in (204, 304):
            self._state = _State.DONE
        elif head.chunked:
            self._state = _State.CHUNKED
        elif head.status == 101 or head.all(b"Transfer-Encoding"):
            self._state = _State.CLOSE
        else:
            self._frame_by_length(lengths)

    def _frame_by_length(self, tokens: set[bytes]) -> None:
        lengths = {int(token) if _LENGTH.fullmatch(token) else None for token in tokens}
        if len(lengths) > 1:
            raise BadMessage("Content-Length says different lengths")
        self._note("bad_length", None in lengths)
        self.length = lengths.pop() if lengths else None
        if self.length is None:
            self._state = _State.CLOSE
        else:
            self._left = self.length
            self._state = _State.LENGTH if self._left else _State.DONE

    def _note(self, oddity: str, seen: bool) -> None:  # noqa: FBT001
        if seen:
            self.oddities.append(oddity)

    def _feed_body(self, data: bytes) -> int:
        if self._state is _State.CHUNKED:
            return self._feed_chunks(data)
        piece = data[: self._left] if self._state is _State.LENGTH else data
        self._body(piece)
        self._payload(piece)
        if self._state is _State.LENGTH:
            self._left -= len(piece)
            if not self._left:
                self._state = _State.DONE
        return len(piece)

    def _feed_chunks(self, data: bytes) -> int:
        taken = self._chunks.feed(data)
        if self._chunks.broken:
            self._body(data)  # past the break nothing says whose the bytes are
            raise BadMessage("the chunk framing is broken")
        self._body(data[:taken])
        if self._chunks.done:
            self._state = _State.DONE
        return taken


def _blank(buffer: bytearray) -> int:
    """How many bytes of line ends stand before the status line; servers may put some there."""
    match = _BLANK.match(buffer)
    return match.end() if match else 0
