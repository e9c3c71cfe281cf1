"""The `-a` arguments of `scrapy crawl anapress` (DESIGN part 2)."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from crawler import idlist
from crawler.browser.page import WAITS
from crawler.errors import WrongUse
from crawler.idlist import Opened
from crawler.items import LIVE, ArticleId
from crawler.manners.services import COMMONCRAWL, WAYBACK
from crawler.sources.archived import Which
from crawler.sources.warcfiles import WARC
from crawler.spelling import nearest

BUILT = {
    "source": ("live", "wayback", "commoncrawl", "warc", "auto"),
    "discover": ("none", "links", "site", "cdx"),
}
"""Arguments of which some values are built."""
ABOUT = {
    "ids=IDS": "only these: a comma list of ids and article URLs; a file (one a line, # comments, .gz too); "
    "an s3:// object; - for stdin. Ids settled already are left. Without it: all that is left to do",
    "discover=links": "(default) article links on captured pages become known ids; none: they don't; "
    "site: they do, and first the site's home page, sections, sitemaps and feeds are searched; "
    "cdx: they do, and first all that the Wayback Machine and Common Crawl list. "
    "Where no id is known yet, site is the default, and cdx with source=wayback or commoncrawl",
    "refresh=7d": "take articles again that were captured longer ago (s, m, h, d, w; 0: all)",
    "forever=1": "don't end when nothing is left: wait for ids that are added from outside",
    "source=live": "(default) pages from the site itself; wayback: from the Wayback Machine; commoncrawl; "
    "auto: from the site, and what it does not give from the archives in turn; warc: from files",
    "warcs=FILES": "with source=warc: WARC, ARC and WACZ files (.gz and .zst too), folders, globs; local, "
    "s3://… or https://…; a comma list. Their articles are taken, or only -a ids=…",
    "copy=1": "(default) what is taken from files is copied into the archive; 0: it is read where it lies, "
    "and the files must stay there as they are (docs/SOURCES.md)",
    "captures=best": "(default) of an archive's captures of an id: the newest that shows the article; first, "
    "last, or all: a take a capture",
    "render=plain": "how: (default) plain HTTP; browser: in Chromium, with all that a page asks for; auto: "
    "in Chromium only where the plain page is an empty shell",
    "wait=idle": "when a page in Chromium is done: (default) nothing was asked for during half a second; "
    "load: when it says so",
    "scroll=1": "(default) pages in Chromium are scrolled down once, for pictures that wait to be seen; "
    "0: not",
    "requisites=1": "(default) also the pictures, styles, scripts, fonts and icons that a replay of the "
    "articles needs, from the site's own hosts; 0: none",
    "requisites_hosts=": "other hosts that they may come from, and those below them: a comma list",
}
"""Each argument, as the prompt and docs/CRAWL.md tell it."""
BROWSER = {"wait": WAITS, "scroll": ("0", "1")}
"""Arguments that say the same as a setting BROWSER_<name>, and their values."""
NAMES = tuple(form.partition("=")[0] for form in ABOUT)


class Render(StrEnum):
    """How pages are fetched."""

    PLAIN = "plain"
    BROWSER = "browser"
    AUTO = "auto"  # in the browser only where the plain page is an empty shell


EVER = datetime.max.replace(tzinfo=UTC)  #: `refresh=0` is all, also what a clock that was ahead has dated
OLDEST = timedelta(days=36_500)
HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}", re.ASCII)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one crawl is to take: all that is left, or only these ids; with a refresh, older articles too."""

    ids: Sequence[ArticleId] | None = None  #: distinct
    found: str = "list"  #: how they were found
    captured_before: datetime | None = None
    forever: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The arguments, checked; the ids are not read yet."""

    ids: str | None = None
    discover: str = ""  #: none, links, site or cdx; empty: links, and site where no id is known yet
    refresh: timedelta | None = None
    forever: bool = False  #: it waits for ids that are added from outside
    source: str = LIVE
    warcs: str | None = None  #: the files of source=warc
    copy: bool = True  #: what they have, into the archive
    listed: Sequence[ArticleId] | None = None  #: the ids that they have, where no others were asked for
    captures: Which = Which.BEST
    render: Render = Render.PLAIN
    browser: tuple[tuple[str, str], ...] = ()  #: settings of it that are given as arguments
    requisites: bool = True  #: also what the articles' pages need to be shown
    requisites_hosts: tuple[str, ...] = ()  #: hosts beside the site's own that it may come from
    take: bool = True  #: articles, and not only ids (`scrapy ids discover`)
    add: bool = True  #: what is discovered, and not only tell it

    @property
    def follow(self) -> bool:
        """Whether article links on captured pages become known ids."""
        return self.discover != "none"

    @property
    def may_walk(self) -> bool:
        """Whether a crawl that knows no ids is to look for some."""
        return self.discover in ("", "site", "cdx")

    @property
    def lists_first(self) -> bool:
        """Whether it looks for them in the lists of the archive services, and not on the site."""
        return self.discover == "cdx" or (not self.discover and self.source in (WAYBACK, COMMONCRAWL))

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """The arguments as given; WrongUse on a name or a value that we don't know."""
        for name, value in given.items():
            if name.startswith("_"):
                continue  # a scheduler's own: scrapyd tells each job its name with `-a _job=…`
            if name not in NAMES:
                raise WrongUse(_unknown(name))
            if name in BUILT and value not in BUILT[name]:
                built = ", ".join(BUILT[name])
                raise WrongUse(f"-a {name}={value} is not built yet; this release does {built}.")
        source = given.get("source", LIVE)
        if source in (WAYBACK, COMMONCRAWL, WARC) and given.get("render", "plain") != "plain":
            raise WrongUse(
                f"-a render={given['render']}: a page of an archive is taken as it was, not rendered."
            )
        return cls(
            ids=given.get("ids"),
            discover=given.get("discover", ""),
            refresh=_age(given.get("refresh")),
            forever=_is_forever(given),
            source=source,
            warcs=_warcs(given, source),
            copy=_copies(given, source),
            captures=_which(given.get("captures"), source),
            requisites=_requisites(given),
            requisites_hosts=_hosts(given.get("requisites_hosts", "")),
            render=_render(given.get("render", "plain")),
            browser=tuple(_browser(given)),
        )

    def wanted(self, now: datetime, opened: Opened) -> Wanted:
        """What to take, the ids read (of a list in S3: `opened`); WrongUse if they can't be."""
        if not self.take:
            return Wanted(ids=())
        if self.listed is not None:
            before = self._captured_before(now)
            return Wanted(ids=idlist.distinct(self.listed), found=self.source, captured_before=before)
        stdin = getattr(sys.stdin, "buffer", None)
        given = None if self.ids is None else idlist.read(self.ids, stdin=stdin, opened=opened)
        ids = None if given is None else idlist.distinct(given)
        return Wanted(ids=ids, captured_before=self._captured_before(now), forever=self.forever)

    def _captured_before(self, now: datetime) -> datetime | None:
        if self.refresh is None:
            return None
        return now - self.refresh if self.refresh else EVER


