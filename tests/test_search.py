"""Whole crawls that find their ids themselves: `-a discover=site`, and `scrapy ids discover`."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.crash.crawl import Crawl, Home, verify
from tests.crash.disk import Order
from tests.crash.judge import judge
from tests.crash.plans import CALLS, RANDOM, STEPS, WRITERS
from tests.crawling import Archive, House
from tests.faults.case import Article
from tests.script import BUSY, GONE, Answer, Script, Scripted, moved, page, says, scripted, text
from tests.site import SEED_ID, Site, id_of
from tests.site.answers import bomb

ARTICLES = 130  #: 26 a section: two pages
ALL = {SEED_ID, *map(id_of, range(ARTICLES))}
HOST = "http://anapress.net"


@pytest.fixture(scope="module")
def searched(site: Site, tmp_path_factory: pytest.TempPathFactory) -> House:
    """An archive that began with nothing, and has all."""
    house = House(tmp_path_factory.mktemp("searched"), site)
    ran = house.crawl()
    assert ran.code == 0, ran.said
    return house


def found(archive: Archive) -> Counter[str]:
    """How the ids were found, by their first lines."""
    first: dict[str, str] = {}
    for line in map(json.loads, archive.lines("outcomes")):
        first.setdefault(line["id"], line["found"])
    return Counter(first.values())


def newest_run(archive: Archive) -> dict:
    return json.loads(max((archive.folder / "runs").iterdir()).read_bytes())


# The replica


def test_a_crawl_that_knows_no_ids_finds_them_all_and_takes_them(searched: House) -> None:
    assert searched.archive.takes().keys() == ALL
    assert found(searched.archive).keys() == {"home", "sitemap", "feed"}


def test_what_the_search_was_shown_is_archived_as_any_page(searched: House) -> None:
    urls = {r.headers["WARC-Target-URI"] for r in searched.archive.records() if r.type == "response"}
    assert {f"{HOST}/", f"{HOST}/rss", f"{HOST}/sitemap.xml", f"{HOST}/section/news?page=2"} <= urls
    assert searched.scrapy("verify").out.startswith("sound:")


def test_the_run_tells_what_was_found_and_which_sections_are_walked(searched: House) -> None:
    search = newest_run(searched.archive)["search"]
    assert sum(search["found"].values()) == len(ALL)
    assert search["unseen"] == {}
    assert {"/", "/section/news", "/section/photos"} <= set(search["sections"])


def test_ids_that_are_given_are_taken_and_those_that_are_found_are_left(house: House) -> None:
    ran = house.crawl([id_of(0)], "-adiscover=site")
    assert (ran.code, house.archive.takes().keys()) == (0, {id_of(0)})
    assert f"{len(ALL) - 1} ids are left" in ran.last


def test_without_an_id_and_without_a_search_there_is_nothing_to_do(house: House) -> None:
    for discover in ("links", "none"):
        ran = house.crawl(None, f"-adiscover={discover}")
        assert (ran.code, "-a discover=site" in ran.last) == (2, True), ran.said
    assert not list(house.folder.iterdir())


def test_known_ids_are_no_reason_to_search(house: House) -> None:
    house.scrapy("ids", "add", str(id_of(0)))
    before = len(house.site.exchanges())
    assert house.crawl(None, "-sCLOSESPIDER_ITEMCOUNT=1").code in (0, 3)
    assert not [one for one in house.site.exchanges()[before:] if b"GET /section" in one.request]


def test_ids_discover_tells_what_it_would_add_and_from_where(house: House) -> None:
    ran = house.scrapy("ids", "discover")
    lines = [line.split("\t") for line in ran.out.splitlines()]
    assert {int(id) for id, _, _ in lines} == ALL
    assert [str(SEED_ID), "home", f"{HOST}/"] in lines
    assert {how for _, how, _ in lines} == {"home", "sitemap", "feed"}
    assert (ran.code, f"{len(ALL)} new ids on" in ran.said, "not added" in ran.said) == (0, True, True)
    assert house.scrapy("ids", "status").out.startswith("known 0")


def test_ids_discover_adds_what_it_is_told_to_add(house: House) -> None:
    house.scrapy("ids", "discover")  # changes nothing
    ran = house.scrapy("ids", "discover", "--add")
    assert (ran.code, ran.out, f"{len(ALL)} new ids on" in ran.said) == (0, "", True), ran.said
    assert house.scrapy("ids", "status").out.startswith(f"known {len(ALL)} = settled 0 + left {len(ALL)}")
    assert house.scrapy("ids", "discover").out == ""
    assert house.scrapy("verify").code == 0


# A site that changes


def listing(*ids: int, more: str = "") -> Answer:
    links = "".join(f'<p><a href="/a/{id}">x</a></p>' for id in ids)
    return page(f"<html><title>أنا برس</title>{links}{more}".encode())


def xml(body: str | bytes, *lines: str, kind: str = "application/xml") -> Answer:
    given = body.encode() if isinstance(body, str) else body
    return says("200 OK", f"Content-Type: {kind}", *lines, body=given)


def articles(*ids: int) -> dict[str, Answer]:
    return {f"/a/{id}": page(Article(id).page) for id in ids}


def section(name: str, ids: list[int], each: int = 5) -> dict[str, Answer]:
    pages = [ids[at : at + each] for at in range(0, len(ids), each)]
    last = len(pages)
    return {
        (f"{name}?page={n}" if n > 1 else name): listing(
            *some, more=f'<a href="{name}?page={n + 1}">التالي</a>' if n < last else ""
        )
        for n, some in enumerate(pages, 1)
    }


@contextmanager
def running(tmp_path: Path, script: Script) -> Iterator[tuple[House, Scripted]]:
    with scripted(script) as site:
        yield House(tmp_path, site), site


def known(house: House) -> set[int]:
    return {int(json.loads(line)["id"]) for line in house.archive.lines("outcomes")}


def test_a_second_run_asks_only_for_what_may_have_changed(tmp_path: Path) -> None:
    ids = list(range(40, 0, -1))
    home = {"/": listing(40, more='<a href="/news">x</a>')}
    with running(tmp_path, {**home, **section("/news", ids), **articles(*ids)}) as (house, site):
        assert house.crawl().code == 0
        assert len([place for place in site.places if place.startswith("/news")]) == 8
    newer = [42, 41, *ids]
    with running(tmp_path, {**home, **section("/news", newer), **articles(*newer)}) as (house, site):
        assert house.crawl(None, "-adiscover=site").code == 0
        assert site.places[:6] == [
            "/robots.txt",
            "/",
            "/sitemap.xml",
            "/news",
            "/news?page=2",
            "/news?page=3",
        ]
        assert set(site.places[6:]) == {"/a/41", "/a/42"}
    assert house.archive.takes().keys() == set(newer)


def test_a_search_that_robots_txt_forbids_in_part_leaves_that_part_alone(tmp_path: Path) -> None:
    script = {
        "/robots.txt": text(f"User-agent: *\nDisallow: /secret\nSitemap: {HOST}/maps.xml\n"),
        "/": listing(1, more='<a href="/secret">x</a>'),
        "/maps.xml": xml(f"<urlset><url><loc>{HOST}/a/2</loc></url></urlset>"),
        **articles(1, 2),
    }
    with running(tmp_path, script) as (house, site):
        ran = house.crawl()
    assert (ran.code, house.archive.takes().keys()) == (0, {1, 2}), ran.said
    assert site.places[:4] == ["/robots.txt", "/", "/maps.xml", "/sitemap.xml"]
    assert "/secret" not in site.places


def test_a_search_whose_robots_txt_can_not_be_had_asks_for_nothing_and_exits_3(tmp_path: Path) -> None:
    with running(tmp_path, {"/robots.txt": BUSY, "/": listing(1)}) as (house, site):
        ran = house.crawl(None, RETRY_TIMES=0)
        assert (ran.code, "robots.txt" in ran.last, set(site.places)) == (3, True, {"/robots.txt"}), ran.said


def test_pages_that_can_not_be_had_are_told_and_the_run_exits_3(tmp_path: Path) -> None:
    script = {"/": listing(1, more="<a href=/news>x</a>"), "/news": BUSY, **articles(1)}
    with running(tmp_path, script) as (house, _):
        ran = house.crawl(None, RETRY_TIMES=0)
    assert (ran.code, "could not see 1 page (http_503)" in ran.last) == (3, True), ran.said
    assert house.archive.takes().keys() == {1}


def test_a_site_that_names_no_article_is_told(tmp_path: Path) -> None:
    parked = page(
        b"<title>anapress.net</title><p>This domain is for sale</p><a href=/buy>Buy this domain</a>"
    )
    with running(tmp_path, {"/": parked, "/buy": parked}) as (house, site):
        ran = house.crawl()
        assert (ran.code, "names no article" in ran.last) == (4, True), ran.said
        assert site.places == ["/robots.txt", "/", "/sitemap.xml", "/buy"]


def test_a_search_that_hits_its_limit_says_so(tmp_path: Path) -> None:
    ids = list(range(40, 0, -1))
    script = {"/": listing(40, more="<a href=/news>x</a>"), **section("/news", ids), **articles(*ids)}
    with running(tmp_path, script) as (house, _):
        ran = house.crawl(None, DISCOVER_PAGES=4)
    assert (ran.code, "limit" in ran.last) == (3, True), ran.said
    assert house.archive.takes().keys() == set(ids[:10])


def test_a_search_that_a_limit_of_time_cut_off_goes_on_in_the_next_run(house: House) -> None:
    slow = {"DOWNLOAD_DELAY": 0.5, "CONCURRENT_REQUESTS_PER_DOMAIN": 1}
    cut = house.crawl(None, CLOSESPIDER_TIMEOUT=2, LOG_LEVEL="INFO", **slow)
    assert cut.code == 3
    assert (
        len(re.findall(r"(?m) on \d+ pages? (?:of the site )?so far: the search was broken off$", cut.said))
        == 2
    )
    assert not newest_run(house.archive)["search"]["over"]
    before = len(house.site.exchanges())
    on = house.crawl()
    assert on.code == 0
    assert "so far" not in on.said
    assert [one for one in house.site.exchanges()[before:] if b"GET /section" in one.request]
    assert house.archive.takes().keys() == ALL
    assert newest_run(house.archive)["search"]["over"]


def test_a_search_that_is_told_to_wait_waits(tmp_path: Path) -> None:
    busy = says("429 Too Many Requests", "Retry-After: 1")
    script = {"/": [busy, listing(1)], **articles(1)}
    with running(tmp_path, script) as (house, site):
        assert house.crawl().code == 0
        first, second = site.times("/")
    assert second - first >= 1


# The cases of the list of faults, found where ids are looked for (docs/ROBUSTNESS.md)

LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
)
FILE = '<!DOCTYPE f [<!ENTITY k SYSTEM "file:///etc/passwd">]>'


def urlset(*places: str, head: str = "") -> str:
    listed = "".join(f"<url><loc>{place}</loc></url>" for place in places)
    return f'<?xml version="1.0"?>{head}<urlset>{listed}</urlset>'


def index(*places: str) -> str:
    return (
        "<sitemapindex>"
        + "".join(f"<sitemap><loc>{place}</loc></sitemap>" for place in places)
        + "</sitemapindex>"
    )


SELF = index(f"{HOST}/sitemap.xml", f"{HOST}/two.xml")
FAULTS = {
    "27 a sitemap in gzip that is a bomb": (xml(bomb(), kind="application/gzip"), set(), "bomb"),
    "27 a sitemap whose coding is a bomb": (xml(bomb(), "Content-Encoding: gzip"), set(), "bomb"),
    "28 entities of entities": (xml(urlset(f"{HOST}/a/2", "&c;", head=LAUGHS)), set(), "doctype_refused"),
    "29 a file as entity": (xml(urlset("http://127.0.0.1/&k;", f"{HOST}/a/2", head=FILE)), set(), "doctype_refused"),
    "30 an index that names itself": (xml(SELF), set(), ""),
    "30 a sitemap that leads to the home page": (moved("/"), set(), ""),
    "30 a sitemap that leads to itself": (moved("/sitemap.xml"), set(), "redirect_loop"),
    "31 half a sitemap": (xml(urlset(f"{HOST}/a/2", f"{HOST}/a/3")[:-40]), {2}, "truncated"),
    "31 a byte order mark": (xml(b"\xef\xbb\xbf" + urlset(f"{HOST}/a/2").encode()), {2}, ""),
    "31 no namespace, or a wrong one": (xml(urlset(f"{HOST}/a/2").replace("<urlset", "<urlset xmlns='urn:x'")), {2}, ""),
    "31 an empty sitemap": (xml(""), set(), ""),
    "31 a lone entity": (xml(f"<urlset><url><loc>{HOST}/a/2</loc></url><url>&k;</url></urlset>"), {2}, "truncated"),
    "31 a sitemap in gzip": (xml(gzip.compress(urlset(f"{HOST}/a/2").encode())), {2}, ""),
    "52 a sitemap on a private address": (xml(index("http://127.0.0.1/s.xml", "http://169.254.169.254/")), set(), ""),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.fault(int(name[:2]))) for name in FAULTS]
)
def test_a_bad_sitemap_does_no_harm_and_is_kept(name: str, tmp_path: Path) -> None:
    answer, ids, unseen = FAULTS[name]
    script = {"/": listing(1), "/sitemap.xml": answer, **articles(1, 2, 3)}
    with running(tmp_path, script) as (house, site):
        ran = house.crawl(None, RETRY_TIMES=0, REDIRECT_MAX_TIMES=3)
    assert house.archive.takes().keys() == {1, *ids}, ran.said
    assert newest_run(house.archive)["search"]["unseen"] == ({unseen: 1} if unseen else {})
    assert ran.code == (3 if unseen else 0), ran.said
    assert "Traceback" not in ran.said
    kept = [
        r.block for r in house.archive.records() if r.headers.get("WARC-Target-URI") == f"{HOST}/sitemap.xml"
    ]
    assert answer.response in kept
    assert site.places.count("/sitemap.xml") == (4 if "leads to itself" in name else 1)


def test_a_search_of_a_large_sitemap_is_quick(tmp_path: Path) -> None:
    ids = range(1, 50_001)
    script = {
        "/": listing(1),
        "/sitemap.xml": xml(gzip.compress(urlset(*(f"{HOST}/a/{id}" for id in ids)).encode())),
    }
    with running(tmp_path, script) as (house, _):
        ran = house.scrapy("ids", "discover", "--add")
        assert ran.code == 0, ran.said
        assert house.scrapy("ids", "status").out.startswith("known 50000")


# Kills


def orders(seed: int) -> tuple[str, Random]:
    rng = Random(f"search {seed}")
    return ((*CALLS, *WRITERS, *STEPS, *RANDOM)[seed * 3 % 20], rng)


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(8))
def test_a_search_that_is_killed_loses_nothing_and_doubles_nothing(
    seed: int, site: Site, tmp_path: Path
) -> None:
    point, rng = orders(seed)
    home = Home.made(tmp_path)
    for _ in range(2):
        journal = str(home.journal.path)
        if point in RANDOM:
            role = point.partition("/")[2]
            with Crawl(
                home, site, "discover=site", DOWNLOAD_DELAY="0.05", CONCURRENT_REQUESTS_PER_DOMAIN="1"
            ) as crawl:
                crawl.wait_and_kill(role, rng.uniform(0, 2), home.journal)
        else:
            role = "writer" if point in WRITERS else "crawl"
            order = Order(
                journal=journal, act="die", point=point, nth=rng.randint(1, 6), role=role, both=True
            )
            with Crawl(home, site, "discover=site", order=order) as crawl:
                assert crawl.wait() in (-9, 0), crawl.said
        home.wait_for_writers()
    with Crawl(home, site, "discover=site") as crawl:
        assert crawl.wait() == 0, crawl.said
    assert home.left_in_spool() == []
    judge(home.archive, sorted(ALL), site)
    code, said = verify(home)
    assert code == 0, said


def test_a_search_that_nobody_asked_for_goes_on_after_a_kill(site: Site, tmp_path: Path) -> None:
    home = Home.made(tmp_path)
    # its first ids are in the log, and most of the site is not searched yet
    order = Order(journal=str(home.journal.path), act="die", point="commit/apply", role="crawl", both=True)
    with Crawl(home, site, order=order) as crawl:
        assert crawl.wait() == -9, crawl.said
    home.wait_for_writers()
    assert (home.archive / "commits" / "0000000001.json").exists()
    with Crawl(home, site) as crawl:
        assert crawl.wait() == 0, crawl.said
    judge(home.archive, sorted(ALL), site)
    assert newest_run(Archive(home.archive))["search"]["over"]


def test_a_search_that_is_terminated_keeps_what_it_added_and_exits_3(site: Site, tmp_path: Path) -> None:
    home = Home.made(tmp_path)
    with Crawl(
        home, site, "discover=site", DOWNLOAD_DELAY="0.3", CONCURRENT_REQUESTS_PER_DOMAIN="1"
    ) as crawl:
        crawl.wait_for_step(home.journal)
        crawl.terminate()
        assert crawl.wait() == 3, crawl.said
    assert verify(home)[0] == 0
    with Crawl(home, site, "discover=site") as crawl:
        assert crawl.wait() == 0, crawl.said
    judge(home.archive, sorted(ALL), site)


def test_what_is_gone_is_gone(tmp_path: Path) -> None:
    with running(tmp_path, {"/": listing(1, 2), "/a/1": GONE, **articles(2)}) as (house, _):
        assert house.crawl().code == 0
    assert {id: take[0]["found"] for id, take in house.archive.takes().items()} == {1: "home", 2: "home"}
