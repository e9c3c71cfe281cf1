"""An archive's ledger, made anew from its log."""

from __future__ import annotations

from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from crawler import archive, commits
from crawler.archive import Archive
from crawler.errors import ArchiveHeld, LedgerError, WrongUse
from crawler.housing import Housing
from crawler.ledger import Counts, Ledger, forget, is_shared, open_ledger
from crawler.spool import Spool
from crawler.stores import Store


def rebuild(housing: Housing) -> tuple[int, Counts]:
    """How many commits the new ledger is made of, and what it counts; it stands when it is whole.

    ArchiveHeld while a worker is at a ledger in a file: it would go on with what is no ledger any more, and
    its leases would be another's. On a server the workers notice.
    """
    store = housing.open_store()
    home = archive.found(store)
    commits.look_over(store)
    _refuse_anothers(housing, home)
    if is_shared(housing.ledger):
        forget(housing.ledger)
        return _told(housing.open_ledger(store), home)
    _refuse_beside_workers(housing, home)
    return _renewed(housing.ledger_file(), store, home)


def _renewed(old: Path, store: Store, home: Archive) -> tuple[int, Counts]:
    new = old.with_name(f"{old.name}.new")
    _remove(new)
    log = partial(commits.follow, store)
    told = _told(open_ledger(f"sqlite://{new}", fill=log), home)  # from the log, whatever snapshots say
    _remove(old)
    new.rename(old)
    return told


def _refuse_anothers(housing: Housing, home: Archive) -> None:
    """WrongUse if what would go is the ledger of another archive, whose workers may be at work on it."""
    bound = None
    with suppress(LedgerError, WrongUse):  # damaged, or a newer program's: that is what it is made anew for
        bound = housing.bound()
    if bound not in (None, home.uuid):
        raise WrongUse(
            f"LEDGER_URL leads to the ledger of archive {bound}, not of {home.uuid}: "
            "set it or ARCHIVE_URL to the one that you mean."
        )


def _refuse_beside_workers(housing: Housing, home: Archive) -> None:
    there = [each for each in Spool.lodgings(housing.spool) if each.living and each.archive == home.uuid]
    if there:
        names = ", ".join(each.worker for each in there)
        raise ArchiveHeld(
            f"The archive is being worked on, by {names}: make its ledger anew when they have ended."
        )


def _told(ledger: Ledger, home: Archive) -> tuple[int, Counts]:
    with closing(ledger):
        ledger.bind(home.id)
        return ledger.n(), ledger.counts()


def _remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
