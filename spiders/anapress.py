"""The spider: a lease goes to its source, the page to the layouts, the take to the pipelines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any, Self

import scrapy
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure

from crawler.arguments import Arguments, Render
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.discovery import Discovery
from crawler.extensions.listing import Listing, Unlistable
from crawler.extensions.requisites import Requisites
from crawler.extensions.shelf import Shelf
from crawler.housing import Housing
from crawler.items import LIVE, Absent, Article, Exchange, Lease, Outcome, Page, Take
from crawler.layouts import read, reading
from crawler.middlewares.retry import ATTEMPTS
from crawler.quest import SITE
from crawler.secrets import hide_secrets
from crawler.site import article_id, is_shell, links, url_of
from crawler.sources.live import RENDER, Answer, Brought, capture_of, page_of
from crawler.sources.reasons import Waits, absence_of
from crawler.turns import WAITS, Flow, Turns
from crawler.validators import Validators
from crawler.warc import warc_date
from crawler.wire.handler import agent_of

DEADLY = 3  #: workers that died with an id
SLOT = "the browser"  #: no host is called so
SEAT = {"download_slot": SLOT, "autothrottle_dont_adjust_delay": True}
"""A page for the browser waits for a context, not for its host: all that the browser asks for does that."""


class Anapress(scrapy.Spider):
    """Takes articles of anapress.net: `scrapy crawl anapress -a ids=…` (docs/CRAWL.md)."""

    name = "anapress"
    allowed_domains = ("anapress.net",)  # so that `scrapy parse URL` finds us

    def __init__(self, arguments: Arguments, turns: Turns, *, tags: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._arguments, self._turns, self._tags = arguments, turns, tags

    @classmethod
    def from_crawler(
        cls, crawler: Crawler, *_: Any, arguments: Arguments | None = None, **kwargs: Any
    ) -> Self:
        settings = crawler.settings
        if not isinstance(arguments, Arguments):
            arguments = Arguments.of(kwargs)
        for name, value in arguments.browser:
            settings.set(name, value, priority="cmdline")  # they are frozen only after this
        spider = cls(arguments, Turns.of(crawler, arguments), tags=settings.getint("PAGE_TAGS"))
        spider._set_crawler(crawler)
        return spider

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Some settings follow from others: whom to write to, no delay that adapts where there is to be none,
        and where large bodies wait for the writer.
        """
        super().update_settings(settings)
        hide_secrets(settings)
        settings.set("USER_AGENT", agent_of(settings), priority="spider")
        if not settings.getfloat("DOWNLOAD_DELAY"):
            settings.set("AUTOTHROTTLE_ENABLED", False, priority="spider")  # noqa: FBT003
        slots = settings.getdict("DOWNLOAD_SLOTS")
        slots[SLOT] = {"concurrency": settings.getint("BROWSER_CONTEXTS"), "delay": 0}
        settings.set("DOWNLOAD_SLOTS", slots, priority="spider")
        settings.set("SPOOL_DIR", str(Housing.of(settings).spool), priority="cmdline")

    async def start(self) -> AsyncIterator[Any]:
        """One request a lease, as the archivist has room."""
        archivist, requisites = extension(self.crawler, Archivist), extension(self.crawler, Requisites)
        if (arguments := await extension(self.crawler, Shelf).listed(self._arguments)) is None:
            return
        requisites.begin(arguments)
        await archivist.start(arguments)
        requisites.resume()
        try:
            while True:
                if (place := archivist.seeking.place) is not None:
                    await self._search(place, arguments)
                async for lease in archivist.leases():
                    yield await self._first(lease)
                if archivist.seeking.place is None:
                    break
        except Unlistable as error:
            archivist.course.end(str(error))
        await requisites.done()

    async def _search(self, place: str, arguments: Arguments) -> None:
        """Look for ids: before all else, or in the place of a worker that died."""
        if place == SITE:
            await extension(self.crawler, Discovery).search(add=arguments.add)
        else:
            listing = extension(self.crawler, Listing)
            await listing.discover(fresh=arguments.refresh is not None, add=arguments.add)

    async def _first(self, lease: Lease) -> scrapy.Request | Take:
        if lease.deaths >= DEADLY:
            return _deadly(lease)
        return self._begun(await self._turns.first(lease), lease, lease.attempts)

    def parse(self, response: Response, **_: Any) -> Iterator[Article | dict[str, str]]:
        """A page as the layouts read it, for `scrapy parse` and `scrapy fetch`: nothing is archived."""
        if (id := article_id(response.url)) is not None:
            result = read(page_of(id, response, source=LIVE), response.status)
            yield result if isinstance(result, Article) else {"id": str(id), "reason": result.reason}

    def _begun(self, flow: Flow, lease: Lease, attempts: int) -> scrapy.Request | Take:
        """The flow's first request, or its take where it needs none."""
        try:
            return self._asked(next(flow), flow, lease, attempts)
        except StopIteration as end:
            return self._counted(end.value, attempts)

    def answered(self, response: Response, flow: Flow, lease: Lease) -> Iterator[Any]:
        """The source's next step, or the take that it came to."""
        yield self._step(flow, response, lease, response)

    async def in_turn(self, response: Response, flow: Flow, lease: Lease) -> AsyncIterator[Any]:
        """The same, where the archives are asked for what the site does not give."""
        yield await self._next(self._step(flow, response, lease, response), lease)

    async def in_turn_unanswered(self, failure: Failure) -> AsyncIterator[Any]:
        """The same, where no response came: a site that is away keeps no id from the archives."""
        request: scrapy.Request = failure.request  # type: ignore[attr-defined]
        flow, lease = request.cb_kwargs["flow"], request.cb_kwargs["lease"]
        over = extension(self.crawler, Archivist).course.over
        if isinstance(failure.value, Waits) and not over:
            waits = Absent(outcome=Outcome.FAILED, reason=WAITS)
            yield await self._next(self._step(flow, waits, lease, request), lease)
        else:
            for step in self.unanswered(failure):
                yield await self._next(step, lease)

    async def _next(self, step: Any, lease: Lease) -> Any:
        """The step, or where it is a take without an article, what the next source makes of the id."""
        while isinstance(step, Take):
            after = await self._turns.after(step)
            if after is None or isinstance(after, Take):
                return after
            step = self._begun(after, lease, lease.attempts)
        return step

    def unanswered(self, failure: Failure) -> Iterator[Any]:
        """The same, where no response came. That is no take where the id waits, or the run is ending."""
        archivist = extension(self.crawler, Archivist)
        request: scrapy.Request = failure.request  # type: ignore[attr-defined]
        flow, lease = request.cb_kwargs["flow"], request.cb_kwargs["lease"]
        if (absent := absence_of(failure.value)) is None:
            archivist.course.stumble(request.url, failure.value)
        if absent is None or archivist.course.over:
            return
        if isinstance(failure.value, Waits):
            archivist.leave(lease, str(failure.value))
            return
        yield self._step(flow, absent, lease, request)

    def _step(self, flow: Flow, answer: Answer, lease: Lease, last: Response | scrapy.Request) -> Any:
        try:
            return self._asked(flow.send(answer), flow, lease, last.meta.get(ATTEMPTS, 0))
        except StopIteration as end:
            take = self._take(lease, end.value, last)
            if self._wants_browser(take, last):
                return self._begun(self._turns.live(lease, render=True), lease, last.meta.get(ATTEMPTS, 0))
            return take

    def _wants_browser(self, take: Take, last: Response | scrapy.Request) -> bool:
        auto = self._arguments.render is Render.AUTO and take.source == LIVE and not last.meta.get(RENDER)
        return auto and isinstance(take.result, Absent) and is_shell(take.result)

    def _asked(self, request: scrapy.Request, flow: Flow, lease: Lease, attempts: int) -> scrapy.Request:
        """The flow's next request; all hops of an id share its attempts."""
        alone = self._turns.alone
        request.callback = self.answered if alone else self.in_turn
        request.errback = self.unanswered if alone else self.in_turn_unanswered
        request.cb_kwargs.update(flow=flow, lease=lease)
        request.meta[ATTEMPTS] = attempts
        if request.meta.get(RENDER):
            request.meta.update(SEAT)
        return request

    def _counted(self, take: Take, failed: int) -> Take:
        """An archive's take, with its attempts; links that are not to be followed go."""
        found = take.found if self._arguments.follow else ()
        then = tuple(self._counted(each, failed) for each in take.then)
        return replace(take, attempts=failed + 1, found=found, then=then)

    def _read(
        self, brought: tuple[Page, int], lease: Lease, *, requisites: bool
    ) -> tuple[Page, Article | Absent]:
        """What the page comes to; what it needs to be shown is asked for when no article is."""
        result, needed = reading(*brought, tags=self._tags, requisites=requisites)
        extension(self.crawler, Requisites).want(needed, lease.id)
        return brought[0], result

    def _take(self, lease: Lease, brought: Brought | Take, last: Response | scrapy.Request) -> Take:
        if isinstance(brought, Take):
            return self._counted(brought, last.meta.get(ATTEMPTS, 0))
        wanted = self._arguments.requisites and not last.meta.get(RENDER)  # a browser has asked for all
        page, result = (
            self._read(brought, lease, requisites=wanted) if isinstance(brought, tuple) else (None, brought)
        )
        status = last.status if isinstance(last, Response) else None
        capture = capture_of(last)
        response = None if isinstance(capture, Exchange) and not capture.head else capture
        held = _validators(lease, result, last)
        found = links(page.body, page.url) if page and self._arguments.follow else ()
        return Take(
            lease=lease,
            url=page.url if page else last.url,
            result=result,
            capture=response.id if response else None,
            captured_at=warc_date(response.began) if response else None,
            status=status if response else None,
            attempts=last.meta.get(ATTEMPTS, 0) + 1,
            found=tuple(id for id in found if id != lease.id),
            etag=held.etag,
            last_modified=held.last_modified,
        )


def _deadly(lease: Lease) -> Take:
    """The take of an id that nobody should fetch any more."""
    return Take(
        lease=lease,
        url=url_of(lease.id),
        result=Absent(outcome=Outcome.FAILED, reason=f"workers_died:{lease.deaths}"),
        capture=None,
        captured_at=None,
        status=None,
        attempts=lease.attempts,
    )


def _validators(lease: Lease, result: Article | Absent | None, last: Response | scrapy.Request) -> Validators:
    """What may be asked with next time: validators are of one URL, and of a page that we can read."""
    if isinstance(result, Absent) or not isinstance(last, Response) or last.url != url_of(lease.id):
        return Validators()
    given = Validators.given(last.headers.getlist("ETag"), last.headers.getlist("Last-Modified"))
    if result is not None:
        return given
    # a 304 need not repeat what it confirms (RFC 9110, 15.4.5)
    return Validators(given.etag or lease.etag, given.last_modified or lease.last_modified)
