"""The walk over a site that a table describes: what is asked for, what is found, where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scrapy import Request
from scrapy.http import Response

from crawler.items import Absent, Outcome
from crawler.sources.walk import SITEMAPS, Add, Limits, Unknown, Walked, walk

HOST = "http://anapress.net"
PER_PAGE = 3
FAILED = Absent(outcome=Outcome.FAILED, reason="timeout")
ROBOTS = Absent(outcome=Outcome.REFUSED, reason="robots")

Given = str | Response | Absent
"""A page's HTML or XML, a whole response, or why there is none."""


@dataclass
class World:
    """A site, an archive's ids, and what was asked for."""

    pages: Mapping[str, Given]
    known: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    adds: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    sitemaps: tuple[str, ...] = ()

    def walk(self, before: Walked | None = None, cut: int = 10_000, **limits: int) -> Walked:
        """Walk, and stop dead behind so many steps."""
        walked = Walked(sections=set(before.sections) if before else set())
        steps, reply = walk(walked, Limits(**limits)), None
        self.asked, self.adds = [], []
        for _ in range(cut):
            try:
                reply = self._reply(steps.send(reply))
            except StopIteration:
                break
        return walked

    def _reply(self, step: Request | Unknown | Add):
        match step:
            case Unknown(ids):
                return [id for id in ids if id not in self.known]
            case Add(found, findings):
                self.known.update(finding.id for finding in findings)
                self.adds.append((found, tuple(finding.id for finding in findings)))
                return None
            case _:
                return self._answer(step)

    def _answer(self, request: Request) -> Response | Absent:
        place = request.url.removeprefix(HOST)
        self.asked.append(place)
        request.meta[SITEMAPS] = self.sitemaps
        given = self.pages.get(place, Response(request.url, 404))
        if isinstance(given, str):
            given = Response(request.url, 200, headers={"Content-Type": "text/html"}, body=given.encode())
        return given if isinstance(given, Absent) else given.replace(request=request, url=request.url)


def listed(*ids: int, more: str = "") -> str:
    return "<html>" + "".join(f'<a href="/a/{id}">x</a>' for id in ids) + more


def section(name: str, ids: list[int]) -> dict[str, Given]:
    """A list of the ids in their order, so many a page, each page with a link to the next."""
    pages: dict[str, Given] = {}
    for number, at in enumerate(range(0, max(len(ids), 1), PER_PAGE), 1):
        onward = f'<a rel=next href="{name}?page={number + 1}">التالي</a>' * (at + PER_PAGE < len(ids))
        pages[name if number == 1 else f"{name}?page={number}"] = listed(
            *ids[at : at + PER_PAGE], more=onward
        )
    return pages


def moved(location: str) -> Response:
    return Response(HOST, 301, headers={"Location": location})


NEWS = list(range(109, 99, -1))  # 109 … 100: four pages
HOME = {"/": listed(109, more='<a href="/news">أخبار</a>')}


def test_a_section_is_walked_to_its_end() -> None:
    world = World({**HOME, **section("/news", NEWS)})
    walked = world.walk()
    assert world.known == set(NEWS)
    assert world.asked == ["/", "/sitemap.xml", "/news", "/news?page=2", "/news?page=3", "/news?page=4"]
    assert (walked.ids, walked.unseen, walked.pages) == ({"home": 1, "section": 9}, {}, 6)
    assert walked.sections == {"/", "/news"}


def test_a_section_that_was_walked_before_is_left_where_it_brings_nothing_new() -> None:
    world = World({**HOME, **section("/news", NEWS)})
    before = world.walk()
    world.pages = {**HOME, **section("/news", [111, 110, *NEWS])}
    after = world.walk(before)
    assert world.adds == [("section", (111, 110))]
    assert world.asked == ["/", "/sitemap.xml", "/news", "/news?page=2", "/news?page=3"]
    assert after.sections == before.sections


def test_a_section_that_was_not_walked_to_its_end_is_walked_whole_though_its_ids_are_known() -> None:
    world = World({**HOME, **section("/news", NEWS)}, known=set(NEWS[:6]))
    world.walk()
    assert world.known == set(NEWS)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.integers(0, 30), st.lists(st.integers(1, 60), max_size=4), st.booleans())
