"""The last door before the wire."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import CannotResolveHostError, DownloadConnectionRefusedError, IgnoreRequest
from scrapy.http import Response

from crawler.extensions import extension
from crawler.extensions.course import ENDING
from crawler.extensions.manners import Manners, wish_of
from crawler.manners.services import turns
from crawler.sources.archived import ASK
from crawler.sources.reasons import Left
from crawler.wire.handler import WireHandler

UNREACHED = (CannotResolveHostError, DownloadConnectionRefusedError)


class Door(WireHandler):
    """The wire, entered when the host's turn has come.

    It stands behind Scrapy's queues: they know of no pause, and let a burst of requests by at once where
    there is no delay, whatever CONCURRENT_REQUESTS_PER_DOMAIN says.
    """

    _manners: Manners

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return super().from_crawler(crawler).guarded(extension(crawler, Manners))

    def guarded(self, manners: Manners) -> Self:
        self._manners = manners
        return self

    async def download_request(self, request: Request) -> Response:
        """What a host asks for is heard here, before the next request can slip through."""
        manners, asked = self._manners, request.meta.get(ASK)
        names = turns(asked.budget) if asked else (urlsplit(request.url).hostname or "",)
        host = names[-1]
        async with AsyncExitStack() as held:
            for name in names:
                await held.enter_async_context(manners.hosts.turn(name))
            if manners.course.stopping:
                raise IgnoreRequest(ENDING)
            if host in manners.given_up:
                raise Left(host)
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
