"""A machine whose clock is wrong by an hour breaks nothing: whole crawls, and their archives as strangers read them.

`CLOCK_TRIALS=20 pytest -m crash tests/test_clock.py` runs more of the trials, `CLOCK_SEED=7` one again.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest

from tests import test_s3_crawl as s3_crawl
from tests.clock import Clock
from tests.crash.crawl import wait_for_writers
from tests.crash.judge import judge
from tests.crawling import CHECKOUT, SCRAPY, House
from tests.s3 import Endpoint
from tests.site import id_of, running_site
from tests.test_s3_crawl import Job, running, wait_for

HOUR = 3600
UNSEEN = 14 * 60  #: seconds that S3 lets pass; a quarter of an hour it refuses
IDS = [id_of(n) for n in range(24)]
SMALL = {"SEGMENT_BYTES": 20_000}
SLOW = {"DOWNLOAD_DELAY": 0.1, "CONCURRENT_REQUESTS_PER_DOMAIN": 1}
TRIALS = int(os.environ.get("CLOCK_TRIALS", "1"))
SEEDS = [int(seed) for seed in os.environ.get("CLOCK_SEED", "").split(",") if seed] or list(range(TRIALS))
RUNS = 3  #: of a trial, each of two crawls at one time

either_way = pytest.mark.parametrize("way", [1, -1], ids=["ahead", "behind"])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """With a site of its own, whose counts begin anew."""
    with running_site(tmp_path, articles=40) as site:
        yield House(tmp_path, site)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock").wrong_by(0)


@pytest.fixture
def job(house: House, s3: Endpoint) -> Job:
    return Job(house.folder, s3, s3.bucket(), house.site)


@contextmanager
def crawling(
    house: House, *arguments: str, clock: Clock | None = None, **settings: object
) -> Iterator[subprocess.Popen[str]]:
    """A crawl of what is left, on a machine with this clock."""
    command = [
        str(SCRAPY),
        "crawl",
        "anapress",
        "-arequisites=0",
        "-adiscover=none",
        *arguments,
        *house.settings(**settings),
    ]
    environment = {**os.environ, **(clock.environment if clock else {})}
    with (
        (house.folder / "said").open("a") as said,
        running(subprocess.Popen(command, cwd=CHECKOUT, env=environment, stderr=said, text=True)) as process,
    ):
        yield process


def sound(house: House) -> None:
    """By our own word, and by an independent reader's: nothing lost, nothing twice, every file whole."""
    told = house.scrapy("verify")
    assert (told.code, told.out[:6]) == (0, "sound:"), told.out + told.said
    judge(house.archive.folder, IDS, house.site)


def add_ids(house: House) -> None:
    assert house.scrapy("ids", "add", ",".join(map(str, IDS))).code == 0


def asked_for(house: House) -> set[int]:
    """How often the ids were asked for, each."""
    return {house.site.fetches(id) for id in IDS}


def taken(house: House) -> set[int]:
    """How often the ids were taken, each."""
    takes = house.archive.takes()
    return {len(takes[id]) for id in IDS}


def fetched(house: House, count: int) -> Callable[[], bool]:
    return lambda: len(house.site.exchanges()) >= count


def until(there: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)


# One archive in a folder


@either_way
def test_a_job_goes_on_where_one_with_a_wrong_clock_was_killed(house: House, clock: Clock, way: int) -> None:
    add_ids(house)
    with crawling(house, clock=clock.wrong_by(way * HOUR), **SMALL, **SLOW) as wrong:
        until(fetched(house, 10))
        wrong.kill()
    ran = house.crawl(None, "-adiscover=none")
    assert ran.code == 0, ran.said
    sound(house)


@either_way
def test_two_jobs_at_one_time_share_the_ids_whatever_the_clock_of_one(
    house: House, clock: Clock, way: int
) -> None:
    add_ids(house)
    with (
        crawling(house, clock=clock.wrong_by(way * HOUR), **SLOW) as wrong,
        crawling(house, **SLOW) as right,
    ):
        assert {wrong.wait(60), right.wait(60)} <= {0, 3}  # 3: the other one holds some
    sound(house)
    assert asked_for(house) == {1}


@either_way
def test_a_clock_that_jumps_while_a_crawl_runs_changes_nothing(house: House, clock: Clock, way: int) -> None:
    add_ids(house)
    with crawling(house, clock=clock, **SMALL, **SLOW) as crawl:
        until(fetched(house, 10))
        clock.wrong_by(way * HOUR)
        assert crawl.wait(60) == 0
    sound(house)
    assert asked_for(house) == {1}
    names = [commit["segment"].split("-") for commit in house.archive.commits()]
    assert len({time for _, time, _, _ in names}) > 1
    assert len({(worker, serial) for _, _, worker, serial in names}) == len(names)  # unique without the time


# A refresh


@either_way
def test_a_refresh_takes_each_article_once_though_the_clock_jumps_meanwhile(
    house: House, clock: Clock, way: int
) -> None:
    assert house.crawl(IDS, "-adiscover=none").code == 0
    with crawling(house, "-arefresh=0", clock=clock, **SMALL, **SLOW) as crawl:
        until(fetched(house, len(IDS) + 10))
        clock.wrong_by(way * HOUR)
        assert crawl.wait(60) == 0
    assert asked_for(house) == taken(house) == {2}
    assert house.scrapy("verify").code == 0


