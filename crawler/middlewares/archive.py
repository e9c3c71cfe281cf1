"""Every exchange into the archive, before anybody acts on it."""

from __future__ import annotations

from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from crawler.errors import ArchiveError
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.items import Resource
from crawler.sources.archived import ASK, brought_by
from crawler.sources.live import MADE
from crawler.sources.reasons import absence_of


class Archive:
    """Nearest the wire: no response goes on, and no failure is retried, whose exchange was not kept.

    What can't be kept ends the crawl (the archivist sees to that) and gives no item; nor does an error that
    no download fails with: it is ours, and says nothing of the page.
    """

    def __init__(self, archivist: Archivist) -> None:
        self._archivist = archivist

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(extension(crawler, Archivist))

    async def process_response(self, request: Request, response: Response) -> Response:
        await self._keep(request)
        return response

    async def process_exception(self, request: Request, exception: Exception) -> None:
        await self._keep(request)
        if absence_of(exception) is None:
            self._archivist.course.stumble(request.url, exception)
            raise IgnoreRequest(f"it is our own failure: {exception!r}") from exception

    async def _keep(self, request: Request) -> None:
        exchanges = request.meta.get("exchanges", [])
        new = exchanges[request.meta.get("kept", 0) :]
        made: list[Resource] = request.meta.pop(MADE, [])
        try:
            for exchange in new:
                await self._archivist.record(*brought_by(request, exchange))
            for resource in made:
                await self._archivist.keep(resource)
            if new and ASK in request.meta:  # services have limits: what one said is never asked for again
                await self._archivist.sync()
        except ArchiveError as error:
            raise IgnoreRequest(f"not kept: {error}") from error
        request.meta["kept"] = len(exchanges)
