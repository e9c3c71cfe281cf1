"""How often a commit has to be decided anew where many workers commit: python -m bench.contention

The program's own commit, over a store whose every request takes as long as S3's may, and a ledger on a real
server. Each worker commits at random moments, once in so many seconds on the average; 0: again at once.
"""

from __future__ import annotations

import argparse
import random
import secrets
import time
from contextlib import closing
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from threading import Thread
from typing import BinaryIO
from uuid import UUID

from crawler import archive
from crawler.clock import utc_now
from crawler.disk import Disk
from crawler.items import ArticleId
from crawler.ledger.redis import RedisLedger
from crawler.recovery import add
from crawler.spool import Spool
from crawler.stores.local import LocalStore
from tests.redisserver import running

REQUEST_SECONDS = 0.03  #: of one request to S3, about
WORKERS = (2, 8, 32)
EVERY = (20.0, 0.0)  #: seconds between two commits of one worker


class Far(LocalStore):
    """A folder as far away as a bucket; it counts the races that were lost."""

    lost = 0

    def put(self, file: Path, key: str) -> None:
        time.sleep(REQUEST_SECONDS)
        super().put(file, key)

    def read(self, key: str) -> BinaryIO | None:
        time.sleep(REQUEST_SECONDS)
        return super().read(key)

    def create(self, key: str, data: bytes) -> bool:
        time.sleep(REQUEST_SECONDS)
        created = super().create(key, data)
        self.lost += not created
        return created


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    for every in EVERY:
        for workers in WORKERS:
            with TemporaryDirectory() as folder, running("redis") as server:
                measure(Path(folder), server.url, workers, every, options.seconds)


def measure(folder: Path, url: str, count: int, every: float, seconds: float) -> None:
    archive.ensure(LocalStore(folder / "archive", Disk()), None)
    RedisLedger(url).close()
    took: list[float] = []
    lost: list[int] = []
    threads = [
        Thread(target=work, args=(folder, url, number, every, time.monotonic() + seconds, took, lost))
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    rate = len(took) / seconds  # those that were begun by then come to their end, and are none of it
    for thread in threads:
        thread.join()
    pace = "again at once" if not every else f"once in {every:g} s"
    print(  # noqa: T201
        f"{count:3} workers, {pace}: {rate:5.1f} commits/s, "
        f"{sum(lost) / len(took):4.1f} races lost a commit (at most {max(lost)}), "
        f"{fmean(took):5.2f} s a commit (at most {max(took):.2f})",
        flush=True,
    )


def work(
    folder: Path, url: str, number: int, every: float, end: float, took: list[float], lost: list[int]
) -> None:
    """One worker: a commit of ten new ids, again and again."""
    store, disk = Far(folder / "archive", Disk()), Disk()
    chance, id = random.Random(number), 1 + number * 10**9  # noqa: S311
    with closing(RedisLedger(url)) as ledger:
        while time.monotonic() + (pause := chance.expovariate(1 / every) if every else 0) < end:
            time.sleep(pause)
            spool = Spool.claim(folder / "spool", secrets.token_hex(4), UUID(int=1), disk)
            began, before = time.monotonic(), store.lost
            add(list(map(ArticleId, range(id, id + 10))), "list", spool, store, ledger, disk, utc_now)
            took.append(time.monotonic() - began)
            lost.append(store.lost - before)
            spool.close(remove=True)
            id += 10


if __name__ == "__main__":
    main()
