"""One segment in the making: a WARC file, and the journal that says what of it counts (crawler.journal)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

from crawler import cdxj, warc
from crawler.commits import place
from crawler.decisions import Decider, Decision
from crawler.disk import Disk
from crawler.drafts import Draft
from crawler.errors import Damaged
from crawler.foreign.address import files
from crawler.items import Copy, Exchange, ForeignFile, RecordRef, Resource, Stored
from crawler.journal import Journal, Mark, cut, drafts, entries, foreign
from crawler.spool import Spool


def segment_name(at: datetime, worker: str, serial: int) -> str:
    """`anapress-<UTC 14 digits>-<worker, 8 hex>-<serial>`."""
    return f"anapress-{at:%Y%m%d%H%M%S}-{worker}-{serial:05d}"


class Segment:
    """The open files of one segment. Nothing in it counts before the next checkpoint."""

    def __init__(
        self,
        spool: Spool,
        name: str,
        disk: Disk,
        *,
        new_id: Callable[[], UUID],
        opened: datetime,
        about: dict[str, str],
    ) -> None:
        self.name = name
        self.opened = opened
        self._spool, self._disk, self._new_id = spool, disk, new_id
        self._warc = disk.open(spool.path(name, "warc.gz"))
        self._journal = Journal(spool.path(name, "journal"), disk)
        self._records = 0
        self._info = new_id()
        self._foreign: set[ForeignFile] = set()
        self.drafts = 0
        self.bytes = 0
        self.referred = 0  #: bytes of the records in files of others that its takes refer to
        self._append(warc.warcinfo(f"{name}.warc.gz", opened, self._info, about))
        self._records += 1
        self.checkpoint()
        disk.sync_folder(spool.folder)

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it but the warcinfo."""
        return self._records == 1 and not self.drafts

    @property
    def clean(self) -> bool:
        """Whether all of it is behind a checkpoint."""
        return self._journal.clean

    def add(
        self, exchange: Exchange, measured: warc.Measured, original: Stored | None
    ) -> tuple[RecordRef | None, Stored | None]:
        """Write an exchange's records: where its response or revisit lies, and the payload if it is whole."""
        ref, whole = None, None
        for record in warc.records(
            exchange, measured, original=original, warcinfo_id=self._info, new_id=self._new_id
        ):
            offset, length = self._place(record.pieces)
            if record.type in ("response", "revisit"):
                entry = cdxj.entry(
                    exchange, measured, record, filename=f"{self.name}.warc.gz", offset=offset, length=length
                )
                ref, whole = self._index(entry), cdxj.stored(entry, self.name)
        return ref, whole

    def add_copy(self, copy: Copy) -> tuple[RecordRef, Stored | None]:
        """Write a copied record behind the word of where it came from; as `add`."""
        record = warc.parsed(copy.member)
        told = warc.announcement(copy, record.id, warcinfo_id=self._info, new_id=self._new_id)
        self._place(told.pieces)
        offset, _ = self._place((copy.member,))
        entry = cdxj.entry_of(replace(record, offset=offset), f"{self.name}.warc.gz")
        return self._index(entry), cdxj.stored(entry, self.name)

    def keep(self, made: Resource) -> RecordRef:
        """Write what a browser made of a page: where it lies."""
        record = warc.resource(made, self._info)
        offset, length = self._place(record.pieces)
        filename = f"{self.name}.warc.gz"
        return self._index(cdxj.resource_entry(made, record, filename=filename, offset=offset, length=length))

    def refer(self, file: ForeignFile) -> None:
        """Note what a file of others is that the next takes refer to."""
        if file not in self._foreign:
            self._foreign.add(file)
            self._journal.note({"foreign": file})

    def draft(self, draft: Draft) -> None:
        self._journal.note({"draft": draft})
        self.drafts += 1
        if draft.capture is not None and draft.capture.foreign:
            self.referred += draft.capture.length

    def checkpoint(self) -> None:
        """Afterwards all that was added survives a crash and a power cut."""
        self._disk.reached("checkpoint/warc")
        self._disk.sync(self._warc)
        self._journal.checkpoint(self.bytes, self._records)

    def seal(self) -> None:
        """The last checkpoint; the files are closed."""
        self.checkpoint()
        self.close()

    def close(self) -> None:
        self._warc.close()
        self._journal.close()

    def _place(self, pieces: Iterable[bytes]) -> tuple[int, int]:
        """Where one more member lies now, and how long it is."""
        offset = self.bytes
        self._records += 1
        return offset, sum(self._append(piece) for piece in pieces)

    def _index(self, entry: cdxj.Entry) -> RecordRef:
        self._journal.note({"index": str(entry)})
        return entry.ref(self.name)

    def _append(self, data: bytes) -> int:
        self._disk.write(self._warc, data)
        self.bytes += len(data)
        return len(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A segment that takes nothing more: a contribution to the log."""

    segment: str
    worker: str
    folder: Path
    warc: Path
    journal: Path
    index: Path
    records: int
    drafts: int
    foreign: tuple[ForeignFile, ...]  #: files of others that its takes refer to
    changed: frozenset[str] = frozenset()  #: such of them, by URL, as are not what they were: no take may

    @property
    def empty(self) -> bool:
        """Whether a crash left nothing in it that counts but a warcinfo."""
        return self.records <= 1 and not self.drafts

    def sealed(self) -> Iterable[tuple[str, Path, str, int]]:
        yield "warc", self.warc, place("warc", self.segment), self.records
        with self.index.open("rb") as index:
            count = sum(1 for _ in index)
        if count:
            yield "index", self.index, place("index", self.segment), count

    def decisions(self, decider: Decider) -> Iterator[Decision]:
        taken = drafts(self.journal)
        return decider.decide(draft for draft in taken if self.changed.isdisjoint(files(draft.capture)))


def sealed(spool: Spool, name: str, disk: Disk) -> Sealed:
    """The segment as its last checkpoint has it, whatever a crash left behind that; its index made anew."""
    disk.reached("recover")
    journal, archive = spool.path(name, "journal"), spool.path(name, "warc.gz")
    noted = journal.exists()
    mark = cut(journal, disk) if noted else Mark()
    if archive.exists():
        size = archive.stat().st_size
        if size < mark.warc:
            raise Damaged(
                f"{archive} has {size} bytes, its journal counts {mark.warc}. "
                f"Move {spool.folder} away to go on without what was fetched there."
            )
        if size > mark.warc:
            disk.truncate(archive, mark.warc)
    index = spool.path(name, "cdxj")
    _write_index(entries(journal) if noted else (), index, disk)
    return Sealed(
        segment=name,
        worker=spool.worker,
        folder=spool.folder,
        warc=archive,
        journal=journal,
        index=index,
        records=mark.records,
        drafts=mark.drafts,
        foreign=tuple(foreign(journal)) if noted else (),
    )


def _write_index(entries: Iterable[str], index: Path, disk: Disk) -> None:
    lines = sorted(entry.encode() + b"\n" for entry in entries)
    disk.remove(index)
    with disk.open(index) as file:
        disk.write(file, b"".join(lines))
        disk.sync(file)
