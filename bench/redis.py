"""What a fleet's ledger costs on a real server: python -m bench.redis [--ids 10000000] [--kind valkey]

Memory an id, when all are to do, when all are settled as articles, and with the payload of each besides; the
times of a lease and its commit, by the clock and by the processor (ours and the server's), which other work
on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial

from redis import Redis

from bench.ledger import AT, BATCH, FIRST, ROUNDS, STEP, outcomes, say, stored
from crawler.items import ArticleId, Lease
from crawler.ledger.redis import RedisLedger
from tests.redisserver import KINDS, RedisServer, running

AIM = 150  #: bytes an id


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
    with closing(RedisLedger(server.url)) as ledger:
        began = time.perf_counter()
        ledger.add((ArticleId(FIRST + STEP * i) for i in range(count)), "list")
        say(f"{count:,} ids added", time.perf_counter() - began, "s")
        say("all to do", (used(server) - empty) / count, "bytes an id")
        rounds = max(1, min(ROUNDS, count // BATCH // 3))
        timed(ledger, server, "all to do", rounds)
        began = time.perf_counter()
        for leases in leased(ledger, rounds * BATCH):
            settle(ledger, leases)
        say(f"{count:,} ids settled", time.perf_counter() - began, "s")
        say(f"all settled, a text each (aim {AIM})", (used(server) - empty) / count, "bytes an id")
        timed(ledger, server, "nearly all settled", rounds)
        began = time.perf_counter()
        ledger.counts()
        say("counts", (time.perf_counter() - began) * 1000, "ms")
        before, some = used(server), payloads(ledger, min(count, 1_000_000))
        say("a stored payload", (used(server) - before) / some, "bytes more")


def leased(ledger: RedisLedger, keep: int) -> Iterator[Sequence[Lease]]:
    while (left := ledger.counts().left) > keep:
        yield ledger.lease("w", min(20_000, left - keep))


def settle(ledger: RedisLedger, leases: Sequence[Lease]) -> None:
    n = ledger.n() + 1
    ledger.apply(n, f"segment-{n}", AT, outcomes(leases, f"segment-{n}"), ())


def payloads(ledger: RedisLedger, count: int) -> int:
    """Payloads in commits of their own, so that they can be weighed."""
    for start in range(0, count, 20_000):
        n = ledger.n() + 1
        some = [Lease(id=ArticleId(FIRST + STEP * i), take=1) for i in range(start, start + 20_000)]
        ledger.apply(n, f"segment-{n}", AT, (), stored(some, f"segment-{n}"))
    return count


def timed(ledger: RedisLedger, server: RedisServer, name: str, rounds: int) -> None:
    steps: dict[str, list[tuple[float, float]]] = {"lease": [], "apply": []}
    with server.client() as client:
        for _ in range(rounds):
            leases: list[Lease] = []
            steps["lease"].append(clocked(client, partial(_into, leases, ledger)))
            n = ledger.n() + 1
            lines, records = list(outcomes(leases, f"segment-{n}")), list(stored(leases, f"segment-{n}"))
            apply = partial(ledger.apply, n, f"segment-{n}", AT, lines, records)
            steps["apply"].append(clocked(client, apply))
    for step, times in steps.items():
        say(f"{step} of {BATCH}, {name}", statistics.median(wall for wall, _ in times) * 1000, "ms")
        say("  of the processor", statistics.fmean(cpu for _, cpu in times) * 1000, "ms")


def _into(leases: list[Lease], ledger: RedisLedger) -> None:
    leases += ledger.lease("w", BATCH)


def clocked(client: Redis, step: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock, and of the processor."""
    before, used, began = cpu(client), time.process_time(), time.perf_counter()
    step()
    return time.perf_counter() - began, time.process_time() - used + cpu(client) - before


def cpu(client: Redis) -> float:
    told = client.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


def used(server: RedisServer) -> int:
    with server.client() as client:
        return int(client.info("memory")["used_memory"])


if __name__ == "__main__":
    main()
