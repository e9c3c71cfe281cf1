"""Fleets whose workers, server, wires and store fail in every way: nothing is lost, nothing is there twice.

Each trial is named by its seed; FLEET_TRIALS is how many (`make crash`: 100), FLEET_SEED=7,12 takes these again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from tests.cable import Cable, laid, to_file
from tests.crash.judge import judge
from tests.crawling import Archive, House
from tests.redisserver import KINDS, RedisServer, running
from tests.s3 import PASSING, Endpoint, Proxy, running_proxy
from tests.s3.access import settings_of
from tests.s3.bucket import fetched as bucket_as_folder
from tests.site import Site, id_of, running_site
from tests.test_fleet import fetched, until, worker

TRIALS = int(os.environ.get("FLEET_TRIALS", "4"))
SEEDS = [int(seed) for seed in os.environ.get("FLEET_SEED", "").split(",") if seed] or range(TRIALS)
ARTICLES = 30
IDS = [id_of(n) for n in range(ARTICLES)]
DELAY = 0.2  #: seconds between two requests of the whole fleet
LATE = 2  #: requests more in a second: one at its edge, and one that a busy machine was slow to send
LEASE = 6  #: seconds, after which who sleeps has lost what it held
SECONDS = 900.0  #: for a trial, which takes half a minute on a machine of its own


@dataclass
class Fleet:
    """Workers on one archive, and all that they hang on."""

    house: House
    server: RedisServer
    cable: Cable  #: to the server
    store: Proxy | None  #: before the archive, where that is a bucket
    apart: bool  #: each worker on a machine of its own, whose disk is gone with it
    requisites: bool
    settings: dict[str, object]
    chance: Random
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    dumps: list[bytes] = field(default_factory=list)

    @property
    def living(self) -> list[subprocess.Popen[str]]:
        return [each for each in self.workers if each.poll() is None]

    def join(self) -> None:
        more = {"SPOOL_DIR": self.house.folder / f"disk-{len(self.workers)}"} if self.apart else {}
        requisites = f"-arequisites={int(self.requisites)}"
        self.workers.append(worker(self.house, requisites, **self.settings | more))

    def kill(self) -> None:
        if len(self.living) > 1:
            self.chance.choice(self.living).kill()

    def doze(self) -> None:
        self._stop(self.chance.uniform(0.1, 2))

    def sleep_through_leases(self) -> None:
        self._stop(LEASE + self.chance.uniform(0.5, 3))

    def kill_server(self) -> None:
        self.server.kill()
        time.sleep(self.chance.uniform(0, 2))
        self.server.start()

    def empty_server(self) -> None:
        self.server.empty()

    def dump_server(self) -> None:
        self.dumps.append(self.server.dump())

    def restore_server(self) -> None:
        if self.dumps:
            self.server.restore(self.chance.choice(self.dumps))

    def cut_wires(self) -> None:
        for _ in range(self.chance.randint(1, 5)):
            self.cable.cut()
            time.sleep(self.chance.uniform(0, 0.2))

    def lose_answer(self) -> None:
        self.cable.lose_answer()

    def lose_store(self) -> None:
        if self.store is not None:
            self.store.down = True
            time.sleep(self.chance.uniform(0.1, 3))
            self.store.down = False

    def _stop(self, seconds: float) -> None:
        if self.living:
            stopped = self.chance.choice(self.living)
            stopped.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            stopped.send_signal(signal.SIGCONT)


EVILS: tuple[Callable[[Fleet], None], ...] = (
    *(Fleet.join, Fleet.kill, Fleet.doze, Fleet.sleep_through_leases),
    *(Fleet.kill_server, Fleet.empty_server, Fleet.dump_server, Fleet.restore_server),
    *(Fleet.cut_wires, Fleet.lose_answer, Fleet.lose_store),
)


@contextmanager
def fleet(seed: int, folder: Path, endpoint: Endpoint) -> Iterator[Fleet]:
    """What a trial begins with: both servers, folder and bucket, one disk and many are among any four seeds."""
    chance = Random(f"fleet {seed}")
    with ExitStack() as up:
        site = up.enter_context(running_site(folder, articles=ARTICLES))
        append = chance.choice(("no", "everysec", "always"))
        server = up.enter_context(running(KINDS[seed % 2], append=append))
        cable = up.enter_context(laid(to_file(str(server.folder / "s"))))
        settings: dict[str, object] = {
            "LEDGER_URL": "redis://{}:{}".format(*cable.address),
            "LEASE_SECONDS": LEASE,
            "DOWNLOAD_DELAY": DELAY,
            "AUTOTHROTTLE_ENABLED": 0,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 2,
            "SEGMENT_BYTES": 60_000,
            "SEGMENT_SECONDS": 2,
            "LOG_LEVEL": "INFO",
        }
        store = None
        if seed // 2 % 2:
            store = up.enter_context(running_proxy(endpoint))
            url = f"s3://{endpoint.bucket()}/news"
            settings |= {**settings_of(store.endpoint), "ARCHIVE_URL": url, "SPOOL_DIR": folder / "spool"}
        made = Fleet(
            house=House(folder, site),
            server=server,
            cable=cable,
            store=store,
            apart=seed % 4 in (1, 2),
            requisites=seed % 3 == 2,
            settings=settings,
            chance=chance,
        )
        try:
            yield made
        finally:
            for each in made.living:
                each.kill()
            for each in made.workers:
                each.communicate()


def archive(of: Fleet) -> Archive:
    """As it is now, in a folder."""
    if of.store is None:
        return of.house.archive
    bucket = str(of.settings["ARCHIVE_URL"]).split("/")[2]
    return Archive(
        bucket_as_folder(of.store.upstream, bucket, "news", of.house.folder / f"f{time.monotonic_ns()}")
    )


def said(workers: Sequence[subprocess.Popen[str]], end: float) -> list[tuple[int, str]]:
    """How they ended, each by then, and their last words."""
    words = [each.communicate(timeout=max(end - time.monotonic(), 1))[1] for each in workers]
    return [(each.returncode, text[-3000:]) for each, text in zip(workers, words, strict=True)]


def left(of: Fleet) -> set[int]:
    return set(IDS) - set(archive(of).takes())


def most_in_a_second(site: Site) -> int:
    """Requests that came within one second, whichever that is."""
    times = sorted(each.at for each in site.exchanges())
    return max(bisect_left(times, moment + 1) - at for at, moment in enumerate(times))


def is_whole(of: Fleet) -> None:
    """By our own word and by an independent reader's; every page is one take, every text one line."""
    verified = of.house.scrapy("verify", **of.settings)
    assert verified.code == 0, verified.out
    whole = archive(of)
    judge(whole.folder, IDS, of.house.site)
    takes = whole.takes()
    assert {id: len(each) for id, each in takes.items()} == dict.fromkeys(IDS, 1)
    outcomes = Counter(take["outcome"] for each in takes.values() for take in each)
    assert set(outcomes) <= {"article", "duplicate"}, outcomes
    texts = Counter(json.loads(line)["content_hash"] for line in whole.lines("items"))
    assert max(texts.values()) == 1
    assert sum(texts.values()) == outcomes["article"]


