"""The last door before the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import CannotResolveHostError, DownloadConnectionRefusedError, IgnoreRequest
from scrapy.http import Response

from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.browser import Browser
from crawler.extensions.course import ENDING
from crawler.extensions.manners import Manners, wish_of
from crawler.manners.services import turns
from crawler.sources.archived import ASK
from crawler.sources.live import RENDER
from crawler.sources.reasons import Left
from crawler.wire.handler import RELAY, WireHandler

UNREACHED = (CannotResolveHostError, DownloadConnectionRefusedError)


class Door(WireHandler):
    """The wire, entered when the host's turn has come.

    It stands behind Scrapy's queues: they know of no pause, and let a burst of requests by at once where
    there is no delay, whatever CONCURRENT_REQUESTS_PER_DOMAIN says.
    """

    _manners: Manners
    _browser: Browser
    _archivist: Archivist

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        guards = extension(crawler, Manners), extension(crawler, Browser), extension(crawler, Archivist)
        return super().from_crawler(crawler).guarded(*guards)

    def guarded(self, manners: Manners, browser: Browser, archivist: Archivist) -> Self:
        self._manners, self._browser, self._archivist = manners, browser, archivist
        return self

    async def download_request(self, request: Request) -> Response:
        """What a host asks for is heard here, before the next request can slip through.

        A page for the browser has no turn of its own: each thing that the browser asks for comes here.
        """
        if request.meta.get(RENDER):
            return await self._browser.fetch(request)
        manners, ask = self._manners, request.meta.get(ASK)
        *before, host = turns(ask.budget) if ask else (urlsplit(request.url).hostname or "",)
        async with AsyncExitStack() as held:
            for name in before:
                await held.enter_async_context(manners.hosts.turn(name))
            await held.enter_async_context(self._turn(request, host))
            if manners.course.over:
                raise IgnoreRequest(ENDING)
            if host in manners.given_up:
                raise Left(host)
            await self._archivist.asks(request)
            try:
                response = await super().download_request(request)
            except UNREACHED:
                manners.missed(host)
                raise
            if (seconds := wish_of(request, response)) is not None:
                manners.told_to_wait(host, seconds)
            else:
                manners.hosts.answered(host)
        return response

    @asynccontextmanager
    async def _turn(self, request: Request, host: str) -> AsyncIterator[None]:
        """The host's turn; what does not end by itself does not keep it."""
        asked, listener = request.meta.get(RELAY) or (None, None)
        if listener is not None and host in self._manners.guests and self._manners.hosts.pause(host):
            raise Left(host)  # no page waits for a stranger
        async with self._manners.hosts.turn(host):
            if listener is not None and listener.gone:
                raise IgnoreRequest("the browser has left")
            if asked is None or not asked.endless:
                yield
                return
        yield
