"""The log of commits: the truth of an archive (DESIGN part 6).

What no commit names does not exist. How a commit is made: crawler.committing.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import asdict, dataclass
from io import BufferedReader, RawIOBase
from typing import BinaryIO, TypeVar, cast

from msgspec import MsgspecError, convert

from crawler import cdxj
from crawler.errors import Damaged, LedgerError
from crawler.items import ForeignFile, Revisit, Stored
from crawler.ledger import Follower
from crawler.lines import OutcomeLine, canonical, lines_of
from crawler.stores import Store

T = TypeVar("T")
Dated = tuple[str, str | None]  #: a capture, by its URL and date
FOLDER = "commits/"
NUMBERED = re.compile(r"commits/([0-9]{10})\.json")
PLACES = {
    "warc": "warcs/{segment}.warc.gz",
    "index": "indexes/{segment}.cdxj",
    "items": "items/{n:010d}-{segment}.jsonl.gz",
    "outcomes": "outcomes/{n:010d}-{segment}.jsonl.gz",
}


def place(kind: str, segment: str, n: int = 0) -> str:
    """The key of a commit's file of that kind; lines are numbered, for they are decided at the commit."""
    return PLACES[kind].format(segment=segment, n=n)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that a commit names."""

    path: str
    kind: str  #: warc, index, items or outcomes
    bytes: int
    sha256: str
    count: int  #: records of a warc, lines of the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One entry of the log."""

    n: int
    segment: str
    at: str
    worker: str
    files: tuple[File, ...]
    counts: dict[str, int]  #: outcome lines by outcome
    foreign: tuple[ForeignFile, ...] = ()  #: files of others that its outcomes refer to

    @staticmethod
    def key(n: int) -> str:
        return f"{FOLDER}{n:010d}.json"

    def file(self, kind: str) -> File | None:
        return next((file for file in self.files if file.kind == kind), None)

    def __bytes__(self) -> bytes:
        raw = asdict(self)
        for file in raw["files"]:
            file["records" if file["kind"] == "warc" else "lines"] = file.pop("count")
        if not raw["foreign"]:
            del raw["foreign"]
        return canonical(raw).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes, n: int) -> Commit:
        """Commit n from its object; Damaged if that is not what it is."""
        try:
            raw = json.loads(data)
            files = tuple(
                File(
                    **{
                        ("count" if key in ("records", "lines") else key): value
                        for key, value in file.items()
                    }
                )
                for file in raw.pop("files")
            )
            foreign = convert(raw.pop("foreign", ()), tuple[ForeignFile, ...])
            commit = cls(**raw, files=files, foreign=foreign)
        except (MsgspecError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Damaged(f"{cls.key(n)} is no commit: {error}") from error
        if commit.n != n:
            raise Damaged(f"{cls.key(n)} says that it is commit {commit.n}")
        return commit


def read(store: Store, n: int) -> Commit | None:
    """Commit n, or None if the log ends before it."""
    if (stream := store.read(Commit.key(n))) is None:
        return None
    with closing(stream):
        return Commit.parse(stream.read(), n)


def log(store: Store, start: int = 1) -> Iterator[Commit]:
    """The commits from number start to the newest."""
    n = start
    while (commit := read(store, n)) is not None:
        yield commit
        n += 1


def number_of(key: str) -> int | None:
    """Which commit has this key, None if none can."""
    found = NUMBERED.fullmatch(key)
    return int(found[1]) if found else None


def look_over(store: Store) -> None:
    """Damaged if a commit is missing though a later one is there: to go on would be to write another log."""
    numbers = (number_of(key) for key, _ in store.list(FOLDER))
    for n, there in enumerate(sorted(filter(None, numbers)), 1):
        if n != there:
            raise Damaged(
                f"{store.url}: {Commit.key(n)} is missing, though {Commit.key(there)} is there. "
                "Bring it back from a copy of the archive; `scrapy verify` tells what else is wrong."
            )


def follow(store: Store, ledger: Follower) -> int:
    """Bring the ledger to the newest commit; its number."""
    applied = ledger.n()
    newest = read(store, applied) if applied else None
    if applied and (newest is None or ledger.segment(newest.segment) is None):
        raise LedgerError(
            f"the ledger has {applied} commits, the archive has {'others' if newest else 'fewer'}: is it an "
            "older copy? `scrapy ids rebuild` makes the ledger anew from the archive."
        )
    for commit in log(store, applied + 1):
        store.keep(Commit.key(commit.n))  # whatever rests on it must not outlive it
        held: list[str] = []
        payloads = stored(store, commit, held)
        ledger.apply(commit.n, commit.segment, commit.at, outcomes(store, commit), payloads, held)
        applied = commit.n
    return applied


def outcomes(store: Store, commit: Commit) -> Iterator[OutcomeLine]:
    """The outcome lines of a commit."""
    return _parsed(OutcomeLine.parse, store, commit, "outcomes")


def foreign(store: Store, log: Iterable[Commit]) -> AbstractSet[Dated]:
    """The captures that lie in files of others alone: no take has copied them since.

    What is made of our WARCs and indexes has none of them.
    """
    log = list(log)
    if not any(commit.foreign for commit in log):
        return frozenset()
    ours: set[Dated] = set()
    theirs: set[Dated] = set()
    for line in (line for commit in log for line in outcomes(store, commit)):
        if line.record is not None:
            (theirs if line.record.foreign else ours).add((line.url, line.captured_at))
    return theirs - ours


def stored(store: Store, commit: Commit, held: list[str]) -> Iterator[Stored | Revisit]:
    """The payloads that a commit brings or names; on the way, `held` gets the URLs that `cdxj.held` names."""
    for entry in _parsed(cdxj.parse, store, commit, "index"):
        if (url := cdxj.held(entry)) is not None:
            held.append(url)
        if (payload := cdxj.stored(entry, commit.segment) or cdxj.revisit(entry)) is not None:
            yield payload


def lines(store: Store, commit: Commit, kind: str, *, counted: bool = True) -> Iterator[bytes]:
    """The lines of one of a commit's files, none if it has none such; Damaged if it can't be read whole.

    `counted`: also if they are not as many as the commit says, for a file that has become empty reads well.
    """
    if (file := commit.file(kind)) is None:
        return
    if (stream := store.read(file.path)) is None:
        raise Damaged(f"{file.path} is missing, but commit {commit.n} names it")
    with closing(stream):
        count = 0
        try:
            for count, line in enumerate(lines_of(_plain(stream, file)), 1):  # noqa: B007
                yield line
        except (OSError, EOFError, zlib.error) as error:
            raise Damaged(f"{file.path} can't be read: {error}") from error
    if counted and count != file.count:
        raise Damaged(f"{file.path} has {count} lines, commit {commit.n} says {file.count}")


def _plain(stream: BinaryIO, file: File) -> BinaryIO:
    if not file.path.endswith(".gz"):
        return stream
    return BufferedReader(cast("RawIOBase", gzip.GzipFile(fileobj=stream)), 1 << 16)


def _parsed(parse: Callable[[bytes], T], store: Store, commit: Commit, kind: str) -> Iterator[T]:
    for number, line in enumerate(lines(store, commit, kind), 1):
        try:
            yield parse(line)
        except Damaged as error:
            raise Damaged(f"{place(kind, commit.segment, commit.n)}, line {number}: {error}") from error
