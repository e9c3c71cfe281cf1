"""A real pseudo-terminal with a command in it, and what a person would see there (pyte)."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pyte

from tests.crawling import CHECKOUT

SECONDS = 60


class Screen(pyte.HistoryScreen):
    """pyte's, resized as xterm does it: the cursor stays on its line, which stays in sight."""

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        lines, columns = lines or self.lines, columns or self.columns
        over, at = max(0, self.cursor.y + 1 - lines), self.cursor.y
        self.cursor.y = self.lines - 1
        for _ in range(over):
            self.index()
        self.cursor.y = at - over
        for row in range(lines, self.lines):
            self.buffer.pop(row, None)
        for line in self.buffer.values():
            for column in range(columns, self.columns):
                line.pop(column, None)
        self.lines, self.columns = lines, columns
        self.set_margins()


class Terminal:
    """The terminal's screen, all that scrolled off it, and its keyboard."""

    def __init__(self, process: int, line: int, columns: int, rows: int) -> None:
        self.process, self._line = process, line
        self._screen = Screen(columns, rows, history=100_000, ratio=1)
        self._stream = pyte.ByteStream(self._screen)
        self._size()
        self.code: int | None = None

    @property
    def shown(self) -> list[str]:
        """The lines of the screen."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def all(self) -> list[str]:
        """Those that scrolled off it, too."""
        columns = range(self._screen.columns)
        past = [
            "".join(line[column].data for column in columns).rstrip() for line in self._screen.history.top
        ]
        return past + self.shown

    @property
    def text(self) -> str:
        return "\n".join(self.all)

    def colors(self, word: str) -> set[str]:
        """Those in which that word stands on the screen."""
        colors = set()
        for row, line in enumerate(self._screen.display):
            for found in re.finditer(word, line):
                colors |= {self._screen.buffer[row][column].fg for column in range(*found.span())}
        return colors

    def until(self, seen: Callable[[], bool]) -> None:
        """Look on until that is seen."""
        end = time.monotonic() + SECONDS
        while not seen():
            assert self.look(), self.text
            assert time.monotonic() < end, self.text

    def end(self) -> None:
        """Look on until the command has ended."""
        while self.look():
            pass
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def press(self, keys: bytes) -> None:
        os.write(self._line, keys)

    def resize(self, columns: int, rows: int) -> None:
        """At a moment at which nothing is on its way: what was drawn for the old size is on the screen."""
        os.kill(self.process, signal.SIGSTOP)
        while self._waits() and self.look():
            pass
        self._screen.resize(rows, columns)
        self._size()
        os.kill(self.process, signal.SIGCONT)

    def _size(self) -> None:
        size = struct.pack("HHHH", self._screen.lines, self._screen.columns, 0, 0)
        fcntl.ioctl(self._line, termios.TIOCSWINSZ, size)

    def _waits(self) -> bool:
        return bool(select.select([self._line], [], [], 0.05)[0])

    def look(self) -> bool:
        """Take what the command writes for a moment; False if it has ended."""
        if self._waits():
            try:
                self._stream.feed(os.read(self._line, 1 << 16))
            except OSError:
                return False
        return True


@contextmanager
def running(
    *command: str, columns: int = 80, rows: int = 24, environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """The command, in a terminal of that size."""
    process, line = pty.fork()
    if process == 0:
        os.chdir(CHECKOUT)
        os.execve(command[0], command, {**os.environ, "TERM": "xterm-256color", **(environment or {})})
    terminal = Terminal(process, line, columns, rows)
    try:
        yield terminal
    finally:
        if terminal.code is None:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        os.close(line)
