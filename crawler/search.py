"""A search for ids alone: a crawl that walks the site and takes no article."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import SETTINGS_PRIORITIES, Settings

from crawler import given, numbers
from crawler.arguments import Arguments
from crawler.ending import Ending
from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.discovery import Discovery
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


def search(settings: Settings, *, add: bool) -> Searched:
    """Walk the site to its end, through the door that every page comes through; WrongUse before that."""
    numbers.check(settings)
    given.require(settings)
    settings.set("LOG_ENABLED", value=True, priority="project")
    if (settings.getpriority("LOG_LEVEL") or 0) < SETTINGS_PRIORITIES["cmdline"]:
        settings.set("LOG_LEVEL", "WARNING", priority="project")
    process = AsyncCrawlerProcess(settings)
    crawler = process.create_crawler(SPIDER)
    process.crawl(crawler, arguments=Arguments(discover="site", requisites=False, take=False, add=add))
    process.start()
    discovery, parting = extension(crawler, Discovery), extension(crawler, Archivist).parting
    ending = parting.ending or Ending.unfinished(stopped=True)
    walked = discovery.walked
    found = f"{number(walked.ids.total(), 'new id')} on {number(walked.pages, 'page')}"
    found += ", added" if add else ", not added"
    return Searched(
        ending.code, f"{found}. {ending.sentence}" if walked.pages else ending.sentence, discovery.told
    )
