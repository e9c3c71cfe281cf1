"""`scrapy ids`: the ledger by hand."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from crawler import archive, commits, idlist, recovery
from crawler.command import ArchiveCommand
from crawler.disk import Disk
from crawler.errors import WrongUse
from crawler.housing import Housing
from crawler.items import Outcome
from crawler.ledger import Ledger, open_ledger
from crawler.spool import Spool
from crawler.stores import Store


@dataclass(frozen=True, slots=True)
class Desk:
    """An archive opened to be written to: its ledger is at the log's end, a spool is ours."""

    store: Store
    ledger: Ledger
    spool: Spool
    disk: Disk


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return "add IDS … | status | requeue --outcome OUTCOME [--reason REASON] | rebuild"

    def short_desc(self) -> str:
        return "Add ids, count them, take some again, make the ledger anew from the archive"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--outcome", metavar="OUTCOME", help="requeue: ids whose last outcome is this")
        parser.add_argument("--reason", metavar="REASON", help="requeue: only with a reason that starts so")

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:
        verbs: dict[str, Callable[[], None]] = {
            "add": lambda: _add(housing, args[1:]),
            "status": lambda: _status(housing),
            "requeue": lambda: _requeue(housing, opts.outcome, opts.reason),
            "rebuild": lambda: _rebuild(housing),
        }
        if not args or args[0] not in verbs:
            raise WrongUse(f"scrapy ids takes one of: {', '.join(verbs)}.")
        verbs[args[0]]()


def _add(housing: Housing, arguments: list[str]) -> None:
    if not arguments:
        raise WrongUse("scrapy ids add takes ids, article URLs, a file of them, or - for stdin.")
    given = (
        id
        for text in arguments
        for id in idlist.read(text, stdin=sys.stdin.buffer, opened=housing.open_object)
    )
    ids = idlist.distinct(given)
    with desk(housing) as at:
        new = recovery.add(ids, "list", at.spool, at.store, at.ledger, at.disk, _now)
    _say(f"{new} new ids, {len(ids) - new} known already")


def _status(housing: Housing) -> None:
    archive.found(housing.open_store())
    with desk(housing) as at:
        counts = at.ledger.counts()
    _say(f"known {counts.known} = settled {counts.settled} + left {counts.left}")
    for outcome, count in sorted(counts.outcomes.items()):
        _say(f"  {outcome} {count}")
    if counts.leased:
        _say(f"  of those left, {counts.leased} are leased")


def _requeue(housing: Housing, outcome: str | None, reason: str | None) -> None:
    choices = [each.value for each in Outcome if each is not Outcome.KNOWN]
    if outcome not in choices:
        raise WrongUse(f"scrapy ids requeue takes --outcome, one of: {', '.join(choices)}.")
    archive.found(housing.open_store())
    with desk(housing) as at:
        takes = at.ledger.settled(Outcome(outcome), reason)
        count = recovery.requeue(takes, at.spool, at.store, at.ledger, at.disk, _now)
    _say(f"{count} ids are left to be taken again")


def _rebuild(housing: Housing) -> None:
    """The new ledger takes the old one's place when it is whole."""
    store = housing.open_store()
    home = archive.found(store)
    old = housing.ledger_file()
    new = old.with_name(f"{old.name}.new")
    _remove(new)
    ledger = open_ledger(f"sqlite://{new}")  # from the log alone, whatever snapshots say
    ledger.bind(home.id)
    n = commits.follow(store, ledger)
    counts = ledger.counts()
    ledger.close()
    _remove(old)
    new.rename(old)
    _say(f"made anew from {n} commits: known {counts.known} = settled {counts.settled} + left {counts.left}")


@contextmanager
def desk(housing: Housing) -> Iterator[Desk]:
    """The archive, opened to be written to and left tidy."""
    disk, store = housing.open_disk(), housing.open_store()
    home = archive.ensure(store, housing.contact)
    ledger = housing.open_ledger(store)
    try:
        ledger.bind(home.id)
        commits.follow(store, ledger)
        spool = Spool.claim(housing.spool, secrets.token_hex(4), home.id, disk)
        try:
            yield Desk(store, ledger, spool, disk)
        finally:
            spool.close(remove=True)
    finally:
        ledger.close()


def _remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _now() -> datetime:
    return datetime.now(UTC)
