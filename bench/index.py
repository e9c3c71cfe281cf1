"""How long the merged index takes, and how much memory: python -m bench.index [--lines 10000000]

`scrapy index` as a user runs it, of an archive with so many index lines: from nothing, and once more with one
new segment.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from bench.process import CHECKOUT, run
from crawler import archive
from crawler.commits import Commit, File, place
from crawler.disk import Disk
from crawler.merge import PLACE
from crawler.stores import Store, open_store

FIRST, STEP, SPAN = 10**14, 494_427_190_999_917, 8 * 10**14
AT = "2026-03-01T12:00:00.000Z"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--segment", type=int, default=50_000, help="lines of a segment")
    parser.add_argument("--folder", help="where the archive is made; default: the system's temporary folder")
    options = parser.parse_args()
    with TemporaryDirectory(dir=options.folder) as folder:
        store = open_store(f"{folder}/archive", Disk())
        archive.ensure(store, None)
        count = options.lines // options.segment
        for n in range(1, count + 1):
            commit(store, n, options.segment)
        indexed(store, f"scrapy index, {options.lines:,} lines in {count:,} segments")
        commit(store, count + 1, options.segment)
        indexed(store, f"once more, with {options.segment:,} new ones")


def commit(store: Store, n: int, count: int) -> None:
    """One more commit, that brings an index alone."""
    segment = f"anapress-20260301120000-000000aa-{n:05d}"
    path = Path(store.url, place("index", segment))
    path.parent.mkdir(exist_ok=True)
    data = b"".join(sorted(lines(segment, (n - 1) * count, count)))
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    file = File(path=place("index", segment), kind="index", bytes=len(data), sha256=sha256, count=count)
    made = Commit(n=n, segment=segment, at=AT, worker="000000aa", files=(file,), counts={})
    store.create(Commit.key(n), bytes(made))


def lines(segment: str, start: int, count: int) -> Iterator[bytes]:
    """Lines as long as real ones, in the order in which ids are found: none."""
    for i in range(start, start + count):
        id, digest = FIRST + i * STEP % SPAN, hashlib.sha256(b"%d" % i)
        sha1 = digest.hexdigest()[:32].upper()
        yield (
            f'net,anapress)/a/{id} 20260301120000 {{"url":"http://anapress.net/a/{id}","mime":"text/html",'
            f'"status":"200","digest":"sha1:{sha1}","length":"14203","offset":"{i % count * 14203}",'
            f'"filename":"{segment}.warc.gz","sha256":"{digest.hexdigest()}","size":"51500",'
            f'"id":"<urn:uuid:{UUID(bytes=digest.digest()[:16])}>","date":"{AT}"}}\n'
        ).encode()


def indexed(store: Store, name: str) -> None:
    command = [sys.executable, "-m", "scrapy", "index", "-s", f"ARCHIVE_URL={store.url}"]
    took = run(command, CHECKOUT)
    newest = max(Path(store.url, PLACE.folder).iterdir())
    say(name, took.seconds, "s")
    say("  of the processor", took.cpu, "s")
    say("  peak memory", took.memory / 1e6, "MB")
    say("  the file", newest.stat().st_size / 1e9, "GB")
    with closing(newest.open("rb")) as index:
        began, before, count = time.perf_counter(), b"", 0
        for line in index:
            if line < before:
                raise SystemExit(f"line {count + 1} is out of order")
            before, count = line, count + 1
    say("  read through and found sorted, lines", count, f"({time.perf_counter() - began:.0f} s)")


def say(name: str, figure: float, unit: str) -> None:
    print(f"{name:60} {figure:14,.2f} {unit}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
