"""The site walked for ids: its home page, its sitemaps and feeds, its sections from the newest page back.

A section that was walked to its end before is left where its pages bring nothing new: what is older was found
then. That holds because what such a section brings is added in one step, when its walk is over: one that was
cut off has added nothing that the next walk could take for its end.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from scrapy import Request
from scrapy.http import Response

from crawler.discovery import Told, tell
from crawler.discovery.told import key, ours
from crawler.errors import Undecodable
from crawler.items import Absent, ArticleId, Outcome
from crawler.site import HOME
from crawler.sources.live import READ, REDIRECTS, location_of, unreadable
from crawler.sources.section import Finding, Section

SITEMAPS = "sitemaps"  #: in a request's meta: those that the robots.txt of its host names
BATCH = 1000  #: ids of a section that is walked for the first time, after which they are added
SPLASH = 20  #: links of a home page without articles: it may be a door, or no page of the site
LIMIT = "limit"  #: why a page was not seen: ours
_MISSING = (404, 410)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a walk goes."""

    pages: int = 10_000  #: requests
    ids: int = 1_000_000  #: new ones
    depth: int = 3  #: links from the home page to a section, and from one sitemap to the next
    bytes: int = 50 << 20  #: of a sitemap once unpacked
    tags: int = 50_000  #: of a page
    hops: int = 10


@dataclass(frozen=True, slots=True)
class Unknown:
    """Asks which of these the archive does not know."""

    ids: Sequence[ArticleId]


@dataclass(frozen=True, slots=True)
class Add:
    """Asks that these become known, all of them in one step."""

    found: str  #: sitemap, feed, home or section
    findings: Sequence[Finding]


@dataclass(slots=True)
class Walked:
    """What a walk has come to so far."""

    pages: int = 0  #: requests made
    ids: Counter[str] = field(default_factory=Counter)  #: new ones, by how they were found
    unseen: Counter[str] = field(default_factory=Counter)  #: pages that could not be had or read, by reason
    sections: set[str] = field(default_factory=set)  #: keys of those walked to their end, now or before
    over: bool = False  #: it came to its end


Step = Request | Unknown | Add
Reply = Response | Absent | Sequence[ArticleId] | None
Walk = Generator[Step, Reply, None]
"""Yields requests (and is sent responses, or why there is none), Unknown (is sent those ids), Add (None)."""


def walk(walked: Walked, limits: Limits) -> Walk:
    """The whole walk. `walked` knows the sections of earlier ones, and is kept up to date."""
    return _Walk(walked, limits, frozenset(walked.sections)).through()


