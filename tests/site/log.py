"""What went over the replica's connections, on disk: frames that a kill can only tear at the end.

A frame is its kind, connection, exchange number, length and moment, then that many bytes. Frames of several
connections mix; those of one exchange bear its number.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

REQUEST, INTERIM, RESPONSE, SURPLUS, END = b"QIRXE"
OPEN, WHOLE, CUT, LOST = "open", "whole", "cut", "lost"
_FRAME = struct.Struct(">BIIId")


class Log:
    """Appends frames; what `add` was given outlives this process once it returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        frames = list(_frames(path))
        # a frame that a kill tore would hide all that is appended behind it
        os.truncate(path, frames[-1].end if frames else 0)
        self.exchanges = max((frame.number for frame in frames), default=0)

    def add(self, connection: int, number: int, *parts: tuple[int, bytes]) -> None:
        """Append these parts of one exchange, empty ones apart."""
        buffers, now = [], time.monotonic()
        for kind, data in parts:
            if data:
                buffers += [_FRAME.pack(kind, connection, number, len(data), now), data]
        if os.writev(self._file, buffers) != sum(map(len, buffers)):
            raise OSError("the log did not take a frame whole")

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Frame:
    kind: int
    connection: int
    number: int
    at: float
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One exchange as the site saw it; its bytes are read from the log when they are asked for.

    `end` is whole, cut (by us, before the message's own end), lost (the client went first, and holds
    a prefix of the bytes here) or open (in progress, or the site was killed).
    """

    connection: int
    number: int
    _file: mmap.mmap = field(repr=False)
    _frames: list[_Frame] = field(default_factory=list, repr=False)

    @property
    def at(self) -> float:
        """When its request was here whole, by the machine's monotonic clock."""
        return self._frames[0].at

    @property
    def request(self) -> bytes:
        return self._bytes(REQUEST)

    @property
    def interim(self) -> bytes:
        """The 1xx heads that came before the response."""
        return self._bytes(INTERIM)

    @property
    def response(self) -> bytes:
        """From the status line to the end of the message, or to the cut."""
        return self._bytes(RESPONSE)

    @property
    def surplus(self) -> bytes:
        """What was sent behind the message's end."""
        return self._bytes(SURPLUS)

    @property
    def end(self) -> str:
        ends = [frame for frame in self._frames if frame.kind == END]
        return self._file[ends[-1].start : ends[-1].end].decode() if ends else OPEN

    @property
    def target(self) -> str:
        """The path that was asked for, without a proxy's scheme and host."""
        target = self.request.split(b" ", 2)[1:2] or [b""]
        return re.sub(r"^https?://[^/]*", "", target[0].decode("latin-1"))

    @property
    def article_id(self) -> int | None:
        found = re.fullmatch(r"/a/(\d+)", self.target)
        return int(found[1]) if found else None

    def _bytes(self, kind: int) -> bytes:
        return b"".join(self._file[frame.start : frame.end] for frame in self._frames if frame.kind == kind)


def read_log(path: Path) -> list[Logged]:
    """All exchanges in the order in which their requests came; a torn last frame is left out."""
    if not path.exists() or not path.stat().st_size:
        return []
    with path.open("rb") as stream:
        view = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    exchanges: dict[int, Logged] = {}
    for frame in _frames_of(view):
        logged = exchanges.get(frame.number)
        if logged is None:
            logged = exchanges[frame.number] = Logged(
                connection=frame.connection, number=frame.number, _file=view
            )
        logged._frames.append(frame)
    return [exchanges[number] for number in sorted(exchanges)]


def _frames(path: Path) -> Iterator[_Frame]:
    if path.stat().st_size:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
            yield from _frames_of(view)


def _frames_of(view: mmap.mmap) -> Iterator[_Frame]:
    at, size = 0, len(view)
    while at + _FRAME.size <= size:
        kind, connection, number, length, moment = _FRAME.unpack_from(view, at)
        start = at + _FRAME.size
        at = start + length
        if at > size:
            return
        yield _Frame(kind, connection, number, moment, start, at)
