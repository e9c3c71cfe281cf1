"""All that is no article: home, sections, sitemap, RSS, robots.txt, pictures, style, script."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from functools import lru_cache
from html import escape

from tests.site.dressed import DRESSES
from tests.site.furniture import dress, furniture
from tests.site.ids import id_of
from tests.site.replies import HTML
from tests.site.world import SECTIONS, World

PER_PAGE = 20
PER_SITEMAP = 5000
ROBOTS = b"User-agent: *\nAllow: /\nDisallow: /private/\n\nSitemap: http://anapress.net/sitemap.xml\n"
MISSING = "عذراً، الصفحة التي تبحث عنها غير موجودة"


@dataclass(frozen=True, slots=True)
class Resource:
    """What lies under a path of the site."""

    kind: str
    body: bytes
    status: str = "200 OK"
    lines: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def resource(world: World, path: str, query: str) -> Resource | None:
    """What the site has there, None where it has nothing; articles are not of it."""
    for pattern, make in ROUTES:
        if found := re.fullmatch(pattern, path):
            return make(world, *found.groups(), *([query] if "section" in pattern else []))
    return None


def notice(title: str, text: str = "") -> bytes:
    """A page that says one thing."""
    return dress(
        0,
        f'<!DOCTYPE html><html dir="rtl" lang="ar"><head><meta charset="utf-8"><title>{title} | أنا برس</title></head>'
        f'<body><div class="@top"><a href="/">أنا برس</a></div><h1>{title}</h1><p>{text}</p></body></html>',
    ).encode()


def home(world: World) -> Resource:
    parts = "".join(f'<h3><a href="/section/{slug}">{name}</a></h3>' for slug, name in SECTIONS)
    return _listing(world, "أنا برس", world.ids()[:PER_PAGE], parts)


def _section(world: World, slug: str, query: str) -> Resource | None:
    at, name = next(((at, name) for at, (part, name) in enumerate(SECTIONS) if part == slug), (None, ""))
    page = re.fullmatch(r"(?:page=([1-9]\d{0,6}))?", query)
    if at is None or page is None:
        return None
    first = (int(page[1] or 1) - 1) * PER_PAGE
    numbers = range(at, world.articles, len(SECTIONS))[::-1]
    if first and first >= len(numbers):
        return None
    shown = [id_of(n) for n in numbers[first : first + PER_PAGE]]
    last = first + PER_PAGE >= len(numbers)
    onward = "" if last else f'<a rel="next" href="/section/{slug}?page={first // PER_PAGE + 2}">التالي</a>'
    return _listing(world, f"{name} | أنا برس", shown, onward)


def _listing(world: World, title: str, ids: list[int], more: str) -> Resource:
    parts = furniture(world, 0)
    items = "\n".join(
        f'<div><a href="/a/{id_}"><img src="/img/{id_}.png" alt=""></a><a href="/a/{id_}">{escape(world.headline(id_))}</a></div>'
        for id_ in ids
    )
    page = (
        f'<!DOCTYPE html><html dir="rtl" lang="ar"><head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="stylesheet" href="/css/site.css"><link rel="alternate" type="application/rss+xml" href="/rss"></head>'
        f"<body>{parts['menu']}<h1>{title}</h1>{items}{more}{parts['most_read']}{parts['footer']}</body></html>"
    )
    return Resource(HTML, page.encode())


def _sitemap_index(world: World) -> Resource:
    count = -(-(world.articles + 1) // PER_SITEMAP)
    maps = "".join(
        f"<sitemap><loc>http://anapress.net/sitemap-{at}.xml.gz</loc></sitemap>" for at in range(1, count + 1)
    )
    return _xml(f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{maps}</sitemapindex>')


def _sitemap(world: World, at: str) -> Resource | None:
    ids = world.ids()[(int(at) - 1) * PER_SITEMAP : int(at) * PER_SITEMAP]
    urls = "\n".join(f"<url><loc>http://anapress.net/a/{id_}</loc></url>" for id_ in ids)
    xml = _xml(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}\n</urlset>')
    return Resource("application/gzip", gzip.compress(xml.body, mtime=0)) if ids else None


def _rss(world: World) -> Resource:
    items = "\n".join(_rss_item(world, id_) for id_ in world.ids()[1 : PER_PAGE + 1])
    channel = "<title>أنا برس</title><link>http://anapress.net/</link><description>أخبار سوريا</description>"
    feed = _xml(f'<rss version="2.0"><channel>{channel}\n{items}</channel></rss>')
    return Resource("application/rss+xml; charset=utf-8", feed.body)


def _rss_item(world: World, article_id: int) -> str:
    article = world.article(article_id)
    assert article is not None
    link = f"http://anapress.net/a/{article_id}"
    when = format_datetime(article.published)
    return f"<item><title>{escape(article.title)}</title><link>{link}</link><guid>{link}</guid><pubDate>{when}</pubDate></item>"


def _xml(text: str) -> Resource:
    return Resource("application/xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode())


def _picture(world: World, name: str) -> Resource:
    """A small PNG whose colour comes from its name."""
    colour = zlib.crc32(name.encode()).to_bytes(4, "big")[:3]
    rows = (b"\0" + colour * 8) * 8
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(rows), b"IEND")
    framed = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )
    return Resource("image/png", b"\x89PNG\r\n\x1a\n" + b"".join(framed))


ROUTES: tuple[tuple[str, Callable[..., Resource | None]], ...] = (
    (r"/", home),
    (r"/robots\.txt", lambda world: Resource("text/plain", ROBOTS)),
    (r"/section/([a-z]+)", _section),
    (r"/sitemap\.xml", _sitemap_index),
    (r"/sitemap-([1-9]\d{0,5})\.xml\.gz", _sitemap),
    (r"/rss", _rss),
    (r"/img/([a-z0-9-]+)\.png", _picture),
    (r"/css/site\.css", lambda world: Resource("text/css", furniture(world, 0)["style"].encode())),
    (
        r"/js/site\.js",
        lambda world: Resource("application/javascript", furniture(world, 0)["script"].encode()),
    ),
    *((path, lambda world, *parts, make=make: Resource(*make(*parts))) for path, make in DRESSES),
    (r"/about", lambda world: Resource(HTML, notice("من نحن", "أنا برس مؤسسة إعلامية سورية مستقلة."))),
    (r"/private/(.*)", lambda world, name: Resource(HTML, notice("صفحة خاصة", "لا تزرها الروبوتات."))),
)
