"""The cases of robots.txt in the list of faults, through whole crawls; each test has its number.

Ours differ from the list where RFC 9309 is stricter: a robots.txt that can't be had forbids all, so the ids
wait; and a redirect to a host that can't be reached at all is a failure of the id, as it is without robots.txt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.crawling import House, Ran
from tests.script import BUSY, EMPTY, SILENT, Answer, Script, Scripted, moved, says, scripted, text

IDS = (1, 2)
AGEING = {"ROBOTS_SECONDS": 0.5, "DOWNLOAD_DELAY": 0.3, "DOWNLOAD_DELAY_JITTER": 0, "CONCURRENT_REQUESTS": 1}
ALL = text("User-agent: *\nDisallow:\n")
NONE = text("User-agent: *\nDisallow: /\n")


@contextmanager
def site(tmp_path: Path, script: Script) -> Iterator[tuple[House, Scripted]]:
    with scripted(script) as running:
        yield House(tmp_path, running), running


def outcomes(house: House) -> dict[int, tuple[str, str]]:
    return {id: (take["outcome"], take["reason"]) for id, (take,) in house.archive.takes().items()}


def responses(house: House, url: str) -> list[bytes]:
    records = house.archive.records()
    return [r.block for r in records if r.type == "response" and r.headers["WARC-Target-URI"] == url]


def left(house: House) -> int:
    return int(house.scrapy("ids", "status").out.split("left ")[1].split()[0].rstrip(","))


def ids_waited(house: House, ran: Ran, why: str) -> None:
    """All ids are left, no article was asked for, and the last line says why."""
    assert (ran.code, why in ran.last, "ids wait" in ran.last) == (3, True, True), ran.said
    assert not house.archive.takes()
    assert left(house) == len(IDS)
    assert not [place for place in house.site.places if "/a/" in place]


# 43: no robots.txt, or an odd one


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    "robots",
    [
        *(says(status, body=b"User-agent: *\nDisallow: /\n") for status in ("404 No", "410 No", "401 No", "403 No")),
        says("204 No Content"),
        text(""),
        text("<!DOCTYPE html><html><p>Disallow / everything</p></html>"),
        text(bytes(range(256)) * 40),
        text(b"x" * (600 << 10) + b"\nUser-agent: *\nDisallow: /\n"),
        text("User-agent: *\n" + "Allow: /\n" * 60_000 + "Disallow: /a/\n"),
        text("User-agent: another-crawler\nDisallow: /\n"),
        moved("mailto:robots@anapress.net"),
        says("301 Moved Permanently"),
    ],
)  # fmt: skip
def test_a_robots_txt_that_forbids_nothing_to_us_allows_all_and_is_kept(
    tmp_path: Path, robots: Answer
) -> None:
    with site(tmp_path, {"/robots.txt": robots}) as (house, running):
        ran = house.crawl(IDS)
    assert ran.code == 0, ran.said
    assert outcomes(house) == dict.fromkeys(IDS, ("gone", "http_404"))
    assert responses(house, "http://anapress.net/robots.txt") == [robots.response]
    assert running.places.count("/robots.txt") == 1


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    "body",
    [
        b"User-agent: *\nDisallow: /a/\n",
        b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /a/\r\n",
        b"User-agent: *\rDisallow: /a/",
        b"\xff\xfe\x00 not a line\nUSER-AGENT: Anapress-Archiver/9\nDISALLOW: /%61/  # ours\n",
        b"User-agent: *\n" + b"#" * (400 << 10) + b"\nDisallow: /*/\n",
    ],
    ids=["plain", "bom", "cr", "bytes", "long"],
)
def test_what_an_odd_robots_txt_forbids_is_refused_and_never_asked_for(tmp_path: Path, body: bytes) -> None:
    with site(tmp_path, {"/robots.txt": text(body)}) as (house, running):
        ran = house.crawl(IDS)
    assert ran.code == 0, ran.said
    assert outcomes(house) == dict.fromkeys(IDS, ("refused", "robots"))
    assert running.places == ["/robots.txt"]


# 44: a robots.txt that can't be had


@pytest.mark.fault(44)
@pytest.mark.parametrize(
    ("robots", "reason"),
    [
        (BUSY, "http_503"),
        (says("500 Broken", body=b"User-agent: *\nAllow: /\n"), "http_500"),
        (SILENT, "idle"),
        (EMPTY, "empty_reply"),
        (says("200 OK", "Content-Encoding: br", body=b"\x8b\x03\x80"), "unknown_coding"),
        (Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nUser-agent: *", closes=True), "dataloss"),
        (moved("http://127.0.0.1/robots.txt"), "ssrf_blocked"),
        (moved("http://nobody.invalid/robots.txt"), "dns"),
    ],
    ids=["503", "500", "silent", "empty_reply", "br", "cut", "ssrf", "elsewhere"],
)
def test_ids_wait_while_robots_txt_cannot_be_had(tmp_path: Path, robots: Answer, reason: str) -> None:
    with site(tmp_path, {"/robots.txt": robots}) as (house, _):
        ran = house.crawl(IDS, IDLE_SECONDS=1)
    ids_waited(house, ran, f"the robots.txt of http://anapress.net can't be had ({reason})")
    heads = [block.partition(b"\r\n")[0] for block in responses(house, "http://anapress.net/robots.txt")]
    assert set(heads) == {robots.response.partition(b"\r\n")[0]} - {b""}, "each one is kept"


@pytest.mark.fault(44)
@pytest.mark.parametrize("to", ["127.0.0.1:9", "nobody.invalid:80"])
def test_ids_wait_while_their_host_cannot_be_reached(tmp_path: Path, to: str) -> None:
    with site(tmp_path, {}) as (house, _):
        ran = house.crawl(IDS, CONNECT_TO=f"anapress.net:80:{to}")
        ids_waited(house, ran, "can't be had (dns)" if "invalid" in to else "can't be had (connect_failed)")


@pytest.mark.fault(44)
def test_ids_that_waited_are_taken_by_the_next_run(tmp_path: Path) -> None:
    with site(tmp_path, {"/robots.txt": [BUSY, BUSY, BUSY, ALL]}) as (house, running):
        assert house.crawl(IDS).code == 3
        assert running.places == ["/robots.txt"] * 3
        assert house.crawl().code == 0
    assert outcomes(house) == dict.fromkeys(IDS, ("gone", "http_404"))
    assert house.scrapy("verify").code == 0


@pytest.mark.fault(44)
def test_a_robots_txt_that_is_refused_at_first_is_asked_for_again(tmp_path: Path) -> None:
    with site(tmp_path, {"/robots.txt": [BUSY, EMPTY, NONE]}) as (house, _):
        assert house.crawl(IDS).code == 0
    assert outcomes(house) == dict.fromkeys(IDS, ("refused", "robots"))


@pytest.mark.fault(44)
def test_a_host_that_wants_a_pause_before_it_shows_its_robots_txt_has_it(tmp_path: Path) -> None:
    told = says("429 Too Many Requests", "Retry-After: 1")
    with site(tmp_path, {"/robots.txt": [told, NONE]}) as (house, running):
        assert house.crawl(IDS).code == 0
    first, second = running.times("/robots.txt")
    assert second - first >= 1
    assert outcomes(house) == dict.fromkeys(IDS, ("refused", "robots"))


@pytest.mark.fault(44)
def test_more_ids_than_a_few_that_wait_end_the_run(tmp_path: Path) -> None:
    with site(tmp_path, {"/robots.txt": BUSY}) as (house, _):
        ran = house.crawl(range(1, 41), STOP_AFTER_USELESS=20)
    assert (ran.code, "20 answers in a row" in ran.last) == (3, True), ran.said
    assert left(house) == 40


@pytest.mark.fault(44)
def test_a_robots_txt_that_was_had_holds_on_while_no_newer_one_can_be_had(tmp_path: Path) -> None:
    with site(tmp_path, {"/robots.txt": [text("User-agent: *\nDisallow: /a/2\n"), BUSY]}) as (house, running):
        ran = house.crawl(range(1, 7), **AGEING)
    assert ran.code == 0, ran.said
    assert outcomes(house) == {**dict.fromkeys(range(1, 7), ("gone", "http_404")), 2: ("refused", "robots")}
    assert running.places.count("/robots.txt") > 1


def test_a_robots_txt_that_is_too_old_is_asked_for_again(tmp_path: Path) -> None:
    with site(tmp_path, {"/robots.txt": [ALL, NONE]}) as (house, running):
        assert house.crawl(range(1, 7), **AGEING).code == 0
    assert running.places.count("/robots.txt") > 1
    assert {*outcomes(house).values()} == {("gone", "http_404"), ("refused", "robots")}


# Redirects


@pytest.mark.fault(43)
@pytest.mark.parametrize(("hops", "outcome"), [(5, ("refused", "robots")), (6, ("gone", "http_404"))])
def test_robots_txt_is_followed_five_hops_to_any_host_and_each_is_kept(
    tmp_path: Path, hops: int, outcome
) -> None:
    where = [
        "http://other.example/r0",
        "http://www.anapress.net/r1",
        *(f"http://anapress.net/r{n}" for n in range(2, 6)),
    ]
    places = ["other.example/r0", "www.anapress.net/r1", *(f"/r{n}" for n in range(2, 6))]
    chain = {"/robots.txt": moved(where[0])}
    chain |= {place: moved(to) for place, to in zip(places, where[1:], strict=False)}
    with site(tmp_path, {**chain, places[hops - 1]: NONE}) as (house, _):
        ran = house.crawl([1])
    assert (ran.code, outcomes(house)) == (0, {1: outcome}), ran.said
    assert responses(house, "http://anapress.net/robots.txt")
    assert all(responses(house, url) for url in where[:5])


@pytest.mark.fault(42)
def test_a_redirect_obeys_the_robots_txt_of_the_host_that_it_leads_to(tmp_path: Path) -> None:
    script = {"/a/1": moved("http://www.anapress.net/a/1"), "www.anapress.net/robots.txt": NONE}
    with site(tmp_path, script) as (house, running):
        assert house.crawl(IDS).code == 0
    assert outcomes(house) == {1: ("refused", "robots"), 2: ("gone", "http_404")}
    assert "www.anapress.net/a/1" not in running.places
    assert responses(house, "http://anapress.net/a/1"), "the hop is kept"


@pytest.mark.fault(44)
def test_only_the_ids_that_lead_to_a_host_without_its_robots_txt_wait(tmp_path: Path) -> None:
    script = {"/a/1": moved("http://www.anapress.net/a/1"), "www.anapress.net/robots.txt": BUSY}
    with site(tmp_path, script) as (house, _):
        ran = house.crawl(IDS)
    assert (ran.code, "1 ids wait: the robots.txt of http://www.anapress.net" in ran.last) == (3, True)
    assert outcomes(house) == {2: ("gone", "http_404")}
    assert left(house) == 1


@pytest.mark.fault(47)
def test_an_id_that_leads_to_a_host_that_cannot_be_reached_is_failed(tmp_path: Path) -> None:
    with site(tmp_path, {"/a/1": moved("http://www.anapress.net/a/1")}) as (house, running):
        dead = f"anapress.net:80:127.0.0.1:{running.port},www.anapress.net:80:127.0.0.1:9"
        ran = house.crawl(IDS, CONNECT_TO=dead)
    assert ran.code == 4, ran.said
    assert outcomes(house) == {1: ("failed", "connect_failed"), 2: ("gone", "http_404")}


# What else it says


def test_a_crawl_delay_stands_between_any_two_requests(tmp_path: Path) -> None:
    with site(tmp_path, {"/robots.txt": text("User-agent: *\nCrawl-delay: 0.7\n")}) as (house, running):
        assert house.crawl([1, 2, 3]).code == 0
    times = [asked.at for asked in running.asked]
    assert len(times) == 4
    assert min(after - before for before, after in pairwise(times)) >= 0.5  # the first had to connect


def test_a_crawl_delay_that_is_longer_than_we_keep_to_is_told(tmp_path: Path) -> None:
    with site(tmp_path, {"/robots.txt": text("User-agent: *\nCrawl-delay: 86400\n")}) as (house, running):
        ran = house.crawl(IDS, CRAWL_DELAY_SECONDS=0.5)
    assert (ran.code, ran.said.count("asks for 86400 seconds between two requests; we wait 0.5")) == (0, 1)
    assert len(running.asked) == 3


def test_who_does_not_obey_does_not_ask(tmp_path: Path) -> None:
    with site(tmp_path, {"/robots.txt": NONE}) as (house, running):
        assert house.crawl([1], ROBOTSTXT_OBEY=0).code == 0
    assert running.places == ["/a/1"]
