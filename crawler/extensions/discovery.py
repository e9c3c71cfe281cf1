"""The search for ids on the site, before the leases begin: its requests go through the door as any page's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawler.errors import CrawlerError
from crawler.extensions import extension
from crawler.extensions.answer import answer_to
from crawler.extensions.archivist import Archivist
from crawler.items import Absent, ArticleId, Outcome
from crawler.sources.reasons import Waits
from crawler.sources.walk import Add, Limits, Reply, Unknown, Walked, walk

logger = logging.getLogger("anapress")


class Discovery:
    """Walks the site, one request after the other, and makes known what it finds."""

    def __init__(self, crawler: Crawler, limits: Limits) -> None:
        self._crawler, self._limits = crawler, limits
        self.told: list[Add] = []  #: what was found, where it is only to be told
        self.walked = Walked()
        self.under_way = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        limits = Limits(
            pages=settings.getint("DISCOVER_PAGES"),
            ids=settings.getint("DISCOVER_IDS"),
            depth=settings.getint("DISCOVER_DEPTH"),
            bytes=settings.getint("DISCOVER_BYTES"),
            tags=settings.getint("PAGE_TAGS"),
            hops=settings.getint("REDIRECT_MAX_TIMES"),
        )
        return cls(crawler, limits)

    async def search(self, *, add: bool) -> None:
        """The whole search; with `add` what it finds becomes known, else it is told.

        It ends where the run does. Where robots.txt can't be had, nothing is asked for.
        """
        archivist = self._archivist = extension(self._crawler, Archivist)
        self._add, self.under_way = add, True
        walked = self.walked = Walked()
        archivist.account.walked, archivist.account.added = walked, add
        try:
            walked.sections.update(await archivist.seeking.walked())
            steps, reply = walk(walked, self._limits), None
            while not archivist.course.over:
                reply = await self._reply(steps.send(reply))
        except StopIteration:
            walked.over = True
        except Waits as error:
            walked.unseen[str(error)] += 1
        except CrawlerError as error:  # raised in the spider's start() it would only be logged
            archivist.course.fail(error)
        await archivist.seeking.searched(over=walked.over)
        self.under_way = False
        far = "" if walked.over else " so far: the search was broken off"
        logger.info("Found %s ids on %s pages of the site%s", walked.ids.total(), walked.pages, far)

    async def _reply(self, step: Request | Unknown | Add) -> Reply:
        match step:
            case Unknown(ids):
                return await self._archivist.seeking.unknown(ids)
            case Add(found, findings):
                await self._keep(step, found, [finding.id for finding in findings])
                return None
            case _:
                return await self._answer(step)

    async def _keep(self, step: Add, found: str, ids: Sequence[ArticleId]) -> None:
        if self._add:
            await self._archivist.seeking.discovered(ids, found)
        else:
            self.told.append(step)

    async def _answer(self, request: Request) -> Response | Absent:
        coming = asyncio.ensure_future(answer_to(self._crawler, request))
        coming.add_done_callback(lambda done: done.cancelled() or done.exception())  # whoever waits for it
        try:
            # the engine cancels the spider's start() when it closes; what is queued then, the watch drops
            return await asyncio.shield(coming)
        except Waits:
            raise
        except Exception as error:  # noqa: BLE001 -- each that we can't name ends the crawl
            self._archivist.course.stumble(request.url, error)
            return Absent(outcome=Outcome.FAILED, reason="error")
