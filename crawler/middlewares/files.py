"""What other people's files have is read from there: nobody is asked."""

from __future__ import annotations

from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawler.extensions import extension
from crawler.extensions.shelf import Shelf
from crawler.items import Absent
from crawler.sources.archived import BROUGHT
from crawler.sources.warcfiles import CAPTURE, UNBROUGHT


class Files:
    """Answers a request for a capture out of the file that has it."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(extension(crawler, Shelf))

    async def process_request(self, request: Request) -> Response | None:
        if (capture := request.meta.get(CAPTURE)) is None:
            return None
        brought = await self._shelf.bring(capture)
        request.meta[UNBROUGHT if isinstance(brought, Absent) else BROUGHT] = brought
        return Response(request.url, request=request)