class _Walk:
    def __init__(self, walked: Walked, limits: Limits, before: Collection[str]) -> None:
        self._walked, self._limits, self._before = walked, limits, before
        self._named = {key(HOME)}  # pages that were asked for, or wait for it
        self._found: set[ArticleId] = set()  # new ones
        self._maps: deque[tuple[str, int]] = deque()
        self._sections: deque[tuple[str, int]] = deque()

    def through(self) -> Walk:
        yield from self._section(HOME, 0)
        self._queue(self._maps, [f"{HOME}sitemap.xml"], 0)  # where most keep it, whatever robots.txt says
        while (self._maps or self._sections) and not self._full:
            # sitemaps first: they tell most at the least cost
            yield from (
                self._map(*self._maps.popleft()) if self._maps else self._section(*self._sections.popleft())
            )
        if left := len(self._maps) + len(self._sections):
            self._walked.unseen[LIMIT] += left

    @property
    def _full(self) -> bool:
        return self._walked.pages >= self._limits.pages or len(self._found) >= self._limits.ids

    def _map(self, url: str, depth: int) -> Walk:
        """A sitemap or a feed; a page that lies there instead tells nothing."""
        told = yield from self._read(url)
        if told is not None and told.kind != "page":
            new = yield from self._unknown(told.ids)
            yield from self._add(told.kind, [Finding(id, url) for id in new])
            self._queue(self._maps, told.maps, depth + 1)

    def _section(self, start: str, depth: int) -> Walk:
        """A list of articles, page by page."""
        section = Section(start, "section" if depth else "home", known=key(start) in self._before)
        lost = self._walked.unseen.total()
        while section.goes_on and not self._full:
            yield from self._page(section, depth)
            if not section.known and len(section.findings) >= BATCH:
                yield from self._add(section.found, section.taken())
        if self._full and section.goes_on:
            self._lose(LIMIT)
        if section.known and self._full:
            return  # to add a part would be taken for its end by the next walk
        yield from self._add(section.found, section.taken())
        if self._walked.unseen.total() > lost:
            self._walked.sections.discard(key(start))
        else:
            self._walked.sections.add(key(start))

    def _page(self, section: Section, depth: int) -> Walk:
        """The next page of a section: its articles, and where it leads."""
        url = section.next()
        if (told := (yield from self._read(url))) is None:
            return
        shown = section.unseen(told.ids)
        new = yield from self._unknown(shown)
        section.bring([Finding(id, url) for id in new])
        if told.kind != "page":  # a link in a menu may lead to a feed
            section.found = told.kind
        self._queue(self._maps, told.maps, 1)
        if shown:
            room = max(self._limits.pages - section.waiting, 0)
            section.wait(islice((page for page in told.pages if self._is_new(page.url)), room))
        if told.ids or not depth:
            sections = told.sections if told.ids else told.sections[:SPLASH]
            if depth and not new:  # what was walked before need not be looked at again
                sections = tuple(one for one in sections if key(one) not in self._before)
            self._queue(self._sections, sections, depth + 1)

    def _read(self, url: str) -> Generator[Step, Reply, Told | None]:
        """What lies at url tells; None where it can't be had."""
        if (response := (yield from self._fetch(url))) is None:
            return None
        kind = (response.headers.get("Content-Type") or b"").decode("latin-1")
        most = self._limits
        try:
            told = tell(response.url, response.body, kind, most_bytes=most.bytes, tags=most.tags)
        except Undecodable as error:
            self._lose(str(error))
            return None
        if told.cut:
            self._lose(told.cut)
        return told

    def _fetch(self, url: str) -> Generator[Step, Reply, Response | None]:
        """The response at url, behind redirects that stay on the site and lead to no named page."""
        own = key(url)
        for _ in range(self._limits.hops + 1):
            self._walked.pages += 1
            answer = yield Request(url, dont_filter=True)
            if isinstance(answer, Absent):
                self._lose(answer.reason if answer.outcome is Outcome.FAILED else "")
                return None
            assert isinstance(answer, Response)
            self._queue(self._maps, (ours(one, HOME) for one in answer.meta.get(SITEMAPS, ())), 0)
            if answer.status not in REDIRECTS:
                return self._whole(answer)
            url = ours(location_of(answer), answer.url)
            if not url or (key(url) != own and not self._is_new(url)):
                return None
        self._lose("redirect_loop")
        return None

    def _whole(self, response: Response) -> Response | None:
        if absent := unreadable(response):
            self._lose(absent.reason)
            return None
        if response.status in READ:
            return response
        self._lose("" if response.status in _MISSING else f"http_{response.status}")
        return None

    def _lose(self, reason: str) -> None:
        """A page can't be had or read; without a reason there is none, or it is not for us."""
        if reason:
            self._walked.unseen[reason] += 1

    def _unknown(self, ids: Sequence[ArticleId]) -> Generator[Step, Reply, Sequence[ArticleId]]:
        fresh = [id for id in ids if id not in self._found]
        new = (yield Unknown(fresh)) if fresh else ()
        assert isinstance(new, Sequence)
        taken = new[: self._limits.ids - len(self._found)]
        if len(taken) < len(new):
            self._lose(LIMIT)
        self._found.update(taken)
        return taken

    def _add(self, found: str, findings: Sequence[Finding]) -> Walk:
        if findings:
            yield Add(found, findings)
            self._walked.ids[found] += len(findings)

    def _queue(self, queue: deque[tuple[str, int]], urls: Iterable[str], depth: int) -> None:
        """More pages to come; not more than can be asked for, or a hostile site would fill our memory."""
        if depth <= self._limits.depth:
            fresh = ((url, depth) for url in urls if url and self._is_new(url))
            queue.extend(islice(fresh, max(self._limits.pages - len(queue), 0)))

    def _is_new(self, url: str) -> bool:
        """Whether a page was not named before; now it is."""
        new = key(url) not in self._named
        self._named.add(key(url))
        return new
