"""A request that somebody else wrote, and who hears its answer byte by byte."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from crawler.wire.head import Head

_ENDLESS = re.compile(rb"(?im)^(?:upgrade:|accept:[^\r\n]*text/event-stream)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request whose header lines are sent as they were written; they must frame the body."""

    method: str
    url: str
    lines: bytes  #: the header lines, with the blank line that ends them
    body: bytes = b""

    @property
    def endless(self) -> bool:
        """Whether it asks for what does not end by itself: another protocol, or a stream of events."""
        return _ENDLESS.search(self.lines) is not None

    def head(self, form: str) -> bytes:
        """The bytes that ask, but for the body."""
        return f"{self.method} {form} HTTP/1.1\r\n".encode("ascii") + self.lines


class Stream(Protocol):
    """An exchange that is under way."""

    def pause(self) -> None:
        """Nothing more for now; each pause is ended by a resume of its own."""

    def resume(self) -> None:
        """Go on."""

    def send(self, data: bytes) -> None:
        """More to the host, behind the request: for what is no HTTP any more."""

    def leave(self) -> None:
        """Nobody wants the rest."""

    @property
    def head(self) -> Head | None:
        """The answer's head, once it is whole."""

    @property
    def reusable(self) -> bool:
        """Whether the answer's end can be told by who heard it."""


class Listener(Protocol):
    """Hears an answer as it comes."""

    def begin(self, stream: Stream) -> None:
        """The request is on its way; it may begin once more, if nothing was heard of it."""

    def hear(self, data: bytes) -> None:
        """The answer's next bytes, as on the wire."""

    @property
    def gone(self) -> bool:
        """Whether nobody listens any more."""
