"""The browser's end of a connection to our proxy: plain, or TLS that ends here."""

from __future__ import annotations

import re
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

PIECE = 1 << 16
HIGH = 1 << 20  #: bytes that may wait for the browser before the host has to wait, too
_HEAD_END = re.compile(rb"\n\r?\n")
_TLS = b"\x16"  #: the first byte of a handshake; no HTTP begins with it


class Peer:
    """Whole heads and counted bytes from the browser, and what it is sent."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._buffer = bytearray()
        self._tls: ssl.SSLObject | None = None
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()

    async def head(self, limit: int) -> bytes | None:
        """The next message's head; None if there is none, or more of it than the limit."""
        while not (end := _HEAD_END.search(self._buffer)):
            if len(self._buffer) > limit or not (data := await self.read()):
                return None
            self._buffer += data
        return self._taken(end.end())

    async def exactly(self, size: int) -> bytes | None:
        """So many bytes; None if the browser goes before."""
        while len(self._buffer) < size:
            if not (data := await self.read()):
                return None
            self._buffer += data
        return self._taken(size)

    async def read(self) -> bytes:
        """What comes next; empty at the end."""
        try:
            if self._tls is None:
                return await self._reader.read(PIECE)
            tls = self._tls
            return await self._step(lambda: tls.read(PIECE))
        except OSError:  # a reset, or TLS without a goodbye: it is the end
            return b""

    def keep(self, data: bytes) -> None:
        """Give back what was read too early."""
        self._buffer += data

    def write(self, data: bytes) -> None:
        """Send, sooner or later."""
        if self._writer.is_closing():
            return
        if self._tls is not None:
            with suppress(ssl.SSLError):  # the browser has said goodbye
                self._tls.write(data)
            data = self._out.read()
        self._writer.write(data)

    @property
    def ahead(self) -> int:
        """How much was read too early."""
        return len(self._buffer)

    @property
    def full(self) -> bool:
        """Whether the browser takes less than it is sent."""
        return self._writer.transport.get_write_buffer_size() > HIGH

    async def drained(self) -> None:
        with suppress(OSError):
            await self._writer.drain()

    async def secured(self, context: Callable[[], ssl.SSLContext]) -> bool:
        """Whether the browser begins with TLS: then it ends here. OSError if they don't come to terms."""
        if not self._buffer:
            self._buffer += await self.read()
        if not self._buffer.startswith(_TLS):
            return False
        self._in.write(self._taken(len(self._buffer)))
        tls = context().wrap_bio(self._in, self._out, server_side=True)
        await self._step(tls.do_handshake)
        self._tls = tls
        return True

    def close(self) -> None:
        """End the connection when all is sent."""
        self._writer.close()

    def abort(self) -> None:
        """End it now, so that the browser sees that something is missing."""
        self._writer.transport.abort()

    async def _step(self, step: Callable[[], T]) -> T:
        """One step of TLS, with as much to and fro as it takes."""
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._writer.write(self._out.read())
                if not (data := await self._reader.read(PIECE)):
                    self._in.write_eof()
                self._in.write(data)
            else:
                self._writer.write(self._out.read())
                return done

    def _taken(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken
