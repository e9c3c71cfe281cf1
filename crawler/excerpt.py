"""A segment's records taken over into another file, byte for byte: all of them, or some."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from msgspec import structs

from crawler import cdxj, commits, warc
from crawler.commits import Commit, File
from crawler.errors import Damaged
from crawler.hidden import Hidden
from crawler.stores import Store
from crawler.warc import Record

CHUNK = 1 << 20

Pick = Callable[[BinaryIO], Iterator["Member"]]
"""Picks records out of an open file, in their order."""


@dataclass(frozen=True, slots=True)
class Member:
    """A record and the gzip member that holds it."""

    record: Record
    data: bytes


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A WARC file in the making, and what its index will be."""

    name: str
    most: int  #: bytes
    chunks: Iterator[bytes]
    lines: Callable[[], Iterator[bytes]]  #: the index lines, without their ends, once all chunks are taken


def whole(store: Store, commit: Commit, file: File) -> Excerpt:
    """The segment as it is; Damaged at its end if it is not what its commit says."""
    return Excerpt(_name(file), file.bytes, _copied(store, file), partial(_lines, store, commit))


def shown(store: Store, commit: Commit, file: File, hidden: Hidden) -> Excerpt:
    """All of the segment that is not hidden."""
    return _some(store, commit, file, hidden, members)


def chosen(store: Store, commit: Commit, file: File, hidden: Hidden, offsets: Collection[int]) -> Excerpt:
    """The exchanges whose responses or revisits lie at these offsets, unless they are hidden."""
    return _some(store, commit, file, hidden, partial(_picked, offsets=sorted(offsets)))


def members(stream: BinaryIO, offset: int = 0) -> Iterator[Member]:
    """The records from where the stream stands, which is offset, with their bytes."""
    tee = _Tee(stream)
    for record in warc.members(cast("BinaryIO", tee), offset=offset):
        yield Member(record, tee.take(record.length))


@contextmanager
def opened(store: Store, file: File) -> Iterator[BinaryIO]:
    """The commit's file; what is found Damaged in the block is named with it."""
    name, advice = f"{store.url}: {file.path}", "`scrapy verify` tells more."
    if (stream := store.read(file.path)) is None:
        raise Damaged(f"{name} is missing. {advice}")
    with closing(stream):
        try:
            yield stream
        except Damaged as error:
            raise Damaged(f"{name}: {error}. {advice}") from error


def _copied(store: Store, file: File) -> Iterator[bytes]:
    digest, size = hashlib.sha256(), 0
    with opened(store, file) as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        if (size, digest.hexdigest()) != (file.bytes, file.sha256):
            raise Damaged("it is not what its commit says")


def _some(store: Store, commit: Commit, file: File, hidden: Hidden, pick: Pick) -> Excerpt:
    places: dict[int, int] = {}  # where records lay, and lie now

    def chunks() -> Iterator[bytes]:
        at, waiting = 0, []  # a warcinfo waits for the first record that it is of
        with opened(store, file) as stream:
            for member in pick(stream):
                if hidden.record(member.record):
                    continue
                waiting.append(member)
                if member.record.type == "warcinfo":
                    continue
                for each in waiting:
                    places[each.record.offset] = at
                    at += len(each.data)
                    yield each.data
                waiting.clear()

    def lines() -> Iterator[bytes]:
        for line in _lines(store, commit):
            entry = cdxj.parse(line)
            if (at := places.get(entry.offset)) is not None:
                yield line if at == entry.offset else str(structs.replace(entry, offset=at)).encode()

    return Excerpt(_name(file), file.bytes, chunks(), lines)


def _picked(stream: BinaryIO, offsets: Iterable[int]) -> Iterator[Member]:
    """What says who wrote the file, and the exchanges at these offsets."""
    yield next(members(stream))
    for offset in offsets:
        yield from _exchange(stream, offset)


def _exchange(stream: BinaryIO, offset: int) -> Iterator[Member]:
    """The record at the offset, and those behind it that are concurrent to it."""
    stream.seek(offset)
    first: str | None = None
    for member in members(stream, offset):
        if first is not None and member.record.headers.get("WARC-Concurrent-To") != first:
            return
        first = first or member.record.id
        yield member


def _lines(store: Store, commit: Commit) -> Iterator[bytes]:
    return commits.lines(store, commit, "index")


def _name(file: File) -> str:
    return PurePosixPath(file.path).name


class _Tee:
    """A stream that remembers what was read of it until that is taken."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._kept = stream, bytearray()

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._kept += data
        return data

    def take(self, size: int) -> bytes:
        data = bytes(self._kept[:size])
        del self._kept[:size]
        return data
