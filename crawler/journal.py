"""A segment's journal: what of its WARC file counts.

It is JSON, a line each: `{"index": …}` a record's CDXJ line, `{"draft": …}` a take, `{"foreign": …}`
a file of others that takes behind it refer to, and
`{"checkpoint": {"warc": bytes, "records": n, "crc": …}}`, the crc being that of the lines since the one
before. What lies behind the last whole checkpoint never happened: recovery cuts it off in both files.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec import DecodeError
from msgspec.json import decode

from crawler.disk import Disk
from crawler.drafts import Draft
from crawler.items import ForeignFile
from crawler.lines import canonical

_KINDS = (b"index", b"draft", b"foreign", b"checkpoint")
_INDEX, _DRAFT, _FOREIGN, _CHECKPOINT = (b'{"%s":' % kind for kind in _KINDS)
_END = b"}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What counts, by the last whole checkpoint."""

    warc: int = 0  #: bytes of the WARC file
    records: int = 0
    drafts: int = 0


class Journal:
    """The open file. Nothing in it counts before the next checkpoint."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._disk, self._file = disk, disk.open(path)
        self._lines: list[bytes] = []  # since the last checkpoint

    @property
    def clean(self) -> bool:
        """Whether all of it is behind a checkpoint."""
        return not self._lines

    def note(self, entry: dict[str, object]) -> None:
        """Add a line: its kind, and what it says."""
        self._lines.append(_line(entry))

    def checkpoint(self, warc: int, records: int) -> None:
        """Afterwards all that was noted survives, and counts, with so much of the WARC file."""
        block = b"".join(self._lines)
        mark = {"warc": warc, "records": records, "crc": zlib.crc32(block)}
        self._disk.reached("checkpoint/journal")
        self._disk.write(self._file, block + _line({"checkpoint": mark}))
        self._disk.sync(self._file)
        self._lines.clear()

    def close(self) -> None:
        self._file.close()


def cut(path: Path, disk: Disk) -> Mark:
    """Cut a journal back to its last whole checkpoint; what counts then."""
    mark = Mark()
    good = end = crc = drafts = 0
    for line in _lines(path):
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
        mark = Mark(warc=checkpoint["warc"], records=checkpoint["records"], drafts=drafts)
        good, crc = end, 0
    if path.stat().st_size > good:
        disk.truncate(path, good)
    return mark


def entries(path: Path) -> Iterator[str]:
    """The CDXJ lines that a journal has, as they came."""
    return (decode(line)["index"] for line in _lines(path) if line.startswith(_INDEX))


def drafts(path: Path) -> Iterator[Draft]:
    """The takes that it has."""
    lines = (line for line in _lines(path) if line.startswith(_DRAFT))
    return (Draft.parse(line[len(_DRAFT) : -len(_END)]) for line in lines)


def foreign(path: Path) -> Iterator[ForeignFile]:
    """The files of others that its takes refer to."""
    return (ForeignFile(**decode(line)["foreign"]) for line in _lines(path) if line.startswith(_FOREIGN))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=1 << 20) as file:
        yield from file


def _line(entry: dict[str, object]) -> bytes:
    return canonical(entry).encode() + b"\n"
