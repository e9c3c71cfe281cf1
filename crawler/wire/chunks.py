"""The chunked transfer coding (RFC 9112, 7.1), taken off."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto

_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
_LINE_BYTES = 4096  # extensions are the only reason for a long line, and nobody needs them
_TRAILER_BYTES = 16384


class _State(Enum):
    SIZE = auto()
    DATA = auto()
    END = auto()
    TRAILER = auto()
    DONE = auto()
    BROKEN = auto()


class Dechunker:
    """Gives the payload of a chunked body to `sink`, piece by piece, however the body is split.

    It never raises: `done` says that the body came to its end, `broken` that its framing is wrong
    from some point on; neither, that it was cut so far. Nothing is taken after done or broken.
    """

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self._state = _State.SIZE
        self._left = 0
        self._line = bytearray()
        self._trailer = 0

    @property
    def done(self) -> bool:
        return self._state is _State.DONE

    @property
    def broken(self) -> bool:
        return self._state is _State.BROKEN

    def feed(self, data: bytes) -> int:
        """How many of these bytes belong to the body."""
        at = 0
        while at < len(data) and not (self.done or self.broken):
            at = self._take_data(data, at) if self._state is _State.DATA else self._take_line(data, at)
        return at

    def _take_data(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._left]
        self._sink(piece)
        self._left -= len(piece)
        if not self._left:
            self._state = _State.END
        return at + len(piece)

    def _take_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at) + 1 or len(data)
        self._line += data[at:end]
        if len(self._line) > _LINE_BYTES:
            self._state = _State.BROKEN
        elif self._line.endswith(b"\n"):
            line = bytes(self._line[:-1]).removesuffix(b"\r")
            self._line.clear()
            self._state = self._after(line)
        return end

    def _after(self, line: bytes) -> _State:
        if self._state is _State.SIZE:
            return self._sized(line)
        if self._state is _State.END:
            return _State.BROKEN if line else _State.SIZE
        self._trailer += len(line)
        if self._trailer > _TRAILER_BYTES:
            return _State.BROKEN
        return _State.TRAILER if line else _State.DONE

    def _sized(self, line: bytes) -> _State:
        match = _SIZE.fullmatch(line)
        if not match:
            return _State.BROKEN
        self._left = int(match[1], 16)
        return _State.DATA if self._left else _State.TRAILER


def dechunk(body: bytes) -> bytes:
    """The payload of a chunked body; of a cut or broken one, what was there."""
    pieces: list[bytes] = []
    Dechunker(pieces.append).feed(body)
    return b"".join(pieces)
