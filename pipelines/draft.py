"""A take becomes a draft; what goes on to the feeds is the article."""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from crawler.errors import ArchiveError
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.items import Absent, Article, Take


class Draft:
    """Hands takes to the archivist. A feed (-O) is a preview: it gets articles as they were read."""

    def __init__(self, archivist: Archivist) -> None:
        self._archivist = archivist

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(extension(crawler, Archivist))

    async def process_item(self, item: object) -> object:
        if not isinstance(item, Take):
            return item
        if self._archivist.open:
            try:
                await self._archivist.settle(item)
            except ArchiveError as error:  # it ends the crawl; the id is left for the next one
                raise DropItem(f"{item.lease.id} was not kept: {error}") from error
        articles = [take.result for take in (item, *item.then) if isinstance(take.result, Article)]
        if articles:
            return articles[-1]
        reason = item.result.reason if isinstance(item.result, Absent) else "not_modified"
        raise DropItem(f"{item.lease.id}: {reason}")
