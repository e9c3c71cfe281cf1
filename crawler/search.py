"""A search for ids alone: a crawl that walks the site, or the archives' lists, and takes no article."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import SETTINGS_PRIORITIES, Settings

from crawler import given, numbers
from crawler.arguments import Arguments
from crawler.ending import Ending
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.discovery import Discovery
from crawler.extensions.listing import Listing
from crawler.quest import SITE
from crawler.sources.walk import Add
from crawler.wording import number

SPIDER = "anapress"


@dataclass(frozen=True, slots=True)
class Searched:
    """How a search ended, and what it found that was to be told, not added."""

    code: int
    sentence: str
    told: Sequence[Add]

    @property
    def lines(self) -> Iterator[str]:
        """An id a line, how it was found, and where: apart by tabs."""
        for each in self.told:
            for finding in each.findings:
                yield f"{finding.id}\t{each.found}\t{finding.page}"


def search(settings: Settings, *, where: str, add: bool) -> Searched:
    """Search `where` to its end, through the door that every page comes through; WrongUse before that."""
    numbers.check(settings)
    given.require(settings)
    settings.set("LOG_ENABLED", value=True, priority="project")
    if (settings.getpriority("LOG_LEVEL") or 0) < SETTINGS_PRIORITIES["cmdline"]:
        settings.set("LOG_LEVEL", "WARNING", priority="project")
    process = AsyncCrawlerProcess(settings)
    crawler = process.create_crawler(SPIDER)
    process.crawl(crawler, arguments=Arguments(discover=where, requisites=False, take=False, add=add))
    process.start()
    parting = extension(crawler, Archivist).parting
    ending = parting.ending or Ending.unfinished(stopped=True)
    found, told = _found_on_site(crawler) if where == SITE else _found_in_lists(crawler)
    added = ", added" if add else ", not added"
    sentence = f"{found}{added}. {ending.sentence}" if found else ending.sentence
    return Searched(ending.code, sentence, () if add else told)


def _found_on_site(crawler: Crawler) -> tuple[str, Sequence[Add]]:
    """In words, none where nothing was seen; and what is to be told."""
    discovery = extension(crawler, Discovery)
    ids, pages = discovery.walked.ids.total(), discovery.walked.pages
    return f"{number(ids, 'new id')} on {number(pages, 'page')}" if pages else "", discovery.told


def _found_in_lists(crawler: Crawler) -> tuple[str, Sequence[Add]]:
    told = extension(crawler, Listing).told
    ids = number(sum(len(each.findings) for each in told), "new id")
    return f"{ids} in the lists of {number(len(told), 'archive')}" if told else "", told
