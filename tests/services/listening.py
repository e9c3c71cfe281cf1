"""A service on a socket: any bytes for an answer, and a log of what was asked, and when."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

_LENGTH = re.compile(rb"\r\n\r\n")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the service saw it."""

    target: str  #: path and query, as sent
    headers: dict[str, str]  #: names in lower case
    at: float

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    def get(self, name: str, default: str = "") -> str:
        """The parameter's first value."""
        return next((value for key, value in self.query if key == name), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it goes out: `cut` ends it early, before all that its length promises."""

    status: str = "200 OK"
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    cut: int | None = None

    def __bytes__(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in self.headers)]
        if not any(name.lower() == "content-length" for name, _ in self.headers):
            lines.append(f"Content-Length: {len(self.body)}")
        head = "\r\n".join((*lines, "", "")).encode("latin-1")
        return head + (self.body if self.cut is None else self.body[: self.cut])


class Service(Protocol):
    """What answers."""

    def answer(self, asked: Asked) -> Answer: ...


@dataclass
class Running:
    """A service that listens."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    limit: int | None = None  #: so many are answered, then 429
    patience: int = 0  #: so many 429 are given, then connections are refused
    longest: int = 0  #: how many requests were under way at once
    pause: float = 0.0  #: that each answer takes
    _under_way: int = 0
    _refusing: bool = False

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


@contextmanager
def running(service: Service) -> Iterator[Running]:
    """The service on a free port of this machine, while the block runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    run = Running(f"http://127.0.0.1:{listener.getsockname()[1]}")
    lock, over = threading.Lock(), threading.Event()
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(60)
            while not over.is_set() and (asked := _request(connection)):
                with lock:
                    run.asked.append(asked)
                    run._under_way += 1
                    run.longest = max(run.longest, run._under_way)
                    beyond = run.limit is not None and len(run.asked) > run.limit
                    run._refusing = beyond and len(run.asked) >= run.limit + run.patience > run.limit
                try:
                    time.sleep(run.pause)
                    # the limit's own answer names no time (recorded so)
                    answer = (
                        Answer("429 Too Many Requests", (), b"slow down") if beyond else service.answer(asked)
                    )
                finally:
                    with lock:
                        run._under_way -= 1
                connection.sendall(bytes(answer))
                if answer.cut is not None or run._refusing:
                    if run._refusing:
                        listener.close()  # from here on nothing is accepted
                    return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
            threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield run
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(10)


def _request(connection: socket.socket) -> Asked | None:
    data = b""
    while not _LENGTH.search(data):
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    line, *lines = data.decode("latin-1").split("\r\n")
    pairs = (each.partition(":") for each in lines if ":" in each)
    return Asked(
        line.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs}, time.monotonic()
    )
