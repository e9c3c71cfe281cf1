"""What comes of a request of ours that is no lease's: a response, or the reason why there is none."""

from __future__ import annotations

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from crawler.items import Absent
from crawler.sources.reasons import Waits, absence_of


async def answer_to(crawler: Crawler, request: Request) -> Response | Absent:
    """What the engine brings, through all that any request passes; raises Waits, and what nobody can name."""
    assert crawler.engine is not None
    request.callback = NO_CALLBACK
    try:
        return await crawler.engine.download_async(request)
    except Waits:
        raise
    except Exception as error:
        if (absent := absence_of(error)) is None:
            raise
        return absent
