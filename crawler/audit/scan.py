"""One WARC file looked through: each record's form, digests and index line."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from crawler import cdxj, warc
from crawler.errors import Damaged
from crawler.stores import Store
from crawler.warc import Record


@dataclass(frozen=True, slots=True)
class Seen:
    """A record, what is wrong with it, and its index line if it is a response or a resource.

    Only a revisit keeps its block (a head): its line needs the record that it names.
    """

    record: Record
    wrong: tuple[str, ...]
    line: str | None


@dataclass(frozen=True, slots=True)
class Scan:
    """A file's records, up to where it breaks, if it does."""

    seen: list[Seen]
    broken: str | None


def scan(store: Store, path: str) -> Scan:
    """All records of the file; a missing file has none."""
    seen: list[Seen] = []
    if (stream := store.read(path)) is None:
        return Scan(seen, None)
    with closing(stream):
        try:
            seen.extend(_seen(record, Path(path).name) for record in warc.members(stream))
        except Damaged as error:
            return Scan(seen, str(error))
    return Scan(seen, None)


def _seen(record: Record, filename: str) -> Seen:
    wrong, line = warc.check(record), None
    if record.type in ("response", "resource"):
        try:
            line = str(cdxj.entry_of(record, filename))
        except Damaged as error:
            wrong.append(str(error))
    kept = record if record.type == "revisit" else replace(record, block=b"")
    return Seen(kept, tuple(wrong), line)
