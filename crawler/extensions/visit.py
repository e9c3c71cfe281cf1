"""One article's visit by the browser: what is asked for meanwhile, and which of it is the page."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from crawler.browser.voice import Voice
from crawler.items import Exchange
from crawler.site import is_site_host
from crawler.wire.handler import RELAY
from crawler.wire.head import Head
from crawler.wire.relay import Asked

DONT_RETRY = "dont_retry"  #: Scrapy's own word: what a browser asks for, it asks for again itself
HTML = (b"text/html", b"application/xhtml+xml")

Download = Callable[[Request], Awaitable[Response]]


class Visit:
    """Puts what the browser asks for through Scrapy's own downloader: robots.txt, turns, archive as for any.

    The first that it asks of the article's host is the article. Only a page that came well is shown to the
    browser; of any other answer `main` is what a plain download would have brought.
    """

    def __init__(self, request: Request, download: Download, guests: set[str]) -> None:
        self._host = urlsplit(request.url).hostname
        self._download, self._guests = download, guests
        self._first: Asked | None = None
        self.main: Future[Response] = asyncio.get_running_loop().create_future()
        self.exchanges: list[Exchange] = []  #: those of the article, kept
        self.main.add_done_callback(Future.exception)  # looked at, if nobody waits for it
        self.fits = False  #: the browser is shown the answer

    async def ask(self, asked: Asked, voice: Voice) -> None:
        """The browser wants this."""
        request = Request(asked.url, method=asked.method, callback=NO_CALLBACK)
        host = urlsplit(asked.url).hostname or ""
        if not is_site_host(host):
            self._guests.add(host)
        request.meta.update({RELAY: (asked, voice), DONT_RETRY: True})
        if asked.endless:  # else all that is asked of its host would wait for its end
            request.meta["download_slot"] = f"stream {id(voice)}"
        if self._first is None and request.method == "GET" and host == self._host:
            self._first = asked
        if asked is not self._first:
            await self._download(request)
            return
        try:
            response = await self._download(request)
        except Exception as error:
            self._done(request)
            if not self.main.done():
                self.main.set_exception(error)
            raise
        self._done(request)
        if not self.main.done():
            self.main.set_result(response)

    def fit(self, asked: Asked, head: Head) -> bool:
        """Whether the browser is shown the answer: redirects and refusals of the article are the source's."""
        if asked is not self._first:
            return True
        kind = (head.get(b"Content-Type") or b"").partition(b";")[0].strip().lower()
        attached = (head.get(b"Content-Disposition") or b"").lower().startswith(b"attachment")
        self.fits = head.status == 200 and kind in HTML and not attached
        return self.fits

    def _done(self, request: Request) -> None:
        self.exchanges = request.meta.get("exchanges", [])
