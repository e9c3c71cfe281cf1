"""What the hosts ask of a crawl, and what it does then: it waits, goes slower, or ends."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from ipaddress import ip_address
from time import monotonic
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.settings import BaseSettings

from crawler.board import open_board
from crawler.clock import utc_now
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.course import ENDING, Course
from crawler.housing import Housing
from crawler.items import LIVE, Absent, Outcome, Take
from crawler.manners import services
from crawler.manners.fleet import FleetHosts, Pace
from crawler.manners.hosts import Hosts
from crawler.manners.notices import Notices
from crawler.manners.patience import ASKS, asked, pause
from crawler.manners.services import BUDGETS
from crawler.site import HOME, is_useless
from crawler.sources.archived import ASK, is_own_word
from crawler.wire.address import ConnectTo, is_public

GUEST_MISSES = 3  #: pauses in a row, after which a host of requisites is left alone for good

logger = logging.getLogger("anapress")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a host may ask for, and how little it may give, before the run ends."""

    first_pause: float  #: seconds at most, after a first failure
    wait_seconds: float
    waits: int  #: in a row, for all limits below; 0: no limit
    misses: int
    useless: int
    service_pause: float  #: seconds, of the first pause that an archive service asks for

    @classmethod
    def of(cls, settings: BaseSettings) -> Self:
        return cls(
            first_pause=settings.getfloat("RETRY_SECONDS"),
            wait_seconds=settings.getfloat("WAIT_SECONDS"),
            waits=settings.getint("STOP_AFTER_WAITS"),
            misses=settings.getint("STOP_AFTER_MISSES"),
            useless=settings.getint("STOP_AFTER_USELESS"),
            service_pause=settings.getfloat("SERVICE_PAUSE_SECONDS"),
        )


