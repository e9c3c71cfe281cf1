"""An HTTP/1.1 client that keeps every exchange as it was on the wire."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from crawler.clock import Clock
from crawler.items import Exchange
from crawler.wire.address import ConnectTo
from crawler.wire.connection import Attempt, Connection
from crawler.wire.dial import Dialer, Proxy, Resolve, system_resolve
from crawler.wire.failure import EmptyReply, Failure, ProxyFailed, TimedOut
from crawler.wire.head import Head
from crawler.wire.limits import Limits
from crawler.wire.pool import Place, Pool
from crawler.wire.relay import Asked, Listener
from crawler.wire.request import Headers, Target, request_head

_IDEMPOTENT = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A whole response, and every exchange that it took: the last one is its own."""

    exchanges: tuple[Exchange, ...]
    head: Head
    payload: bytes | None  #: without chunk framing, still compressed; None when over payload_bytes
    ip: str | None
    certificate_der: bytes | None
    oddities: tuple[str, ...] = ()  #: what was not as HTTP has it, and taken nonetheless


class Client:
    """Asks, and gives what came, byte for byte.

    It sends nothing again by itself but this: a request that can be repeated, on a kept connection
    that closed without a byte, goes once more on a fresh one. Bodies over `spool_bytes` are files in
    `spool_dir`.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        new_id: Callable[[], UUID],
        tls: ssl.SSLContext,
        spool_dir: Path,
        connect_to: ConnectTo | None = None,
        proxy: str = "",
        resolve: Resolve = system_resolve,
        limits: Limits | None = None,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._spool_dir = spool_dir
        self._limits = limits or Limits()
        self._pool = Pool(self._limits.keep_seconds)
        self._attempts: set[Attempt] = set()  # under way
        self._dialing: set[asyncio.Task[Connection]] = set()
        self._over = False
        self._dialer = Dialer(
            tls=tls,
            connect_to=connect_to or ConnectTo(),
            proxy=Proxy.parse(proxy) if proxy else None,
            resolve=resolve,
            limits=self._limits,
        )

    async def fetch(
        self,
        method: str,
        url: str,
        headers: Headers = (),
        body: bytes = b"",
        *,
        seconds: float = 180,
        most: int | None = None,
    ) -> Received:
        """The whole response within seconds; else a Failure that carries what was on the wire.

        `most`: bytes of its body, where that is less than the client's own limit.
        """
        target = Target.parse(url)
        request = request_head(method, self._form(target), target.authority, headers, body) + body
        return await self._put(target, method, request, seconds, self._limits.within(most))

    async def relay(self, asked: Asked, listener: Listener, *, seconds: float = 180) -> Received:
        """The same for a request that is written already: its listener hears the answer meanwhile."""
        target = Target.parse(asked.url)
        request = asked.head(self._form(target)) + asked.body
        return await self._put(target, asked.method, request, seconds, self._limits, listener)

    def cut(self) -> None:
        """End what is under way, as out of time, and begin nothing more: exchanges keep what they have."""
        self._over = True
        for attempt in tuple(self._attempts):
            attempt.fail(TimedOut())
        for dialing in self._dialing:
            dialing.cancel()

    async def close(self) -> None:
        """Let go of the connections that wait."""
        self._pool.close()
        await asyncio.sleep(0)  # transports close in the loop's next turn

    def _form(self, target: Target) -> str:
        return target.absolute if self._dialer.through_proxy(target) else target.path

    async def _put(
        self,
        target: Target,
        method: str,
        request: bytes,
        seconds: float,
        limits: Limits,
        listener: Listener | None = None,
    ) -> Received:
        exchanges: list[Exchange] = []
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            return await self._ask(_Question(target, method, request, deadline, limits, listener), exchanges)
        except Failure as failure:
            failure.exchanges = tuple(exchanges)
            raise

    async def _ask(self, question: _Question, exchanges: list[Exchange]) -> Received:
        connection = self._pool.take(question.place)
        if connection:
            attempt = await self._attempt(question, connection, exchanges)
            stale = isinstance(attempt.error, EmptyReply) and question.method in _IDEMPOTENT
            if not stale:
                return self._received(question, attempt, connection, exchanges)
        connection = await self._dial(question)
        attempt = await self._attempt(question, connection, exchanges)
        return self._received(question, attempt, connection, exchanges)

    async def _dial(self, question: _Question) -> Connection:
        if self._over:
            raise TimedOut
        dialing = asyncio.ensure_future(self._dialer.dial(question.target, question.deadline))
        self._dialing.add(dialing)
        try:
            return await dialing
        except asyncio.CancelledError:
            if not self._over:
                raise
            raise TimedOut from None
        finally:
            dialing.cancel()  # whoever asked may be cancelled itself
            self._dialing.discard(dialing)

    async def _attempt(
        self, question: _Question, connection: Connection, exchanges: list[Exchange]
    ) -> Attempt:
        """Put the question once; whatever comes of it is one more exchange."""
        new_id, began = self._new_id(), self._clock()
        path = self._spool_dir / f"{new_id}.body"
        attempt = Attempt(connection, question.method, question.limits, path, question.listener)
        attempt.start(question.request, question.deadline)
        self._attempts.add(attempt)
        try:
            await attempt.wait()
            body = await attempt.body.close()
        except BaseException:
            connection.abort()
            await attempt.body.discard()
            raise
        finally:
            self._attempts.discard(attempt)
        exchange = Exchange(
            id=new_id,
            url=question.target.url,
            began=began,
            request=question.request,
            head=attempt.message.raw_head,
            body=body,
            end=attempt.end,
            ip=connection.ip,
            interim=attempt.message.interim,
            method=question.method,
        )
        exchanges.append(exchange)
        return attempt

    def _received(
        self, question: _Question, attempt: Attempt, connection: Connection, exchanges: list[Exchange]
    ) -> Received:
        if attempt.error:
            raise attempt.error
        self._pool.give(question.place, connection)
        head = attempt.message.head
        assert head
        if head.status == 407 and self._dialer.through_proxy(question.target):
            raise ProxyFailed("the proxy wants a name and a password")
        return Received(
            exchanges=tuple(exchanges),
            head=head,
            payload=attempt.payload,
            ip=connection.ip,
            certificate_der=connection.certificate,
            oddities=tuple(attempt.message.oddities),
        )


@dataclass(frozen=True, slots=True)
class _Question:
    """One request, ready to be written."""

    target: Target
    method: str
    request: bytes
    deadline: float  #: by the loop's clock
    limits: Limits
    listener: Listener | None = None

    @property
    def place(self) -> Place:
        return (self.target.secure, self.target.host, self.target.port)
