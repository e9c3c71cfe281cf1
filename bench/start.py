"""How soon a job on an empty disk can begin: python -m bench.start [--outcomes 1000000]

An archive of so many outcomes in commits of 10,000 is written, then its ledger is made from the log alone,
and once more from a snapshot of it: what a start costs that finds none, and what an ordinary one costs.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from bench.ledger import FIRST, STEP, clocked, outcomes, say, stored
from crawler import cdxj, commits, committing, snapshots
from crawler.decisions import Decider, Decision
from crawler.disk import Disk
from crawler.items import ArticleId, Lease
from crawler.ledger import open_ledger
from crawler.stores import Store, open_store

EACH = 10_000  #: takes of a commit
HOME = UUID(int=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outcomes", type=int, default=1_000_000)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(str(folder / "archive"), Disk())
        fill(store, folder, options.outcomes)
        alone = clocked(
            f"{options.outcomes:,} outcomes from the log alone", partial(begin, store, folder / "1.db")
        )
        with_snapshot(store, folder)
        grown = clocked("the same from a snapshot", partial(begin, store, folder / "2.db", seeded=True))
        say("log alone, ratio", alone / grown, "")
        say("peak memory of this process", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")


def begin(store: Store, file: Path, *, seeded: bool = False) -> None:
    """What a start does before its first lease."""
    seed = partial(snapshots.fetch, store) if seeded else None
    ledger = open_ledger(f"sqlite://{file}", seed, partial(commits.follow, store))
    ledger.bind(HOME)
    commits.follow(store, ledger)
    ledger.close()


def with_snapshot(store: Store, folder: Path) -> None:
    ledger = open_ledger(f"sqlite://{folder / '1.db'}")
    clocked("a snapshot of it", partial(snapshots.save, ledger, store, folder, Disk()))
    ledger.close()
    for key, size in store.list(snapshots.PLACE.folder):
        say(key, size / 1e6, "MB")


def fill(store: Store, folder: Path, count: int) -> None:
    """So many takes, as commits have them."""
    ledger = open_ledger(f"sqlite://{folder / '0.db'}")
    ledger.bind(HOME)
    for start in range(0, count, EACH):
        ids = range(FIRST + STEP * start, FIRST + STEP * min(start + EACH, count), STEP)
        leases = [Lease(id=ArticleId(id), take=1) for id in ids]
        segment = Filled(f"anapress-20260301120000-0badcafe-{start // EACH:05d}", folder, leases)
        committing.commit(segment, store, ledger, Disk(), lambda: datetime.now(UTC))
    ledger.close()


@dataclass(frozen=True, slots=True)
class Filled:
    """A contribution with an index, and lines that are decided already."""

    segment: str
    folder: Path
    leases: list[Lease]
    worker: str = "0badcafe"

    def sealed(self) -> Iterable[tuple[str, Path, str, int]]:
        index = self.folder / "index"
        lines = sorted(self._index())
        index.write_text("".join(f"{line}\n" for line in lines))
        yield "index", index, commits.place("index", self.segment), len(lines)
        index.unlink()

    def decisions(self, decider: Decider) -> Iterator[Decision]:  # noqa: ARG002
        return (Decision(line) for line in outcomes(self.leases, self.segment))

    def _index(self) -> Iterator[str]:
        for each in stored(self.leases, self.segment):
            yield str(
                cdxj.Entry(
                    url=each.url,
                    mime="text/html",
                    status=200,
                    digest=str(each.record.payload_digest),
                    length=each.record.length,
                    offset=each.record.offset,
                    filename=f"{self.segment}.warc.gz",
                    sha256=each.sha256.hex(),
                    size=each.length,
                    id=each.record.record_id,
                    date=each.date,
                )
            )


if __name__ == "__main__":
    main()
