"""The hosts of the cases: the site, one that is dead, and four that can't prove who they are."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import trustme

from tests.raw import Answer, Logged, Peer, Raw, Serve, path_of, proxy_to, raw_server

NOT_FOUND = Answer([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"])


@dataclass
class Hosts:
    """Where each host of the site leads, and what they were asked."""

    connect_to: str = ""
    log: list[Logged] = field(default_factory=list)
    port: int = 0

    def asked(self, id: int) -> list[Logged]:
        """What came in for this id, in order, and what went out."""
        paths = (f"/a/{id}", f"/a/{id}?")
        return [
            one
            for one in self.log
            if path_of(one.request) == paths[0] or path_of(one.request).startswith(paths[1])
        ]


def script(answers: Mapping[int, list[Answer]]) -> Callable[[bytes], Answer]:
    """Each id's answers in their order, the last one again and again."""
    visits: Counter[int] = Counter()

    def answer(request: bytes) -> Answer:
        digits = path_of(request).partition("?")[0].removeprefix("/a/")
        id = int(digits) if digits.isdigit() else 0
        visits[id] += 1
        given = answers.get(id, [NOT_FOUND])
        return given[min(visits[id], len(given)) - 1]

    return answer


async def silent(peer: Peer) -> None:
    await peer.reader.read()


@contextmanager
def serving(answers: Mapping[int, list[Answer]], folder: Path) -> Iterator[Hosts]:
    """The hosts, while the block runs; ca.pem in the folder is the authority that they are judged by."""
    with _servers() as start:
        answer = script(answers)

        def site(tls: ssl.SSLContext | None = None) -> Raw:
            return start(lambda peer: peer.answer(answer), tls)

        yield _hosts(site, start(silent), folder)


@contextmanager
def proxied(port: int) -> Iterator[Raw]:
    """A proxy that leads every tunnel to this port."""
    with _servers() as start:
        yield start(proxy_to(port))


@contextmanager
def _servers() -> Iterator[Callable[..., Raw]]:
    """Starts servers in a thread of their own; they end with the block."""
    loop, stack = asyncio.new_event_loop(), AsyncExitStack()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def start(serve: Serve, tls: ssl.SSLContext | None = None) -> Raw:
        started = stack.enter_async_context(raw_server(serve, tls))
        return asyncio.run_coroutine_threadsafe(started, loop).result(10)

    try:
        yield start
    finally:
        asyncio.run_coroutine_threadsafe(_ended(stack), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended(stack: AsyncExitStack) -> None:
    await stack.aclose()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _hosts(site: Callable[..., Raw], hanging: Raw, folder: Path) -> Hosts:
    plain, authority = site(), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    old = authority.issue_cert("anapress.net", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    unknown, other = trustme.CA().issue_cert("www.anapress.net"), authority.issue_cert("example.com")
    dead = _free_port()
    places = {
        "anapress.net:80": f"127.0.0.1:{plain.port}",
        "www.anapress.net:80": f"dead-and-live:{plain.port}",
        "anapress.net.:80": f"127.0.0.1:{dead}",
        "www.anapress.net.:80": f"nameless:{dead}",
        "anapress.net:443": f"127.0.0.1:{site(_tls(old)).port}",
        "www.anapress.net:443": f"127.0.0.1:{site(_tls(unknown)).port}",
        "www.anapress.net.:443": f"127.0.0.1:{site(_tls(other)).port}",
        "anapress.net.:443": f"127.0.0.1:{hanging.port}",
    }
    connect_to = ",".join(f"{name}:{place}" for name, place in places.items())
    return Hosts(connect_to, plain.log, plain.port)


def _tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def _free_port() -> int:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
