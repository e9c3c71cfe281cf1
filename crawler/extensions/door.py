"""The last door before the wire."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawler.extensions.manners import Manners
from crawler.wire.handler import WireHandler


class Door(WireHandler):
    """The wire, entered when the host's turn has come: behind Scrapy's queues, which know of no pause."""

    _manners: Manners

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        door, manners = super().from_crawler(crawler), crawler.get_extension(Manners)
        assert manners is not None, "settings.EXTENSIONS names the manners"
        return door.guarded(manners)

    def guarded(self, manners: Manners) -> Self:
        self._manners = manners
        return self

    async def download_request(self, request: Request) -> Response:
        await self._manners.hosts.turn(urlsplit(request.url).hostname or "")
        return await super().download_request(request)
