"""A proxy between a client and its S3 server that makes faults, and notes what was asked.

The client signs for the proxy's host and port, and the server gets every byte as it was sent.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from math import inf
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.s3.endpoint import Endpoint
from tests.s3.faults import ERRORS, Act, Faults
from tests.s3.message import Head, Wire

XML = '<?xml version="1.0"?><Error><Code>{0}</Code><Message>{0}, by the proxy</Message></Error>'


class Cut(ConnectionError):
    """We cut it, on purpose."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the proxy saw it."""

    method: str
    target: str  #: path and query
    headers: Mapping[str, str]  #: by their small names
    fault: str = ""  #: the act's name
    status: int | None = None  #: the server's or the fault's answer, whether or not the client got it


class Proxy:
    """One server behind one port of 127.0.0.1."""

    def __init__(self, upstream: Endpoint, held: socket.socket) -> None:
        self.upstream = upstream
        self.endpoint = replace(upstream, url="http://{}:{}".format(*held.getsockname()))
        self.faults = Faults()
        self.requests: list[Seen] = []
        self._address = held.getsockname()
        self._listening: asyncio.Server | None = None
        self._wires: set[Wire] = set()
        self._serving: set[asyncio.Future[None]] = set()

    @property
    def down(self) -> bool:
        """Whether all connections are refused. Going down cuts those that are open."""
        return self._listening is None

    @down.setter
    def down(self, down: bool) -> None:
        self._run(self._close() if down else self._listen())

    async def serve(self, started: Event) -> None:
        """Runs until `end`, in a thread of its own."""
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        await self._listen()
        started.set()
        await self._end.wait()
        await self._close()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:  # also those that accept
            for serving in self._serving:
                serving.cancel()
            await asyncio.wait(others, timeout=0.05)
        await asyncio.sleep(0.01)  # in which what was cut is closed

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)

    def _run(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(10)

    async def _listen(self) -> None:
        if self._listening is None:
            self._listening = await asyncio.start_server(self._accept, *self._address, reuse_port=True)

    async def _close(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for wire in self._wires:
            wire.cut()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        serving.add_done_callback(lambda _: writer.transport.abort())  # also where it never began

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with (
            suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError),
            self._wire(reader, writer) as client,
        ):
            while await self._exchange(client, await client.head()):
                pass

    @contextmanager
    def _wire(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Iterator[Wire]:
        wire = Wire(reader, writer)
        if self.down:
            wire.cut()
        self._wires.add(wire)
        try:
            yield wire
        finally:
            self._wires.remove(wire)
            wire.cut()

    async def _exchange(self, client: Wire, request: Head) -> bool:
        """One request and its answer: whether another may follow on this connection."""
        method, target, _ = request.words
        act = self.faults.take(method, target)
        at = len(self.requests)
        self.requests.append(Seen(method, target, request.headers, act.name))
        await asyncio.sleep(act.delay)
        if act.hang:
            await self._end.wait()
            raise Cut
        if act.error:
            self._answered(at, ERRORS[act.error])
            return await _refuse(client, request, act.error)
        if act.request_bytes < inf and not request.length:
            raise Cut
        if act.forget and "if-none-match" in request.headers:
            await asyncio.to_thread(self._forget, target)
        host = urlsplit(self.upstream.url)
        with self._wire(*await asyncio.open_connection(host.hostname, host.port)) as server:
            answer = await _ask(client, server, request, act)
            self._answered(at, answer.status)
            await _answer(client, server, request, answer, act)
        return not (request.closes or answer.closes)

    def _forget(self, target: str) -> None:
        """The request is signed with its header, so this, and not the header, is what we take away."""
        bucket, _, key = unquote(urlsplit(target).path).removeprefix("/").partition("/")
        with closing(self.upstream.client()) as client:
            client.delete_object(Bucket=bucket, Key=key)

    def _answered(self, at: int, status: int) -> None:
        self.requests[at] = replace(self.requests[at], status=status)


async def _ask(client: Wire, server: Wire, request: Head, act: Act) -> Head:
    """Passes the request on; the head of the server's answer."""
    await server.send(request.raw)
    if "expect" in request.headers:
        answer = await server.head()
        if answer.status != 100:
            return answer
        await client.send(answer.raw)
    await _upload(client, server, request, act)
    return await server.head()


async def _upload(client: Wire, server: Wire, request: Head, act: Act) -> None:
    sent, middle, most = 0, request.length // 2, int(min(act.request_bytes, request.length - 1))
    async for piece in client.body(request):
        data = bytearray(piece)
        if act.flip and sent <= middle < sent + len(data):
            data[middle - sent] ^= 1
        if act.request_bytes < inf and sent + len(data) > most:
            await server.send(data[: most - sent])
            raise Cut
        await asyncio.sleep(len(data) / act.rate)
        await server.send(data)
        sent += len(data)


async def _answer(client: Wire, server: Wire, request: Head, answer: Head, act: Act) -> None:
    bodiless = request.words[0] == "HEAD" or answer.status in {204, 304}
    body = server.body(replace(answer, headers={}) if bodiless else answer)
    if act.answer_bytes < inf:
        whole = answer.raw + b"".join([piece async for piece in body])
        await client.send(whole[: min(int(act.answer_bytes), len(whole) - 1)])
        raise Cut
    await client.send(answer.raw)
    async for piece in body:
        await asyncio.sleep(len(piece) / act.rate)
        await client.send(piece)


async def _refuse(client: Wire, request: Head, code: str) -> bool:
    """Answers with an error. A client that waits for leave to send its body does not get it."""
    waits = "expect" in request.headers
    if not waits:
        async for _ in client.body(request):
            pass
    body = XML.format(code).encode()
    head = (
        f"HTTP/1.1 {ERRORS[code]} {code}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {'close' if waits else 'keep-alive'}\r\n\r\n"
    )
    await client.send(head.encode() + (b"" if request.words[0] == "HEAD" else body))
    return not waits


@contextmanager
def running_proxy(upstream: Endpoint) -> Iterator[Proxy]:
    """A proxy to this server; its `endpoint` is where clients go."""
    with closing(socket.socket()) as held:
        # bound and never listening: it keeps the port while we are down, and connections are refused
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        proxy, started = Proxy(upstream, held), Event()
        thread = Thread(target=lambda: asyncio.run(proxy.serve(started)), name="fault proxy", daemon=True)
        thread.start()
        if not started.wait(10):
            raise RuntimeError("The fault proxy did not start.")
        try:
            yield proxy
        finally:
            proxy.end()
            thread.join(10)