class Manners:
    """Keeps the hosts' budgets, and ends the run where one of them has had enough."""

    def __init__(self, crawler: Crawler, limits: Limits) -> None:
        self._crawler, self._limits = crawler, limits
        self.notices: Notices | None = None  #: of a fleet
        self.hosts = self._open(crawler.settings)
        for name, budget in BUDGETS.items():
            self.hosts.seat(name, budget.room, crawler.settings.getfloat(budget.setting))
        self._useless = 0  # answers in a row
        self.guests: set[str] = set()  #: hosts of requisites alone: no run ends because of one
        self.given_up: set[str] = set()  #: of them, those that had enough, or are away

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        manners = cls(crawler, Limits.of(crawler.settings))
        crawler.signals.connect(manners.opened, signals.spider_opened)
        crawler.signals.connect(manners.came, signals.item_scraped)
        crawler.signals.connect(manners.dropped, signals.item_dropped)
        return manners

    def _open(self, settings: BaseSettings) -> Hosts:
        """Our own budgets, or those of the fleet that we are one of."""
        room, housing = settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN"), Housing.of(settings)
        if not housing.shared:
            return Hosts(monotonic, self.rest, room=room)
        board = open_board(housing.ledger, housing.spool)
        least, adapts = settings.getfloat("DOWNLOAD_DELAY"), settings.getbool("AUTOTHROTTLE_ENABLED")
        pace = Pace(least=least, most=settings.getfloat("AUTOTHROTTLE_MAX_DELAY") if adapts else least)
        thread = ThreadPoolExecutor(1, "budget")
        ask = partial(_in_thread, thread)
        self.notices = Notices(board, ask, self.rest)
        return FleetHosts(monotonic, self.rest, board, ask, room=room, pace=pace)

    @cached_property
    def course(self) -> Course:
        return extension(self._crawler, Archivist).course

    async def rest(self, seconds: float) -> None:
        """Sleep, but not on into the end of the run, whatever ends it: then the request is not made."""
        await self.course.rest(seconds)
        if self.course.over:
            raise IgnoreRequest(ENDING)

    def pause(self, failures: int) -> float:
        """The seconds of a pause of our own, after so many failures in a row."""
        return pause(failures, self._limits.first_pause, random.uniform)

    def told_to_wait(self, host: str, seconds: float) -> None:
        """A host asks for a pause: it has it, or the run ends."""
        if seconds > self._limits.wait_seconds:
            self._end(host, f"{host} asks us to wait for {timedelta(seconds=min(seconds, 1e9))}")
            return
        before = self.hosts[host].waits
        waits = self.hosts.wait(host, self._pause(host, seconds, before))
        if waits > before:
            logger.info("%s asks us to wait (%g s, %s in a row)", host, seconds, waits)
            told = f"{host} asked us to wait {waits} times in a row"
            self._end_after(waits, self._limits.waits, told, host)

    def missed(self, host: str) -> None:
        """A host took no connection: it is left alone for a while; of many, the run ends."""
        before = self.hosts[host].misses
        misses = self.hosts.missed(host, seconds := self._pause(host, 0, before))
        if host in BUDGETS and misses > before:  # that may take minutes
            logger.info("%s takes no connection: it is left alone for %g s", host, seconds)
        most = GUEST_MISSES if host in self.guests else self._limits.misses
        self._end_after(misses, most, f"{host} could not be reached {misses} times in a row", host)

    def _pause(self, host: str, asked: float, before: int) -> float:
        """How long a host is left alone that said so, or took no connection, so many times before."""
        if host in BUDGETS:
            return services.pause(asked, before, self._limits.service_pause)
        return max(asked, self.pause(before + 1))

    def useless(self, why: str, host: str = "") -> None:
        """One more answer that shows nothing of the site."""
        if host in self.guests:
            return
        self._useless += 1
        told = f"{self._useless} answers in a row were parked, blocked, empty or none (the last: {why})"
        self._end_after(self._useless, self._limits.useless, told)

    def opened(self) -> None:
        settings = self._crawler.settings
        if not settings["CONTACT"] and _is_public_site(ConnectTo.parse(settings["CONNECT_TO"] or "")):
            logger.warning(
                "CONTACT is not set: nobody at %s can tell who is asking. Set a URL or an e-mail address.",
                urlsplit(HOME).hostname,
            )

    def came(self) -> None:
        self._useless = 0

    def dropped(self, item: object) -> None:
        if isinstance(item, Take) and item.source != LIVE:
            return  # what an archive holds tells nothing of the site as it is
        result = item.result if isinstance(item, Take) else None
        if isinstance(result, Absent) and is_useless(result):
            self.useless(result.reason)
        elif not isinstance(result, Absent) or result.outcome in (Outcome.GONE, Outcome.NOT_ARTICLE):
            self._useless = 0  # what failed, or was not asked for, tells nothing of the site

    def _end_after(self, count: int, limit: int, why: str, host: str = "") -> None:
        if limit and count >= limit:
            self._end(host, why)

    def _end(self, host: str, why: str) -> None:
        if host not in self.guests:
            self.course.end(why)
        elif host not in self.given_up:
            self.given_up.add(host)
            logger.warning("%s: no more requisites are asked for there", why)


async def _in_thread(thread: ThreadPoolExecutor, step: Callable[[], object]) -> object:
    return await asyncio.get_running_loop().run_in_executor(thread, step)


def wish_of(request: Request, response: Response) -> float | None:
    """The seconds that a response asks us to wait; 429 does so in any case (RFC 6585, 4).

    So does an archive service's 503, unless it is a page's that it plays, or tells why that can't be played.
    """
    service = ASK in request.meta
    if response.status not in ASKS or (service and not is_own_word(response)):
        return None
    headers = response.headers
    seconds = asked(headers.getlist("Retry-After"), headers.getlist("Date"), utc_now())
    return 0.0 if seconds is None and (service or response.status == 429) else seconds


def _is_public_site(connect_to: ConnectTo) -> bool:
    """Whether what we ask is the site itself, or a copy that strangers serve."""
    host = connect_to.route(urlsplit(HOME).hostname or "", 80).host
    try:
        return is_public(str(ip_address(host)))
    except ValueError:
        return host != "localhost"
