"""Chromium as scrapy-playwright drives it. Imported only where there is something to render."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

from playwright.async_api import Browser, Error, Page
from playwright.async_api import Request as Asked
from playwright.async_api import TimeoutError as TooLong
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadFailedError, DownloadTimeoutError
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler
from scrapy_playwright.provider import PlaywrightBrowserProvider

from crawler.browser.memory import overgrown
from crawler.browser.page import LOOK_SECONDS
from crawler.errors import WrongUse

WEIGH_SECONDS = 0.5
LED = "led"  #: in a request's meta: the URLs that the page's own frame was led to, in their order

logging.getLogger("scrapy-playwright").setLevel(logging.WARNING)


class BrowserFailed(DownloadFailedError):
    """The browser broke over a page, or would not show it."""

    reason = "browser_failed"


class BrowserTimeout(DownloadTimeoutError):
    """A page did not come so far that it could be looked at."""

    reason = "browser_timeout"


class Provider(PlaywrightBrowserProvider):  # type: ignore[misc]
    """Playwright's own, and the process of a browser that may not end when it is told to."""

    pid: int | None = None

    async def launch_browser(self) -> Browser:
        browser: Browser = await super().launch_browser()
        session = await browser.new_browser_cdp_session()
        processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
        self.pid = next(process["id"] for process in processes if process["type"] == "browser")
        await session.detach()
        return browser


class Driver:
    """One browser; each page in a context of its own."""

    def __init__(self, crawler: Crawler, options: dict[str, object], *, seconds: float, memory: int) -> None:
        handler = self._handler = ScrapyPlaywrightDownloadHandler.from_crawler(crawler)
        handler.browser_provider_cls = Provider
        handler.config.browser_type_name = "chromium"
        handler.config.launch_options = self._options = options
        handler.config.navigation_timeout_ms = seconds * 1000
        handler.config.download_timeout_secs = 1  # a page that is a file was not shown to the browser
        handler.config.target_closed_max_retries = 0  # an attempt is ours to count
        self._seconds, self._memory = seconds, memory
        self._starting = asyncio.Lock()
        self._broken = False  # it did not do what it was told
        self._weighing: asyncio.Task[None] | None = None  # once it is started

    @asynccontextmanager
    async def visit(self, url: str, options: dict[str, object]) -> AsyncIterator[tuple[Page, list[str]]]:
        """The page at url, its document read, and where its frame was led; left at the end of the block.

        What goes wrong with the browser meanwhile is BrowserFailed or BrowserTimeout.
        """
        name = uuid4().hex
        try:
            async with asyncio.timeout(self._seconds + LOOK_SECONDS):  # Playwright may be gone, too
                came = await self._go(url, name, options)
            yield came
        except (TooLong, TimeoutError) as error:
            raise BrowserTimeout(f"{url}: {str(error) or 'its script does not let us look'}") from error
        except Error as error:
            raise BrowserFailed(f"{url}: {error}") from error
        finally:
            await self._leave(name)

    async def _go(self, url: str, name: str, options: dict[str, object]) -> tuple[Page, list[str]]:
        async with self._starting:
            if self._weighing is None:
                self._weighing = asyncio.ensure_future(self._weigh())
                await self._start()
        if not self.alive:
            raise BrowserFailed(f"{url}: the browser has ended")
        led: list[str] = []
        request = Request(
            url,
            meta={
                "playwright": True,
                "playwright_context": name,
                "playwright_context_kwargs": options,
                "playwright_include_page": True,
                "playwright_page_init_callback": _prepare,
                "playwright_page_goto_kwargs": {"wait_until": "domcontentloaded"},
                LED: led,
            },
        )
        await self._handler.download_request(request)
        return request.meta["playwright_page"], led

    async def _start(self) -> None:
        """Playwright and the browser; WrongUse if that fails twice."""
        with suppress(Error):
            return await self._launch()
        await self._end()  # somebody may have killed it before it stood; nobody does that again
        try:
            await self._launch()
        except Error as error:
            program, why = self._options["executable_path"], str(error).splitlines()[0]
            advice = "In a container it may want BROWSER_SANDBOX=0."
            raise WrongUse(f"{program} can't be started ({why}). {advice}") from error

    async def _launch(self) -> None:
        await self._handler._launch()  # noqa: SLF001 -- its signal was sent when the crawl began
        await self._handler._maybe_launch_browser()  # noqa: SLF001 -- what fails here is no page's fault

    async def _leave(self, name: str) -> None:
        """Close the context; a browser in which that can't be done has shown its last page."""
        wrapper = self._handler.context_wrappers.get(name)
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                if wrapper is not None:
                    await wrapper.context.close()
        except (TimeoutError, Error):
            wrapper = None
        if wrapper is None:
            self._broken = True
            self.kill()

    @property
    def alive(self) -> bool:
        """Whether the browser can take another page."""
        browser: Browser | None = getattr(self._handler, "browser", None)
        return browser is not None and browser.is_connected() and not self._broken

    def kill(self) -> None:
        """End the browser and all its processes now; Playwright's own process reaps them."""
        if (pid := self._pid) is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    async def close(self) -> None:
        """End the browser."""
        if self._weighing is None:
            return
        self._weighing.cancel()
        await self._end()

    async def _end(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._handler.close()
        except TimeoutError:
            self.kill()
        except Error:
            pass  # it was gone before

    @property
    def _pid(self) -> int | None:
        provider: Provider | None = getattr(self._handler, "browser_provider", None)
        return provider.pid if provider else None

    async def _weigh(self) -> None:
        """A page that eats memory loses its process, before the machine has none."""
        while True:
            await asyncio.sleep(WEIGH_SECONDS)
            if (pid := self._pid) is not None:
                for process in overgrown(pid, self._memory):
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)


async def _prepare(page: Page, request: Request) -> None:
    """No interception: the proxy sees what is asked for, and a page would lose its cache, and true 304s."""
    await page.unroute_all()
    led: list[str] = request.meta[LED]

    def note(asked: Asked) -> None:
        if asked.is_navigation_request() and asked.frame == page.main_frame:
            led.append(asked.url)

    page.on("request", note)
    page.on("popup", _close)


async def _close(popup: Page) -> None:
    with suppress(Error):
        await popup.close()
