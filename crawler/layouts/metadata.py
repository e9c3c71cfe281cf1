"""What a page says of itself in the standard ways: JSON-LD, Open Graph, <meta>, <title>."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from crawler.items import ArticleId, Image
from crawler.layouts.dates import moment
from crawler.layouts.document import folded
from crawler.site import NAMES, article_id

_SITE = "|".join(map(re.escape, NAMES))
_SEPARATOR = r"(?:\s*[|:•·»«–—‹›/\\]+\s*|\s+-+\s+|\s*::\s*)"
_SITE_LAST = re.compile(rf"{_SEPARATOR}(?:{_SITE})\s*$", re.IGNORECASE)
_SITE_FIRST = re.compile(rf"^\s*(?:{_SITE}){_SEPARATOR}", re.IGNORECASE)
_ONLY_SITE = re.compile(rf"\W*(?:{_SITE}|الرئيسية|الصفحة الرئيسية|home)?\W*", re.IGNORECASE)

_ARTICLES = frozenset(("Article", "NewsArticle", "ReportageNewsArticle", "OpinionNewsArticle", "BlogPosting"))
_MOST_JSON = 200_000  # characters; no article says more about itself
LONGEST_TITLE = 1_000  #: characters that are looked at; each cut of a title is looked for on the page
_MOST_TITLES = 20
_MOST_IMAGES = 30  # each is looked for among the page's pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The metadata of an article's page; what it does not say is None or empty."""

    titles: tuple[str, ...]  #: without the site's name, the most telling first
    published_at: str | None
    author: str | None
    section: str | None
    tags: tuple[str, ...]
    images: tuple[Image, ...]  #: their URLs as written


def metadata(tree: LexborHTMLParser, *, asked: ArticleId, captured_at: str) -> Metadata:
    """All that the page says of itself, its JSON-LD before its <meta>."""
    meta = _meta(tree)
    thing = _thing(tree, asked)
    dates = (*_texts(thing.get("datePublished")), *_all(meta, "article:published_time", "datepublished"))
    told = _texts(thing.get("headline")) + _all(meta, "og:title", "twitter:title") + (page_title(tree),)
    names = _texts(thing.get("author")) + _all(meta, "author", "article:author")
    return Metadata(
        titles=tuple(title for title in map(without_site, told[:_MOST_TITLES]) if title),
        published_at=next(filter(None, (moment(date, captured_at=captured_at) for date in dates)), None),
        author=next((name for name in names if "://" not in name), None),
        section=next(iter(_texts(thing.get("articleSection")) + _all(meta, "article:section")), None),
        tags=_tags(thing.get("keywords"), _all(meta, "article:tag")),
        images=_images(thing, meta),
    )


def page_title(tree: LexborHTMLParser) -> str:
    """The <title> as it stands."""
    node = tree.css_first("head > title") or tree.css_first("title")
    return folded(node.text()[:LONGEST_TITLE]) if node else ""


def without_site(title: str) -> str:
    """A title without the site's name before or behind it; empty where nothing else is left."""
    title = title[:LONGEST_TITLE]
    shorter = _SITE_FIRST.sub("", _SITE_LAST.sub("", title))
    if shorter != title:
        return without_site(shorter)
    return "" if _ONLY_SITE.fullmatch(title) else title


def _meta(tree: LexborHTMLParser) -> dict[str, list[str]]:
    """The page's <meta> by property, name or itemprop in lower case."""
    found: dict[str, list[str]] = {}
    for node in tree.css("meta[content], time[itemprop][datetime]"):
        attributes = node.attributes
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
        content = folded(attributes.get("content") or attributes.get("datetime") or "")
        if name and content:
            found.setdefault(name.lower(), []).append(content)
    return found


def _all(meta: dict[str, list[str]], *names: str) -> tuple[str, ...]:
    return tuple(value for name in names for value in meta.get(name, ()))


def _thing(tree: LexborHTMLParser, asked: ArticleId) -> dict[str, Any]:
    """The JSON-LD object of the article itself: the one with its URL, or the only one."""
    things = []
    for node in tree.css('script[type="application/ld+json" i]'):
        things += list(_articles(_parsed(node.text())))
    about = [thing for thing in things if asked in _urls(thing)]
    silent = [thing for thing in things if not _urls(thing)]
    return next(iter(about), None) or (silent[0] if len(things) == 1 and silent else {})


_HIGH, _LOW = r"\\u[dD][89aAbB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF_PAIR = re.compile(rf"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")  # of surrogates: in UTF-8 it has no form


def _parsed(text: str) -> Any:
    try:
        return json.loads(_HALF_PAIR.sub("\ufffd", text[:_MOST_JSON]), strict=False)
    except (ValueError, RecursionError):
        return None


def _articles(value: Any) -> Iterator[dict[str, Any]]:
    """The articles among the things of a script: one, a list, or a list under @graph."""
    for thing in _things(value):
        for part in (thing, *_things(thing.get("@graph"))):
            if _ARTICLES.intersection(_texts(part.get("@type"))):
                yield part


def _things(value: Any) -> list[dict[str, Any]]:
    return [thing for thing in (value if isinstance(value, list) else [value]) if isinstance(thing, dict)]


def _urls(thing: dict[str, Any]) -> set[ArticleId]:
    """The articles that a JSON-LD object says it is about."""
    values = [thing.get("url"), thing.get("@id"), thing.get("mainEntityOfPage")]
    values += [value.get("@id") for value in values if isinstance(value, dict)]
    ids = (article_id(value) for value in values if isinstance(value, str))
    return {found for found in ids if found is not None}


def _texts(value: Any) -> tuple[str, ...]:
    """The texts in a JSON-LD value, of a thing its name."""
    if isinstance(value, list):
        return tuple(text for part in value if not isinstance(part, list) for text in _texts(part))
    if isinstance(value, dict):
        return _texts(name) if isinstance(name := value.get("name"), str) else ()
    return (text,) if isinstance(value, str) and (text := folded(value)) else ()


def _tags(keywords: Any, more: tuple[str, ...]) -> tuple[str, ...]:
    parts = (part for text in _texts(keywords) for part in re.split("[,،]", text))
    return tuple(dict.fromkeys(tag for part in (*parts, *more) if (tag := part.strip())))


def _images(thing: dict[str, Any], meta: dict[str, list[str]]) -> tuple[Image, ...]:
    alts = dict(zip(meta.get("og:image", ()), meta.get("og:image:alt", ()), strict=False))
    value = thing.get("image")
    values = value if isinstance(value, list) else [value]
    urls = [one.get("url") if isinstance(one, dict) else one for one in values]
    stated = [*_all(meta, "og:image"), *(url for url in urls if isinstance(url, str))]
    return tuple(Image(url=url, alt=alts.get(url, "")) for url in list(dict.fromkeys(stated))[:_MOST_IMAGES])
