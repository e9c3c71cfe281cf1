"""What a page costs in a fleet, two workers beside one, and what that comes to: python -m bench.fleet

Told by the processor's time, which other work on the machine disturbs less, and by the clock. A worker that
is pinned has one core for all its processes; a run of hardly any page is taken off, for a start is no page.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from bench import limits, peers
from bench.limits import Costs, Sites
from bench.peers import Pages
from bench.process import CHECKOUT, run, serving
from bench.redis import cpu
from crawler.board import RedisBoard
from tests.redisserver import RedisServer, running

WORKERS = (1, 10, 100, 1000)
SITES = [
    Sites(name="one, a request in 0.5 s", answer=0.5, most=2.0),
    Sites(name="many, answers in 0.5 s", answer=0.5),
    Sites(name="many, answers at once", answer=0.001),
]
LOOKS = 5000


@dataclass(frozen=True, slots=True)
class Figures:
    """What a page took."""

    seconds: float  #: of the clock
    worker: float  #: of the processor, in the workers' processes
    redis: float  #: and in the server

    def less(self, other: Figures, pages: int) -> Figures:
        """A page's part of what this took more than the other."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Figures(*((ours - theirs) / pages for ours, theirs in pairs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=3000)
    options = parser.parse_args()
    with running("redis") as server, serving("bench.site", "--articles", str(options.pages)) as port:
        pages = Pages(port, options.pages)
        compared(pages, server, ["FLEET=1"], "SQLite")
        alone = compared(pages, server, [f"LEDGER_URL={server.url}"], "Redis")
        costs = Costs(worker=alone.worker, redis=alone.redis, look=look(server))
    say(f"a look at a host's budget: {costs.look * 1e6:.0f} µs of Redis")
    for line in limits.table(SITES, WORKERS, costs):
        say(line)


def compared(pages: Pages, server: RedisServer, settings: Sequence[str], ledger: str) -> Figures:
    """Two workers with a core each, beside one with a core, and beside one with all of them."""
    cores = sorted(os.sched_getaffinity(0))
    free = measured(pages, server, settings, [cores])
    alone = measured(pages, server, settings, [cores[:1]])
    pair = measured(pages, server, settings, [cores[:1], cores[1:2] or cores])
    for name, each in (("one worker, free", free), ("one, on one core", alone), ("two, a core each", pair)):
        say(
            f"{ledger}: {name:18} {1 / each.seconds:6.0f} pages/s, {each.worker * 1e3:5.2f} ms of the "
            f"processor a page, {each.redis * 1e3:5.2f} of Redis"
        )
    by_cpu = 2 * (alone.worker + alone.redis) / (pair.worker + pair.redis)
    say(
        f"{ledger}: two are {free.seconds / pair.seconds:.2f} × one that is free, "
        f"{alone.seconds / pair.seconds:.2f} × one on one core; by the processor's time {by_cpu:.2f} ×"
    )
    return alone


def measured(
    pages: Pages, server: RedisServer, settings: Sequence[str], cores: Sequence[Sequence[int]]
) -> Figures:
    """A page's part of a crawl by so many workers, each on its cores."""
    few = Pages(pages.port, len(cores))
    begun = crawled(few, server, settings, cores)
    return crawled(pages, server, settings, cores).less(begun, pages.count - few.count)


def crawled(
    pages: Pages, server: RedisServer, settings: Sequence[str], cores: Sequence[Sequence[int]]
) -> Figures:
    server.empty()
    with TemporaryDirectory() as folder, server.client() as client, ThreadPoolExecutor() as pool:
        program = peers.ours(pages, Path(folder))
        command = [*program.command, *(word for each in settings for word in ("-s", each))]
        commands = [["taskset", "-c", ",".join(map(str, some)), *command] for some in cores]
        before, began = cpu(client), monotonic()
        took = list(pool.map(lambda each: run(each, CHECKOUT), commands))
        return Figures(monotonic() - began, sum(each.cpu for each in took), cpu(client) - before)


def look(server: RedisServer) -> float:
    """Seconds of the server's processor for one look at a host's budget."""
    board = RedisBoard(server.url)
    board.swap("host", None, bytes(100))
    with server.client() as client:
        before = cpu(client)
        for _ in range(LOOKS):
            board.read("host")
        return (cpu(client) - before) / LOOKS


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
