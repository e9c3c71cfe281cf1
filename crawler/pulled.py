"""Captures in files of others as one more WARC file: the records that a crawl would have copied (copy=1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from uuid import NAMESPACE_URL, UUID, uuid5

from crawler import cdxj, warc
from crawler.commits import Commit
from crawler.errors import Damaged
from crawler.excerpt import Excerpt
from crawler.foreign.address import Address, files
from crawler.foreign.elsewhere import Elsewhere, There
from crawler.items import Copy, ForeignFile, Origin, RecordRef
from crawler.package import LARGE


def pulled(
    commit: Commit, refs: Sequence[RecordRef], elsewhere: Elsewhere, sound: set[ForeignFile]
) -> Excerpt:
    """The records that takes of a commit refer to: the same bytes each time.

    Damaged, before anything is taken, if a file that they lie in is not what it was; `sound` has those that
    were looked at.
    """
    needed = {url for ref in refs for url in files(ref)}
    for file in commit.foreign:
        if file.url in needed and file not in sound:
            if why := elsewhere.unlike(file):
                raise Damaged(f"{file.url}: {why}. A WACZ may leave out what lies there: --ids, --from, --to")
            sound.add(file)
    name = f"{commit.segment}-foreign.warc.gz"
    lines: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        writer = _Writer(name, datetime.fromisoformat(commit.at))
        yield (first := writer.begin())
        at = len(first)
        for ref in refs:
            told, data, line = writer.members(elsewhere.read(ref), at)
            lines.append(line)
            at += len(told) + len(data)
            yield told + data

    return Excerpt(name, LARGE, chunks(), lambda: iter(lines))


class _Writer:
    """Makes the members of one such file; its ids follow from its name."""

    def __init__(self, name: str, at: datetime) -> None:
        self._name, self._at = name, at
        self._info = uuid5(NAMESPACE_URL, name)
        numbers = count()
        self._new_id: Callable[[], UUID] = lambda: uuid5(self._info, str(next(numbers)))

    def begin(self) -> bytes:
        told = {"description": "records that the archive refers to where they lie, in files of others"}
        return warc.warcinfo(self._name, self._at, self._info, told)

    def members(self, there: There, at: int) -> tuple[bytes, bytes, bytes]:
        """What says where a record came from, if that is a record; the record's own; and its index line."""
        made = replace(there.made, origin=self._origin(Address.of(there.ref)))
        if isinstance(made, Copy):
            record = warc.parsed(made.member)
            told = b"".join(
                warc.announcement(made, record.id, warcinfo_id=self._info, new_id=self._new_id).pieces
            )
            entry = cdxj.entry_of(replace(record, offset=at + len(told)), self._name)
            return told, made.member, str(entry).encode()
        made = replace(made, id=UUID(there.ref.record_id[len("<urn:uuid:") : -1]))
        measured = warc.measure(made)
        (new,) = warc.records(made, measured, original=None, warcinfo_id=self._info, new_id=self._new_id)
        data = b"".join(new.pieces)
        entry = cdxj.entry(made, measured, new, filename=self._name, offset=at, length=len(data))
        return b"", data, str(entry).encode()

    def _origin(self, address: Address) -> Origin:
        """Where it lies; of this machine's own paths no more than the name."""
        url = address.url
        place = f"file:{url.rpartition('/')[2]}" if url.startswith("file:") else url
        return Origin(url=place, at=self._at, span=f"bytes={address.spot.offset}-")
