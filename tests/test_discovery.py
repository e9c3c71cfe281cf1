"""What pages, sitemaps and feeds tell: articles, and where more are named."""

from __future__ import annotations

import gzip
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.discovery import Told, tell
from crawler.discovery.told import Onward, key, ours
from crawler.errors import Undecodable

HOME = "http://anapress.net/"
NEWS = f"{HOME}section/news"
MIB = 1 << 20


def told(body: bytes | str, url: str = HOME, kind: str = "text/html; charset=utf-8", most: int = MIB) -> Told:
    given = body.encode() if isinstance(body, str) else body
    return tell(url, given, kind, most_bytes=most, tags=5_000)


def urlset(
    *urls: str, head: str = "", space: str = ' xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
) -> str:
    listed = "".join(f"<url><loc>{url}</loc><lastmod>2016-01-01</lastmod></url>" for url in urls)
    return f'<?xml version="1.0" encoding="UTF-8"?>{head}<urlset{space}>{listed}</urlset>'


# Pages


def test_a_page_tells_its_articles_once_and_in_their_order() -> None:
    assert told(
        '<a href="/a/3">x</a><a href="/a/1">y</a><a href="http://www.anapress.net/a/3/">z</a>'
    ).ids == (3, 1)


@pytest.mark.parametrize(
    ("url", "link", "number"),
    [
        (NEWS, '<a rel="next" href="/any/where">x</a>', None),
        (NEWS, '<link rel="next" href="/any/where">', None),
        (NEWS, '<a href="?page=2">2</a>', 2),
        (NEWS, '<a href="/section/news?page=2">٢</a>', 2),
        (NEWS, '<a href="/section/news?start=20">التالي »</a>', None),
        (NEWS, '<a href="/section/news/page/2">»</a>', None),
        (NEWS, '<a href="/section/news/2/">2</a>', 2),
        (f"{NEWS}.html", '<a href="/section/news-2.html">Next</a>', None),
        (f"{NEWS}/page/2", '<a href="/section/news/page/3">الصفحة التالية</a>', None),
        (f"{HOME}cat.php?id=7", '<a href="cat.php?id=7&amp;p=2">2</a>', 2),
        (f"{HOME}section/7", '<a href="/section/7/page/2">older posts</a>', None),
        (HOME, '<a href="/page/2">المزيد</a>', None),
        (HOME, '<a href="/?page=12">12</a>', 12),
    ],
)  # fmt: skip
def test_the_next_page_of_a_list_is_known_by_what_its_link_says(url, link, number) -> None:
    (page,) = told(f"<a href=/a/1>x</a>{link}", url).pages
    assert page.number == number


@pytest.mark.parametrize(
    "link",
    [
        '<a href="/section/culture">2</a>',
        '<a href="/section/culture">المزيد</a>',
        '<a href="/section/news">1</a>',
        '<a href="#">»</a>',
        '<a href="http://example.com/section/news?page=2">2</a>',
        '<a href="javascript:next()">التالي</a>',
        '<a href="?page=2">تقرير من 2 صفحة</a>',
        '<a href="/a/2">2</a>',
        '<a href="?q=news&page=2">2</a>',
    ],
)
def test_what_leads_elsewhere_is_no_next_page(link) -> None:
    assert told(link, NEWS).pages == ()


def test_all_other_pages_of_the_site_may_be_sections() -> None:
    links = (
        '<a href="/section/news">n</a><a href="/about">a</a><a href="/img/1.png">p</a><a href="/x" rel=nofollow>x</a>'
        '<a href="http://example.com/">e</a><a href="mailto:a@b">m</a><a href="/a/1">1</a><a href="/?page=2">2</a>'
        '<a href="https://www.anapress.net/%D8%B1%D8%A3%D9%8A">r</a><a href="/رأي">r</a><a href="http://127.0.0.1/s">l</a>'
    )
    found = told(links).sections
    assert found[:2] == (NEWS, f"{HOME}about")
    assert {key(url) for url in found} == {"/section/news", "/about", "/%D8%B1%D8%A3%D9%8A"}


def test_a_page_names_its_feeds() -> None:
    head = '<link rel="alternate" type="application/rss+xml" href="/rss"><link rel=alternate type=text/html href=/en>'
    assert told(head).maps == (f"{HOME}rss",)


