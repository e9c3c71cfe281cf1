"""What an archive service said before is not asked for again: the archive has it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Headers, Response

from crawler.clock import utc_now
from crawler.errors import CrawlerError, Undecodable
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.items import Stored
from crawler.sources.archived import ASK, BROUGHT, Ask, Brought
from crawler.warc import Record, http_head, payload, target_uri
from crawler.wire.coding import decode

DECODED_BYTES = 64 << 20


class Held:
    """Answers requests to archive services from committed records, where those will do."""

    def __init__(self, archivist: Archivist) -> None:
        self._archivist = archivist

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(extension(crawler, Archivist))

    async def process_request(self, request: Request) -> Response | None:
        ask: Ask | None = request.meta.get(ASK)
        if ask is None or ask.fresh:
            return None
        url, date = ask.capture or (request.url, None)
        try:
            found = await self._archivist.held(target_uri(url), date)
        except CrawlerError as error:
            self._archivist.course.fail(error)
            return None
        if found is None or _is_old(found[0], ask):
            return None
        await self._archivist.asks(request)
        if ask.capture is None:
            return _answer(request, found[1])
        request.meta[BROUGHT] = Brought(place=found[0].record, record=found[1])
        return Response(request.url, status=http_head(found[1]).status, request=request)


def _is_old(stored: Stored, ask: Ask) -> bool:
    if ask.seconds is None:
        return False
    return utc_now() - datetime.fromisoformat(stored.date) > timedelta(seconds=ask.seconds)


def _answer(request: Request, record: Record) -> Response | None:
    """The answer as it came then."""
    head, headers = http_head(record), Headers()
    for name, value in head.headers:
        headers.appendlist(name, value)
    coding = b",".join(head.all(b"Content-Encoding")).decode("latin-1")
    try:
        body = decode(payload(record), coding, limit=DECODED_BYTES)
    except Undecodable:
        return None
    return Response(request.url, status=head.status, headers=headers, body=body, request=request)
