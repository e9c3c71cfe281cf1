"""An answer on its way to the browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from crawler.browser.peer import Peer
from crawler.wire.head import Head
from crawler.wire.relay import Asked, Stream

# without a body the browser shows a page of its own, and no text that could be taken for the site's
_FAILED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Voice:
    """Passes an answer on as it comes, if its head is fit for the browser.

    A browser that is slow makes the host wait.
    """

    def __init__(self, asked: Asked, peer: Peer, fit: Callable[[Head], bool]) -> None:
        self.asked = asked
        self.gone = False  #: the browser has left
        self._peer, self._fit = peer, fit
        self._stream: Stream | None = None
        self._held = b""  # until the head is whole
        self._fits: bool | None = None
        self._draining: asyncio.Task[None] | None = None

    def begin(self, stream: Stream) -> None:
        self._stream = stream
        if self.gone:
            stream.leave()

    def hear(self, data: bytes) -> None:
        if self._fits is None:
            self._held += data
            if self._stream is None or (head := self._stream.head) is None:
                return
            self._fits, data = self._fit(head), self._held
        if self._fits and not self.gone:
            self._pass_on(data)

    def leave(self) -> None:
        """The browser has left: what is under way ends."""
        self.gone = True
        if self._stream is not None:
            self._stream.leave()

    def say(self, data: bytes) -> None:
        """What the browser sends behind its request, to a host that has switched protocols."""
        if self._stream is not None:
            self._stream.send(data)

    def fail(self) -> None:
        """There is no whole answer: the browser hears that, and never takes a part for the whole."""
        if self._fits:
            self._peer.abort()
        else:
            self._peer.write(_FAILED)

    @property
    def begun(self) -> bool:
        """Whether the request was sent."""
        return self._stream is not None

    @property
    def upgraded(self) -> bool:
        return self._stream is not None and (head := self._stream.head) is not None and head.status == 101

    @property
    def heard(self) -> bool:
        """Whether the answer was passed on."""
        return bool(self._fits)

    @property
    def reusable(self) -> bool:
        """Whether the browser can tell where the answer ended."""
        return self._stream is not None and self._stream.reusable

    def _pass_on(self, data: bytes) -> None:
        self._peer.write(data)
        if self._peer.full and self._draining is None and self._stream is not None:
            self._stream.pause()
            self._draining = asyncio.ensure_future(self._drain(self._stream))

    async def _drain(self, stream: Stream) -> None:
        await self._peer.drained()
        self._draining = None
        stream.resume()
