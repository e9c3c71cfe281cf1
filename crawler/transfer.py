"""An archive taken to another place: from a folder to a bucket, or back.

At every moment the target is a sound archive, and its log a beginning of the source's: of each commit the
files come first, then the commit itself, in the order of the log. So a transfer that was killed goes on
where it stopped. What is excluded comes before all articles: half a copy must not publish it either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

from crawler import archive, commits, exclusions, runs, snapshots
from crawler.archive import Archive
from crawler.commits import Commit, File
from crawler.disk import Disk
from crawler.errors import Damaged, StoreError, StoreRefused, WrongUse
from crawler.stores import Store

CHUNK = 1 << 20


@dataclass(slots=True)
class Moved:
    """What a transfer has done so far."""

    commits: int = 0  #: in the target, of the source
    new: int = 0  #: of these, copied now
    files: int = 0  #: copied now
    bytes: int = 0  #: copied now
    read_back: int = 0  #: files of the target that were compared

    def __str__(self) -> str:
        return (
            f"{self.commits} commits, {self.new} of them new; {self.files} files, {self.bytes} bytes copied"
        )


def home_of(source: Store) -> Archive:
    """The archive that is to be copied; WrongUse if there is none."""
    if (home := archive.find(source)) is None:
        raise WrongUse(f"{source.url} holds no archive that could be copied.")
    return home


def transfer(
    source: Store,
    target: Store,
    folder: Path,
    disk: Disk,
    *,
    verify: bool = False,
    progress: Callable[[Moved], None] = lambda _: None,
) -> Moved:
    """Bring the target to the source's newest commit; WrongUse, and nothing written, if it is not its copy.

    Files pass through the folder, one at a time. With `verify` all of the target's are read back.
    """
    moving = _Transfer(source, target, folder, disk, verify=verify, progress=progress)
    moving.compare()
    target.preflight()
    try:
        moving.card()
        moving.exclusions()
        moving.commits()
        moving.rest()
    except StoreRefused as error:  # what is there was taken before: it is no wrong use any more
        raise StoreError(f"{error} {moving.moved} so far; run again to go on.") from error
    return moving.moved


class _Transfer:
    """The state of one transfer: what the target has, and what it still wants."""

    def __init__(
        self,
        source: Store,
        target: Store,
        folder: Path,
        disk: Disk,
        *,
        verify: bool,
        progress: Callable[[Moved], None],
    ) -> None:
        self._source, self._target, self._disk = source, target, disk
        self._folder, self._file = folder, folder / "passing"
        self._verify, self._progress = verify, progress
        self._sizes: dict[str, int] = {}  # of what the target had at first
        self._runs: list[str] = []
        self._wanting: list[int] = []  # commits that are there, with files that are not
        self.moved = Moved()

    def compare(self) -> None:
        """See that the target is the same archive, and its log a beginning of the source's."""
        home, there = home_of(self._source), archive.find(self._target)
        for store in (self._source, self._target):
            commits.look_over(store)
        if there is not None and there.id != home.id:
            raise WrongUse(f"{self._target.url} holds another archive than {self._source.url}: {there.id}.")
        self._sizes.update(self._target.list())  # one listing, not a request a file
        while (data := _object(self._target, Commit.key(n := self.moved.commits + 1))) is not None:
            if (ours := _object(self._source, Commit.key(n))) is None:
                raise WrongUse(
                    f"{self._target.url} has commit {n}, but {self._source.url} ends before it: "
                    "it has gone on by itself. Copy the other way, or to another place."
                )
            if ours != data:
                raise self._parted(n)
            self._target.keep(Commit.key(n))  # whoever created it may have been killed before it lasted
            files = Commit.parse(data, n).files
            if self._verify or any(self._sizes.get(file.path) != file.bytes for file in files):
                self._wanting.append(n)
            self.moved.commits = n
            self._progress(self.moved)

    def card(self) -> None:
        self._target.create(archive.KEY, _object(self._source, archive.KEY) or b"")
        self._target.keep(archive.KEY)

    def exclusions(self) -> None:
        decisions = exclusions.read(self._source)
        exclusions.carry(decisions, self._target, self._folder, self._disk)

    def commits(self) -> None:
        """Mend what is wanting, then go on to the source's newest commit."""
        # Listed before: a run must not come that tells of a commit which does not.
        self._runs = [key for key, _ in self._source.list(runs.FOLDER) if runs.is_key(key)]
        for n in chain(self._wanting, count(self.moved.commits + 1)):
            if (data := _object(self._source, Commit.key(n))) is None:
                return
            self._commit(Commit.parse(data, n), data)
            self._progress(self.moved)

    def rest(self) -> None:
        """The runs' summaries, a snapshot, and what was excluded meanwhile."""
        usable = (n for n in snapshots.numbers(self._source) if n <= self.moved.commits)  # else it is ahead
        for key in (*self._runs, *(snapshots.key(n) for n in list(usable)[:1])):
            if key not in self._sizes and self._fetch(key) is not None:
                self._put(key)
        self.exclusions()

    def _commit(self, commit: Commit, data: bytes) -> None:
        key, there = Commit.key(commit.n), commit.n <= self.moved.commits
        for file in commit.files:
            if not there or not self._has(file):
                self._copy(commit, file)
        self._disk.reached("transfer/create")
        created = self._target.create(key, data)
        if (self._verify or not created) and _object(self._target, key) != data:
            raise self._parted(commit.n)
        self.moved.new += not there
        self.moved.commits = max(self.moved.commits, commit.n)

    def _copy(self, commit: Commit, file: File) -> None:
        if not _in_its_place(commit, file):
            raise Damaged(f"{self._source.url}: commit {commit.n} names {file.path!r}, which is not its own.")
        if (found := self._fetch(file.path)) != (file.bytes, file.sha256):
            what = f"has {found[0]} bytes of sha256 {found[1]}" if found else "is missing"
            says = f"commit {commit.n} says {file.bytes} of {file.sha256}"
            raise Damaged(f"{self._source.url}: {file.path} {what}, but {says}. The copy ends before it.")
        self._put(file.path)
        if self._verify and not self._reads_back(file):
            raise StoreError(f"{self._target.url}: {file.path} does not read back as it was put.")

    def _has(self, file: File) -> bool:
        """Whether the target has the file, by its size, or to the byte."""
        return self._sizes.get(file.path) == file.bytes and (not self._verify or self._reads_back(file))

    def _reads_back(self, file: File) -> bool:
        self.moved.read_back += 1
        digest = hashlib.sha256()
        for chunk in _chunks(self._target, file.path) or ():
            digest.update(chunk)
            self._progress(self.moved)
        return digest.hexdigest() == file.sha256

    def _fetch(self, key: str) -> tuple[int, str] | None:
        """Bring an object of the source to this disk: its length and SHA-256; None if there is none."""
        if (chunks := _chunks(self._source, key)) is None:
            return None
        digest, length = hashlib.sha256(), 0
        self._disk.remove(self._file)  # a folder takes it by a link: what is there is the last object's
        with self._disk.open(self._file) as file:
            for chunk in chunks:
                digest.update(chunk)
                self._disk.write(file, chunk)
                length += len(chunk)
                self.moved.bytes += len(chunk)
                self._progress(self.moved)
            self._disk.sync(file)
        return length, digest.hexdigest()

    def _put(self, key: str) -> None:
        self._disk.reached("transfer/put")
        self._target.put(self._file, key)
        self._disk.remove(self._file)
        self.moved.files += 1

    def _parted(self, n: int) -> WrongUse:
        return WrongUse(
            f"Commit {n} of {self._target.url} is not commit {n} of {self._source.url}: "
            "they have parted. Copy to another place."
        )


def _in_its_place(commit: Commit, file: File) -> bool:
    """Else a commit of somebody's making could have us write anywhere."""
    known = file.kind in commits.PLACES and "/" not in commit.segment
    return known and file.path == commits.place(file.kind, commit.segment, commit.n)


def _object(store: Store, key: str) -> bytes | None:
    """A small object, whole."""
    if (chunks := _chunks(store, key)) is None:
        return None
    return b"".join(chunks)


def _chunks(store: Store, key: str) -> Iterator[bytes] | None:
    """An object, piece by piece; None if there is none."""
    if (stream := store.read(key)) is None:
        return None
    return _pieces(stream, f"{store.url}: {key}")


def _pieces(stream: BinaryIO, name: str) -> Iterator[bytes]:
    with closing(stream):
        try:
            yield from iter(partial(stream.read, CHUNK), b"")
        except OSError as error:
            raise StoreError(f"{name} can't be read: {error}") from error
