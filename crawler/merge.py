"""The index of a whole archive: the lines of all committed segments' CDXJ, merged into one order by bytes.

`merged/<n>.cdxj` is that of commits 1 to n, kept so that the next one need not read them again. It proves
nothing and can be made anew; pywb and whatever else reads CDXJ takes it as it is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from crawler import commits
from crawler.commits import Commit
from crawler.disk import Disk
from crawler.errors import ArchiveError, Damaged, StoreError
from crawler.lines import lines_of
from crawler.numbered import Numbered
from crawler.stores import Store

PLACE = Numbered("merged/", ".cdxj")
KEPT = 2  #: the newest: one that is being read while another is made stays
RUN_BYTES = 64 << 20  #: of lines that are sorted in memory
BLOCK = 1000  #: lines that are written at once

key, numbers, numbered = PLACE.key, PLACE.numbers, PLACE.among


class Gone(StoreError):
    """An older index was removed while it was wanted."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The index as of a commit; its lines are to be taken once, while the folder given is there."""

    n: int
    new: int  #: commits that no index kept in the archive has
    lines: Iterator[bytes]  #: with their ends


def merge(store: Store, folder: Path, *, last: int | None = None, afresh: bool = False) -> Merged:
    """The index as of commit `last` or the newest, from the one that is kept, unless it is made afresh.

    What does not fit in memory is sorted in the folder, which is the caller's to remove.
    """
    commits.look_over(store)
    base = 0 if afresh else _base(store, last)
    log = list(_until(commits.log(store, base + 1), last))
    runs = Runs(folder)
    for commit in log:
        for line in commits.lines(store, commit, "index"):
            runs.add(line + b"\n")
    lines = merged([kept(store, base), runs.lines()]) if base else runs.lines()
    return Merged(base + len(log), len(log), lines)


def keep(store: Store, folder: Path, disk: Disk) -> Merged | None:
    """Put the newest commit's index into the archive; older ones go. None where it is there already.

    Whoever else does the same puts the same bytes; a crash leaves what was there.
    """
    commits.look_over(store)
    if commits.read(store, _base(store, None) + 1) is None:
        return None
    index, file = merge(store, folder), folder / "merged.cdxj"
    disk.remove(file)
    with disk.open(file) as target:
        for block in blocks(index.lines):
            disk.write(target, block)
        disk.sync(target)
    disk.reached("merge/put")
    store.put(file, key(index.n))
    disk.remove(file)
    for old in numbers(store)[KEPT:]:
        store.remove(key(old))
    return index


def blocks(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines, many at a time."""
    while block := b"".join(islice(lines, BLOCK)):
        yield block


class Runs:
    """Lines that come in any order, as sorted runs: the last in memory, those before in the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: list[Path] = []
        self._run: list[bytes] = []
        self._size = 0

    def add(self, line: bytes) -> None:
        self._run.append(line)
        self._size += len(line)
        if self._size > RUN_BYTES:
            self._write()

    def lines(self) -> Iterator[bytes]:
        """All of them, in the order of their bytes."""
        self._run.sort()
        return merged([*map(_lines, self._paths), iter(self._run)])

    def _write(self) -> None:
        self._run.sort()
        path = self._folder / f"run-{len(self._paths):06d}"
        try:
            with path.open("wb", buffering=1 << 20) as file:
                file.writelines(self._run)
        except OSError as error:
            raise ArchiveError(f"the index can't be sorted in {self._folder}: {error}") from error
        self._paths.append(path)
        self._run, self._size = [], 0


def kept(store: Store, n: int) -> Iterator[bytes]:
    """The lines of the index that is kept as of commit n; Damaged if it is torn or in no order."""
    if (stream := store.read(key(n))) is None:
        raise Gone(f"{store.url}: {key(n)} is gone, for there is a newer one: try again.")
    with closing(stream):
        try:
            yield from _in_order(lines_of(stream))
        except Damaged as error:
            raise Damaged(f"{store.url}: {key(n)}: {error}. Remove it: it is made anew.") from error


def merged(sources: Iterable[Iterator[bytes]]) -> Iterator[bytes]:
    """The lines of all sorted sources, sorted."""
    return iter(heapq.merge(*sources))


def _in_order(lines: Iterator[bytes]) -> Iterator[bytes]:
    before = b""
    for line in lines:
        if line < before:
            raise Damaged("its lines are not sorted")
        yield line + b"\n"
        before = line


def _base(store: Store, last: int | None) -> int:
    """The newest kept index that is not beyond commit `last`; 0 if there is none."""
    for n in numbers(store):
        if commits.read(store, n) is None:
            raise Damaged(f"{store.url}: {key(n)} is there, but {Commit.key(n)} is not: `scrapy verify`.")
        if last is None or n <= last:
            return n
    return 0


def _until(log: Iterator[Commit], last: int | None) -> Iterator[Commit]:
    for commit in log:
        if last is not None and commit.n > last:
            return
        yield commit


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=1 << 18) as file:
        yield from file