@pytest.mark.crash
@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_to_a_fleet_each_id_has_one_take_and_each_text_one_line(
    seed: int, tmp_path: Path, s3: Endpoint
) -> None:
    with fleet(seed, tmp_path, s3) as of:
        site, chance = of.house.site, of.chance
        assert of.house.scrapy("ids", "add", ",".join(map(str, IDS)), **of.settings).code == 0
        end = time.monotonic() + SECONDS
        if of.store is not None:
            of.store.faults.chaos(chance.randrange(2**32), rate=0.1, acts=PASSING, in_a_row=1)
        for _ in range(chance.randint(2, 6)):
            of.join()
        until(lambda: fetched(site), SECONDS)
        for _ in range(chance.randint(4, 9)):
            time.sleep(chance.uniform(0.1, 1.5))
            evil = chance.choice(EVILS)
            print(evil.__name__)
            evil(of)
        bad = [ended for ended in said(of.workers, end) if ended[0] not in (-signal.SIGKILL, 0, 3, 6)]
        assert not bad
        if of.store is not None:
            of.store.faults.clear()
        while left(of) and time.monotonic() < end:  # what the killed left
            of.join()
            print("again:", said(of.workers[-1:], end)[0][0])
        is_whole(of)
        print("most in a second:", most_in_a_second(site), "of", len(site.exchanges()))
        assert most_in_a_second(site) <= 1 / DELAY + LATE
