"""What a start finds: commits of others, spools of the dead, ids that were given."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from crawler import commits, committing
from crawler.clock import Clock
from crawler.decisions import Decider, Decision
from crawler.disk import Disk
from crawler.foreign.elsewhere import Elsewhere
from crawler.foreign.files import is_web
from crawler.items import ArticleId, ForeignFile
from crawler.ledger import Ledger
from crawler.segment import Sealed, sealed, segment_name
from crawler.spool import Spool
from crawler.stores import Store

logger = logging.getLogger(__name__)
BODY_AGE = timedelta(days=1)  # no exchange lasts so long


def recover(
    root: Path,
    archive: UUID,
    store: Store,
    ledger: Ledger,
    disk: Disk,
    clock: Clock,
    elsewhere: Elsewhere | None = None,
) -> None:
    """Bring the ledger to the log's end, commit what dead workers left in their spools, end their leases."""
    commits.follow(store, ledger)
    _sweep(root / "bodies", disk, clock() - BODY_AGE)
    for spool in Spool.abandoned(root, archive, disk):
        for name in spool.segments():
            if ledger.segment(name) is None:  # else its files are the archive's too (linked): never cut them
                segment = sealed(spool, name, disk)
                if changed := changes(segment, elsewhere) if elsewhere else {}:
                    logger.warning("%s", told(changed))
                _commit(replace(segment, changed=frozenset(changed)), store, ledger, disk, clock)
            spool.drop(name)
        disk.reached("recover/release")
        ledger.release(spool.worker, dead=True)  # of what it had drafted, nothing is held any more
        spool.close(remove=True)


def changes(segment: Sealed, elsewhere: Elsewhere) -> dict[str, str]:
    """Of the files of others that a segment's takes refer to, those that are not what they were, and why.

    What is of the web was read from a copy on this disk, which nobody changes.
    """
    files = (file for file in segment.foreign if not is_web(file.url))
    return {file.url: why for file in files if (why := elsewhere.unlike(file))}


def told(changed: Mapping[str, str]) -> str:
    """What that means, in a sentence."""
    named = "; ".join(f"{url}: {why}" for url, why in changed.items())
    return (
        f"A file was changed before what was taken from it was committed ({named}). "
        "Its ids are left: run again when nobody writes to it"
    )


def _commit(segment: Sealed, store: Store, ledger: Ledger, disk: Disk, clock: Clock) -> None:
    if not segment.empty:
        done = committing.commit(segment, store, ledger, disk, clock)
        logger.info("Recovered %s: commit %s", segment.segment, done.n)


def _sweep(bodies: Path, disk: Disk, before: datetime) -> None:
    """Large bodies that a killed crawl never handed to its writer."""
    for path in bodies.iterdir() if bodies.is_dir() else ():
        if path.stat().st_mtime < before.timestamp():
            disk.remove(path)


@dataclass(frozen=True, slots=True)
class Found:
    """Ids that somebody gave or asks for again: a contribution without a WARC."""

    segment: str
    worker: str
    folder: Path
    lines: Callable[[Decider], Iterator[Decision]]
    foreign: Sequence[ForeignFile] = ()

    def sealed(self) -> Iterable[tuple[str, Path, str, int]]:
        return ()

    def decisions(self, decider: Decider) -> Iterator[Decision]:
        return self.lines(decider)


def add(
    ids: Iterable[ArticleId],
    found: str,
    spool: Spool,
    store: Store,
    ledger: Ledger,
    disk: Disk,
    clock: Clock,
) -> int:
    """Make ids known to the log, in one commit (none if all are known); how many were new."""
    if next(ledger.unlogged(ids), None) is None:
        return 0
    return _write(lambda decider: decider.know_all(ids, found), spool, store, ledger, disk, clock)


def requeue(
    takes: Iterable[tuple[ArticleId, int]],
    spool: Spool,
    store: Store,
    ledger: Ledger,
    disk: Disk,
    clock: Clock,
) -> int:
    """Make settled ids left again, in one commit; how many."""
    chosen = list(takes)
    if not chosen:
        return 0

    def lines(decider: Decider) -> Iterator[Decision]:
        for id, take in chosen:
            yield from decider.requeue(id, take)

    return _write(lines, spool, store, ledger, disk, clock)


def _write(
    lines: Callable[[Decider], Iterator[Decision]],
    spool: Spool,
    store: Store,
    ledger: Ledger,
    disk: Disk,
    clock: Clock,
) -> int:
    worker = secrets.token_hex(4)  # two in one second must not have one segment's name
    found = Found(segment_name(clock(), worker, 0), worker, spool.folder, lines)
    return committing.commit(found, store, ledger, disk, clock).counts.get("known", 0)
