"""What a fleet says: its own sentences, and its workers' lines, each with the worker's number."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, Protocol

from crawler import logs
from crawler.clock import Clock, utc_now
from crawler.ending import Ending
from crawler.lines import canonical

Write = Callable[[str], object]
"""Takes a line, without its end."""


class Speech(Protocol):
    """Says it at once, from whichever thread."""

    def say(self, sentence: str, level: int = logging.INFO) -> None:
        """One of the fleet's own."""

    def end(self, ending: Ending) -> None:
        """The last word."""

    def repeat(self, worker: int, line: str) -> None:
        """A line that a worker has written."""

    def heard(self, line: str) -> str:
        """What a worker's line says, without what stands around it."""


class Plainly:
    """As text: the number stands before the line."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def say(self, sentence: str, level: int = logging.INFO) -> None:  # noqa: ARG002 -- text has none
        self._write(sentence)

    def end(self, ending: Ending) -> None:
        self._write(f"{ending.sentence} (exit {ending.code})")

    def repeat(self, worker: int, line: str) -> None:
        self._write(f"[{worker}] {line}")

    def heard(self, line: str) -> str:
        return line


class InJson:
    """As lines of JSON, like those of a crawl's log: the number is one of their keys."""

    def __init__(self, write: Write, clock: Clock = utc_now) -> None:
        self._write, self._clock = write, clock

    def say(self, sentence: str, level: int = logging.INFO) -> None:
        self._write(canonical(self._line(level, "fleet", sentence)))

    def end(self, ending: Ending) -> None:
        last = self._line(ending.level, "fleet", ending.sentence)
        self._write(canonical(last | {"exit_code": ending.code}))

    def repeat(self, worker: int, line: str) -> None:
        told = _parsed(line) or self._line(logging.ERROR, "stderr", line)  # as of Python that dies
        self._write(canonical(told | {"worker": worker}))

    def heard(self, line: str) -> str:
        return str((_parsed(line) or {}).get("message", line))

    def _line(self, level: int, logger: str, message: str) -> dict[str, Any]:
        return logs.line(self._clock(), level, logger, message)


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
