"""What requisites cost beside their requests: python -m bench.requisites [--urls 1000000]

To find them on the replica's pages, and to know which of so many the archive holds.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from selectolax.lexbor import LexborHTMLParser

from bench.ledger import say
from crawler.ledger.sqlite import SqliteLedger
from crawler.requisites import of_page
from tests.site import id_of
from tests.site.answers import html
from tests.site.world import World

PAGES = 60
COMMIT, ASKED = 10_000, 100  #: URLs of a commit; of a question
AT = "2026-03-01T12:00:00.000Z"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--urls", type=int, default=1_000_000)
    options = parser.parse_args()
    world = World(articles=PAGES)
    trees = [LexborHTMLParser(html(world, id_of(n))) for n in range(PAGES)]
    best = min(cost(lambda: [of_page(tree, "http://anapress.net/a/1") for tree in trees]) for _ in range(9))
    say("to find them on a page", best / PAGES * 1e3, "ms CPU")
    with TemporaryDirectory() as folder:
        ask(Path(folder) / "ledger.db", options.urls)


def ask(path: Path, count: int) -> None:
    """Let the log bring so many, then ask for as many new ones, and for those that are there."""
    with closing(SqliteLedger(path)) as ledger:
        empty = path.stat().st_size
        say(f"{count:,} learnt from the log", cost(lambda: learn(ledger, count)), "s CPU")
        say("bytes of one in the file", (path.stat().st_size - empty) / count, "B")
        for name, place in (("new", "new"), ("held", "img")):
            spent = cost(lambda place=place: claim(ledger, place, count))  # type: ignore[misc]
            say(f"to ask for one, {name}", spent / count * 1e6, "µs CPU")
    say("peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")


def learn(ledger: SqliteLedger, count: int) -> None:
    for n, first in enumerate(range(0, count, COMMIT), 1):
        ledger.apply(n, f"segment-{n}", AT, (), (), urls("img", first, COMMIT))


def claim(ledger: SqliteLedger, place: str, count: int) -> None:
    for first in range(0, count, ASKED):
        ledger.claim("a worker", urls(place, first, ASKED))


def urls(place: str, first: int, count: int) -> list[str]:
    return [f"http://anapress.net/{place}/{number}.png" for number in range(first, first + count)]


def cost(step: Callable[[], object]) -> float:
    """Seconds of CPU time."""
    began = time.process_time()
    step()
    return time.process_time() - began


if __name__ == "__main__":
    main()
