"""What a fleet's ledger costs on a real server: python -m bench.redis [--ids 10000000] [--kind valkey]

Memory an id, when all are to do, when all are settled as articles, with the payload of each besides, and what
it is more where each came with validators, as nginx gives them (on a server of their own); the times of a
lease and of its commit, payloads and all, at the beginning and at the end: by the clock, as who asks sees it,
and by the processor, ours and the server's, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from email.utils import formatdate
from functools import partial

from msgspec.structs import replace
from redis import Redis

from bench.ledger import AT, BATCH, FIRST, ROUNDS, STEP, outcomes, say, stored
from crawler.items import ArticleId, Lease, Stored
from crawler.ledger.redis import RedisLedger
from crawler.lines import OutcomeLine
from tests.redisserver import KINDS, RedisServer, running

AIM = 150  #: bytes an id
MANY = 20_000  #: ids of a commit, of those that are not timed
CHANGED, YEAR = 1_740_000_000, 31_536_000  #: when a page was changed: from then on, within a year
Lines = Callable[[Sequence[Lease], str], Iterable[OutcomeLine]]
Records = Callable[[Sequence[Lease], str], Iterable[Stored]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=10_000_000)
    parser.add_argument("--kind", choices=KINDS, default="redis")
    parser.add_argument("--append", choices=("no", "everysec", "always"), default="no")
    options = parser.parse_args()
    with running(options.kind, append=options.append) as server:
        without = measure(server, options.ids)
    with running(options.kind, append=options.append) as server:
        say("with validators, bytes more an id", validators(server, options.ids) - without, "")


def measure(server: RedisServer, count: int) -> float:
    """All figures but one; the bytes of an id that is settled, with a payload."""
    empty = used(server)

    def weigh(state: str) -> float:
        say(f"{state}, bytes an id", (bytes := (used(server) - empty) / count), "")
        return bytes

    with closing(RedisLedger(server.url)) as ledger:
        clocked("added", count, lambda: ledger.add(listed(0, count), "list"))
        weigh("left")
        rounds = max(1, min(ROUNDS, count // BATCH // 3))
        timed(ledger, server, "all left", rounds)
        clocked("settled", count, lambda: settle(ledger, outcomes, nothing))
        weigh("settled as articles")
        clocked("given payloads", count, lambda: payloads(ledger, count))
        whole = weigh(f"settled, with the payload of each (aim {AIM})")
        ledger.add(listed(count, count + rounds * BATCH), "list")
        timed(ledger, server, "few left among them", rounds)
        clocked("counted", count, ledger.counts)
    return whole


def validators(server: RedisServer, count: int) -> float:
    """The bytes of an id that is settled, with a payload and validators."""
    empty = used(server)
    with closing(RedisLedger(server.url)) as ledger:
        ledger.add(listed(0, count), "list")
        clocked("settled with validators", count, lambda: settle(ledger, validated, stored))
    return (used(server) - empty) / count


def validated(leases: Sequence[Lease], segment: str) -> Iterator[OutcomeLine]:
    for line in outcomes(leases, segment):
        changed = CHANGED + line.article_id % YEAR
        yield replace(line, etag=f'"{changed:x}-c92c"', last_modified=formatdate(changed, usegmt=True))


def nothing(*_: object) -> tuple[()]:
    return ()


def listed(start: int, end: int) -> Iterator[ArticleId]:
    return (ArticleId(FIRST + STEP * i) for i in range(start, end))


def settle(ledger: RedisLedger, lines: Lines, records: Records) -> None:
    """All ids, as articles."""
    while leases := ledger.lease("w", MANY):
        apply(ledger, leases, lines, records)


def payloads(ledger: RedisLedger, count: int) -> None:
    """In commits of their own, so that they can be weighed."""
    for at in range(0, count, MANY):
        some = [Lease(id=id, take=1) for id in listed(at, min(at + MANY, count))]
        apply(ledger, some, nothing, stored)


def apply(ledger: RedisLedger, leases: Sequence[Lease], lines: Lines, records: Records) -> None:
    n = ledger.n() + 1
    ledger.apply(n, f"segment-{n}", AT, lines(leases, f"segment-{n}"), records(leases, f"segment-{n}"))


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
