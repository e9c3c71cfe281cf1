"""Asking again: later, not for ever, and not before we may."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.misc import load_object

from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.manners import Manners, wish_of
from crawler.extensions.visit import DONT_RETRY
from crawler.sources.archived import ASK, is_own_word

ATTEMPTS = "attempts"  #: in a request's meta: attempts at its id that failed before
WAITS = "waits"  #: how often it was told to wait
MOST_WAITS = 10  #: of one request, that cost it no attempt: else one page could hold a run for ever


class Retry:
    """Asks again for what failed, after a pause that grows; where a host asks for one, it costs no attempt.

    An attempt that failed is in the ledger before the next one is made.
    """

    def __init__(
        self,
        archivist: Archivist,
        manners: Manners,
        *,
        times: int,
        codes: Collection[int],
        kinds: tuple[type[Exception], ...],
    ) -> None:
        self._archivist, self._manners = archivist, manners
        self._times, self._codes, self._kinds = times, codes, kinds

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        return cls(
            extension(crawler, Archivist),
            extension(crawler, Manners),
            times=settings.getint("RETRY_TIMES"),
            codes={int(code) for code in settings.getlist("RETRY_HTTP_CODES")},
            kinds=tuple(load_object(kind) for kind in settings.getlist("RETRY_EXCEPTIONS")),
        )

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        if request.meta.get(DONT_RETRY):
            return response
        if wish_of(request, response) is not None and (waits := request.meta.get(WAITS, 0)) < MOST_WAITS:
            return _anew(request, WAITS, waits + 1)
        if response.status not in self._codes or (ASK in request.meta and not is_own_word(response)):
            return response
        return await self._again(request) or response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        if (
            self._manners.course.over
            or request.meta.get(DONT_RETRY)
            or not isinstance(exception, self._kinds)
        ):
            return None
        return await self._again(request)

    async def _again(self, request: Request) -> Request | None:
        attempts = request.meta.get(ATTEMPTS, 0) + 1
        if attempts > self._times:
            return None
        if (lease := request.cb_kwargs.get("lease")) is not None:
            await self._archivist.tried(replace(lease, attempts=attempts))
        await self._manners.rest(self._manners.pause(attempts))
        return _anew(request, ATTEMPTS, attempts)


def _anew(request: Request, counter: str, count: int) -> Request:
    again = request.replace(dont_filter=True)
    again.meta[counter] = count
    return again