def _warcs(given: Mapping[str, str], source: str) -> str | None:
    warcs = given.get("warcs")
    if source != WARC and warcs is not None:
        raise WrongUse("-a warcs=… names files to take pages from: give it with -a source=warc.")
    if source == WARC and not (warcs or "").strip():
        raise WrongUse("-a source=warc takes pages from files: say which with -a warcs=…")
    if source == WARC and given.get("forever") == "1":
        raise WrongUse("-a forever=1 waits for ids, but files have no new ones: leave it out.")
    if source == WARC and given.get("discover") in ("site", "cdx"):
        raise WrongUse("-a source=warc takes the ids that the files have: leave -a discover=… out.")
    return warcs


def _copies(given: Mapping[str, str], source: str) -> bool:
    if (copy := given.get("copy", "1")) not in ("0", "1"):
        raise WrongUse(f"-a copy={copy}: give 0 or 1.")
    if source != WARC and "copy" in given:
        raise WrongUse(
            f"-a copy={copy} is about files that pages are taken from: give it with -a source=warc."
        )
    return copy == "1"


def _is_forever(given: Mapping[str, str]) -> bool:
    forever = given.get("forever", "0")
    if forever not in ("0", "1"):
        raise WrongUse(f"-a forever={forever}: give 0 or 1.")
    if forever == "1" and "ids" in given:
        raise WrongUse("-a forever=1 takes whatever is left, -a ids=… only these: give one of them.")
    return forever == "1"


def _render(text: str) -> Render:
    try:
        return Render(text)
    except ValueError:
        raise WrongUse(f"-a render={text} is not known: give {', '.join(Render)}.") from None


def _browser(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, values in BROWSER.items():
        if (value := given.get(name)) is None:
            continue
        if value not in values:
            raise WrongUse(f"-a {name}={value} is not known: give {' or '.join(values)}.")
        yield f"BROWSER_{name.upper()}", value


def _unknown(name: str) -> str:
    meant = nearest(name, NAMES, close=0.6)  # no name of another's stands here
    guess = f": did you mean -a {meant}=…?" if meant else "."
    return f"-a {name}=… is not known{guess} There are {', '.join(sorted(NAMES))}."


def _which(text: str | None, source: str) -> Which:
    if text is not None and source == "live":
        raise WrongUse(f"-a captures={text}: the site has no captures; give it with source=wayback.")
    try:
        return Which(text or Which.BEST)
    except ValueError:
        raise WrongUse(f"-a captures={text}: give one of {', '.join(Which)}.") from None


def _requisites(given: Mapping[str, str]) -> bool:
    wanted = given.get("requisites", "1")
    if wanted not in ("0", "1"):
        raise WrongUse(f"-a requisites={wanted}: give 0 or 1.")
    if wanted == "0" and given.get("requisites_hosts"):
        raise WrongUse("-a requisites=0 wants none: leave it out, or -a requisites_hosts=…")
    return wanted == "1"


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().lower().rstrip(".") for host in text.split(",") if host.strip())
    for host in hosts:
        if not HOST.fullmatch(host):
            raise WrongUse(f"-a requisites_hosts: {host!r} is no host: give some such as cdn.example.org.")
    return hosts


def _age(text: str | None) -> timedelta | None:
    if text is None:
        return None
    if not (match := re.fullmatch(r"(?a:(\d{1,6}))([smhdw]?)", text)) or (not match[2] and match[1] != "0"):
        raise WrongUse(f"-a refresh={text}: give an age such as 7d, 12h, 30m, or 0 for all.")
    age = timedelta(**{UNITS[match[2] or "s"]: int(match[1])})
    if age > OLDEST:
        raise WrongUse(f"-a refresh={text}: nothing is so old.")
    return age
