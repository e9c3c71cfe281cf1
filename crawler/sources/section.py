"""One list of articles on the site: its pages in their order, and what they have brought so far."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crawler.discovery.told import Onward
from crawler.items import ArticleId

BARREN = 2  #: pages in a row without a new id: one alone may show what was found elsewhere


@dataclass(frozen=True, slots=True)
class Finding:
    """An id, and where it stood."""

    id: ArticleId
    page: str


@dataclass(slots=True)
class Section:
    """Its pages wait by number; it is left early where it is known to its end and brings nothing new."""

    start: str
    found: str  #: home or section, as what its ids become known
    known: bool  #: an earlier walk came to its end
    findings: list[Finding] = field(default_factory=list)
    _waiting: list[tuple[int, int, str]] = field(default_factory=list)  # number, order, URL
    _shown: set[ArticleId] = field(default_factory=set)
    _number: int = 1  # of the page that was taken last
    _barren: int = 0

    def __post_init__(self) -> None:
        self.wait([Onward(self.start, 1)])

    @property
    def goes_on(self) -> bool:
        return bool(self._waiting) and not (self.known and self._barren >= BARREN)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def wait(self, pages: Iterable[Onward]) -> None:
        """More of its pages."""
        for page in pages:
            number = self._number + 1 if page.number is None else page.number
            heapq.heappush(self._waiting, (number, len(self._waiting), page.url))

    def next(self) -> str:
        """The URL of the page that comes first of those that wait."""
        self._number, _, url = heapq.heappop(self._waiting)
        return url

    def unseen(self, ids: Sequence[ArticleId]) -> list[ArticleId]:
        """Those that none of its pages before has shown: without any, a page goes round and leads nowhere."""
        fresh = [id for id in ids if id not in self._shown]
        self._shown.update(fresh)
        return fresh

    def bring(self, findings: Sequence[Finding]) -> None:
        """What the page that was taken last has brought."""
        self.findings += findings
        self._barren = 0 if findings else self._barren + 1

    def taken(self) -> Sequence[Finding]:
        """All that it brought and nobody took yet."""
        taken, self.findings = self.findings, []
        return taken
