"""A site that answers from a script, in a thread: each path's answers in their order, the last for ever."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

from tests.raw import Peer, raw_server

HOSTS = ("anapress.net", "www.anapress.net", "other.example")


@dataclass(frozen=True, slots=True)
class Answer:
    """These bytes; then perhaps silence, or the end of the connection."""

    response: bytes
    after: float = 0.0  #: seconds before it comes
    hangs: bool = False
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    at: float
    host: str
    target: str
    head: bytes

    @property
    def place(self) -> str:
        return self.target if self.host == HOSTS[0] else f"{self.host}{self.target}"


Script = Mapping[str, Answer | Sequence[Answer]]
"""By path, or by host and path where the host is not anapress.net."""


@dataclass(slots=True)
class Scripted:
    """A running script, as a House takes a site."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None  #: nobody listens any more

    @property
    def connect_to(self) -> str:
        return ",".join(f"{host}:80:127.0.0.1:{self.port}" for host in HOSTS)

    @property
    def places(self) -> list[str]:
        return [asked.place for asked in self.asked]

    def times(self, place: str) -> list[float]:
        return [asked.at for asked in self.asked if asked.place == place]


def says(status: str, *lines: str, body: bytes = b"", **how: float | bool) -> Answer:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""))
    return Answer(head.encode() + body, **how)


def page(body: bytes, *lines: str) -> Answer:
    return says("200 OK", "Content-Type: text/html; charset=utf-8", *lines, body=body)


def text(body: bytes | str) -> Answer:
    return says("200 OK", "Content-Type: text/plain", body=body.encode() if isinstance(body, str) else body)


def moved(location: str) -> Answer:
    return says("301 Moved Permanently", f"Location: {location}")


GONE = says("404 Not Found", body=b"gone")
BUSY = says("503 Service Unavailable", body=b"busy")
SILENT = Answer(b"", hangs=True)
EMPTY = Answer(b"", closes=True)


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """The site while the block runs; what the script does not name is 404."""
    site, counts = Scripted(), Counter[str]()

    async def serve(peer: Peer) -> None:
        while logged := await peer.request():
            lines = logged.request.decode("latin-1").split("\r\n")
            host = next(line[6:] for line in lines if line.lower().startswith("host: "))
            asked = Asked(time.monotonic(), host, lines[0].split(" ")[1], logged.request)
            site.asked.append(asked)
            answers = script.get(asked.place, GONE)
            turns = [answers] if isinstance(answers, Answer) else answers
            answer = turns[min(counts[asked.place], len(turns) - 1)]
            counts[asked.place] += 1
            await asyncio.sleep(answer.after)
            await peer.send(answer.response, logged)
            if answer.hangs:
                await peer.reader.read()
            if answer.hangs or answer.closes:
                return

    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    ready: asyncio.Future[int] = loop.create_future()

    async def run() -> None:
        async with raw_server(serve) as raw:
            ready.set_result(raw.port)
            await stop.wait()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the loop's next turn

    thread = Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    while not ready.done():
        time.sleep(0.01)
    site.port = ready.result()
    site.stop = lambda: loop.call_soon_threadsafe(stop.set)
    try:
        yield site
    finally:
        if thread.is_alive():
            site.stop()
        thread.join()
        loop.close()
