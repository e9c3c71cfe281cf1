"""What we know of anapress.net: ids and URLs, links and redirects."""

from __future__ import annotations

import re
from html import unescape
from itertools import islice
from string import punctuation
from urllib.parse import quote, unquote, unquote_to_bytes, urldefrag, urljoin, urlsplit

from crawler.items import Absent, ArticleId, Outcome

HOME = "http://anapress.net/"
NAMES = ("أنا برس", "انا برس", "Ana Press", "AnaPress", "anapress.net", "www.anapress.net")
USELESS = (
    "parked",
    "redirected_away",
    "empty",
    "js_shell",
    "not_the_site",
    "block_page",
    "http_401",
    "http_403",
)
FONT_SIZE = "حجم الخط"  #: stands before the text of an article, and on no other page

MOST = 2**63 - 1  #: the largest id: what SQLite's integers hold
_HOST = r"(?i:(?:www\.)?anapress\.net\.?)"
_ORIGIN = rf"(?:(?i:http)://{_HOST}(?::80)?|(?i:https)://{_HOST}(?::443)?)"
_PATH = r"/a/([1-9][0-9]{0,18})/?"
_REST = r"(?:[?#][^\x00-\x20\x7f]*)?"
_BARE = re.compile(r"([1-9][0-9]{0,18})")
_ARTICLE = re.compile(rf"{_ORIGIN}{_PATH}{_REST}")

_ANYWHERE = re.compile(rf"{_HOST}(?::[0-9]+)?/+a/+([1-9][0-9]{{0,18}})(?![0-9])")

_BASE = re.compile(rb"""<base\b[^<>]*?\bhref\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_HREF = re.compile(rb"""href\s*=\s*(?:"\s*([^"<>]*)|'\s*([^'<>]*)|([^\s"'<>]+))""")
_WHOLE_LINK = re.compile(rf"(?:{_ORIGIN}|//{_HOST}){_PATH}{_REST}\s*".encode())
_OUR_LINK = re.compile(rf"(?:{_ORIGIN}|//{_HOST})?{_PATH}{_REST}\s*".encode())
_NEVER = re.compile(rb"[^0-9]*\Z|(?i:#|mailto:|tel:|javascript:|data:)")  # no id, or no page

_MOST_LINKS = 20_000  # of one page; each costs some microseconds

# How archives of the web write the address of a page that they hold; a saved page may have it under any host.
_ARCHIVED = re.compile(
    r"https?://[^/?#]{1,253}/(?:web/[0-9*]{1,14}(?:[a-z]{2}_)?|[0-9]{4}[0-9.-]{0,16}|o/[0-9A-Za-z]{1,12})/"
    r"(?=https?:/|(?:www\.)?anapress\.)",
    re.IGNORECASE,
)
_HOMES = re.compile(r"/?|/(?:index|default|home)(?:\.[a-z]{3,5})?/?", re.IGNORECASE)


def article_id(text: str) -> ArticleId | None:
    """The id that a bare number or an article's URL names, None where it is neither."""
    text = text.strip(" \t\r\n")
    found = _BARE.fullmatch(text) or _ARTICLE.fullmatch(text)
    return _numbered(found[1]) if found else None


def _numbered(digits: str | bytes) -> ArticleId | None:
    return ArticleId(number) if (number := int(digits)) <= MOST else None


def named_in(text: str) -> frozenset[ArticleId]:
    """The ids whose URL stands anywhere in a text: an archive service's URL, say."""
    found = _ANYWHERE.findall(text) + (_ANYWHERE.findall(unquote(text)) if "%" in text else [])
    return frozenset(ArticleId(int(digits)) for digits in found)


def url_of(article: ArticleId) -> str:
    """The one URL that we ask for an article."""
    return f"{HOME}a/{article}"


def is_site_host(host: str) -> bool:
    """Whether this host name is the site's own."""
    return re.fullmatch(_HOST, host) is not None


def is_useless(absent: Absent) -> bool:
    """Whether an answer shows nothing of the site: it may be parked, blocked or broken for all ids alike."""
    return absent.reason in USELESS


def is_shell(absent: Absent) -> bool:
    """Whether a page shows nothing without its script."""
    return absent.reason == "js_shell"


def is_on_site(url: str) -> bool:
    """Whether an absolute URL is one of the site's own, at the ports that the web is at."""
    return re.match(_ORIGIN + r"(?![^/?#])", url) is not None


def original(url: str) -> str:
    """The address of which a URL at an archive of the web shows a copy; any other as it is."""
    for _ in range(3):  # an archive may hold another one's page
        if not (found := _ARCHIVED.match(url)):
            break
        scheme, rest = re.fullmatch(r"(?s)(?:(?i:(https?):)/+)?(.*)", url[found.end() :]).groups()  # type: ignore[union-attr]
        url = f"{scheme or 'http'}://{rest}"
    return url


def links(body: bytes, base_url: str) -> tuple[ArticleId, ...]:
    """The articles that a page links to, each once, in the page's order."""
    if b"\0" in body:
        body = body.replace(b"\0", b"")  # UTF-16 as well, whose every other byte is ASCII
    base = base_of(body, base_url)
    plain = _OUR_LINK if is_on_site(base) else _WHOLE_LINK
    lower = body.lower()  # a pattern that begins with letters of one case is found ten times as fast
    spans = (found.span(found.lastindex or 0) for found in _HREF.finditer(lower))
    values = dict.fromkeys(body[start:end] for start, end in islice(spans, _MOST_LINKS))
    found = (_linked(value, base, plain) for value in values)
    return tuple(dict.fromkeys(one for one in found if one is not None))


def base_of(body: bytes, base_url: str) -> str:
    """What the relative links of a page are relative to."""
    found = _BASE.search(body, 0, 100_000)  # it stands in the head
    return (joined(base_url, found[1].decode("latin-1")) or base_url) if found else base_url


def _linked(value: bytes, base: str, plain: re.Pattern[bytes]) -> ArticleId | None:
    if found := plain.fullmatch(value):
        return _numbered(found[1])
    if _NEVER.match(value):
        return None
    target = original(joined(base, unescape(value.decode("latin-1")).strip()))
    return article_id(unquote_to_bytes(target.encode("utf-8", "replace")).decode("latin-1"))


def joined(base: str, target: str) -> str:
    """Target as an absolute URL, empty where it is none."""
    try:
        return urljoin(base, target)
    except ValueError:  # a bad IPv6 address
        return ""


def redirect_target(location: str, *, base: str, asked: ArticleId) -> str | Absent:
    """The URL to go on with while a redirect stays with its article, else what the redirect means."""
    location = location.strip(" \t")
    target = urldefrag(joined(base, location)).url
    host = _host_of(target)
    if not location or not host or re.search(r"[\x00-\x20\x7f\\]", location):
        return Absent(outcome=Outcome.FAILED, reason="bad_redirect")
    if (shown := article_id(target)) == asked:
        return quote(target, safe=punctuation, encoding="latin-1", errors="replace")
    if shown is not None:
        return Absent(outcome=Outcome.NOT_ARTICLE, reason=f"redirected_to:{shown}")
    home = is_site_host(host) and _HOMES.fullmatch(urlsplit(target).path)
    return Absent(outcome=Outcome.NOT_ARTICLE, reason="redirected_home" if home else "redirected_away")


def _host_of(url: str) -> str | None:
    """The host of an http or https URL that can be asked, None of any other."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a bad IPv6 address or port
        return None
    return parts.hostname if parts.scheme in ("http", "https") and port != 0 else None
