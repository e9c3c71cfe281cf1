"""One segment in the making: a WARC file, and the journal that says what of it counts.

The journal is JSON, a line each: `{"index": …}` a record's CDXJ line, `{"draft": …}` a take, `{"foreign": …}`
a file of others that takes behind it refer to, and
`{"checkpoint": {"warc": bytes, "records": n, "crc": …}}`, the crc being that of the lines since the one
before. What lies behind the last whole checkpoint never happened: recovery cuts it off in both files.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

from msgspec import DecodeError
from msgspec.json import decode

from crawler import cdxj, warc
from crawler.commits import place
from crawler.decisions import Decider, Decision
from crawler.disk import Disk
from crawler.drafts import Draft
from crawler.errors import Damaged
from crawler.foreign.address import files
from crawler.items import Copy, Exchange, ForeignFile, RecordRef, Resource, Stored
from crawler.lines import canonical
from crawler.spool import Spool

_KINDS = (b"index", b"draft", b"foreign", b"checkpoint")
_INDEX, _DRAFT, _FOREIGN, _CHECKPOINT = (b'{"%s":' % kind for kind in _KINDS)
_END = b"}\n"


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
        self._journal = disk.open(spool.path(name, "journal"))
        self._lines: list[bytes] = []  # of the journal, since the last checkpoint
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
        return not self._lines

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
            self._note({"foreign": file})

    def draft(self, draft: Draft) -> None:
        self._note({"draft": draft})
        self.drafts += 1
        if draft.capture is not None and draft.capture.foreign:
            self.referred += draft.capture.length

    def checkpoint(self) -> None:
        """Afterwards all that was added survives a crash and a power cut."""
        self._disk.reached("checkpoint/warc")
        self._disk.sync(self._warc)
        block = b"".join(self._lines)
        mark = {"warc": self.bytes, "records": self._records, "crc": zlib.crc32(block)}
        self._disk.reached("checkpoint/journal")
        self._disk.write(self._journal, block + _line({"checkpoint": mark}))
        self._disk.sync(self._journal)
        self._lines.clear()

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
        self._note({"index": str(entry)})
        return entry.ref(self.name)

    def _append(self, data: bytes) -> int:
        self._disk.write(self._warc, data)
        self.bytes += len(data)
        return len(data)

    def _note(self, entry: dict[str, object]) -> None:
        self._lines.append(_line(entry))


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
        lines = (line for line in _lines(self.journal) if line.startswith(_DRAFT))
        drafts = (Draft.parse(line[len(_DRAFT) : -len(_END)]) for line in lines)
        return decider.decide(draft for draft in drafts if self.changed.isdisjoint(files(draft.capture)))


def sealed(spool: Spool, name: str, disk: Disk) -> Sealed:
    """The segment as its last checkpoint has it, whatever a crash left behind that; its index made anew."""
    disk.reached("recover")
    journal, archive = spool.path(name, "journal"), spool.path(name, "warc.gz")
    mark = _cut(journal, disk) if journal.exists() else {"warc": 0, "records": 0, "drafts": 0}
    if archive.exists():
        size = archive.stat().st_size
        if size < mark["warc"]:
            raise Damaged(
                f"{archive} has {size} bytes, its journal counts {mark['warc']}. "
                f"Move {spool.folder} away to go on without what was fetched there."
            )
        if size > mark["warc"]:
            disk.truncate(archive, mark["warc"])
    index = spool.path(name, "cdxj")
    _write_index(journal, index, disk)
    return Sealed(
        segment=name,
        worker=spool.worker,
        folder=spool.folder,
        warc=archive,
        journal=journal,
        index=index,
        records=mark["records"],
        drafts=mark["drafts"],
        foreign=tuple(_foreign(journal)),
    )


def _cut(journal: Path, disk: Disk) -> dict[str, int]:
    """Cut the journal back to its last whole checkpoint; what that says, and the drafts until there."""
    mark = {"warc": 0, "records": 0, "drafts": 0}
    good = end = crc = drafts = 0
    for line in _lines(journal):
        end += len(line)
        if not line.startswith(_CHECKPOINT):
            crc = zlib.crc32(line, crc)
            drafts += line.startswith(_DRAFT)
            continue
        try:
            checkpoint = decode(line)["checkpoint"]
        except (DecodeError, UnicodeDecodeError):
            break
        if not line.endswith(_END) or checkpoint["crc"] != crc:
            break
        mark, good, crc = checkpoint | {"drafts": drafts}, end, 0
    if journal.stat().st_size > good:
        disk.truncate(journal, good)
    return mark


def _foreign(journal: Path) -> Iterator[ForeignFile]:
    for line in _lines(journal) if journal.exists() else ():
        if line.startswith(_FOREIGN):
            yield ForeignFile(**decode(line)["foreign"])


def _write_index(journal: Path, index: Path, disk: Disk) -> None:
    entries = (line for line in _lines(journal) if line.startswith(_INDEX)) if journal.exists() else ()
    lines = sorted(decode(line)["index"].encode() + b"\n" for line in entries)
    disk.remove(index)
    with disk.open(index) as file:
        disk.write(file, b"".join(lines))
        disk.sync(file)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=1 << 20) as file:
        yield from file


def _line(entry: dict[str, object]) -> bytes:
    return canonical(entry).encode() + b"\n"
