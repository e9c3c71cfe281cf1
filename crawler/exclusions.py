"""exclusions.jsonl: ids that are left out of what is published, for people in the news can be endangered.

A line is one decision about one id: `{"id","excluded","who","at","why"}` in canonical JSON. The last line
of an id holds; none is ever removed. What is not such a line is Damaged, never passed over: an exclusion
that nobody understands must stop an export.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from msgspec.json import Decoder

from crawler.disk import Disk
from crawler.errors import Damaged, StoreError
from crawler.items import ArticleId
from crawler.lines import canonical, strictly
from crawler.site import article_id
from crawler.stores import Store

KEY = "exclusions.jsonl"
ATTEMPTS = 8  #: times that the file is written anew because somebody else wrote it meanwhile
# Seconds, at least, before our lines are looked for: who read before we wrote has written then.
SETTLING = 1.0
PATIENCE = 2  #: times as long as we took ourselves, where that is longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """One decision; the fields are the line's, in its order."""

    id: str
    excluded: bool  #: False: it was undone
    who: str
    at: str
    why: str

    def __str__(self) -> str:
        """The line in the file, without its end."""
        return canonical(self)

    @staticmethod
    def parse(line: bytes) -> Exclusion:
        """The line read back; ValueError if it is not in the one form that a line has."""
        exclusion = strictly(_exclusion, line)
        if str(article_id(exclusion.id)) != exclusion.id:
            raise ValueError(f"{exclusion.id[:80]!r} is no id")
        return exclusion


_exclusion = Decoder(Exclusion).decode
Change = Callable[[Sequence[Exclusion]], Sequence[Exclusion]]


def parse(data: bytes) -> list[Exclusion]:
    """The lines of the file; Damaged names the first that is none."""
    *lines, rest = data.split(b"\n")
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(Exclusion.parse(line))
        except ValueError as error:
            raise Damaged(f"{KEY}: line {number} can't be read: {error}") from error
    if rest:
        raise Damaged(f"{KEY}: line {len(found) + 1} has no end")
    return found


def read(store: Store) -> list[Exclusion]:
    """All decisions, in the order of the file; none if there is no file."""
    if (stream := store.read(KEY)) is None:
        return []
    with closing(stream):
        return parse(stream.read())


def excluded(decisions: Iterable[Exclusion]) -> frozenset[ArticleId]:
    """The ids that are left out."""
    last = {ArticleId(int(each.id)): each.excluded for each in decisions}
    return frozenset(id for id, out in last.items() if out)


def merged(ours: Sequence[Exclusion], theirs: Sequence[Exclusion]) -> list[Exclusion]:
    """All lines of both files; an id that one of them leaves out is left out, for that harms nobody."""
    known = set(ours)
    own = [each for each in theirs if each not in known]
    out = excluded(own)
    before = [each for each in own if int(each.id) not in out]
    return [*before, *ours, *(each for each in own if int(each.id) in out)]


def append(
    decisions: Sequence[Exclusion],
    store: Store,
    folder: Path,
    disk: Disk,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Add lines to the file, whoever else does at the same time; StoreError if they do not stay there."""
    _rewrite(lambda there: _with(there, decisions), store, folder, disk, sleep)


def carry(
    decisions: Sequence[Exclusion],
    store: Store,
    folder: Path,
    disk: Disk,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Bring another archive's lines into the file; what it decided by itself stays."""
    _rewrite(lambda there: merged(decisions, there), store, folder, disk, sleep)


def _with(there: Sequence[Exclusion], decisions: Sequence[Exclusion]) -> Sequence[Exclusion]:
    known = set(there)
    return [*there, *(each for each in decisions if each not in known)]


def _rewrite(change: Change, store: Store, folder: Path, disk: Disk, sleep: Callable[[float], None]) -> None:
    """Write the file until a look at it asks for no more change: no store has a put that compares."""
    file = folder / KEY
    for _ in range(ATTEMPTS):
        began = time.monotonic()
        there = read(store)
        wanted = change(there)
        if wanted == there:
            store.keep(KEY)
            return
        disk.remove(file)
        with disk.open(file) as sealed:
            disk.write(sealed, b"".join(str(each).encode() + b"\n" for each in wanted))
            disk.sync(sealed)
        disk.reached("exclusions/put")
        store.put(file, KEY)
        disk.remove(file)
        sleep(max(SETTLING, PATIENCE * (time.monotonic() - began)))
    raise StoreError(f"{store.url}: {KEY} is being written by others again and again. Try again.")
