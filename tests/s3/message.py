"""Just enough of HTTP/1.1 to tell one message from the next, and to pass it on unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Head:
    """A request's or an answer's first line and headers, and the bytes that they were."""

    raw: bytes
    words: tuple[str, ...]  #: of the first line
    headers: Mapping[str, str]  #: by their small names

    @property
    def status(self) -> int:
        return int(self.words[1])

    @property
    def length(self) -> int:
        return int(self.headers.get("content-length", 0))

    @property
    def chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def closes(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


def head_of(raw: bytes) -> Head:
    first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    fields = (line.partition(":") for line in lines)
    return Head(raw, tuple(first.split(" ", 2)), {name.lower(): value.strip() for name, _, value in fields})


class Wire:
    """One end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        writer.transport.set_write_buffer_limits(0)  # what was sent is in the kernel, also if we cut then

    async def head(self) -> Head:
        return head_of(await self.reader.readuntil(b"\r\n\r\n"))

    async def body(self, head: Head) -> AsyncIterator[bytes]:
        """The body in pieces, its chunks' frames too."""
        if not head.chunked:
            async for piece in self._exactly(head.length):
                yield piece
            return
        size = 1
        while size:
            line = await self.reader.readuntil(b"\r\n")
            yield line
            size = int(line.split(b";")[0], 16)
            async for piece in self._exactly(size):
                yield piece
            line = await self.reader.readuntil(b"\r\n")
            while not size and line != b"\r\n":
                yield line
                line = await self.reader.readuntil(b"\r\n")
            yield line

    async def send(self, data: bytes | bytearray) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def cut(self) -> None:
        self.writer.transport.abort()

    async def _exactly(self, left: int) -> AsyncIterator[bytes]:
        while left:
            if not (piece := await self.reader.read(min(left, PIECE_BYTES))):
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece
