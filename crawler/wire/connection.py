"""One connection, and the exchange that is on it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from crawler.errors import CrawlerError
from crawler.items import End
from crawler.wire.body import Body
from crawler.wire.failure import Cut, Failure, Idle, TimedOut, TooLarge
from crawler.wire.head import Head
from crawler.wire.limits import Limits
from crawler.wire.message import Message
from crawler.wire.relay import Listener

SENT_BYTES = 4 << 20  #: that may wait to be sent behind an upgrade


class Connection(asyncio.Protocol):
    """A stream to one place; at most one Attempt at a time listens to it."""

    transport: asyncio.Transport
    attempt: Attempt | None = None
    ip: str | None = None  #: of the host that answers; behind a proxy nobody knows it
    certificate: bytes | None = None  #: the host's, as DER, over TLS
    closed = False
    expiry: asyncio.TimerHandle | None = None  #: while it waits in the pool

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.attempt:
            self.attempt.received(data)
        else:
            self.abort()  # nobody asked: whose answer these bytes are can't be told

    def eof_received(self) -> None:
        self._ended(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._ended(error)

    def abort(self) -> None:
        self.closed = True
        self.transport.abort()

    def _ended(self, error: Exception | None) -> None:
        self.closed = True
        if self.attempt:
            self.attempt.ended(error)


class Attempt:
    """A request that is written, and what comes back until its end, whatever that is.

    `end` says how it ended and `error` why; `done` is set then, and the connection is either free
    for the next or gone.
    """

    def __init__(
        self,
        connection: Connection,
        method: str,
        limits: Limits,
        path: Path,
        listener: Listener | None = None,
    ) -> None:
        self.end = End.COMPLETE
        self.error: CrawlerError | None = None
        self.body = Body(path, self, memory=limits.spool_bytes, limit=limits.body_bytes)
        self.message = Message(
            method,
            body=self.body.add,
            payload=self._keep,
            head_bytes=limits.head_bytes,
            head_lines=limits.head_lines,
        )
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._connection = connection
        self._limits = limits
        self._payload: list[bytes] = []
        self._payload_size = 0
        self._timers: list[asyncio.TimerHandle] = []
        self._heard = 0.0
        self._over = False
        self._holds = 0  # of those who want it to wait
        self._listener = listener

    def start(self, request: bytes, deadline: float) -> None:
        """Write the request and listen."""
        self._connection.attempt = self
        self._heard = self._loop.time()
        self._timers = [self._loop.call_at(deadline, self._finish, TimedOut()), self._watch()]
        if self._listener:
            self._listener.begin(self)
        self._connection.transport.write(request)

    async def wait(self) -> None:
        """Until the end; who stops waiting ends the attempt."""
        try:
            await self.done
        finally:
            self._finish(Cut("given up"))

    @property
    def payload(self) -> bytes | None:
        """The body without chunk framing; None when it is more than payload_bytes."""
        return None if self._payload_size > self._limits.payload_bytes else b"".join(self._payload)

    def received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        try:
            taken = self.message.feed(data)
        except Failure as failure:
            self._finish(failure)
            return
        if self._listener:
            self._listener.hear(data[:taken])
        if max(self.body.size, self.message.length or 0) > self._limits.body_bytes:
            self._finish(TooLarge())
        elif self.message.done:
            if taken < len(data):
                self.message.oddities.append("surplus")
            self._finish(None, free=self.message.reusable and taken == len(data))

    def ended(self, error: Exception | None) -> None:
        try:
            if error and (self.message.raw_head or self.message.interim):
                raise Cut(f"the connection broke: {error}")
            self.message.close()
        except Failure as failure:
            self._finish(failure)
        else:
            self._finish(None)

    @property
    def head(self) -> Head | None:
        return self.message.head

    @property
    def reusable(self) -> bool:
        return self.message.reusable

    def pause(self) -> None:
        self._holds += 1
        if self._holds == 1 and not self._connection.closed:
            self._connection.transport.pause_reading()

    def resume(self) -> None:
        self._holds -= 1
        self._heard = self._loop.time()
        if not (self._holds or self._over or self._connection.closed):
            self._connection.transport.resume_reading()

    def send(self, data: bytes) -> None:
        if self._over:
            return
        self._heard = self._loop.time()
        self._connection.transport.write(data)
        if self._connection.transport.get_write_buffer_size() > SENT_BYTES:
            self._finish(Cut("the host does not take what it is sent"))

    def leave(self) -> None:
        self._finish(Cut("the browser left"))

    def fail(self, error: CrawlerError) -> None:
        self._finish(error)

    def _keep(self, piece: bytes) -> None:
        self._payload_size += len(piece)
        if self._payload_size > self._limits.payload_bytes:
            self._payload.clear()
        else:
            self._payload.append(piece)

    def _watch(self) -> asyncio.TimerHandle:
        return self._loop.call_at(self._heard + self._limits.idle_seconds, self._check_idle)

    def _check_idle(self) -> None:
        if self._heard + self._limits.idle_seconds <= self._loop.time():
            self._finish(Idle())
        else:
            self._timers[-1] = self._watch()

    def _finish(self, error: CrawlerError | None, *, free: bool = False) -> None:
        if self._over:
            return
        self._over = True
        for timer in self._timers:
            timer.cancel()
        self.error = error
        if isinstance(error, Failure):
            self.end = error.end
        elif error:
            self.end = End.UNSPECIFIED
        self._connection.attempt = None
        if not free:
            self._connection.abort()
        elif self._holds:
            self._connection.transport.resume_reading()  # for the next one
        if not self.done.done():  # cancelled together with who waited
            self.done.set_result(None)