def test_a_walk_that_is_cut_off_anywhere_loses_nothing(
    first: int, new: int, cuts: list[int], whole: bool
) -> None:
    old, newer = list(range(1000, 1000 - first, -1)), list(range(1000 + new, 1000, -1))
    world = World({**HOME, **section("/news", old)})
    before = world.walk() if whole else Walked()
    world.pages = {**HOME, **section("/news", newer + old)}
    for cut in cuts:
        world.walk(before, cut=cut)  # what it said of itself is lost with it
    world.walk(before)
    assert world.known == {109, *old, *newer}


def test_what_a_section_that_was_walked_before_brings_is_added_in_one_step() -> None:
    world = World({**HOME, **section("/news", NEWS)})
    before = world.walk()
    newer = list(range(2000, 1000, -1))
    world.pages = {**HOME, **section("/news", newer + NEWS)}
    world.walk(before)
    assert world.adds == [("section", tuple(newer))]


def test_a_section_with_a_page_that_can_not_be_had_is_walked_whole_the_next_time() -> None:
    pages = {**HOME, **section("/news", NEWS)}
    world = World({**pages, "/news?page=3": FAILED})
    before = world.walk()
    assert (before.unseen, before.sections) == ({"timeout": 1}, {"/"})
    world.pages = pages
    assert world.walk(before).sections == {"/", "/news"}
    assert world.known == set(NEWS)


def test_numbered_pages_are_walked_in_their_order() -> None:
    links = '<a href="/news?page=4">4</a><a href="/news?page=2">٢</a><a href="/news?page=3">3</a>'
    pages = {f"/news?page={n}": listed(n * 10, more=links) for n in (2, 3, 4)}
    world = World({**HOME, "/news": listed(10, more=links), **pages})
    world.walk()
    assert world.asked[2:] == ["/news", "/news?page=2", "/news?page=3", "/news?page=4"]


@pytest.mark.fault(30)
def test_paging_that_goes_round_or_on_for_ever_ends() -> None:
    world = World({**HOME, **{f"/news?page={n}": listed(7, more=f"<a rel=next href=/news?page={n + 1}>") for n in range(1, 99)},
                   "/news": listed(7, more="<a rel=next href=/news?page=1>")})  # fmt: skip
    world.walk()
    assert world.asked[2:] == ["/news", "/news?page=1"]


def test_a_section_found_in_a_section_is_walked_too_down_to_the_limit() -> None:
    pages = {f"/s{n}": listed(n, more=f"<a href=/s{n + 1}>x</a>") for n in range(1, 9)}
    world = World({"/": listed(99, more="<a href=/s1>x</a>"), **pages})
    world.walk(depth=3)
    assert world.known == {99, 1, 2, 3}


def test_a_page_without_articles_leads_nowhere_but_the_home_page() -> None:
    world = World({"/": "<a href=/about>x</a>", "/about": "<a href=/more>x</a>", "/more": listed(1)})
    world.walk()
    assert world.asked == ["/", "/sitemap.xml", "/about"]


def test_sub_sections_that_were_walked_before_are_left_alone_where_nothing_new_leads_there() -> None:
    world = World(
        {"/": listed(9, more="<a href=/s>x</a>"), "/s": listed(1, more="<a href=/t>x</a>"), "/t": listed(2)}
    )
    before = world.walk()
    world.walk(before)
    assert world.asked == ["/", "/sitemap.xml", "/s"]


# Sitemaps and feeds


def index(*places: str) -> str:
    return (
        "<sitemapindex>"
        + "".join(f"<sitemap><loc>{place}</loc></sitemap>" for place in places)
        + "</sitemapindex>"
    )


def urls(*ids: int) -> str:
    return "<urlset>" + "".join(f"<url><loc>{HOST}/a/{id}</loc></url>" for id in ids) + "</urlset>"


def test_sitemaps_are_those_of_robots_txt_and_the_usual_one() -> None:
    world = World(
        {
            "/": listed(9),
            "/maps": index("/one", "/two"),
            "/one": urls(1),
            "/two": urls(2),
            "/sitemap.xml": urls(3),
        }
    )
    world.sitemaps = (f"{HOST}/maps", "http://example.com/sitemap.xml", "http://127.0.0.1/")
    walked = world.walk()
    assert world.asked == ["/", "/maps", "/sitemap.xml", "/one", "/two"]
    assert walked.ids == {"home": 1, "sitemap": 3}


