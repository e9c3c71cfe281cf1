"""A good guest, through whole crawls: waits when told to, tries again later, and knows when to go."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.crawling import CHECKOUT, SCRAPY, House
from tests.script import BUSY, GONE, SILENT, Answer, Script, Scripted, page, says, scripted
from tests.site.answers import block, parked

CUT = Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", closes=True)
PARKED, BLOCKED = page(parked(None)), page(block(None))


def told(seconds: object, *lines: str, status: str = "503 Service Unavailable") -> Answer:
    return says(status, f"Retry-After: {seconds}", *lines, body=b"busy")


@contextmanager
def site(tmp_path: Path, script: Script) -> Iterator[tuple[House, Scripted]]:
    with scripted(script) as running:
        yield House(tmp_path, running), running


def taken(house: House) -> dict[int, tuple[str, str, int]]:
    takes = house.archive.takes()
    return {id: (take["outcome"], take["reason"], take["attempts"]) for id, (take,) in takes.items()}


def left(house: House) -> int:
    return int(house.scrapy("ids", "status").out.split("left ")[1].split()[0].rstrip(","))


@contextmanager
def running(house: House, *ids: int, **settings: object) -> Iterator[subprocess.Popen[bytes]]:
    """A crawl under way, to be ended by the test."""
    command = [
        str(SCRAPY),
        "crawl",
        "anapress",
        "-arequisites=0",
        f"-aids={','.join(map(str, ids))}",
        *house.settings(**settings),
    ]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(there: Callable[[], bool]) -> None:
    while not there():
        time.sleep(0.05)


# Retry-After


@pytest.mark.fault(45)
@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
def test_no_request_goes_to_a_host_before_its_pause_is_over(tmp_path: Path, status: str) -> None:
    with site(tmp_path, {"/a/1": [told(2, status=status), GONE]}) as (house, asked):
        assert house.crawl(range(1, 9), CONCURRENT_REQUESTS_PER_DOMAIN=1).code == 0
    began = asked.times("/a/1")[0]
    assert not [
        place
        for at, place in zip([a.at for a in asked.asked], asked.places, strict=True)
        if began < at < began + 1.9
    ]
    assert taken(house) == dict.fromkeys(range(1, 9), ("gone", "http_404", 1)), "and no attempt is spent"
    assert len([r for r in house.archive.records() if r.block.startswith(f"HTTP/1.1 {status}".encode())]) == 1


@pytest.mark.fault(45)
def test_a_date_is_judged_by_the_server_s_own_clock(tmp_path: Path) -> None:
    date = told("Tue, 03 Mar 2020 08:08:02 GMT", "Date: Tue, 03 Mar 2020 08:08:00 GMT")
    with site(tmp_path, {"/a/1": [date, GONE]}) as (house, asked):
        assert house.crawl([1]).code == 0
    first, second = asked.times("/a/1")
    assert 1.9 < second - first < 20


@pytest.mark.fault(45)
@pytest.mark.parametrize("seconds", [7200, "Tue, 03 Mar 2099 08:08:02 GMT"])
def test_a_pause_of_more_than_an_hour_ends_the_run_and_the_next_one_goes_on(
    tmp_path: Path, seconds: object
) -> None:
    with site(tmp_path, {"/a/2": [told(seconds), GONE]}) as (house, asked):
        ran = house.crawl([1, 2, 3, 4], CONCURRENT_REQUESTS_PER_DOMAIN=1)
        assert (ran.code, "Ended early (anapress.net asks us to wait for" in ran.last) == (3, True), ran.said
        assert asked.places[-1] == "/a/2", "not one request more"
        assert left(house) == 4 - len(house.archive.takes())
        assert house.crawl().code == 0
    assert taken(house) == dict.fromkeys(range(1, 5), ("gone", "http_404", 1))
    assert house.scrapy("verify").code == 0


@pytest.mark.fault(45)
@pytest.mark.parametrize("answer", [told(0), told(1, status="429 Too Many"), says("429 Too Many Requests")])
def test_a_host_that_asks_again_and_again_ends_the_run(tmp_path: Path, answer: Answer) -> None:
    with site(tmp_path, {"/a/1": answer}) as (house, asked):
        ran = house.crawl([1])
    assert (ran.code, "(anapress.net asked us to wait 5 times in a row)" in ran.last) == (3, True), ran.said
    assert asked.places.count("/a/1") == 5
    assert (not house.archive.takes(), left(house)) == (True, 1)


@pytest.mark.fault(45)
@pytest.mark.parametrize("nonsense", ["soon", "-1", "1.5"])
def test_a_pause_that_makes_no_sense_is_none(tmp_path: Path, nonsense: str) -> None:
    with site(tmp_path, {"/a/1": told(nonsense)}) as (house, _):
        assert house.crawl([1]).code == 4
    assert taken(house) == {1: ("failed", "http_503", 3)}


@pytest.mark.fault(45)
def test_one_page_that_asks_for_ever_does_not_hold_the_run(tmp_path: Path) -> None:
    """The others show that it is not the host; after ten pauses for nothing its attempts are counted."""
    with site(tmp_path, {"/a/1": told(0)}) as (house, asked):
        assert (
            house.crawl(range(1, 200), "-adiscover=none", DOWNLOAD_DELAY=0.01, STOP_AFTER_WAITS=0).code == 4
        )
    assert taken(house)[1] == ("failed", "http_503", 3)
    assert len(asked.times("/a/1")) == 13


@pytest.mark.fault(45)
def test_a_signal_does_not_wait_for_a_pause(tmp_path: Path) -> None:
    with site(tmp_path, {"/a/1": told(600)}) as (house, asked), running(house, 1, 2, 3) as process:
        until(lambda: "/a/1" in asked.places)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(60) == 3
        assert time.monotonic() - began < 10
        assert left(house) == 3 - len(house.archive.takes())


@pytest.mark.fault(45)
def test_what_ends_a_crawl_does_not_wait_for_a_pause(tmp_path: Path) -> None:
    with (
        site(tmp_path, {"/a/1": told(600)}) as (house, asked),
        running(house, 1, STOP_SECONDS=900) as process,
    ):
        until(lambda: "/a/1" in asked.places)
        time.sleep(0.5)
        (writer,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(writer), signal.SIGKILL)
        assert process.wait(60) == 6
    assert house.scrapy("verify").code == 0


# Attempts


@pytest.mark.fault(46)
def test_what_fails_for_ever_is_asked_for_as_often_as_there_are_attempts(tmp_path: Path) -> None:
    with site(tmp_path, {"/a/1": BUSY, "/a/2": [BUSY, CUT, GONE]}) as (house, asked):
        ran = house.crawl([1, 2], RETRY_TIMES=4)
    assert ran.code == 4
    assert taken(house) == {1: ("failed", "http_503", 5), 2: ("gone", "http_404", 3)}
    assert (len(asked.times("/a/1")), len(asked.times("/a/2"))) == (5, 3)
    busy = [r for r in house.archive.records() if r.block.startswith(b"HTTP/1.1 503")]
    assert len(busy) == 6, "each is kept"


def test_the_hops_of_an_id_share_its_attempts(tmp_path: Path) -> None:
    moved = says("302 Found", "Location: /a/1?x")
    with site(tmp_path, {"/a/1": [BUSY, BUSY, moved], "/a/1?x": BUSY}) as (house, asked):
        house.crawl([1], RETRY_TIMES=3)
    assert taken(house) == {1: ("failed", "http_503", 4)}
    assert (len(asked.times("/a/1")), len(asked.times("/a/1?x"))) == (3, 2)


def test_pauses_between_attempts_grow_at_random(tmp_path: Path) -> None:
    with site(tmp_path, {"/a/1": BUSY}) as (house, asked):
        house.crawl([1], RETRY_TIMES=3, RETRY_SECONDS=0.5)
    gaps = [after - before for before, after in pairwise(asked.times("/a/1"))]
    assert all(gap < most + 2 for gap, most in zip(gaps, (0.5, 1, 2), strict=True))
    assert sum(gaps) > 0.05


@pytest.mark.fault(75)
def test_a_kill_gives_no_id_its_attempts_anew(tmp_path: Path) -> None:
    with site(tmp_path, {"/a/1": [BUSY, BUSY, SILENT, BUSY]}) as (house, asked):
        with running(house, 1, RETRY_TIMES=4) as process:
            until(lambda: len(asked.times("/a/1")) == 3)
            process.kill()
            process.wait()
        house.crawl([1], RETRY_TIMES=4)
    assert taken(house) == {1: ("failed", "http_503", 5)}
    assert len(asked.times("/a/1")) == 3 + 3, "the one that the kill cut is made again"
    assert house.scrapy("verify").code == 0


@pytest.mark.fault(75)
def test_ids_that_are_requeued_have_all_their_attempts(tmp_path: Path) -> None:
    with site(tmp_path, {"/a/1": BUSY}) as (house, asked):
        house.crawl([1])
        house.scrapy("ids", "requeue", "--outcome", "failed")
        house.crawl()
    assert [take["attempts"] for take in house.archive.takes()[1]] == [3, 3]
    assert len(asked.times("/a/1")) == 6


# A site that is no more


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(PARKED, "not_article"), (BLOCKED, "refused"), (page(b""), "not_article"), (says("403 No"), "refused")],
    ids=["parked", "blocked", "empty", "403"],
)
def test_a_site_that_shows_nothing_of_itself_ends_the_run(
    tmp_path: Path, answer: Answer, outcome: str
) -> None:
    with site(tmp_path, {f"/a/{n}": answer for n in range(1, 60)}) as (house, _):
        ran = house.crawl(range(1, 60), STOP_AFTER_USELESS=10)
    assert (ran.code, "10 answers in a row were parked, blocked, empty or none" in ran.last) == (3, True), (
        ran.said
    )
    takes = taken(house)
    assert 10 <= len(takes) < 59
    assert {each[0] for each in takes.values()} == {outcome}
    assert left(house) == 59 - len(takes)


@pytest.mark.parametrize("limit", [10, 0])
def test_a_site_that_is_there_now_and_then_does_not(tmp_path: Path, limit: int) -> None:
    every = 3 if limit else 60
    with site(tmp_path, {f"/a/{n}": PARKED for n in range(1, 40) if n % every}) as (house, _):
        ran = house.crawl(range(1, 40), STOP_AFTER_USELESS=limit, CONCURRENT_REQUESTS_PER_DOMAIN=1)
    assert ran.code == 0, ran.said
    assert len(house.archive.takes()) == 39


def test_a_host_that_goes_away_under_way_ends_the_run_and_its_ids_are_left(tmp_path: Path) -> None:
    """It answers robots.txt, and then nobody is there any more."""
    with site(tmp_path, {f"/a/{n}": SILENT for n in range(1, 9)}) as (house, asked):
        with running(house, *range(1, 9), IDLE_SECONDS=3, RETRY_TIMES=4, STOP_AFTER_MISSES=4) as process:
            until(lambda: "/a/1" in asked.places)
            asked.stop()
            said = process.communicate(timeout=60)[1].decode()
            assert process.returncode == 3, said
        assert "anapress.net could not be reached 4 times in a row" in said.splitlines()[-1]
        assert left(house) == 8


# Who we are, and how fast


def test_a_crawl_of_a_public_host_without_contact_says_so_once(tmp_path: Path) -> None:
    with site(tmp_path, {}) as (house, _):
        public = {"CONNECT_TO": "anapress.net:80:nobody.invalid:80"}
        assert house.crawl([1, 2], **public).said.count("CONTACT is not set") == 1
        assert "CONTACT" not in house.crawl([1, 2], **public, CONTACT="a@example.org").said
        assert "CONTACT" not in house.crawl([1, 2]).said, "nobody is a stranger to a copy of one's own"


def test_every_request_says_whom_to_write_to(tmp_path: Path) -> None:
    with site(tmp_path, {}) as (house, asked):
        house.crawl([1], CONTACT="mailto:a@example.org")
    assert len(asked.asked) == 2
    assert all(
        b"\r\nUser-Agent: anapress-archiver/0.1 (+mailto:a@example.org)\r\n" in each.head
        for each in asked.asked
    )


def test_a_slow_site_is_asked_less_often(tmp_path: Path) -> None:
    slow = says("404 Not Found", after=0.5)
    adapting = {"DOWNLOAD_DELAY": 0.1, "DOWNLOAD_DELAY_JITTER": 0, "AUTOTHROTTLE_TARGET_CONCURRENCY": 0.5}
    with site(tmp_path, {f"/a/{n}": slow for n in range(1, 7)}) as (house, asked):
        assert house.crawl(range(1, 7), **adapting, CONCURRENT_REQUESTS_PER_DOMAIN=1).code == 0
    gaps = [after - before for before, after in pairwise(each.at for each in asked.asked)]
    assert min(gaps[-3:]) > 0.85, "half of the time it rests"
