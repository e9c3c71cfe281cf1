"""The terminal with a frame at its lower end: whatever is written meanwhile goes above it.

The descriptors of stdout and stderr lead into a pipe while it is up, so that nothing gets past it: logs,
warnings, tracebacks of any thread, and of a child. The cursor rests on the frame's first cell: a terminal
that is resized keeps it there however it folds its lines, so what is below it is always ours to erase.
"""

from __future__ import annotations

import atexit
import os
import re
import select
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import Any

Size = tuple[int, int]  #: columns and rows
STDOUT, STDERR = 1, 2
ERASE = "\r\x1b[J"  # all below, too
CUT, FOLD = "\x1b[?7l", "\x1b[?7h"  # long rows: a terminal may shrink just while the frame is drawn
# what would move the cursor; colors may pass
CONTROL = re.compile(rb"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]")
LOCAL = 3  # of what tcgetattr gives
REST = 0.04  #: seconds between two drawings: a log may bring a thousand lines a second


class Screen:
    """Owns the terminal from its making to `close`."""

    def __init__(self) -> None:
        self._real = os.dup(STDERR)
        self._modes = _hushed(self._real)
        self._held = {fd: os.dup(fd) for fd in (STDOUT, STDERR) if _same(fd, STDERR)}
        self._written, entry = os.pipe()
        self._wake, self._waker = os.pipe()
        for fd in self._held:
            os.dup2(entry, fd)
        os.close(entry)
        self._frame: tuple[Size, Sequence[str]] = ((0, 0), ())
        self._partial = b""
        self._open = True
        self._thread = Thread(target=self._run, name="screen", daemon=True)
        self._thread.start()
        atexit.register(self.close)  # whatever happens: what was written comes out

    @staticmethod
    def possible() -> bool:
        """Whether stderr leads to a terminal, now."""
        return os.isatty(STDERR)

    @property
    def size(self) -> Size:
        """How large the terminal is now."""
        try:
            return os.get_terminal_size(self._real)
        except OSError:
            return 80, 24  # it has gone, and nobody looks any more

    def show(self, size: Size, frame: Sequence[str]) -> None:
        """Draw these lines from now on; each is shorter than a row of a terminal of that size."""
        self._frame = size, frame
        if self._open:
            os.write(self._waker, b".")

    def close(self) -> None:
        """Take the frame away, and give stdout and stderr back."""
        if not self._open:
            return
        self._open = False
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # whoever read it has left
                stream.flush()
        for fd, real in self._held.items():
            os.dup2(real, fd)
            os.close(real)
        os.write(self._waker, b".")
        self._thread.join()
        if self._modes is not None and _is_ours(self._real):
            termios.tcsetattr(self._real, termios.TCSANOW, self._modes)
        for fd in (self._real, self._written, self._wake, self._waker):
            os.close(fd)

    def _run(self) -> None:
        while self._open:
            ready, _, _ = select.select([self._written, self._wake], [], [])
            if self._wake in ready:
                os.read(self._wake, 1 << 12)
            if self._open:
                self._draw(self._lines(os.read(self._written, 1 << 16)) if self._written in ready else b"")
                time.sleep(REST)
        os.set_blocking(self._written, False)
        self._put(ERASE.encode() + self._rest())

    def _lines(self, data: bytes) -> bytes:
        """What is whole of that: a line that is still being written waits."""
        whole, end, self._partial = (self._partial + data).rpartition(b"\n")
        return _harmless(whole + end)

    def _rest(self) -> bytes:
        data = self._partial
        try:
            while more := os.read(self._written, 1 << 16):
                data += more
        except BlockingIOError:
            pass  # a child may hold the other end
        return _harmless(data)

    def _draw(self, above: bytes) -> None:
        size, frame = self._frame
        if size != self.size:
            frame = ()  # until there is one that fits
        up = f"\x1b[{len(frame) - 1}A\r" if len(frame) > 1 else "\r"
        text = CUT + "\n".join(frame) + FOLD + up
        self._put(ERASE.encode() + above + text.encode(sys.stderr.encoding, "replace"))

    def _put(self, data: bytes) -> None:
        with suppress(OSError):  # a terminal that has gone takes nothing, and must not stop the crawl
            while data:
                data = data[os.write(self._real, data) :]


def _hushed(fd: int) -> list[Any] | None:
    """The terminal's modes as they were.

    Now it shows no ^C, which might fall into a frame, nor throws away for one what it has not shown yet: half
    a frame could not be erased.
    """
    if not _is_ours(fd):
        return None
    try:
        modes = termios.tcgetattr(fd)
        hushed = modes.copy()
        hushed[LOCAL] = hushed[LOCAL] & ~termios.ECHOCTL | termios.NOFLSH
        termios.tcsetattr(fd, termios.TCSANOW, hushed)
    except termios.error:
        return None
    return modes


def _is_ours(fd: int) -> bool:
    """Whether we are in the foreground: else to change the terminal would stop us (SIGTTOU)."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False


def _same(fd: int, other: int) -> bool:
    """Whether both lead to one terminal."""
    try:
        return os.ttyname(fd) == os.ttyname(other)
    except OSError:
        return False


def _harmless(written: bytes) -> bytes:
    return CONTROL.sub(b"?", written)
