"""Parts of a crawl that have a bug: they stumble over the pages that a setting names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from crawler.wire.handler import WireHandler
from spiders.anapress import Anapress as Ours

HANDLER = "tests.stumbling.Handler"  #: for DOWNLOAD_HANDLERS
SPIDERS = "tests.stumbling"  #: for SPIDER_MODULES


class Handler(WireHandler):
    """Raises after the exchange for the URL that ends with STUMBLE, as that says: a bug, or a disk."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        handler = super().from_crawler(crawler)
        handler.at, handler.error = crawler.settings["STUMBLE"].split("=")
        return handler

    async def download_request(self, request: Request) -> Response:
        response = await super().download_request(request)
        if request.url.endswith(self.at):
            raise {"bug": TypeError("a bug"), "disk": OSError(28, "No space left on device")}[self.error]
        return response


class Anapress(Ours):
    """Raises in the callback, or in the errback, of the id STUMBLE."""

    def answered(self, response: Response, **more: Any) -> Iterator[Any]:
        self._stumble(more["lease"].id)
        yield from super().answered(response, **more)

    def unanswered(self, failure: Failure) -> Iterator[Any]:
        self._stumble(failure.request.cb_kwargs["lease"].id)
        yield from super().unanswered(failure)

    def _stumble(self, id: int) -> None:
        if self.settings.getint("STUMBLE") == id:
            raise TypeError("a bug")
