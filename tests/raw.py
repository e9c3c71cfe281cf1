"""A server that sends any bytes, and logs what it got and sent: the other end of the wire."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Logged:
    """One exchange as the server saw it."""

    request: bytes
    sent: bytes = b""


@dataclass
class Answer:
    """The pieces to send, a pause after each, and what to do then: keep, close, reset or hang."""

    pieces: Sequence[bytes]
    then: str = "keep"
    pause: float = 0


Serve = Callable[["Peer"], Coroutine[Any, Any, None]]


class Peer:
    """One connection as the server has it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: list[Logged]) -> None:
        self.reader = reader
        self.writer = writer
        self.log = log

    async def request(self) -> Logged | None:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        body = await self.reader.readexactly(int(length[0].split(b":")[1])) if length else b""
        self.log.append(Logged(head + body))
        return self.log[-1]

    async def send(self, data: bytes, logged: Logged) -> None:
        logged.sent += data
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def answer(self, answer_of: Callable[[bytes], Answer]) -> None:
        while logged := await self.request():
            answer = answer_of(logged.request)
            for piece in answer.pieces:
                await self.send(piece, logged)
                await asyncio.sleep(answer.pause)
            if answer.then == "close":
                return
            if answer.then == "reset":
                self.reset()
                return
            if answer.then == "hang":
                await self.reader.read()


@dataclass
class Raw:
    port: int
    log: list[Logged] = field(default_factory=list)
    connections: int = 0


def path_of(request: bytes) -> str:
    return request.split(b" ")[1].decode()


@asynccontextmanager
async def raw_server(
    serve: Serve | dict[str, Answer], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Raw]:
    """A server of one `serve` a connection, on a free port of this machine."""
    raw = Raw(0)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw.connections += 1
        peer = Peer(reader, writer, raw.log)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await (
                peer.answer(lambda request: serve[path_of(request)])
                if isinstance(serve, dict)
                else serve(peer)
            )
        writer.transport.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    raw.port = server.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        server.close()


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def proxy_to(port: int, refuse: bytes = b"") -> Serve:
    """A proxy that leads every tunnel to one port, and answers what is not a tunnel itself."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(peer: Peer) -> None:
        while logged := await peer.request():
            if not logged.request.startswith(b"CONNECT "):
                await peer.send(refuse or PLAIN, logged)
                continue
            await peer.send(refuse or b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n", logged)
            if refuse:
                return
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer), return_exceptions=True)
            return

    return serve
