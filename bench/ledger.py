"""How fast the ledger is, and that it stays so: python -m bench.ledger [--ids 1000000] [--ratios]

First `scrapy ids add FILE` as a user runs it, into a new archive; then the ledger alone; then what memory a
crawl needs beside it. With --ratios only what ten million ids must not make much dearer: that takes minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from bench import peers
from bench.peers import Pages
from bench.process import run, serving
from crawler.items import ArticleId, Lease, Outcome, RecordRef, Stored
from crawler.ledger.sqlite import SqliteLedger
from crawler.lines import OutcomeLine

FIRST, STEP = 203367206718582, 7919
BATCH, ROUNDS = 256, 60
PAGES = 500  # of the crawl whose memory is measured
FEW, SOME = 1_000, 10_000  # ids of the ledgers beside which it, and lease and apply, are measured
AT = "2026-03-01T12:00:00.000Z"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=1_000_000)
    parser.add_argument("--folder", help="where the ledgers are made; default: the system's temporary folder")
    parser.add_argument("--ratios", action="store_true", help="only what docs/SPEED.md aims at")
    options = parser.parse_args()
    whole = not options.ratios
    with TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        if whole:
            clocked(f"scrapy ids add FILE, {options.ids:,} ids", lambda: add(folder, options.ids))
        small = measure(folder / "small.db", SOME, settled=whole)
        large = measure(folder / "large.db", options.ids, settled=whole)
        for state in small:
            say(f"{state}, ratio", large[state] / small[state], "")
        little, much = memory(folder / "few", FEW), memory(folder / "many", options.ids)
        say("peak memory of a crawl, ratio", much / little, "")


def add(folder: Path, count: int) -> None:
    """What a user does with a list of so many ids."""
    file = folder / "ids.txt"
    with file.open("w") as listed:
        listed.writelines(f"{FIRST + STEP * i}\n" for i in range(count))
    command = [sys.executable, "-m", "scrapy", "ids", "add", str(file), "-s", f"ARCHIVE_URL={folder}/archive"]
    subprocess.run(command, check=True)  # noqa: S603


def clocked(name: str, step: Callable[[], object]) -> float:
    """Run it; the seconds that it took, of the clock and of the processor."""
    began, used = time.perf_counter(), cpu()
    step()
    say(name, seconds := time.perf_counter() - began, "s")
    say("  of the processor", cpu() - used, "s")
    return seconds


def cpu() -> float:
    """Seconds of the processor that this process and those that it ran have used."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def memory(folder: Path, count: int) -> float:
    """MB of a crawl and its writer at their peak, where the ledger has so many ids to do."""
    folder.mkdir()
    with serving("bench.site", "--articles", str(PAGES)) as port:
        first = peers.ours(Pages(port, 1), folder)
        run(first.command, first.cwd or folder)  # an archive to begin with
        with closing(SqliteLedger(folder / "archive-0" / "ledger.db")) as ledger:
            ledger.add(listed(count), "list")
        crawl = peers.ours(Pages(port, PAGES), folder)
        took = run(crawl.command, crawl.cwd or folder)
    say(f"peak memory of a crawl beside {count:,} ids", took.memory / 1e6, "MB")
    return took.memory / 1e6


def listed(count: int) -> Iterator[ArticleId]:
    return (ArticleId(FIRST + STEP * i) for i in range(count))


def measure(path: Path, count: int, *, settled: bool) -> dict[str, float]:
    """Add so many ids; lease and apply when all are to do, and again when all but the last are settled."""
    with closing(SqliteLedger(path)) as ledger:
        began = time.perf_counter()
        ledger.add(listed(count), "list")
        say(f"{count:,} ids added", time.perf_counter() - began, "s")
        say("peak memory so far", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")
        rounds = max(1, min(ROUNDS, count // BATCH // 3))
        figures = {"all to do": timed(ledger, rounds)}
        if settled:
            figures["nearly all settled"] = nearly_all_settled(ledger, count, rounds)
        began = time.perf_counter()
        ledger.counts()
        say("counts", (time.perf_counter() - began) * 1000, "ms")
    say("the file", path.stat().st_size / 1e6, "MB")
    for name, figure in figures.items():
        say(f"lease and apply of {BATCH} at {count:,} ids, {name}", figure, "ms")
    return figures


def nearly_all_settled(ledger: SqliteLedger, count: int, rounds: int) -> float:
    began = time.perf_counter()
    while (left := ledger.counts().left - rounds * BATCH) > 0:
        settle(ledger, ledger.lease("w", min(20_000, left)))
    say(f"{count:,} ids settled", time.perf_counter() - began, "s")
    return timed(ledger, rounds)


def timed(ledger: SqliteLedger, rounds: int) -> float:
    """Milliseconds that a lease and its commit take, the mean of so many: SQLite's checkpoints count too."""
    return statistics.fmean(round_trip(ledger) for _ in range(rounds)) * 1000


def round_trip(ledger: SqliteLedger) -> float:
    began = time.perf_counter()
    leases = ledger.lease("w", BATCH)
    leased = time.perf_counter() - began
    n = ledger.n() + 1
    lines, records = list(outcomes(leases, f"segment-{n}")), list(stored(leases, f"segment-{n}"))
    began = time.perf_counter()
    ledger.apply(n, f"segment-{n}", AT, lines, records)
    return leased + time.perf_counter() - began


def settle(ledger: SqliteLedger, leases: Sequence[Lease]) -> None:
    n = ledger.n() + 1
    segment = f"segment-{n}"
    ledger.apply(n, segment, AT, outcomes(leases, segment), stored(leases, segment))


def outcomes(leases: Sequence[Lease], segment: str) -> Iterator[OutcomeLine]:
    for lease, page in zip(leases, stored(leases, segment), strict=True):
        text = hashlib.sha256(b"text %d" % lease.id).hexdigest()
        yield OutcomeLine(
            id=str(lease.id),
            url=f"http://anapress.net/a/{lease.id}",
            outcome=Outcome.ARTICLE,
            status=200,
            record=page.record,
            take=lease.take,
            attempts=1,
            source="live",
            found="list",
            content_hash=f"n1:sha256:{text}",
            version=1,
            captured_at=AT,
        )


def stored(leases: Sequence[Lease], segment: str) -> Iterator[Stored]:
    for lease in leases:
        sha256 = hashlib.sha256(b"page %d" % lease.id).digest()
        record = RecordRef(
            segment=segment,
            warc=f"warcs/{segment}.warc.gz",
            offset=lease.id % 2**30,
            length=15_000,
            record_id=f"<urn:uuid:{UUID(bytes=sha256[:16])}>",
            payload_digest="sha1:ACBNJEIIKHFL6YLU5NWBOLMPDLHQ2QDF",
        )
        url = f"http://anapress.net/a/{lease.id}"
        yield Stored(sha256=sha256, length=51_500, record=record, url=url, date=AT)


def say(name: str, figure: float, unit: str) -> None:
    print(f"{name:60} {figure:10.2f} {unit}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
