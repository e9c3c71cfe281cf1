"""Fleets whose workers are killed and stopped, and whose server dies, forgets and goes back: nothing is lost.

Each trial is named by its seed; FLEET_TRIALS is how many (`make crash`: 100).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.crawling import House
from tests.redisserver import KINDS, RedisServer, running
from tests.site import id_of, running_site
from tests.test_fleet import ended, fetched, until, worker

TRIALS = int(os.environ.get("FLEET_TRIALS", "4"))
ARTICLES = 40
IDS = [id_of(n) for n in range(ARTICLES)]
SECONDS = 200.0  #: for a trial's fleet; nothing here has to wait for a lease's end, which takes longer


def mischief(
    chance: random.Random, server: RedisServer, workers: list[subprocess.Popen[str]], dumps: list[bytes]
) -> str:
    """Do one bad thing; which."""
    living = [each for each in workers if each.poll() is None]
    match chance.choice(("kill", "stop", "server", "empty", "dump", "restore")):
        case "kill" if len(living) > 1:
            chance.choice(living).kill()
            return "killed a worker"
        case "stop" if living:
            stopped = chance.choice(living)
            stopped.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0.1, 2))
            stopped.send_signal(signal.SIGCONT)
            return "stopped a worker for a while"
        case "server":
            server.kill()
            time.sleep(chance.uniform(0, 2))
            server.start()
            return "killed the server"
        case "empty":
            server.empty()
            return "emptied the server"
        case "restore" if dumps:
            server.restore(chance.choice(dumps))
            return "put the server back to an old dump"
        case _:
            dumps.append(server.dump())
            return "took a dump"


def settled(house: House) -> dict[int, list[dict]]:
    return {id: takes for id, takes in house.archive.takes().items() if id in set(IDS)}


@pytest.mark.crash
@pytest.mark.parametrize("seed", range(TRIALS))
def test_whatever_happens_to_a_fleet_each_id_has_one_take_and_each_text_one_line(
    seed: int, tmp_path: Path
) -> None:
    chance, did, dumps = random.Random(seed), [], []
    with (
        running_site(tmp_path, articles=ARTICLES) as site,
        running(KINDS[seed % 2], append=chance.choice(("no", "everysec", "always"))) as server,
    ):
        house = House(tmp_path, site)
        shared = {
            "LEDGER_URL": server.url,
            "DOWNLOAD_DELAY": 0.05,
            "SEGMENT_BYTES": 60_000,
            "LOG_LEVEL": "INFO",
        }
        assert house.scrapy("ids", "add", ",".join(map(str, IDS)), **shared).code == 0
        workers = [worker(house, **shared) for _ in range(chance.randint(2, 4))]
        until(lambda: fetched(site))
        end = time.monotonic() + SECONDS
        for _ in range(chance.randint(3, 8)):
            time.sleep(chance.uniform(0.1, 1.5))
            did.append(mischief(chance, server, workers, dumps))
        codes = [code for code, _ in ended(*workers)]
        assert not {code for code in codes if code > 0} - {3, 6}, (did, codes)
        while len(settled(house)) < ARTICLES and time.monotonic() < end:  # what the killed left
            ended(worker(house, **shared))
        takes = settled(house)
        assert {id: len(each) for id, each in takes.items()} == dict.fromkeys(IDS, 1), did
        lines = [json.loads(line) for line in house.archive.lines("items")]
        texts = Counter(line["content_hash"] for line in lines)
        assert max(texts.values()) == 1, did
        assert {take["outcome"] for each in takes.values() for take in each} <= {"article", "duplicate"}, did
        assert len(lines) == sum(take["outcome"] == "article" for each in takes.values() for take in each)
        verified = house.scrapy("verify", **shared)
        assert verified.code == 0, (did, verified.out)
