"""The lists of the archive services, walked as far as a run needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.settings import BaseSettings

from crawler.captures import Captures
from crawler.extensions import extension
from crawler.extensions.answer import answer_to
from crawler.extensions.archivist import Archivist
from crawler.extensions.course import ENDING
from crawler.items import Absent, ArticleId, Capture, Outcome
from crawler.manners.services import COMMONCRAWL, WAYBACK, base
from crawler.sources import commoncrawl, wayback
from crawler.sources.archived import REPEATS, Walk
from crawler.sources.live import Answer
from crawler.sources.section import Finding
from crawler.sources.walk import Add


@dataclass(frozen=True, slots=True)
class Kind:
    """How a service's list is walked."""

    walk: Callable[..., Walk]
    setting: str
    few: int  #: ids that are looked up one by one; of more the whole list is walked


KINDS: Mapping[str, Kind] = {
    WAYBACK: Kind(wayback.walk, "WAYBACK_URL", 20),  # a request an id, 24 a minute
    COMMONCRAWL: Kind(commoncrawl.walk, "COMMONCRAWL_INDEX_URL", 1),  # a request an index either way
}


FOUND = "cdx"  #: how an id was found that a service lists


class Unlistable(Exception):
    """A service's list can't be had; the message says why."""


class Listing:
    """Looks up captures, one walk at a time; what was walked once is not walked again in this run."""

    def __init__(self, crawler: Crawler, settings: BaseSettings) -> None:
        self._crawler = crawler
        self._bases = {name: base(settings, kind.setting) for name, kind in KINDS.items()}
        self._tables: dict[str, Captures] = {}
        self._walked: dict[tuple[str, ArticleId | None], bool] = {}  # whether to the end
        self._failed: dict[str, Unlistable] = {}  # a service that gave no list is not asked for another
        self._lock = asyncio.Lock()
        self.told: list[Add] = []  #: new ids, a list of each service

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        listing = cls(crawler, crawler.settings)
        crawler.signals.connect(listing.close, signals.spider_closed)
        return listing

    async def captures(
        self, service: str, id: ArticleId, *, among: int | None, fresh: bool
    ) -> Sequence[Capture]:
        """What the service has of an id; Unlistable if it can't be asked. `among`: so many are wanted."""
        few = among is not None and among <= KINDS[service].few and (service, None) not in self._walked
        table = await self.walk(service, id if few else None, fresh=fresh)
        if not table.of(id) and not self._walked.get((service, None), True):
            await self.walk(service, id, fresh=fresh)  # that it is not there can't be told from half a list
        return table.of(id)

    async def walk(self, service: str, id: ArticleId | None = None, *, fresh: bool = False) -> Captures:
        """All that the service lists, of one id or of all, in a table."""
        async with self._lock:
            table = self._tables.setdefault(service, Captures())
            if (service, id) not in self._walked:
                if service in self._failed:
                    raise self._failed[service]
                walk = KINDS[service].walk(self._bases[service], id, fresh=fresh)
                self._walked[service, id] = await self._walk(walk, service, table, whole=id is not None)
        return table

    async def discover(self, *, fresh: bool, add: bool) -> None:
        """Look for ids in the services' lists; with `add` they become known, else they are `told`."""
        seeking = extension(self._crawler, Archivist).seeking
        for service in KINDS:
            table = await self.walk(service, fresh=fresh)
            before = {finding.id for each in self.told for finding in each.findings}
            new = [id for id in await seeking.unknown(list(table.ids())) if id not in before]
            self.told.append(Add(FOUND, [Finding(id, _newest(service, table.of(id))) for id in new]))
            if add:
                await seeking.share()  # the list, which whoever takes these ids looks at
                await seeking.discovered(new, FOUND)
        await seeking.searched(over=True)

    def close(self) -> None:
        for table in self._tables.values():
            table.close()

    async def _walk(self, walk: Walk, service: str, table: Captures, *, whole: bool) -> bool:
        """Whether the list came to its end; `whole`: it must."""
        answer: Answer | None = None
        try:
            while True:
                step = walk.send(answer)
                if isinstance(step, Request):
                    answer = await self._ask(step)
                else:
                    table.add(step)
                    answer = None
        except StopIteration as end:
            absent: Absent | None = end.value
        if absent is not None and (whole or absent != REPEATS):
            self._failed[service] = Unlistable(f"the list of {service} can't be had ({absent.reason})")
            raise self._failed[service]
        return absent is None

    async def _ask(self, request: Request) -> Answer:
        answer = await answer_to(self._crawler, request)
        refused = isinstance(answer, Absent) and answer.outcome is Outcome.REFUSED
        if refused and extension(self._crawler, Archivist).course.over:
            raise Unlistable(ENDING)
        return answer


def _newest(service: str, captures: Sequence[Capture]) -> str:
    """Where an id was found: the newest of its captures that are listed."""
    return f"{service} {captures[-1].at} {captures[-1].url}"
