"""Asking again: later, not for ever, and not before we may."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import CannotResolveHostError, DownloadConnectionRefusedError
from scrapy.http import Response
from scrapy.utils.misc import load_object

from crawler.extensions.manners import Manners
from crawler.manners.patience import ASKS, asked

TRIES = "tries"  #: in a request's meta: attempts at its id that failed before
WAITS = "waits"  #: how often it was told to wait
MOST_WAITS = 10  #: of one request, that cost it no attempt: else one page could hold a run for ever
UNREACHED = (CannotResolveHostError, DownloadConnectionRefusedError)


class Retry:
    """Asks again for what failed, after a pause that grows; where a host asks for one, it costs no attempt.

    An attempt that failed is in the ledger before the next one is made.
    """

    def __init__(
        self, manners: Manners, *, times: int, codes: Collection[int], kinds: tuple[type[Exception], ...]
    ) -> None:
        self._manners, self._times, self._codes, self._kinds = manners, times, codes, kinds

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings, manners = crawler.settings, crawler.get_extension(Manners)
        assert manners is not None, "settings.EXTENSIONS names the manners"
        return cls(
            manners,
            times=settings.getint("RETRY_TIMES"),
            codes={int(code) for code in settings.getlist("RETRY_HTTP_CODES")},
            kinds=tuple(load_object(kind) for kind in settings.getlist("RETRY_EXCEPTIONS")),
        )

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        host = _host(request)
        if (seconds := _asked(response)) is not None and (waits := request.meta.get(WAITS, 0)) < MOST_WAITS:
            self._manners.told_to_wait(host, seconds)
            return _anew(request, WAITS, waits + 1)
        if response.status not in self._codes:
            self._manners.hosts.answered(host)
            return response
        return await self._again(request) or response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        if self._manners.archivist.stopping or not isinstance(exception, self._kinds):
            return None
        if unreached := isinstance(exception, UNREACHED):
            self._manners.missed(_host(request))
        return await self._again(request, rest=not unreached)

    async def _again(self, request: Request, *, rest: bool = True) -> Request | None:
        tries = request.meta.get(TRIES, 0) + 1
        if tries > self._times:
            return None
        if (lease := request.cb_kwargs.get("lease")) is not None:
            await self._manners.archivist.tried(replace(lease, attempts=tries))
        if rest:
            await self._manners.rest(self._manners.pause(tries))
        return _anew(request, TRIES, tries)


def _anew(request: Request, counter: str, count: int) -> Request:
    again = request.replace(dont_filter=True)
    again.meta[counter] = count
    return again


def _asked(response: Response) -> float | None:
    """The seconds that a response asks us to wait; 429 does so in any case (RFC 6585, 4)."""
    if response.status not in ASKS:
        return None
    headers = response.headers
    seconds = asked(headers.getlist("Retry-After"), headers.getlist("Date"), datetime.now(UTC))
    return 0.0 if seconds is None and response.status == 429 else seconds


def _host(request: Request) -> str:
    return urlsplit(request.url).hostname or ""