def test_a_base_counts() -> None:
    assert told('<base href="/x/"><a href="../section/news">n</a>').sections == (NEWS,)


# Sitemaps and feeds


def test_a_sitemap_names_articles() -> None:
    found = told(
        urlset(f"{HOME}a/7", " https://www.anapress.net/a/8?x=1 \n", f"{HOME}about", "http://example.com/a/9")
    )
    assert (found.kind, found.ids) == ("sitemap", (7, 8))


def test_an_index_names_sitemaps_of_the_site_only() -> None:
    places = (
        f"{HOME}sitemap-1.xml.gz",
        "http://example.com/s.xml",
        "http://127.0.0.1/s.xml",
        "file:///etc/passwd",
    )
    listed = "".join(f"<sitemap><loc>{place}</loc></sitemap>" for place in places)
    assert told(f"<sitemapindex>{listed}</sitemapindex>").maps == (f"{HOME}sitemap-1.xml.gz",)


def test_a_sitemap_may_be_packed_or_a_mere_list() -> None:
    assert told(gzip.compress(urlset(f"{HOME}a/7").encode()), kind="application/x-gzip").ids == (7,)
    assert told(f"{HOME}a/7\r\n{HOME}about\n{HOME}a/8", kind="text/plain") == Told("sitemap", (7, 8))


@pytest.mark.parametrize(
    "space",
    ["", ' xmlns="urn:none"', ' xmlns="http://www.google.com/schemas/sitemap/0.84"', ' xmlns:x="urn:x"'],
)
def test_a_sitemap_is_read_in_whatever_namespace(space) -> None:
    assert told(urlset(f"{HOME}a/7", space=space)).ids == (7,)
    prefixed = (
        urlset(f"{HOME}a/7", space=' xmlns:s="urn:s"')
        .replace("<", "<s:")
        .replace("<s:/", "</s:")
        .replace("<s:?", "<?")
    )
    assert told(prefixed).ids == (7,)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_sitemap_is_read_in_its_encoding(codec) -> None:
    xml = urlset(f"{HOME}a/7", "http://anapress.net/رأي").replace(
        "UTF-8", "utf-16" if codec == "utf-16" else "UTF-8"
    )
    assert told(xml.encode(codec)).ids == (7,)
    assert told(b"\n " + urlset(f"{HOME}a/7").encode()).ids == (7,)
    assert told(urlset(f"{HOME}a/7").replace("UTF-8", "windows-1256").encode("cp1256")).ids == (7,)


def test_a_picture_in_a_sitemap_is_no_page() -> None:
    picture = f"<url><loc>{HOME}a/7</loc><i:image xmlns:i='urn:i'><i:loc>{HOME}a/8</i:loc></i:image></url>"
    assert told(f"<urlset>{picture}</urlset>").ids == (7,)


def test_a_feed_names_articles_by_link_or_guid() -> None:
    rss = (
        f"<rss version='2.0'><channel><link>{HOME}</link><atom:link xmlns:atom='x' rel='next' href='/rss?page=2'/>"
        f"<item><title>x</title><link>{HOME}a/7?utm_source=rss</link></item><item><guid>{HOME}a/8</guid></item>"
        f"<item><description>{HOME}a/9</description></item></channel></rss>"
    )
    assert told(rss, f"{HOME}rss") == Told("feed", (7, 8), (f"{HOME}rss?page=2",))
    atom = (
        "<feed xmlns='http://www.w3.org/2005/Atom'><link rel='self' href='/atom'/><link rel='next' href='/atom?p=2'/>"
        "<entry><link href='/a/7'/><link rel='edit' href='/a/9'/></entry>"
        f"<entry><id>{HOME}a/8</id></entry></feed>"
    )
    assert told(atom, f"{HOME}atom") == Told("feed", (7, 8), (f"{HOME}atom?p=2",))
    rdf = f"<rdf:RDF xmlns:rdf='r'><item rdf:about='x'><link>{HOME}a/7</link></item></rdf:RDF>"
    assert told(rdf).ids == (7,)


# Tricks


LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>'
)
FILE = '<!DOCTYPE f [<!ENTITY k SYSTEM "file:///etc/passwd">]>'


