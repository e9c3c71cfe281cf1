"""A run that is told to stop, or has to: what is in flight finishes or is left, what was taken is committed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from crawler.ledger import open_ledger
from tests.crawling import CHECKOUT, SCRAPY, House, Ran
from tests.raw import Answer, Raw, raw_server
from tests.site import id_of

ARTICLES = 60
ROBOTS = Answer([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"])
HANGS = Answer([b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000\r\n\r\n<html>"], "hang")
TAKEN = Answer([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"])
IDS = [id_of(n) for n in range(40)]


async def until(there: Callable[[], bool]) -> None:
    while not there():  # noqa: ASYNC110 -- what is waited for happens in another process
        await asyncio.sleep(0.05)


async def stopped(
    house: House, raw: Raw, ids: str, *signals: signal.Signals, **settings: object
) -> tuple[Ran, float]:
    """A crawl that gets these signals, a second apart, once all was asked for; seconds from the last one on."""
    to = {"CONNECT_TO": f"anapress.net:80:127.0.0.1:{raw.port}", **settings}
    command = [str(SCRAPY), "crawl", "anapress", "-arequisites=0", f"-aids={ids}", *house.settings(**to)]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await until(lambda: len(raw.log) == 3)  # robots.txt, /a/1, /a/2
    await asyncio.sleep(1)
    for each in signals[:-1]:
        process.send_signal(each)
        await asyncio.sleep(1)
    process.send_signal(signals[-1])
    began = time.monotonic()
    out, said = await process.communicate()
    return Ran(code=process.returncode or 0, out=out.decode(), said=said.decode()), time.monotonic() - began


def run_stopped(house: House, *signals: signal.Signals, **settings: object) -> tuple[Ran, float]:
    """The same on a site where one id is gone and one hangs."""

    async def whole() -> tuple[Ran, float]:
        async with raw_server({"/robots.txt": ROBOTS, "/a/1": TAKEN, "/a/2": HANGS}) as raw:
            return await stopped(house, raw, "1,2", *signals, **settings)

    return asyncio.run(whole())


@pytest.mark.parametrize("each", [signal.SIGTERM, signal.SIGINT])
def test_a_page_that_hangs_is_left_and_the_rest_committed_within_stop_seconds(house: House, each) -> None:
    ran, seconds = run_stopped(house, each, STOP_SECONDS=5)
    assert (ran.code, ran.last.startswith("Ended early (shutdown) after 1 take (1 gone)")) == (3, True)
    assert seconds < 5
    assert list(house.archive.takes()) == [1]
    assert "left 1" in house.scrapy("ids", "status").out.splitlines()[0]


def test_what_had_come_of_a_page_that_was_left_is_in_the_warc_as_cut_by_time(house: House) -> None:
    run_stopped(house, signal.SIGTERM, STOP_SECONDS=5)
    (cut,) = (
        record
        for record in house.archive.records()
        if record.headers.get("WARC-Target-URI", "").endswith("/a/2") and record.type == "response"
    )
    assert (cut.headers["WARC-Truncated"], cut.block.endswith(b"<html>")) == ("time", True)
    assert house.scrapy("verify").code == 0


def test_a_second_signal_ends_the_run_at_once_and_the_next_commits_what_it_took(house: House) -> None:
    ran, seconds = run_stopped(house, signal.SIGTERM, signal.SIGTERM, STOP_SECONDS=60)
    assert (ran.code, "Ended at once" in ran.last) == (3, True)
    assert seconds < 10  # not the 60 that it might take
    house.scrapy("ids", "add", "7")
    done = house.crawl("7")
    assert done.code == 0, done.said
    assert set(house.archive.takes()) == {1, 7}
    assert house.scrapy("verify").code == 0


def test_nothing_that_waits_for_its_turn_is_fetched_after_a_signal(house: House) -> None:
    """With a DOWNLOAD_DELAY the queue alone would take longer than STOP_SECONDS."""
    done = asyncio.run(_terminated(house, DOWNLOAD_DELAY=4, CONCURRENT_REQUESTS_PER_DOMAIN=1))
    assert (done[0].code, done[1] < 5) == (3, True), done[0].said
    assert 1 <= len(house.archive.takes()) <= 3


async def _terminated(house: House, **settings: object) -> tuple[Ran, float]:
    """A crawl of the replica that is terminated after its first take; seconds from then."""
    ids = ",".join(map(str, IDS))
    command = [
        str(SCRAPY),
        "crawl",
        "anapress",
        "-arequisites=0",
        f"-aids={ids}",
        *house.settings(**settings),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    asked = len(house.site.exchanges())
    await until(lambda: len(house.site.exchanges()) >= asked + 2)
    await asyncio.sleep(0.3)
    process.terminate()
    began = time.monotonic()
    out, said = await process.communicate()
    return Ran(code=process.returncode or 0, out=out.decode(), said=said.decode()), time.monotonic() - began


@pytest.mark.parametrize(
    "limit", [{"CLOSESPIDER_ITEMCOUNT": 5}, {"CLOSESPIDER_TIMEOUT": 1.5, "DOWNLOAD_DELAY": 0.2}]
)
def test_a_limit_ends_a_run_in_the_same_way(house: House, limit) -> None:
    ran = house.crawl(IDS, "-adiscover=none", **limit)
    assert (ran.code, ran.last.startswith("Ended early (closespider_")) == (3, True), ran.said
    taken = len(house.archive.takes())
    assert 1 <= taken < len(IDS)
    assert house.crawl(IDS, "-adiscover=none").code == 0
    assert len(house.archive.takes()) == len(IDS)


def test_a_disk_without_room_ends_the_run_with_exit_6_and_keeps_what_was_taken(house: House) -> None:
    free = os.statvfs(house.folder).f_bavail * os.statvfs(house.folder).f_frsize
    ran = house.crawl(IDS, "-adiscover=none", MIN_DISK_BYTES=2 * free, DOWNLOAD_DELAY=0.2)
    assert (ran.code, "MIN_DISK_BYTES" in ran.last) == (6, True), ran.said
    assert house.crawl(IDS, "-adiscover=none").code == 0
    assert len(house.archive.takes()) == len(IDS)


def test_a_spool_that_is_full_holds_the_crawl_back_and_loses_nothing(house: House) -> None:
    ran = house.crawl(IDS, "-adiscover=none", SEGMENT_BYTES=10_000, SPOOL_BYTES=20_000)
    assert ran.code == 0, ran.said
    assert len(house.archive.commits()) > 5
    assert len(house.archive.takes()) == len(IDS)


def test_a_run_leaves_its_summary(house: House) -> None:
    house.crawl(IDS[:3], "-adiscover=none", CONTACT="https://example.org/", AWS_SECRET_ACCESS_KEY="s3cr3t")
    (path,) = (house.archive.folder / "runs").iterdir()
    run = json.loads(path.read_bytes())
    assert (run["exit_code"], run["outcomes"], run["left"], run["commits"]) == (0, {"article": 3}, 0, [2])
    assert run["reason"].startswith("Done: 3 takes")
    assert run["settings"]["CONTACT"] == "https://example.org/"
    assert run["start"] < run["end"]
    assert "s3cr3t" not in path.read_text()


def test_logs_come_as_json_where_that_is_asked_for(house: House) -> None:
    ran = house.crawl(IDS[:2], "-adiscover=none", LOG_JSON=1, LOG_LEVEL="INFO")
    lines = [json.loads(line) for line in ran.said.splitlines()]
    assert {"time", "level", "logger", "message"} <= set(lines[0])
    assert (lines[-1]["exit_code"], lines[-1]["message"].startswith("Done: 2 takes")) == (0, True)


def test_a_running_crawl_shows_that_it_lives(house: House) -> None:
    began = time.time()
    house.crawl(IDS[:2], "-adiscover=none", DOWNLOAD_DELAY=0.5)
    assert (house.folder / "spool" / "alive").stat().st_mtime >= began - 1


def test_a_run_that_ends_early_gives_back_what_it_leased_though_it_was_about_to_lease_more(
    house: House,
) -> None:
    slow = {"SEGMENT_BYTES": 20_000, "DOWNLOAD_DELAY": 0.1, "CONCURRENT_REQUESTS_PER_DOMAIN": 1}
    house.scrapy("ids", "add", ",".join(map(str, IDS)))
    for _ in range(4):  # of runs that did not, a third held some, or crashed
        assert house.crawl(None, "-adiscover=none", CLOSESPIDER_ITEMCOUNT=4, **slow).code == 3
        with closing(open_ledger(f"sqlite://{house.archive.folder}/ledger.db")) as ledger:
            assert ledger.counts().leased == 0


def test_a_signal_before_the_crawl_has_begun_is_no_bug(house: House) -> None:
    house.scrapy("ids", "add", ",".join(map(str, IDS)))
    command = [str(SCRAPY), "crawl", "anapress", "-arequisites=0", *house.settings(LOG_LEVEL="INFO")]
    for early in (0.0, 0.05, 0.1, 0.2):
        with subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            said = next(line for line in process.stderr if "Spider opened" in line)
            time.sleep(early)
            process.send_signal(signal.SIGTERM)
            said += process.stderr.read()
        assert process.returncode == 3, said
    assert house.crawl().code == 0
    assert house.scrapy("verify").code == 0
