"""robots.txt before the first request to a site, and once a day (RFC 9309)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Self
from urllib.parse import urljoin, urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response

from crawler.extensions import extension
from crawler.extensions.answer import answer_to
from crawler.extensions.archivist import Archivist
from crawler.extensions.manners import Manners
from crawler.items import Absent, Outcome
from crawler.manners.robots import LIMIT, Robots, token_of
from crawler.site import HOME
from crawler.sources.live import REDIRECTS, location_of, unreadable
from crawler.sources.reasons import Forbidden, Refused, Unreached, Waits
from crawler.sources.walk import SITEMAPS

logger = logging.getLogger("anapress")

HOPS = 5  #: redirects that are followed, to any host (2.3.1.2)
SOON = 600.0  #: after which we ask again where there was none
NONE = b""  #: in place of a robots.txt that there is not: all is allowed
UNASKED = "dont_obey_robotstxt"  #: Scrapy's own word for a request that needs no leave


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of one origin: its rules, or why there are none to be had; and until when."""

    rules: Robots | Exception
    until: float


class RobotsTxt:
    """Lets pass what robots.txt allows. Where it can't be had, nothing is asked for: the ids wait."""

    def __init__(
        self, crawler: Crawler, manners: Manners, token: str, *, fresh: float, slowest: float
    ) -> None:
        self._crawler, self._manners, self._token = crawler, manners, token
        self._fresh, self._slowest = fresh, slowest
        self._known: dict[str, Known] = {}
        self._coming: dict[str, asyncio.Future[Robots]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        if not settings.getbool("ROBOTSTXT_OBEY"):
            raise NotConfigured
        manners = extension(crawler, Manners)
        token = token_of(settings["ROBOTSTXT_USER_AGENT"] or settings["USER_AGENT"])
        slowest = settings.getfloat("CRAWL_DELAY_SECONDS")
        return cls(crawler, manners, token, fresh=settings.getfloat("ROBOTS_SECONDS"), slowest=slowest)

    async def process_request(self, request: Request) -> None:
        if request.meta.get(UNASKED):
            return
        try:
            rules = await self._rules(_origin(request.url))
        except Waits as error:
            self._manners.useless(str(error), urlsplit(request.url).hostname or "")
            raise
        if not rules.allows(request.url):
            raise Forbidden(request.url)
        if rules.sitemaps:
            request.meta[SITEMAPS] = rules.sitemaps

    async def _rules(self, origin: str) -> Robots:
        """The rules of an origin, fetched once for all who wait for them."""
        known = self._known.get(origin)
        if known is not None and monotonic() < known.until:
            if isinstance(known.rules, Exception):
                raise known.rules.with_traceback(None)  # else it grows with each id
            return known.rules
        if origin not in self._coming:
            coming = self._coming[origin] = asyncio.ensure_future(self._learn(origin, known))
            coming.add_done_callback(lambda _: self._coming.pop(origin))
        return await asyncio.shield(self._coming[origin])

    async def _learn(self, origin: str, before: Known | None) -> Robots:
        try:
            rules = Robots.parse(await self._told(origin), self._token)
        except (Waits, Unreached) as error:
            if before is None or isinstance(before.rules, Exception):
                self._known[origin] = Known(error, monotonic() + SOON)
                logger.warning("%s", error)
                raise
            rules, fresh = before.rules, SOON  # 2.4: what is cached may be used as long as nothing is had
        else:
            fresh = self._fresh
        self._known[origin] = Known(rules, monotonic() + fresh)
        self._slow(urlsplit(origin).hostname or "", rules.delay or 0)
        return rules

    async def _told(self, origin: str) -> bytes:
        """The origin's robots.txt, as the first worker of a fleet had it: its archive is to have a record."""
        home = extension(self._crawler, Archivist).home
        if (notices := self._manners.notices) is None or home is None:
            return await self._fetched(origin)
        return await notices.get(f"robots {home} {origin}", partial(self._fetched, origin), self._fresh)

    async def _fetched(self, origin: str) -> bytes:
        """The origin's robots.txt, wherever that lies; Waits or Unreached if it can't be had."""
        url = f"{origin}/robots.txt"
        for hop in range(HOPS + 1):
            response = await answer_to(self._crawler, Request(url, meta={UNASKED: True}))
            if isinstance(response, Absent):
                raise self._missing(origin, response, hop)
            if response.status not in REDIRECTS:
                return self._read(origin, response)
            if (target := _target(response)) is None:
                return NONE
            url = target
        return NONE  # 2.3.1.2

    def _missing(self, origin: str, absent: Absent, hop: int) -> Exception:
        """What those come to who wait for rules of which no response came."""
        refused = absent.outcome is Outcome.REFUSED
        if refused and (hop == 0 or self._manners.course.over):
            return Refused(absent.reason)
        told = _told(origin, absent.reason)
        if not refused and hop == 0 and origin != _origin(HOME):
            return Unreached(told, absent.reason)
        return Waits(told)

    def _read(self, origin: str, response: Response) -> bytes:
        if 400 <= response.status < 500 and response.status != 429:
            return NONE  # 2.3.1.3; 429 is no answer but a wish
        if not 200 <= response.status < 400:
            raise Waits(_told(origin, f"http_{response.status}"))
        if (absent := unreadable(response)) is not None:
            raise Waits(_told(origin, absent.reason))
        return response.body[: LIMIT + 1]

    def _slow(self, host: str, delay: float) -> None:
        if delay > self._slowest:
            logger.warning(
                "%s asks for %g seconds between two requests; we wait %g (CRAWL_DELAY_SECONDS).",
                host,
                delay,
                self._slowest,
            )
        self._manners.hosts.slow(host, min(delay, self._slowest))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _target(response: Response) -> str | None:
    """Where a redirect leads, None where that is nowhere."""
    location = location_of(response).strip(" \t")
    try:
        target = urljoin(response.url, location)
        parts = urlsplit(target)
    except ValueError:  # a bad IPv6 address
        return None
    return target if location and parts.hostname and parts.scheme in ("http", "https") else None


def _told(origin: str, reason: str) -> str:
    return f"the robots.txt of {origin} can't be had ({reason})"
