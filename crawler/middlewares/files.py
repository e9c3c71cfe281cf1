"""What other people's files have is read from there: nobody is asked."""

from __future__ import annotations

from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from crawler.errors import CrawlerError
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.listing import Unlistable
from crawler.extensions.shelf import Shelf
from crawler.items import Absent
from crawler.sources.archived import BROUGHT
from crawler.sources.warcfiles import CAPTURE, UNBROUGHT


class Files:
    """Answers a request for a capture out of the file that has it; what can't be read ends the run."""

    def __init__(self, shelf: Shelf, archivist: Archivist) -> None:
        self._shelf, self._archivist = shelf, archivist

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(extension(crawler, Shelf), extension(crawler, Archivist))

    async def process_request(self, request: Request) -> Response | None:
        if (capture := request.meta.get(CAPTURE)) is None:
            return None
        await self._archivist.asks(request)
        try:
            brought = await self._shelf.bring(capture)
        except Unlistable as error:
            self._archivist.course.end(str(error))
            raise IgnoreRequest(str(error)) from error
        except CrawlerError as error:
            self._archivist.course.fail(error)
            raise IgnoreRequest(str(error)) from error
        request.meta[UNBROUGHT if isinstance(brought, Absent) else BROUGHT] = brought
        return Response(request.url, request=request)
