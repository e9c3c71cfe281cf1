"""The recording proxy: one port a browser context, so that each exchange belongs to its page."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Self

from crawler.browser.asking import Tunnel, read
from crawler.browser.authority import Authority
from crawler.browser.peer import Peer
from crawler.browser.voice import Voice
from crawler.wire.head import Head
from crawler.wire.relay import Asked

HOST = "127.0.0.1"
HEAD_BYTES = 256 << 10
AHEAD_BYTES = 64 << 10  #: that a browser may send before it has its answer; none does

_TUNNEL = b"HTTP/1.1 200 Connected\r\n\r\n"
_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Ask = Callable[[Asked, Voice], Awaitable[None]]
"""Puts a request to its host, and has kept the exchange when it returns; raises if it has no whole answer."""
Fit = Callable[[Asked, Head], bool]
"""Whether the browser is to get the answer that begins so; if not, it is only kept."""


class Port:
    """A proxy on a port of its own while the block runs.

    At its end the browser has left: what is under way is cut, and kept as far as it came.
    """

    def __init__(self, ask: Ask, fit: Fit, authority: Authority) -> None:
        self.number = 0
        self._ask, self._fit, self._authority = ask, fit, authority
        self._connections: set[asyncio.Task[None]] = set()
        self._asking: dict[Voice, asyncio.Future[None]] = {}
        self._ended = 0.0  # when the last of them did

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, HOST, 0)
        self.number = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for voice in self._asking:
            voice.leave()
        begun = [asking for voice, asking in self._asking.items() if voice.begun]
        await asyncio.gather(*begun, return_exceptions=True)
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def quiet(self, seconds: float) -> None:
        """Until nothing was under way for so long, but for what does not end by itself."""
        now = asyncio.get_running_loop().time
        self._ended = max(self._ended, now())
        while self._busy or now() < self._ended + seconds:  # noqa: ASYNC110 -- an event can't tell of silence
            await asyncio.sleep(seconds / 5)

    @property
    def _busy(self) -> bool:
        return any(not voice.asked.endless for voice in self._asking)

    def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = asyncio.ensure_future(self._served(Peer(reader, writer)))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _served(self, peer: Peer) -> None:
        try:
            await self._serve(peer)
        except OSError:
            pass  # it is the browser's to begin anew
        finally:
            peer.close()

    async def _serve(self, peer: Peer) -> None:
        """One request after the other; after a CONNECT, those to its place."""
        origin: str | None = None
        while head := await peer.head(HEAD_BYTES):
            wish = read(head, origin)
            if wish is None:
                peer.write(_REFUSED)
                return
            if isinstance(wish, Tunnel):
                peer.write(_TUNNEL)
                secure = await peer.secured(partial(self._authority.context, wish.host))
                origin = wish.origin(secure=secure)
                continue
            body = await peer.exactly(wish.body_bytes)
            if body is None or not await self._answered(peer, wish.asked(body)):
                return

    async def _answered(self, peer: Peer, asked: Asked) -> bool:
        """Whether the browser got a whole answer, and may ask for more on this connection."""
        voice = Voice(asked, peer, partial(self._fit, asked))
        # not a part of this connection's task: what was begun is kept, whatever becomes of the browser
        asking = self._asking[voice] = asyncio.ensure_future(self._ask(asked, voice))
        asking.add_done_callback(partial(self._end, voice))
        watching = asyncio.ensure_future(self._watch(peer, voice))
        try:
            await asyncio.wait([asking])
        finally:
            watching.cancel()
        await asyncio.wait([watching])  # it reads what we go on to read
        if asking.exception() or not voice.heard:
            voice.fail()
            return False
        return voice.reusable

    async def _watch(self, peer: Peer, voice: Voice) -> None:
        """The browser's side meanwhile: it leaves, or speaks another protocol."""
        while data := await peer.read():
            if voice.upgraded:
                voice.say(data)
                continue
            peer.keep(data)
            if peer.ahead > AHEAD_BYTES:
                return
        voice.leave()

    def _end(self, voice: Voice, asking: asyncio.Future[None]) -> None:
        asking.exception()  # the browser may be gone, and nobody else look at it
        del self._asking[voice]
        self._ended = asyncio.get_running_loop().time()
