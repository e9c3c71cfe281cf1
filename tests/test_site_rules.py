"""Ids, URLs, links and redirects of the site."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.items import Absent, ArticleId, Outcome
from crawler.site import article_id, is_site_host, links, original, redirect_target, url_of

IDS = st.integers(1, 2**63 - 1).map(ArticleId)
PAGE = "http://anapress.net/a/1"


@given(IDS)
def test_an_id_and_its_url_name_each_other(article):
    assert article_id(url_of(article)) == article
    assert article_id(str(article)) == article


@pytest.mark.parametrize(
    "text",
    [
        "7",
        " 7\n",
        "http://anapress.net/a/7",
        "https://www.anapress.net/a/7/",
        "HTTP://WWW.AnaPress.NET/a/7",
        "http://anapress.net:80/a/7",
        "https://anapress.net:443/a/7",
        "http://anapress.net./a/7",
        "http://anapress.net/a/7?fbclid=x&utm_source=y#top",
        "http://anapress.net/a/7#تعليق",
    ],
)
def test_an_article_is_known_by_any_of_its_addresses(text):
    assert article_id(text) == 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "07",
        "-7",
        "+7",
        "7.0",
        "٧",
        "²",
        "7 8",
        str(2**63),
        "9" * 400,
        "http://anapress.net/a/",
        "http://anapress.net/a/0",
        "http://anapress.net/a/07",
        f"http://anapress.net/a/{2**63}",
        "http://anapress.net/a/7abc",
        "http://anapress.net/a/7/print",
        "http://anapress.net/A/7",
        "http://anapress.net/x/a/7",
        "http://anapress.net//a/7",
        "http://anapress.net/section/7",
        "http://m.anapress.net/a/7",
        "http://anapress.net.example.com/a/7",
        "http://notanapress.net/a/7",
        "http://user@anapress.net/a/7",
        "http://anapress.net@example.com/a/7",
        "http://anapress.net:8080/a/7",
        "http://anapress.net:443/a/7",
        "ftp://anapress.net/a/7",
        "//anapress.net/a/7",
        "anapress.net/a/7",
        "http://anapress.net/a/7?x=\r\nHost: evil",
        "http://anapress.net/a/7?x y",
        "http:\\\\anapress.net\\a\\7",
    ],
)
def test_nothing_else_is_an_article(text):
    assert article_id(text) is None


@given(st.text())
def test_any_text_is_an_id_or_none(text):
    found = article_id(text)
    assert found is None or 0 < found < 2**63


def test_only_the_site_itself_is_the_site():
    assert all(map(is_site_host, ("anapress.net", "www.anapress.net", "WWW.ANAPRESS.NET", "anapress.net.")))
    assert not any(
        map(
            is_site_host,
            ("", "net", "m.anapress.net", "anapress.net.evil.com", "xanapress.net", "anapress.net:80"),
        )
    )


@pytest.mark.parametrize(
    "href",
    [
        '"http://anapress.net/a/7"',
        "'https://www.anapress.net/a/7/'",
        "http://anapress.net/a/7",
        '"//anapress.net/a/7"',
        '"/a/7"',
        '" /a/7 "',
        '"/a/7?ref=ticker#x"',
        '"../a/7"',
        '"7"',
        '"/a/7&#x3F;x=1"',
        '"&#47;a&#47;7"',
        '"/%61/%37"',
        '"http&colon;//anapress.net/a/7"',
        '"/a/\n7"',
    ],
)
def test_a_link_is_found_however_it_is_written(href):
    assert links(f"<p><a class=x HREF = {href}>t</a>".encode(), PAGE) == (7,)


@pytest.mark.parametrize(
    "href",
    [
        "http://web.archive.org/web/20160101000000/http://anapress.net/a/7",
        "https://web.archive.org/web/2016id_/https://www.anapress.net/a/7?utm_source=x#top",
        "/web/20160101000000/http://anapress.net/a/7",
        "/web/20160101/http:/anapress.net/a/7",
        "//web.archive.org/web/2016*/anapress.net/a/7",
        "https://archive.ph/2016.01.02-030405/http://anapress.net/a/7",
        "https://archive.ph/o/AbC1/http://anapress.net/a/7",
        "http://web.archive.org/web/2017/http://web.archive.org/web/2016/http://anapress.net/a/7",
        "http://anapress.net/a/7?fbclid=x&amp;utm_source=y",
    ],
)
def test_a_link_into_an_archive_of_the_web_is_one_to_the_article(href):
    assert links(
        f'<a href="{href}">t</a>'.encode(), "http://web.archive.org/web/2016/http://anapress.net/"
    ) == (7,)


@pytest.mark.parametrize(
    "url",
    [
        "http://web.archive.org/web/2016/http://example.com/a/7",
        "http://web.archive.org/a/7",
        "http://anapress.net/web/a/7",
    ],
)
def test_an_archives_other_links_are_none(url):
    assert links(f'<a href="{url}">t</a>'.encode(), PAGE) == ()


@given(st.text())
def test_any_text_is_a_copy_of_something(url):
    original(url)


@pytest.mark.parametrize(
    "href",
    [
        '"/a/7abc"',
        '"/a/07"',
        '"/a/"',
        '"/A/7"',
        '"http://example.com/a/7"',
        '"//example.com/a/7"',
        '"mailto:7@anapress.net"',
        '"javascript:go(7)"',
        '"#7"',
        '"http://[::1/a/7"',
        f'"/a/{2**63}"',
    ],
)
def test_what_is_no_article_link_is_not_found(href):
    assert links(f"<a href={href}>t</a>".encode(), PAGE) == ()


def test_links_come_once_and_in_the_order_of_the_page():
    body = b'<a href="/a/3"></a><a href=/a/1></a><a href="http://anapress.net/a/3"></a><a href="/a/2/"></a>'
    assert links(body, PAGE) == (3, 1, 2)


def test_a_relative_link_follows_the_page_that_it_is_on():
    assert links(b'<a href="/a/7">', "http://example.com/") == ()
    assert links(b'<base href="http://anapress.net/x/"><a href="../a/7">', "http://example.com/") == (7,)


def test_links_of_a_utf_16_page_are_found():
    assert links('<a href="/a/7">سبعة</a>'.encode("utf-16"), PAGE) == (7,)


@given(st.binary())
def test_any_bytes_have_links_or_none(body):
    links(b"<a href=" + body, PAGE)


@given(st.lists(IDS, unique=True, max_size=20))
def test_every_written_link_is_found(ids):
    body = "".join(f'<li><a href="{url_of(one)}">x</a>' for one in ids)
    assert links(body.encode(), PAGE) == tuple(ids)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/a/7/", "http://anapress.net/a/7/"),
        ("https://www.anapress.net/a/7", "https://www.anapress.net/a/7"),
        ("http://anapress.net/a/7?x=1#top", "http://anapress.net/a/7?x=1"),
        ("7", "http://anapress.net/a/7"),
        ("/a/7?x=\xe9", "http://anapress.net/a/7?x=%E9"),
    ],
)
def test_a_redirect_that_stays_with_the_article_is_followed(location, target):
    assert redirect_target(location, base="http://anapress.net/a/7", asked=ArticleId(7)) == target


@pytest.mark.parametrize(
    ("location", "outcome", "reason"),
    [
        ("/a/8", "not_article", "redirected_to:8"),
        ("https://www.anapress.net/a/8/", "not_article", "redirected_to:8"),
        ("/", "not_article", "redirected_home"),
        ("https://www.anapress.net", "not_article", "redirected_home"),
        ("http://anapress.net/index.php?x=1", "not_article", "redirected_home"),
        ("/section/news", "not_article", "redirected_away"),
        ("/private/a/7", "not_article", "redirected_away"),
        ("http://example.com/", "not_article", "redirected_away"),
        ("http://example.com/a/7", "not_article", "redirected_away"),
        ("http://user@anapress.net/a/7", "not_article", "redirected_away"),
        ("http://anapress.net:8080/a/7", "not_article", "redirected_away"),
        ("", "failed", "bad_redirect"),
        (" ", "failed", "bad_redirect"),
        ("mailto:info@anapress.net", "failed", "bad_redirect"),
        ("file:///etc/passwd", "failed", "bad_redirect"),
        ("http://[::1/a/7", "failed", "bad_redirect"),
        ("http://anapress.net:x/a/7", "failed", "bad_redirect"),
        ("/a/7 \rX-Forged: yes", "failed", "bad_redirect"),
        ("/a/7\n", "failed", "bad_redirect"),
        ("\\\\example.com", "failed", "bad_redirect"),
    ],
)
def test_any_other_redirect_says_what_became_of_the_article(location, outcome, reason):
    told = redirect_target(location, base="http://anapress.net/a/7", asked=ArticleId(7))
    assert told == Absent(outcome=Outcome(outcome), reason=reason)


@given(st.text())
def test_any_location_is_followed_or_judged(location):
    redirect_target(location, base=PAGE, asked=ArticleId(1))


@pytest.mark.parametrize(
    "body", [b"<base " * 20_000, b" ".join(b"href=%d" % at for at in range(1_000_000)), b"href='" * 1_000_000]
)
def test_links_of_a_page_made_to_cost_time_are_found_in_time(body):
    began = process_time()
    links(body, url_of(ArticleId(7)))
    assert process_time() - began < 2