@pytest.mark.fault(30)
def test_sitemaps_that_name_each_other_are_asked_for_once() -> None:
    world = World({
        "/sitemap.xml": index("/sitemap.xml", "/one.xml", "http://www.anapress.net/sitemap.xml"),
        "/one.xml": index("/two.xml"),
        "/two.xml": index("/one.xml", "/sitemap.xml#x"),
    })  # fmt: skip
    world.walk()
    assert world.asked == ["/", "/sitemap.xml", "/one.xml", "/two.xml"]


@pytest.mark.fault(30)
def test_a_sitemap_that_leads_home_is_not_followed() -> None:
    world = World({"/": listed(9), "/sitemap.xml": moved("/")})
    walked = world.walk()
    assert (world.asked, walked.unseen) == (["/", "/sitemap.xml"], {})


@pytest.mark.fault(30)
def test_indexes_without_end_end_at_the_depth() -> None:
    world = World({"/sitemap.xml": index("/s1"), **{f"/s{n}": index(f"/s{n + 1}") for n in range(1, 99)}})
    world.walk(depth=3)
    assert world.asked[1:] == ["/sitemap.xml", "/s1", "/s2", "/s3"]


def test_a_feed_is_one_wherever_it_is_linked() -> None:
    feed = f"<rss><channel><item><link>{HOST}/a/5</link></item></channel></rss>"
    world = World({"/": listed(9, more='<a href="/rss">RSS</a><link rel=alternate type=application/atom+xml href=/atom>'),
                   "/rss": feed, "/atom": f"<feed><entry><link href='{HOST}/a/6'/></entry></feed>"})  # fmt: skip
    assert world.walk().ids == {"home": 1, "feed": 2}


# What goes wrong


def test_a_redirect_on_the_site_is_followed_and_one_away_is_not() -> None:
    world = World({"/": listed(9, more="<a href=/news>x</a><a href=/out>y</a>"), "/news": moved("/news/"),
                   "/news/": listed(1), "/out": moved("http://127.0.0.1/")})  # fmt: skip
    assert world.walk().unseen == {}
    assert world.known == {9, 1}
    assert world.asked[2:] == ["/news", "/news/", "/out"]


def test_a_redirect_to_itself_is_a_loop() -> None:
    assert World({"/": moved("/")}).walk(hops=3).unseen == {"redirect_loop": 1}


@pytest.mark.parametrize(
    ("given", "unseen"),
    [
        (FAILED, {"timeout": 1}),
        (ROBOTS, {}),
        (Response(HOST, 404), {}),
        (Response(HOST, 403), {"http_403": 1}),
        (Response(HOST, 503), {"http_503": 1}),
        (Response(HOST, 200, flags=["unread:large"]), {"large": 1}),
        (Response(HOST, 200, body=b"\x1f\x8b\x08"), {"truncated": 1}),
        ("<urlset><url>", {"truncated": 1}),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><urlset/>", {"doctype_refused": 1}),
    ],
)
def test_what_can_not_be_had_is_counted_and_the_walk_goes_on(given: Given, unseen: dict[str, int]) -> None:
    world = World({"/": listed(9, more="<a href=/news>x</a>"), "/sitemap.xml": given, "/news": listed(1)})
    assert world.walk().unseen == unseen
    assert world.known == {9, 1}


def test_the_limit_of_pages_ends_a_walk_and_is_told() -> None:
    world = World({**HOME, **section("/news", NEWS), "/sitemap.xml": index("/s1")})
    walked = world.walk(pages=2)
    assert (len(world.asked), walked.unseen) == (2, {"limit": 2})
    assert "/news" not in walked.sections


def test_what_a_first_walk_found_before_its_limit_is_kept() -> None:
    world = World({**HOME, **section("/news", NEWS)})
    walked = world.walk(pages=4)
    assert world.known == set(NEWS[:6])
    assert "/news" not in walked.sections


def test_a_sitemap_with_more_ids_than_the_limit_fills_no_archive() -> None:
    world = World({"/sitemap.xml": urls(*range(1, 500))})
    walked = world.walk(ids=100)
    assert len(world.known) == 100
    assert walked.unseen == {"limit": 1}


def test_a_section_of_which_the_limit_took_a_part_counts_as_not_walked() -> None:
    world = World({**HOME, **section("/news", NEWS)})
    assert "/news" not in world.walk(ids=8).sections


def test_a_page_of_countless_links_is_followed_only_as_far_as_could_be_asked_for() -> None:
    links = "".join(f"<a href=/s/{at}>x</a><a href=/?page={at}>{at}</a>" for at in range(2, 9_000))
    world = World({"/": listed(1, more=links)})
    assert world.walk(pages=50).pages == 50
