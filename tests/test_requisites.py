"""What a page needs to be shown, as its markup and its styles say."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request
from selectolax.lexbor import LexborHTMLParser

from crawler.layouts.charset import decoded
from crawler.requisites import LONGEST, MOST, host_of, is_ours, of_page, of_style
from tests.site import id_of
from tests.site.answers import html
from tests.site.world import World

PAGE = "http://anapress.net/a/7"


def page(markup: str) -> list[str]:
    """What it needs, of the site itself only the path."""
    return [url.removeprefix("http://anapress.net") for url in of_page(LexborHTMLParser(markup), PAGE)]


def style(css: str) -> list[str]:
    base = "http://anapress.net/css/site.css"
    return [url.removeprefix("http://anapress.net") for url in of_style(css, base)]


@pytest.mark.parametrize(
    "markup",
    [
        "<img src=/x>",
        "<IMG SRC='../x' alt=y>",
        "<img srcset='/x 2x'>",
        "<picture><source srcset=/x></picture>",
        "<img data-src=/x>",
        "<img data-srcset='/x 300w'>",
        "<img data-original=/x>",
        "<img data-lazy=/x>",
        "<img data-lazy-src=/x>",
        "<div data-src=/x></div>",
        "<div data-bg=/x></div>",
        "<body background=/x>",
        "<table><tr><td background=/x></table>",
        "<input type=image src=/x>",
        "<video poster=/x></video>",
        "<audio src=/x></audio>",
        "<video><source src=/x></video>",
        "<svg><image href=/x /></svg>",
        "<svg><image xlink:href=/x /></svg>",
        "<link rel=stylesheet href=/x>",
        "<link rel='SHORTCUT ICON' href=/x>",
        "<link rel=apple-touch-icon href=/x>",
        "<link rel=manifest href=/x>",
        "<link rel=preload as=font href=/x>",
        "<link rel=preload as=image imagesrcset='/x 2x'>",
        "<script src=/x></script>",
        "<style>@import '/x';</style>",
        '<style>p{background:URL( "/x" )}</style>',
        "<p style='background:url(/x)'>",
        "<a style='background:url(&quot;/x&quot;)'>",
        "<noscript><img src=/x></noscript>",
        "<base href=/x/y><img src=../x>",
        "<img src='http://anapress.net/x#part'>",
        "<img src=' /x\n'>",
        r"<img src='\x'>",
    ],
)  # fmt: skip
def test_what_is_shown_is_needed(markup: str) -> None:
    assert page(markup) == ["/x"]


@pytest.mark.parametrize(
    "markup",
    [
        "<a href=/x>",
        "<iframe src=/x data-src=/x></iframe>",
        "<link rel=canonical href=/x>",
        "<link rel=alternate href=/x>",
        "<img>",
        "<img src=''>",
        "<img src='#x'>",
        "<img src='data:image/gif;base64,R0lGOD'>",
        "<img srcset='data:image/gif;base64,R0lGOD 2x'>",
        "<script src='javascript:x'></script>",
        "<img src=blob:http://anapress.net/x>",
        "<img src=ftp://anapress.net/x>",
        "<img src='http://[::1/x'>",
        "<!-- <img src=/x> -->",
        "<script>'<img src=/x>'</script>",
        "<p>url(/x)</p>",
        "<style>/* url(/x) */</style>",
        "<style>p{background:url()}</style>",
        f"<img src=/{'x' * LONGEST}>",
    ],
)
def test_what_is_no_part_of_the_page_is_not(markup: str) -> None:
    assert page(markup) == []


def test_each_is_named_once_in_the_order_of_the_page() -> None:
    markup = "<img src=/b srcset='/a 1x, /b,/c 2x, /d'><img src=/b><script src=/e></script>"
    assert page(markup) == ["/b", "/a", "/b,/c", "/d", "/e"]


def test_an_url_in_other_letters_is_asked_for_as_browsers_do() -> None:
    assert page("<img src='/صورة 1.jpg?a=b&amp;c=%20'>") == ["/%D8%B5%D9%88%D8%B1%D8%A9%201.jpg?a=b&c=%20"]


def test_a_style_names_its_imports_fonts_and_pictures() -> None:
    css = """
    @charset "utf-8"; @import url(a.css); @import "b.css" screen; @IMPORT 'c.css';
    @font-face{src:url("/f.woff2") format("woff2"),url(/f.woff)}
    p{background:url( ../img/p.png ) url('q r.png');cursor:url("\\2f c.cur")} /* url(no.png) */
    """
    assert style(css) == [
        *("/css/a.css", "/css/b.css", "/css/c.css", "/f.woff2", "/f.woff"),
        *("/img/p.png", "/css/q%20r.png", "/c.cur"),
    ]


@pytest.mark.parametrize(
    "css", ["url(", "url(  ", "url('", '@import "', "/*", "/**/", "url(x\\", ")", "@import"]
)
def test_a_style_that_goes_on_for_megabytes_is_read_in_time(css: str) -> None:
    began = process_time()
    of_style(css * (2_000_000 // len(css)), PAGE)
    assert process_time() - began < 10


@pytest.mark.parametrize("value", [",", "a,", "a ", "a, ", "data:,", "  "])
def test_a_set_of_pictures_that_goes_on_for_megabytes_is_read_in_time(value: str) -> None:
    began = process_time()
    page(f"<img srcset='{value * (1_000_000 // len(value))}'>")
    assert process_time() - began < 10


def test_a_page_of_pictures_without_end_is_read_up_to_a_limit() -> None:
    assert len(page("".join(f"<img src=/{at}>" for at in range(2 * MOST)))) == MOST


PIECES = st.sampled_from(
    [
        *(
            "<img src=",
            "<style>",
            "<p style='",
            "srcset=",
            "url(",
            "@import",
            "<base href=",
            "<link rel=icon ",
        ),
        *("http://", "//", "[", "]", "::", "data:", "\\", "'", '"', "(", ")", "/*", "*/", ",", " ", "\0"),
        *(
            "href=",
            ">",
            "\ud800",
            "٣",
            "\\110000",
            "%",
            "#",
            ":99999999",
            "@",
            "{",
            "\n",
            "http://anapress.net",
            ".anapress.net/",
        ),
    ]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=60).map("".join))
def test_whatever_stands_there_only_urls_come_of_it(text: str) -> None:
    urls = of_style(text, PAGE)
    tree = LexborHTMLParser(text.encode("utf-8", "replace").decode())
    for url in (*urls, *of_page(tree, PAGE), *of_page(tree, f"http://anapress.net/{text[:9]!r}")):
        assert url.startswith(("http://", "https://"))
        assert url.isascii()
        assert url.isprintable()
        assert " " not in url
        assert "#" not in url
        assert len(url) <= LONGEST
        if is_ours(host_of(url)):
            assert Request(url).url.startswith(url[:7])


@pytest.mark.parametrize("host", ["anapress.net", "www.anapress.net", "img.anapress.net", "cdn.example.org"])
def test_the_site_has_the_hosts_below_it_and_those_that_are_named(host: str) -> None:
    assert is_ours(host, ("example.org",))


@pytest.mark.parametrize("host", ["", "net", "xanapress.net", "anapress.net.example.com", "badexample.org"])
def test_no_other_host_is_its_own(host: str) -> None:
    assert not is_ours(host, ("example.org",))


@pytest.mark.parametrize("url", ["http://[::1/x", "http://h:0/", "http://h:99999/", "http:///x"])
def test_a_url_that_nobody_can_be_asked_for_has_no_host(url: str) -> None:
    assert host_of(url) == ""


def test_to_look_for_them_costs_a_page_a_tenth_of_a_millisecond() -> None:
    world = World(articles=60)
    texts = [decoded(html(world, id_of(n)).encode(), "")[0] for n in range(40)]
    trees = [LexborHTMLParser(text) for text in texts]
    assert all(len(of_page(tree, PAGE)) > 5 for tree in trees)

    def cost() -> float:
        began = process_time()
        for tree in trees:
            of_page(tree, PAGE)
        return (process_time() - began) / len(trees)

    assert min(cost() for _ in range(10)) < 0.000_2  # half of it is left for slower machines