@pytest.mark.fault(28)
@pytest.mark.fault(29)
@pytest.mark.parametrize(
    "doctype", [LAUGHS, FILE, '<!DOCTYPE f [<!ENTITY % p SYSTEM "http://127.0.0.1/x.dtd"> %p;]>']
)
def test_a_document_type_with_declarations_is_refused_whole(doctype) -> None:
    found = told(urlset(f"{HOME}a/7", "&c;", "http://127.0.0.1/&k;", head=doctype))
    assert (found.ids, found.maps, found.cut) == ((), (), "doctype_refused")


def test_a_mere_document_type_does_no_harm() -> None:
    old = (
        '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://127.0.0.1/rss-0.91.dtd">'
    )
    assert told(f"{old}<rss><channel><item><link>{HOME}a/7</link></item></channel></rss>").ids == (7,)


@pytest.mark.fault(31)
@pytest.mark.parametrize(
    "broken",
    [
        urlset(f"{HOME}a/7", f"{HOME}a/8")[:-60],
        urlset(f"{HOME}a/7", "&k;", f"{HOME}a/9"),
        urlset(f"{HOME}a/7", "\x01"),
        urlset(f"{HOME}a/7") + "<more>",
    ],
)
def test_of_a_broken_sitemap_what_stands_before_the_break_counts(broken) -> None:
    found = told(broken)
    assert found.ids[0] == 7
    assert found.cut == "truncated"


@pytest.mark.fault(31)
@pytest.mark.parametrize(
    "body", ["", " ", "<urlset/>", "<urlset></urlset>", "<rss><channel/></rss>", "nothing", "{}"]
)
def test_what_names_nothing_tells_nothing(body) -> None:
    assert told(body).ids == told(body).maps == told(body).sections == ()


@pytest.mark.fault(27)
def test_a_bomb_is_never_unpacked() -> None:
    bomb = gzip.compress(b"<urlset>" + b" " * (64 << 20))
    began = process_time()
    with pytest.raises(Undecodable, match="bomb"):
        told(bomb, most=50 << 20)
    assert process_time() - began < 1


def test_a_sitemap_beyond_the_limit_is_not_read() -> None:
    with pytest.raises(Undecodable, match="large"):
        told(b" " * (MIB + 1))


@pytest.mark.parametrize(
    "body",
    [
        "<urlset>" + "<url>" * 100_000,
        "<urlset>" + f"<url><loc>{'x' * 900_000}</loc></url>",
        "<urlset " + " ".join(f"a{at}='1'" for at in range(80_000)) + "/>",
        "<!--" + "-" * 900_000,
        "<!DOCTYPE " + "x" * 900_000,
        "<?" * 400_000,
        '<a href="' + "/x" * 450_000 + '">2</a>',
        "<a href=?page=2>2</a>" * 4_900,
        "".join(f"<a href=/s/{at}>s</a>" for at in range(4_900)),
        "<div>" * 150_000,
        "<a href='/web/2016/" + "http://web.archive.org/web/2016/" * 25_000 + "http://anapress.net/a/7'>",
    ],
)  # fmt: skip
def test_what_is_made_to_cost_time_is_told_in_time(body) -> None:
    began = process_time()
    told(body)
    assert process_time() - began < 2


@given(
    st.binary() | st.text().map(str.encode),
    st.sampled_from([b"", b"<urlset><url><loc>", b"<a href=", b"\x1f\x8b", b"<rss>"]),
)
@settings(deadline=None)
def test_any_bytes_tell_something_or_why_not(body, start) -> None:
    with suppress(Undecodable):
        assert tell(HOME, start + body, "text/html", most_bytes=MIB, tags=5_000).kind


@given(st.text(), st.text())
def test_any_link_is_ours_or_none(target, base) -> None:
    assert ours(target, base) == "" or ours(target, base).startswith(("http", "HTTP"))


# Names


def test_one_page_has_one_name() -> None:
    assert (
        len(
            {
                key(url)
                for url in (NEWS, f"{NEWS}/", "https://www.anapress.net/section/news?utm_source=x&fbclid=1")
            }
        )
        == 1
    )
    assert key(f"{NEWS}?page=2") != key(NEWS)
    assert key(HOME) == key("http://www.anapress.net") == "/"


def test_a_number_that_is_missing_is_the_next_one() -> None:
    assert Onward(NEWS).number is None
