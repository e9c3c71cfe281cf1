"""How a commit is made: exactly once, whoever else commits (DESIGN part 6).

A commit is one create-only object with the next number; whoever puts it first has won, and whoever lost looks
again, decides again and tries the next number. `model/commits.py` of the design explored this protocol;
tests/test_commits.py explores this very code.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedWriter, RawIOBase
from pathlib import Path
from typing import BinaryIO, Protocol, Self, cast

from zlib_ng import gzip_ng

from crawler.clock import Clock, stamp
from crawler.commits import Commit, File, follow, place, read
from crawler.decisions import Decider, Decision
from crawler.disk import Disk
from crawler.errors import Damaged
from crawler.foreign.address import files as files_of
from crawler.items import ForeignFile
from crawler.ledger import Ledger
from crawler.stores import Store

LOSSES = 2  #: races for a number that a commit loses before it asks for the right of way
LOOK_SECONDS = 0.05  #: between two looks at the log, for each commit that goes first
MOST_AHEAD = 40  #: that are waited for at once: whoever stands in line has to ask again in time


class Contribution(Protocol):
    """What a worker wants to commit: sealed files, and lines that are decided at the commit."""

    @property
    def segment(self) -> str: ...

    @property
    def worker(self) -> str: ...

    @property
    def folder(self) -> Path:
        """Where the commit may lay its files while it goes up."""

    @property
    def foreign(self) -> Sequence[ForeignFile]:
        """Files of others that its lines may refer to."""

    def sealed(self) -> Iterable[tuple[str, Path, str, int]]:
        """Kind, file, key and count of each file that is there already."""

    def decisions(self, decider: Decider) -> Iterator[Decision]: ...


def commit(contribution: Contribution, store: Store, ledger: Ledger, disk: Disk, clock: Clock) -> Commit:
    """Put the contribution into the log, exactly once, whoever else commits and whatever was tried before.

    Who has lost `LOSSES` races goes before all others, in the order in which they asked: each gets through.
    """
    disk.reached("commit/put")
    sealed = tuple(_put(store, *file) for file in contribution.sealed())
    lost = 0
    while True:
        disk.reached("commit/follow")
        newest = follow(store, ledger)
        if (n := ledger.segment(contribution.segment)) is not None:
            return _there(store, n)
        if ahead := ledger.ahead(contribution.segment, asks=lost >= LOSSES):
            time.sleep(LOOK_SECONDS * min(ahead, MOST_AHEAD))
            continue
        disk.reached("commit/decide")
        attempt, made = _attempt(contribution, newest + 1, sealed, store, ledger, disk, clock)
        disk.reached("commit/create")
        created = store.create(Commit.key(attempt.n), bytes(attempt))
        disk.reached("commit/apply")
        if not created and _there(store, attempt.n).segment != contribution.segment:
            lost += 1
            for file in made:
                store.remove(file.path)
        elif lost >= LOSSES:
            ledger.through(contribution.segment)  # the next one need not wait until ours is applied


def _there(store: Store, n: int) -> Commit:
    if (commit := read(store, n)) is None:
        raise Damaged(f"commit {n} was there and is gone")
    return commit


def _attempt(
    contribution: Contribution,
    n: int,
    sealed: tuple[File, ...],
    store: Store,
    ledger: Ledger,
    disk: Disk,
    clock: Clock,
) -> tuple[Commit, Sequence[File]]:
    """Decide under number n and put the lines; nothing counts until the commit itself is created."""
    items, outcomes, counts, referred = _decided(contribution, ledger, disk)
    made = []
    for name, file in (("items", items), ("outcomes", outcomes)):
        if file.count:
            disk.reached(f"commit/put/{name}")
            made.append(_put(store, name, file.path, place(name, contribution.segment, n), file.count))
        disk.remove(file.path)
    attempt = Commit(
        n=n,
        segment=contribution.segment,
        at=stamp(clock()),
        worker=contribution.worker,
        files=(*sealed, *made),
        counts=counts,
        foreign=tuple(file for file in contribution.foreign if file.url in referred),
    )
    return attempt, made


def _decided(
    contribution: Contribution, ledger: Ledger, disk: Disk
) -> tuple[_Lines, _Lines, dict[str, int], set[str]]:
    """Both files of lines, how many of each outcome there are, and the files of others that they name."""
    counts: dict[str, int] = {}
    referred: set[str] = set()
    paths = (contribution.folder / f"{contribution.segment}.{kind}.gz" for kind in ("items", "outcomes"))
    with _Lines(next(paths), disk) as items, _Lines(next(paths), disk) as outcomes:
        for decision in contribution.decisions(Decider(ledger)):
            outcomes.write(str(decision.outcome).encode())
            referred.update(files_of(decision.outcome.record))
            kind = decision.outcome.outcome
            counts[kind] = counts.get(kind, 0) + 1
            if decision.item is not None:
                items.write(decision.item)
    return items, outcomes, counts, referred


def _put(store: Store, kind: str, path: Path, key: str, count: int) -> File:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    store.put(path, key)
    return File(path=key, kind=kind, bytes=path.stat().st_size, sha256=sha256, count=count)


class _Lines:
    """A .jsonl.gz in the making: the same lines give the same bytes."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path, self.count, self._disk = path, 0, disk

    def __enter__(self) -> Self:
        self._disk.remove(self.path)
        self._file: BinaryIO = self._disk.open(self.path)
        packed = gzip_ng.GzipNGFile(filename="", mode="wb", fileobj=self._file, compresslevel=6, mtime=0)
        self._gzip = BufferedWriter(cast("RawIOBase", packed), 1 << 16)
        return self

    def write(self, line: bytes) -> None:
        self._gzip.write(line + b"\n")
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self._gzip.close()
        self._disk.sync(self._file)
        self._file.close()
