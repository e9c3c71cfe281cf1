"""Cases 22 to 31: what would take all memory, all time, or more than one answer's share."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from tests.faults.case import TRIES, Article, Case, Kept, head
from tests.faults.coding import bomb
from tests.raw import Answer

MB = 1 << 20
BLOCK = b"<p>without end</p>\n" * 3000
TOO_LARGE = {"becomes": "failed too_large", "kept": Kept.LENGTH}
LATE = {"kept": Kept.TIME, "asked": TRIES}
LATE_HEAD = {"kept": Kept.REQUEST, "asked": TRIES}
XML, SITEMAP = (
    "application/xml",
    '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
)


def dripping(article: Article) -> Answer:
    start = head(f"Content-Length: {len(article.page)}")
    return Answer([start, *(article.page[at : at + 1] for at in range(99))], "hang", pause=0.2)


def large(article: Article) -> Answer:
    filler = f"<!-- {'large ' * (10 * MB // 6)} -->"
    return Answer([article.whole(body=article.html(above=filler).encode())])


def html(above: str) -> Callable[[Article], Answer]:
    return lambda article: Answer([article.whole(body=article.html(above=above).encode())])


def xml(body: str, kind: str = XML) -> Callable[[Article], Answer]:
    return lambda article: Answer([article.whole(body=body.format(article.id).encode(), kind=kind)])


def pictures(article: Article) -> Answer:
    """Each that the metadata name was once looked for among all that the page shows."""
    named = "".join(f'<meta property="og:image" content="/i{at}.jpg">' for at in range(20_000))
    shown = "".join(f"<img src=/j{at}.jpg>" for at in range(20_000))
    return Answer([article.whole(body=article.html(head=named, above=shown).encode())])


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
)
XXE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY k SYSTEM "file:///etc/passwd">]>'
NO_PAGE = "not_article non_html"

LIMITS = (
    Case(
        22, "a body without end", lambda _: Answer([head("Connection: close"), *[BLOCK] * 400]), **TOO_LARGE
    ),
    Case(
        22,
        "chunks without end",
        lambda _: Answer(
            [head("Transfer-Encoding: chunked"), *[b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK)] * 400]
        ),
        **TOO_LARGE,
    ),
    Case(
        22,
        "a Content-Length of terabytes",
        lambda _: Answer([head("Content-Length: 99000000000000") + BLOCK], "hang"),
        **TOO_LARGE,
    ),
    Case(23, "a byte now and then", dripping, "failed timeout", **LATE),
    Case(23, "half a body, then nothing", lambda a: Answer([a.whole()[:-99]], "hang"), "failed idle", **LATE),
    Case(24, "no answer", lambda _: Answer([], "hang"), "failed idle", **LATE_HEAD),
    Case(
        24,
        "a head, a byte now and then",
        lambda _: Answer([bytes([byte]) for byte in head("X: " + "x" * 99)], pause=0.2),
        "failed timeout",
        **LATE_HEAD,
    ),
    Case(25, "a page of 10 MB", large),
    Case(25, "a page of 12 MB", lambda a: Answer([a.whole(body=a.page + b" " * (12 * MB))]), "failed large"),
    Case(26, "20,000 elements in each other", html("<div>" * 20_000), "failed layout_unknown:too_deep"),
    Case(
        26,
        "an element of 100,000 attributes",
        html(f"<p {'a=b ' * 100_000}>"),
        "failed layout_unknown:too_many_attributes",
    ),
    Case(
        26,
        "a choice of 20,000",
        html("<select>" + "<option>x" * 20_000 + "</select>"),
        "failed layout_unknown:too_many_options",
    ),
    Case(26, "60,000 elements", html("<br>" * 60_000), "failed layout_unknown:too_many_tags"),
    Case(26, "20,000 pictures, and as many in the metadata", pictures),
    Case(
        26, "a title of 1 MB", html(f"<title>{'anapress.net | ' * 70_000}</title><h1>{'x | ' * 250_000}</h1>")
    ),
    Case(
        26,
        "a <base> that is never closed, 20,000 times",
        html("<base " * 20_000),
    ),
    Case(
        27,
        "a sitemap in gzip that is a bomb",
        lambda a: Answer([a.whole(body=bomb(31), kind="application/gzip")]),
        NO_PAGE,
    ),
    Case(
        27,
        "a sitemap whose coding is a bomb",
        lambda a: Answer([a.whole("Content-Encoding: gzip", body=bomb(31), kind=XML)]),
        "failed bomb",
    ),
    Case(
        28,
        "entities of entities in a sitemap",
        xml(LAUGHS + "<urlset><url><loc>&j;</loc></url></urlset>"),
        NO_PAGE,
    ),
    Case(
        28,
        "entities of entities in XHTML",
        xml(LAUGHS + "<html><body>anapress.net &j;</body></html>", "application/xhtml+xml"),
        "failed layout_unknown:no_title",
    ),
    Case(
        29,
        "a file as entity in a sitemap",
        xml(XXE + "<urlset><url><loc>http://127.0.0.1/&k;</loc></url></urlset>"),
        NO_PAGE,
    ),
    Case(
        29,
        "a file as entity in XHTML",
        xml(XXE + "<html><body>anapress.net &k;</body></html>", "application/xhtml+xml"),
        "failed layout_unknown:no_title",
    ),
    Case(
        30,
        "a sitemap index that names itself",
        xml(
            '<?xml version="1.0"?><sitemapindex><sitemap><loc>http://anapress.net/a/{0}</loc></sitemap></sitemapindex>'
        ),
        NO_PAGE,
    ),
    Case(
        31,
        "half a sitemap",
        xml(SITEMAP + "<url><loc>http://anapress.net/a/{0}</loc></url><url><lo"),
        NO_PAGE,
    ),
    Case(31, "a sitemap behind a BOM", xml("\ufeff" + SITEMAP + "</urlset>"), NO_PAGE),
    Case(31, "an empty sitemap", xml(""), "not_article empty"),
    Case(31, "a sitemap with a lone entity", xml(SITEMAP + "<url>&k;</url></urlset>"), NO_PAGE),
    Case(
        31,
        "a sitemap in gzip",
        lambda a: Answer([a.whole(body=gzip.compress(SITEMAP.encode(), mtime=0), kind="application/x-gzip")]),
        NO_PAGE,
    ),
)
