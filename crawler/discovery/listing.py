"""Pages that list articles: the home page, sections, and what leads on from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawler.discovery.told import Onward, Told, key, ours
from crawler.errors import LayoutUnknown
from crawler.layouts.document import folded
from crawler.layouts.labels import named
from crawler.layouts.nesting import refuse_crowds, refuse_monsters
from crawler.site import article_id, base_of, links

_WORDS = """
    التالي | التالية | الصفحة التالية | الأقدم | أقدم | مقالات أقدم | المزيد | عرض المزيد | تحميل المزيد
    | next | next page | older | older posts | older entries | more | load more | show more
"""
_NEXT = frozenset(named(words.strip()) for words in _WORDS.split("|"))
_ARROWS = frozenset(("»", "›", ">", ">>", "→", "«", "‹", "<", "<<", "←"))  # Arabic pages point either way
_NUMBER = re.compile(r"\d{1,6}")
_FEED = re.compile(r"application/(?:rss|atom|rdf)\+xml", re.IGNORECASE)
_FILE = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|ico|bmp|css|js|json|pdf|docx?|xlsx?|pptx?|zip|rar|gz|exe|apk|mp[34]|avi|mov|flv"
    r"|swf|wmv|wav|ogg|woff2?|ttf)\Z",
    re.IGNORECASE,
)
_COUNTING = re.compile(r"[/_-](?:(?:page|p)[/_-]?)?[0-9]{1,6}\Z", re.IGNORECASE)
_EXTENSION = re.compile(r"\.[a-z]{3,5}\Z", re.IGNORECASE)
_MOST_SECTIONS = 500  # that one page leads to
_LONGEST_TEXT = 40


class _Anchor(NamedTuple):
    url: str
    rel: frozenset[str]
    text: str


def listing(text: str, body: bytes, url: str, *, tags: int) -> Told:
    """What a page of HTML tells; nothing but its articles where parsing it would be an attack on our time."""
    ids = links(body, url)
    try:
        refuse_crowds(text, tags)
        refuse_monsters(text)
    except LayoutUnknown as unknown:
        return Told("page", ids, cut=str(unknown))
    tree, base = LexborHTMLParser(text), base_of(body, url)
    anchors = list(_anchors(tree, base, url))
    pages = dict.fromkeys(page for anchor in anchors if (page := _onward(anchor, url)))
    more = {key(page.url) for page in pages}
    sections = dict.fromkeys(one.url for one in anchors if key(one.url) not in more and _may_list(one))
    return Told("page", ids, tuple(_feeds(tree, base)), tuple(pages), tuple(sections)[:_MOST_SECTIONS])


def _anchors(tree: LexborHTMLParser, base: str, url: str) -> Iterator[_Anchor]:
    """The links to other pages of the site that are no articles."""
    here = key(url)
    for node in tree.css("a[href], area[href], link[rel][href]"):
        attributes = node.attributes
        rel = frozenset((attributes.get("rel") or "").lower().split())
        if node.tag == "link" and "next" not in rel:
            continue
        target = ours(attributes.get("href") or "", base)
        if target and article_id(target) is None and key(target) != here:
            yield _Anchor(target, rel, _text(node))


def _text(node: LexborNode) -> str:
    return folded((node.text() or "")[:200]) or folded((node.attributes.get("title") or "")[:200])


def _onward(anchor: _Anchor, url: str) -> Onward | None:
    """The next page of this list, or one with a number: by what it says itself."""
    if "next" in anchor.rel:
        return Onward(anchor.url)
    if len(anchor.text) > _LONGEST_TEXT or not _continues(anchor.url, url):
        return None
    if number := _NUMBER.fullmatch(anchor.text):
        return Onward(anchor.url, int(number[0]))  # whatever its digits are
    return Onward(anchor.url) if anchor.text in _ARROWS or named(anchor.text) in _NEXT else None


def _continues(target: str, url: str) -> bool:
    """Whether an address may be of the same list: but for numbers, it is this one's."""
    here, there = urlsplit(url), urlsplit(target)
    if set(_wordy(parse_qsl(here.query))) != set(_wordy(parse_qsl(there.query))):
        return False
    return not _stems(here.path).isdisjoint(_stems(there.path))


def _stems(path: str) -> set[str]:
    """A path as it is, and without what may count pages: /news/page/3 and /news-3.html are /news, too."""
    whole = _EXTENSION.sub("", path.rstrip("/"))
    return {whole, _COUNTING.sub("", whole)}


def _wordy(query: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return (pair for pair in query if not _NUMBER.fullmatch(pair[1]))


def _may_list(anchor: _Anchor) -> bool:
    return "nofollow" not in anchor.rel and not _FILE.search(urlsplit(anchor.url).path)


def _feeds(tree: LexborHTMLParser, base: str) -> Iterator[str]:
    for node in tree.css('link[rel~="alternate" i][type][href]'):
        attributes = node.attributes
        if _FEED.match(attributes.get("type") or "") and (feed := ours(attributes.get("href") or "", base)):
            yield feed
