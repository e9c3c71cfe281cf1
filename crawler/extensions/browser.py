"""The browser of a crawl: Chromium, behind a proxy of ours that keeps what it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Self
from uuid import UUID, uuid4

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse, Response

from crawler.browser.authority import Authority
from crawler.browser.chromium import Chromium, context
from crawler.browser.page import DOM_LOOK, Look, Rules, looked, settle
from crawler.browser.proxy import Port
from crawler.browser.voice import Voice
from crawler.clock import utc_now
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.manners import Manners
from crawler.extensions.visit import Visit
from crawler.items import Resource
from crawler.site import article_id
from crawler.sources.live import CAPTURE, MADE
from crawler.wire.handler import CUT, RELAY
from crawler.wire.relay import Asked

if TYPE_CHECKING:  # it is dear to import, and few crawls need it
    from crawler.extensions.driver import Driver


class Browser:
    """Fetches pages as a reader's browser shows them; a page that breaks it costs one attempt.

    All that it asks for goes through Scrapy's downloader (Visit). After so many pages, or a failure that it
    did not survive, it is started anew.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler, self._settings = crawler, crawler.settings
        self._rules = Rules.of(self._settings)
        self._authority = Authority()
        self._running = AsyncExitStack()
        self._driver: Driver | None = None
        # Scrapy's slot lets a burst by where there is no delay
        self._room = asyncio.Semaphore(self._settings.getint("BROWSER_CONTEXTS"))
        self._entering = asyncio.Lock()
        self._shown = self._visits = 0  # by this browser, and under way
        self._empty = asyncio.Event()
        self._rendering: set[asyncio.Task[Response]] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        browser = cls(crawler)
        crawler.signals.connect(browser.cut, CUT)
        crawler.signals.connect(browser.close, signals.spider_closed)
        return browser

    async def fetch(self, request: Request) -> Response:
        """The page as it is after its scripts; or the answer itself, if that is no page to be shown."""
        request.meta.pop(CAPTURE, None)
        assert self._crawler.engine is not None
        guests = extension(self._crawler, Manners).guests
        visit = Visit(request, self._crawler.engine.download_async, guests)
        try:
            async with AsyncExitStack() as room:
                await room.enter_async_context(self._room)
                async with self._seat() as driver, Port(visit.ask, visit.fit, self._authority) as port:
                    await extension(self._crawler, Archivist).asks(request)
                    return await self._visited(request, visit, driver, port, room)
        finally:
            self._drop_left()
            exchanges = request.meta.setdefault("exchanges", [])
            exchanges += visit.exchanges
            request.meta["kept"] = len(exchanges)  # each by its own request

    def cut(self) -> None:
        """End what is under way."""
        for rendering in self._rendering:
            rendering.cancel()

    async def close(self) -> None:
        await self._running.aclose()

    async def _visited(
        self, request: Request, visit: Visit, driver: Driver, port: Port, room: AsyncExitStack
    ) -> Response:
        rendering = asyncio.ensure_future(self._rendered(request, visit, driver, port, room))
        self._rendering.add(rendering)
        try:
            await asyncio.wait([rendering, visit.main], return_when=asyncio.FIRST_COMPLETED)
            if visit.main.done() and (visit.main.exception() or not visit.fits):
                return visit.main.result().replace(request=request)
            await asyncio.wait([rendering])
            if rendering.cancelled():
                raise IgnoreRequest("the run is ending")
            return rendering.result()
        finally:
            rendering.cancel()
            await asyncio.wait([rendering])
            self._rendering.discard(rendering)

    async def _rendered(
        self, request: Request, visit: Visit, driver: Driver, port: Port, room: AsyncExitStack
    ) -> Response:
        agent, languages = self._settings["USER_AGENT"], self._settings["DEFAULT_REQUEST_HEADERS"]
        options = context(port.number, user_agent=agent, languages=languages.get("Accept-Language") or "")
        async with driver.visit(request.url, options) as (page, led):
            if not await settle(page, port.quiet, self._rules):
                self._count("hurried")
            shown = page.url.partition("#")[0]
            if not shown.startswith("http"):  # a page of the browser's own, for one that it did not get
                return Response(led[-1] if led else request.url, flags=["unread:browser_failed"])
            if article_id(shown) != article_id(request.url):
                return Response(shown)
            await visit.main  # it is shown before its exchange is kept
            brought = visit.exchanges[-1].id
            dom = _made(DOM_LOOK, shown, await looked(page, DOM_LOOK), brought)
            if len(dom.block) > self._settings.getint("DECODED_BYTES"):
                return HtmlResponse(shown, headers={"Content-Type": dom.content_type}, flags=["unread:bomb"])
            others = [_made(look, shown, await looked(page, look), brought) for look in self._rules.keep]
            await room.aclose()  # the next page may come while this one is put away
        request.meta.update({CAPTURE: dom, MADE: [dom, *others]})
        return HtmlResponse(
            shown, headers={"Content-Type": dom.content_type}, body=dom.block, encoding="utf-8"
        )

    @asynccontextmanager
    async def _seat(self) -> AsyncIterator[Driver]:
        """The browser, for one page; a new one where this has had its share or is gone."""
        async with self._entering:
            if self._driver is not None and self._spent(self._driver) and self._visits:
                await self._empty.wait()
            if self._driver is None or self._spent(self._driver):
                self._driver = await self._start()
            driver, self._shown, self._visits = self._driver, self._shown + 1, self._visits + 1
            self._empty.clear()
        try:
            yield driver
        finally:
            self._visits -= 1
            if not self._visits:
                self._empty.set()

    def _spent(self, driver: Driver) -> bool:
        return self._shown >= self._settings.getint("BROWSER_PAGES") or (self._shown > 0 and not driver.alive)

    async def _start(self) -> Driver:
        from crawler.extensions.driver import Driver

        await self._running.aclose()
        self._shown = 0
        chromium = Chromium.of(self._settings)
        own = await self._running.enter_async_context(Port(self._refuse, lambda *_: True, self._authority))
        options = chromium.options(own_port=own.number, spki=self._authority.spki)
        memory = self._settings.getint("BROWSER_BYTES")
        driver = Driver(self._crawler, options, seconds=self._rules.seconds, memory=memory)
        self._running.push_async_callback(driver.close)
        return driver

    async def _refuse(self, asked: Asked, _: Voice) -> None:
        """What the browser asks for by itself is no part of any page."""
        self._count("refused")
        raise OSError(f"{asked.url} is none of our business")

    def _drop_left(self) -> None:
        """What a browser has left is not asked for any more: each would wait for its turn."""
        assert self._crawler.engine is not None
        for slot in self._crawler.engine.downloader.slots.values():
            for entry in [entry for entry in slot.queue if _left(entry[0])]:
                slot.queue.remove(entry)
                entry[1].errback(IgnoreRequest("the browser has left"))

    def _count(self, what: str) -> None:
        if self._crawler.stats is not None:
            self._crawler.stats.inc_value(f"browser/{what}")


def _made(look: Look, url: str, block: bytes, page: UUID) -> Resource:
    return Resource(
        id=uuid4(),
        uri=look.uri + url,
        began=utc_now(),
        content_type=look.content_type,
        block=block,
        page=page,
    )


def _left(request: Request) -> bool:
    relayed = request.meta.get(RELAY)
    return relayed is not None and bool(relayed[1].gone)
