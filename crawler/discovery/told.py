"""What one answer of the site told, and the names that its own addresses go by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from string import punctuation
from typing import Self
from urllib.parse import parse_qsl, quote, urldefrag, urlencode, urlsplit

from crawler.items import ArticleId
from crawler.site import article_id, is_on_site, joined, original

LONGEST = 2000  #: characters of a URL that we would ask for; sitemaps.org has 2048
_TRACKING = re.compile(
    r"utm_\w+|fbclid|gclid|msclkid|mc_[ce]id|igshid|yclid|_ga|ref|replytocom", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Onward:
    """A link from a page of a list to another page of that list; `number` is what the site calls that one."""

    url: str
    number: int | None = None  #: None: the next


@dataclass(frozen=True, slots=True)
class Told:
    """Articles, each once in the order in which they stand there, and where to look on."""

    kind: str  #: page, sitemap or feed
    ids: tuple[ArticleId, ...] = ()
    maps: tuple[str, ...] = ()  #: sitemaps and feeds
    pages: tuple[Onward, ...] = ()  #: more of the same list
    sections: tuple[str, ...] = ()  #: pages that may be lists of their own
    cut: str = ""  #: why it was not read to its end

    @classmethod
    def of(cls, kind: str, urls: Iterable[str], base: str, maps: Iterable[str] = (), cut: str = "") -> Self:
        """What a list of links comes to."""
        ids = (article_id(original(joined(base, url.strip()))) for url in urls if len(url) <= LONGEST)
        found = tuple(dict.fromkeys(id for id in ids if id is not None))
        return cls(
            kind, found, tuple(dict.fromkeys(filter(None, (ours(url, base) for url in maps)))), cut=cut
        )


def ours(target: str, base: str) -> str:
    """The link as a URL of the site that can be asked for, empty where it is none of the site's."""
    if len(target) > LONGEST:
        return ""
    url = urldefrag(joined(base, target.strip(" \t\r\n"))).url
    url = quote(url, safe=punctuation, errors="replace")
    return url if len(url) <= LONGEST and "\\" not in url and is_on_site(url) else ""


def key(url: str) -> str:
    """What two addresses of one page have in common: path and query without what only tracks readers."""
    parts = urlsplit(url)
    query = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.fullmatch(pair[0])
    ]
    return (parts.path.rstrip("/") or "/") + (f"?{urlencode(query)}" if query else "")
