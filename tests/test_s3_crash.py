"""No kill, no failing store and no vanished disk can spoil an archive in S3.

`S3_TRIALS=100 pytest -m crash tests/test_s3_crash.py` runs more of the trials, `S3_SEED=7` one again.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.crash.crawl import wait_for_writers
from tests.s3 import PASSING, Endpoint, Fault, Proxy, error, running_proxy
from tests.site import SEED_ID, Site, id_of
from tests.test_s3_crawl import Job, sound

ARTICLES = 60
TRIALS = int(os.environ.get("S3_TRIALS", "4"))
SEEDS = [int(seed) for seed in os.environ.get("S3_SEED", "").split(",") if seed] or list(range(TRIALS))
CHUNKS = 2
RUNS = 4  #: of a trial that come to a bad end
EVILS = ("kill", "term", "down", "expired", "disk")
"""What ends a run: SIGKILL, SIGTERM, a store that goes away, credentials that expire, SIGKILL and the disk gone."""
IDS = [SEED_ID, *(id_of(n) for n in range(30))]

pytestmark = pytest.mark.crash


@pytest.mark.timeout(90 * len(SEEDS))
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_kill_and_no_failing_store_loses_or_doubles_anything(
    chunk: int, site: Site, s3: Endpoint, tmp_path: Path
) -> None:
    ends: Counter[str] = Counter()
    for seed in SEEDS[chunk::CHUNKS]:
        with running_proxy(s3) as proxy:
            job = Job(tmp_path / str(seed), proxy.endpoint, s3.bucket(), site)
            try:
                ends += trial(seed, job, proxy)
            except AssertionError as failed:
                failed.add_note(f"Again: S3_SEED={seed} pytest -n0 tests/test_s3_crash.py; see {job.home}")
                raise
        shutil.rmtree(job.home)
    print("ends:", ", ".join(f"{evil} {count}" for evil, count in sorted(ends.items())))


def trial(seed: int, job: Job, proxy: Proxy) -> Counter[str]:
    """Runs that come to a bad end over a store that fails now and then, and one from an empty disk to the end."""
    rng, ends = Random(f"s3 {seed}"), Counter[str]()
    job.home.mkdir()
    for run in range(RUNS):
        evil = EVILS[(seed * RUNS + run) % len(EVILS)]
        proxy.faults.chaos(rng.randrange(2**32), rate=0.15, acts=PASSING, in_a_row=1)
        ended_early = end(evil, job, proxy, rng, IDS[: 8 * (run + 1)])
        proxy.faults.clear()
        proxy.down = False
        if (
            evil == "disk" and (disk := job.home / "disk").exists()
        ):  # it may have been killed before it had one
            shutil.rmtree(disk)
        ends[evil if ended_early else "over before"] += 1
    proxy.faults.chaos(rng.randrange(2**32), rate=0.15, acts=PASSING, in_a_row=1)
    ran = job.crawl(IDS, disk="new")
    assert ran.code == 0, ran.said
    proxy.faults.clear()
    archive = sound(job, IDS)
    assert set(archive.takes()) == set(IDS)
    return ends


def end(evil: str, job: Job, proxy: Proxy, rng: Random, ids: list[int]) -> bool:
    """One run, ended by this evil some time after its first commit; whether it still ran then."""
    settings = {"SEGMENT_BYTES": 30_000, "SEGMENT_SECONDS": 1, "DOWNLOAD_DELAY": 0.05, "LOCK_SECONDS": 1}
    crawl = job.start(ids, CONCURRENT_REQUESTS_PER_DOMAIN=1, STOP_SECONDS=10, **settings)
    with crawl:
        until = len(proxy.requests) + rng.randrange(6, 50)  # the start alone has some twenty
        while crawl.poll() is None and len(proxy.requests) < until:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.3))
        if over := crawl.poll() is not None:
            assert crawl.returncode in (0, 3), crawl.stderr.read()
        elif evil in ("kill", "disk"):
            crawl.kill()
            codes = (-9,)
        elif evil == "term":
            crawl.send_signal(signal.SIGTERM)
            codes = (0, 3)
        elif evil == "down":
            proxy.down = True
            codes = (0, 6)
        else:
            proxy.faults.add(Fault(error("ExpiredToken"), times=float("inf")))
            codes = (0, 2, 6)  # 2: before anything was fetched
        if not over:
            assert _code(crawl) in codes, f"{evil}: {crawl.returncode}: {crawl.stderr.read()}"
    wait_for_writers(job.home / "disk")
    return not over


def _code(crawl: subprocess.Popen[str]) -> int:
    try:
        return crawl.wait(80)
    except subprocess.TimeoutExpired:
        crawl.kill()
        raise