@either_way
def test_a_refresh_of_all_takes_what_a_wrong_clock_has_dated(house: House, clock: Clock, way: int) -> None:
    wrong = clock.wrong_by(way * HOUR).environment
    assert house.crawl(IDS, "-adiscover=none", environment=wrong).code == 0
    assert house.crawl(None, "-adiscover=none", "-arefresh=0").code == 0
    assert taken(house) == {2}


def test_a_refresh_by_age_is_wrong_by_as_much_as_the_clock_was(house: House, clock: Clock) -> None:
    behind = clock.wrong_by(-HOUR).environment
    assert house.crawl(IDS, "-adiscover=none", environment=behind).code == 0
    for age, times in (("70m", 1), ("50m", 2), ("50m", 2)):  # the new captures have the right date
        assert house.crawl(None, "-adiscover=none", f"-arefresh={age}").code == 0
        assert taken(house) == {times}


# One archive in S3: two machines with a ledger each


@either_way
def test_in_s3_two_jobs_whose_clocks_differ_make_a_correct_archive(job: Job, clock: Clock, way: int) -> None:
    wrong = {"disk": "wrong", "environment": clock.wrong_by(way * UNSEEN).environment}
    small = {"SEGMENT_BYTES": 10_000, "LOCK_SECONDS": 0}
    job.crawl(IDS, CLOSESPIDER_ITEMCOUNT=5, **wrong)
    with (
        running(job.start(IDS, **small, **wrong)) as one,
        running(job.start(IDS, disk="right", **small)) as other,
    ):
        assert {one.wait(90), other.wait(90)} <= {0, 3}
    archive = s3_crawl.sound(job, IDS)
    assert all(len(lines) == 1 for lines in archive.takes().values())


@either_way
def test_s3_refuses_a_clock_that_is_wrong_by_an_hour_before_anything_is_fetched(
    job: Job, clock: Clock, way: int
) -> None:
    ran = job.crawl(IDS, environment=clock.wrong_by(way * HOUR).environment)
    assert (ran.code, "this machine's clock is wrong: set it right" in ran.last) == (2, True), ran.said
    assert job.site.exchanges() == []
    assert job.archive().tree() == {}


@either_way
def test_a_clock_that_jumps_while_a_crawl_into_s3_runs_ends_it_and_nothing_is_lost(
    job: Job, clock: Clock, way: int
) -> None:
    with running(job.start(IDS, environment=clock.environment, **SMALL, **SLOW)) as crawl:
        wait_for(job, "commits/0000000002.json")
        clock.wrong_by(way * HOUR)
        assert crawl.wait(60) == 6
        said = crawl.stderr.read().splitlines()[-1]
        assert "this machine's clock is wrong: set it right" in said, said
    before = len(job.site.exchanges())
    assert job.crawl(IDS, environment=clock.wrong_by(0).environment).code == 0
    assert len(job.site.exchanges()) - before < len(IDS)  # its spool was committed
    s3_crawl.sound(job, IDS)


# At random


@pytest.mark.crash
@pytest.mark.timeout(120 * len(SEEDS))
def test_no_clock_that_jumps_at_random_loses_or_doubles_anything(tmp_path: Path) -> None:
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        with running_site(folder, articles=40) as site:
            try:
                trial(Random(f"clock {seed}"), House(folder, site))
            except AssertionError as failed:
                failed.add_note(f"Again: CLOCK_SEED={seed} pytest -n0 tests/test_clock.py; see {folder}")
                raise


def trial(rng: Random, house: House) -> None:
    """Pairs of crawls, each with a clock that jumps, some of which are killed; then one to the end, and a refresh."""
    add_ids(house)
    for run in range(RUNS):
        clocks = [Clock(house.folder / f"clock-{run}-{each}").wrong_by(jump(rng)) for each in range(2)]
        with ExitStack() as ends:
            pair = [
                ends.enter_context(crawling(house, clock=clock, CLOSESPIDER_ITEMCOUNT=6, **SMALL, **SLOW))
                for clock in clocks
            ]
            time.sleep(rng.uniform(1, 4))
            for crawl, clock in zip(pair, clocks, strict=True):
                clock.wrong_by(jump(rng))
                if rng.random() < 0.3:
                    crawl.kill()
            assert {crawl.wait(60) for crawl in pair} <= {0, 3, -9}, (house.folder / "said").read_text()
        wait_for_writers(house.folder / "spool")
    assert house.crawl(None, "-adiscover=none").code == 0
    sound(house)
    with crawling(house, "-arefresh=0", clock=clocks[0], **SMALL) as crawl:
        clocks[0].wrong_by(jump(rng))
        assert crawl.wait(60) == 0
    assert taken(house) == {2}


def jump(rng: Random) -> float:
    return rng.choice([0, HOUR, -HOUR, rng.uniform(-HOUR, HOUR)])
