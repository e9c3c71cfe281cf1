"""What a fleet's ledger costs on a real server: python -m bench.redis [--ids 10000000] [--kind valkey]

Memory an id, when all are to do, when all are settled as articles, and with the payload of each besides; the
times of a lease and of its commit, payloads and all, at the beginning and at the end: by the clock, as who
asks sees it, and by the processor, ours and the server's, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial

from redis import Redis

from bench.ledger import AT, BATCH, FIRST, ROUNDS, STEP, outcomes, say, stored
from crawler.items import ArticleId, Lease, Stored
from crawler.ledger.redis import RedisLedger
from crawler.lines import OutcomeLine
from tests.redisserver import KINDS, RedisServer, running

AIM = 150  #: bytes an id
MANY = 20_000  #: ids of a commit, of those that are not timed
Lines = Callable[[str], Iterable[OutcomeLine]]
Records = Callable[[str], Iterable[Stored]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=10_000_000)
    parser.add_argument("--kind", choices=KINDS, default="redis")
    parser.add_argument("--append", choices=("no", "everysec", "always"), default="no")
    options = parser.parse_args()
    with running(options.kind, append=options.append) as server:
        measure(server, options.ids)


def measure(server: RedisServer, count: int) -> None:
    empty = used(server)

    def weigh(state: str) -> None:
        say(f"{state}, bytes an id", (used(server) - empty) / count, "")

    with closing(RedisLedger(server.url)) as ledger:
        clocked("added", count, lambda: ledger.add(listed(0, count), "list"))
        weigh("left")
        rounds = max(1, min(ROUNDS, count // BATCH // 3))
        timed(ledger, server, "all left", rounds)
        clocked("settled", count, lambda: settle(ledger))
        weigh("settled as articles")
        clocked("given payloads", count, lambda: payloads(ledger, count))
        weigh(f"settled, with the payload of each (aim {AIM})")
        ledger.add(listed(count, count + rounds * BATCH), "list")
        timed(ledger, server, "few left among them", rounds)
        clocked("counted", count, ledger.counts)


def listed(start: int, end: int) -> Iterator[ArticleId]:
    return (ArticleId(FIRST + STEP * i) for i in range(start, end))


def settle(ledger: RedisLedger) -> None:
    """All ids, as articles without a payload."""
    while leases := ledger.lease("w", MANY):
        apply(ledger, lambda segment, some=leases: outcomes(some, segment), lambda _: ())


def payloads(ledger: RedisLedger, count: int) -> None:
    """In commits of their own, so that they can be weighed."""
    for at in range(0, count, MANY):
        some = [Lease(id=id, take=1) for id in listed(at, min(at + MANY, count))]
        apply(ledger, lambda _: (), lambda segment, some=some: stored(some, segment))


def apply(ledger: RedisLedger, lines: Lines, records: Records) -> None:
    n = ledger.n() + 1
    ledger.apply(n, f"segment-{n}", AT, lines(f"segment-{n}"), records(f"segment-{n}"))


def timed(ledger: RedisLedger, server: RedisServer, state: str, rounds: int) -> None:
    took: dict[str, list[tuple[float, ...]]] = {"lease": [], "apply": []}
    with server.client() as client:
        for _ in range(rounds):
            leases: list[Lease] = []
            took["lease"].append(spent(client, lambda into=leases: into.extend(ledger.lease("w", BATCH))))
            n = ledger.n() + 1
            lines, records = list(outcomes(leases, f"segment-{n}")), list(stored(leases, f"segment-{n}"))
            commit = partial(ledger.apply, n, f"segment-{n}", AT, lines, records)
            took["apply"].append(spent(client, commit))
    for step, times in took.items():
        wall, own, served = zip(*times, strict=True)
        say(f"{step} of {BATCH}, {state}: by the clock", statistics.median(wall) * 1000, "ms")
        say("  of the processor, ours", statistics.fmean(own) * 1000, "ms")
        say("  of the processor, the server's", statistics.fmean(served) * 1000, "ms")


def clocked(what: str, count: int, step: Callable[[], object]) -> None:
    began = time.perf_counter()
    step()
    say(f"{count:,} ids {what}", time.perf_counter() - began, "s")


def spent(client: Redis, step: Callable[[], object]) -> tuple[float, ...]:
    """Seconds of the clock, of our processor and of the server's."""
    before, used, began = cpu(client), time.process_time(), time.perf_counter()
    step()
    wall, own = time.perf_counter() - began, time.process_time() - used
    return wall, own, cpu(client) - before


def cpu(client: Redis) -> float:
    told = client.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


def used(server: RedisServer) -> int:
    with server.client() as client:
        return int(client.info("memory")["used_memory"])


if __name__ == "__main__":
    main()
