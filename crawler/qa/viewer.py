"""A browser that sees nothing but the replay."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from html import escape

from playwright.async_api import Browser, BrowserContext, Error, Request, Response, Route, async_playwright

from crawler.browser.chromium import Chromium
from crawler.errors import CrawlerError, WrongUse
from crawler.qa.view import View
from crawler.replay.page import COLLECTION

SECONDS = 45  #: for one page; afterwards it counts as not seen
QUIET_SECONDS = 10  #: that we wait, once it has loaded, for it to ask for nothing more
TEXT_BYTES = 4 << 20  #: of the visible text
MOST = 5000  #: requests of a page that are noted
FRAME = '<!DOCTYPE html><iframe name="replay" src="{}" style="border:0;width:1280px;height:20000px"></iframe>'
SEEN = """() => [
    document.body ? document.body.innerText : "",
    [...document.images].map(image => [image.src, image.complete && image.naturalWidth > 0])
]"""
EAGER = "() => document.querySelectorAll('[loading=lazy]').forEach(each => each.loading = 'eager')"


class Viewer:
    """Looks at archived pages, each in a window of its own."""

    def __init__(self, browser: Browser, replay: str) -> None:
        self._browser, self._replay = browser, replay
        self._archived = re.compile(rf"{re.escape(replay)}{COLLECTION}/[0-9]*[a-z_]*/(.*)", re.DOTALL)

    async def look(self, url: str, moment: str) -> View:
        """What a reader sees of the page as it was then."""
        context = await self._browser.new_context(
            accept_downloads=False, service_workers="block", viewport={"width": 1280, "height": 1000}
        )
        notes = _Notes(self._archived, self._replay)
        try:
            await context.route("**/*", notes.judge)
            context.on("response", notes.answer)
            async with asyncio.timeout(SECONDS):
                return await self._seen(context, notes, f"{self._replay}{COLLECTION}/{moment}mp_/{url}")
        except (Error, TimeoutError) as error:
            if not self._browser.is_connected():
                raise CrawlerError("Chromium has ended by itself; run it again.") from error
            return notes.view(trouble=str(error).partition("\n")[0] or f"not seen in {SECONDS} seconds")
        finally:
            with suppress(Error):
                await context.close()

    async def _seen(self, context: BrowserContext, notes: _Notes, address: str) -> View:
        page = await context.new_page()
        # in a frame: at the top pywb would lead on to its own frame and panel
        await page.set_content(FRAME.format(escape(address)), timeout=SECONDS * 1000)
        if (frame := page.frame(name="replay")) is None:
            return notes.view(trouble="there is no frame")
        await frame.evaluate(EAGER)
        with suppress(Error):  # there are pages that never rest
            await page.wait_for_load_state("networkidle", timeout=QUIET_SECONDS * 1000)
        text, pictures = await frame.evaluate(SEEN)
        shown = {
            notes.original(str(src)): bool(seen) for src, seen in pictures if str(src).startswith("http")
        }
        return notes.view(text=str(text)[:TEXT_BYTES], pictures=shown)


class _Notes:
    """What a page asked for."""

    def __init__(self, archived: re.Pattern[str], replay: str) -> None:
        self._archived, self._replay = archived, replay
        self._requests: dict[str, int | None] = {}
        self._outside: dict[str, None] = {}

    def original(self, url: str) -> str:
        """The address that stands for in the archive."""
        found = self._archived.fullmatch(url)
        return found[1] if found else url

    async def judge(self, route: Route) -> None:
        request: Request = route.request
        with suppress(Error):  # the page may be gone
            if request.url.startswith((self._replay, "data:", "blob:", "about:")):
                await route.continue_()
            else:
                if len(self._outside) < MOST:
                    self._outside[request.url] = None
                await route.abort()

    def answer(self, response: Response) -> None:
        found = self._archived.fullmatch(response.url)
        if found and len(self._requests) < MOST:
            archived = "memento-datetime" in response.headers
            self._requests[found[1]] = response.status if archived else None

    def view(
        self, *, text: str = "", pictures: dict[str, bool] | None = None, trouble: str | None = None
    ) -> View:
        return View(
            text=text,
            pictures=pictures or {},
            requests=dict(self._requests),
            outside=tuple(self._outside),
            trouble=trouble,
        )


@asynccontextmanager
async def viewing(chromium: Chromium, replay: str) -> AsyncIterator[Viewer]:
    """A viewer of the replay at this address, while the block runs."""
    # a Ctrl-C ends Playwright's own process too, and what waits for it would each tell so
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(
                executable_path=chromium.path, chromium_sandbox=chromium.sandbox, args=[*_shut()]
            )
        except Error as error:
            raise WrongUse(f"{chromium.path} can't be started: {str(error).splitlines()[0]}") from error
        try:
            yield Viewer(browser, replay)
        finally:
            with suppress(Error):
                await browser.close()


def _shut() -> Iterable[str]:
    """No name and no address but our own leads anywhere."""
    yield "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    yield "--webrtc-ip-handling-policy=disable_non_proxied_udp"
    yield "--disable-quic"
