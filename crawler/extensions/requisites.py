"""What the articles' pages need to be shown, asked for behind the articles: no take waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from crawler.arguments import Arguments
from crawler.cdxj import asked_anyway
from crawler.errors import CrawlerError
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.manners import Manners
from crawler.items import ArticleId
from crawler.needs import Need
from crawler.requisites import absolute, host_of, is_ours, of_style
from crawler.site import article_id, is_site_host
from crawler.sources.live import REDIRECTS, location_of
from crawler.sources.reasons import Waits, absence_of

DEPTH = 5  #: styles and redirects that lead to one another
SEEN = 10_000  #: URLs of late that are not looked up again: most pages share most of theirs
PAGES = 10_000  #: of late, of which we know how many they brought
BEHIND = -1  #: the priority: an article that waits goes first
SHARE = 4  #: one in so many of CONCURRENT_REQUESTS, for a request that is tried again keeps its place


class Requisites:
    """Finds out what the archive lacks, and asks for it through the same doors as for any page."""

    def __init__(self, crawler: Crawler, *, room: int, most: int, size: int) -> None:
        self._crawler, self._room, self._most, self._size = crawler, room, most, size
        self._hosts: Sequence[str] = ()
        self._seen: set[str] = set()
        self._brought: dict[ArticleId, int] = {}  # requisites of each page and its styles, the latest last
        self._claiming: asyncio.Future[None] | None = None  # kept, or it might be collected
        self._news = asyncio.Event()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        return cls(
            crawler,
            room=max(settings.getint("CONCURRENT_REQUESTS") // SHARE, 1),
            most=settings.getint("PAGE_REQUISITES"),
            size=settings.getint("REQUISITE_BYTES"),
        )

    def begin(self, arguments: Arguments) -> None:
        """Before the first page."""
        self._hosts = arguments.requisites_hosts
        self._archivist = extension(self._crawler, Archivist)
        self._manners = extension(self._crawler, Manners)
        self._needs = self._archivist.needs

    def want(self, urls: Iterable[str], page: ArticleId, depth: int = 0) -> None:
        """A page, or something that it needs, needs these."""
        new = self._new(urls)
        before = self._brought.pop(page, 0)
        needs = [Need(url, page, depth) for url in islice(new, max(self._most - before, 0))]
        self._brought[page] = before + len(needs)
        if len(self._brought) > PAGES:
            del self._brought[next(iter(self._brought))]
        for url in new:
            self._needs.miss(Need(url, page, depth), "over_limit")
        self._needs.find(needs)
        if needs and (self._claiming is None or self._claiming.done()):
            self._claiming = asyncio.ensure_future(self._claim())
            self._claiming.add_done_callback(self._claimed)

    def resume(self) -> None:
        """What the run before did not come to is wanted first."""
        for need in self._archivist.dropped:
            self.want([need.url], need.page, need.depth)
        self._archivist.claiming.now_and_then(self._ask_again)

    async def done(self) -> None:
        """Until each has come to its end; the run's end is not waited for, nor who goes on without us."""
        while self._needs.left and not self._archivist.course.over:
            if not self._needs.ours:
                await self._ask_again()
            if self._needs.ours:
                self._news.clear()
                await self._news.wait()
            elif self._needs.left and not await self._archivist.claiming.lasts() and not self._needs.ours:
                return

    def _new(self, urls: Iterable[str]) -> Iterator[str]:
        """Those of hosts that we ask, and that were not named lately."""
        for each in urls:
            if each in self._seen or article_id(each) is not None:
                continue
            if len(self._seen) >= SEEN:
                self._seen.clear()
            self._seen.add(each)
            host = host_of(each)
            if not is_ours(host, self._hosts):
                if host:
                    self._needs.pass_by(host)
                continue
            if not is_site_host(host):
                self._manners.guests.add(host)
            yield Request(each).url  # as the index will have it

    async def _claim(self) -> None:
        """Look up in the ledger what was found meanwhile, as often as something was."""
        while (found := self._needs.found()) and not self._archivist.course.over:
            await self._ask(found)
        self._news.set()

    async def _ask(self, needs: Sequence[Need]) -> None:
        claims = await self._archivist.claiming.claim([need.url for need in needs])
        if not self._archivist.course.over:  # else they are dropped
            self._needs.claimed(needs, claims)
            self._feed()

    async def _ask_again(self) -> None:
        """What others have claimed may be there by now, or be left to us; what we did not get, to them."""
        await self._archivist.claiming.unclaim(self._needs.unclaimed())
        if (needs := self._needs.with_others()) and not self._archivist.course.over:
            try:
                await self._ask(needs)
            except CrawlerError as error:
                self._archivist.course.fail(error)
            self._news.set()

    def _claimed(self, claiming: asyncio.Future[None]) -> None:
        if not claiming.cancelled() and (error := claiming.exception()) is not None:
            self._archivist.course.stumble("the look-up of requisites", error)

    def _feed(self) -> None:
        engine = self._crawler.engine
        assert engine is not None
        while self._needs.waiting and self._needs.flying < self._room and not self._archivist.course.over:
            engine.crawl(self._request(self._needs.next()))

    def _request(self, need: Need) -> Request:
        return Request(
            need.url,
            callback=self._answered,
            errback=self._unanswered,
            headers={"Accept": "*/*"},
            cb_kwargs={"need": need},
            meta={"download_maxsize": self._size},
            priority=BEHIND,
            dont_filter=True,
        )

    def _answered(self, response: Response, need: Need) -> None:
        if 200 <= response.status < 300 or response.status in REDIRECTS:
            self._needs.take(need, held=not asked_anyway(need.url))
        else:
            self._needs.miss(need, f"http_{response.status}")
        try:
            self._follow(_led_to(response), need)
        finally:
            self._landed()

    def _unanswered(self, failure: Failure) -> None:
        """What comes to no end because the run does is dropped with those that wait."""
        need: Need = failure.request.cb_kwargs["need"]  # type: ignore[attr-defined]
        absent = absence_of(failure.value)
        if absent is None:
            self._archivist.course.stumble(need.url, failure.value)
        if absent is None or self._archivist.course.over:
            return
        waits = isinstance(failure.value, Waits)
        self._needs.miss(need, "robots_unavailable" if waits else absent.reason)
        self._landed()

    def _follow(self, urls: Sequence[str], need: Need) -> None:
        if need.depth < DEPTH:
            self.want(urls, need.page, need.depth + 1)
            return
        for url in self._new(urls):
            self._needs.miss(Need(url, need.page, need.depth + 1), "too_deep")

    def _landed(self) -> None:
        self._feed()
        self._news.set()


def _led_to(response: Response) -> Sequence[str]:
    """What a redirect leads to, or a style names: it is needed for the same page."""
    if response.status in REDIRECTS:
        return absolute([location_of(response)], response.url)
    if (response.headers.get("Content-Type") or b"").lower().startswith(b"text/css"):
        return of_style(response.body.decode("utf-8", "replace"), response.url)
    return ()
