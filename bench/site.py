"""The replica's articles, prepared: a server that is never the limit. python -m bench.site --articles N

It knows keep-alive and pipelining, and nothing else; it prints its port when it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time

import uvloop

from tests.site import id_of
from tests.site.answers import html
from tests.site.pages import resource
from tests.site.world import World

NEEDED = re.compile(r'"(/(?:img|css|js)/[^"]+)"')
ROBOTS = b"User-agent: *\nAllow: /\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=4000)
    options = parser.parse_args()
    uvloop.run(serve(prepared(options.articles)))


def prepared(articles: int) -> dict[bytes, bytes]:
    """Whole answers by the path that is asked for."""
    world = World(articles=articles)
    texts = {id_of(n): html(world, id_of(n)) for n in range(articles)}
    needed = {path for text in texts.values() for path in NEEDED.findall(text)}
    others = {path.encode(): resource(world, path, "") for path in needed}
    return {
        b"/robots.txt": answer(ROBOTS, b"text/plain"),
        **{b"/a/%d" % id: answer(text.encode()) for id, text in texts.items()},
        **{path: answer(there.body, there.kind.encode()) for path, there in others.items() if there},
    }


def answer(body: bytes, kind: bytes = b"text/html; charset=utf-8", status: bytes = b"200 OK") -> bytes:
    lines = b"HTTP/1.1 %s\r\nServer: bench\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    return lines % (status, kind, len(body)) + body


MISSING = answer(b"", status=b"404 Not Found")


class Site:
    """The table, and when the first page was asked for since somebody asked for that."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._first: float | None = None

    def answer(self, path: bytes) -> bytes:
        if path == b"/first":
            first, self._first = self._first, None
            return answer(str(first or 0).encode())
        if self._first is None and path.startswith(b"/a/"):
            self._first = time.time()
        return self._answers.get(path, MISSING)


class Connection(asyncio.Protocol):
    """Answers each request, in their order."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._asked = (self._asked + data).split(b"\r\n\r\n")
        for head in heads:
            self._transport.write(self._site.answer(head.split(b" ", 2)[1]))  # type: ignore[attr-defined]


async def serve(answers: dict[bytes, bytes]) -> None:
    loop, site = asyncio.get_running_loop(), Site(answers)
    server = await loop.create_server(lambda: Connection(site), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    main()
