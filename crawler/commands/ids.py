"""`scrapy ids`: the ledger by hand."""

from __future__ import annotations

import argparse
import getpass
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from crawler import archive, commits, exclusions, idlist, rebuilding, recovery, view
from crawler.clock import stamp, utc_now
from crawler.command import ArchiveCommand
from crawler.disk import Disk
from crawler.errors import WrongUse
from crawler.exclusions import Exclusion
from crawler.housing import Housing
from crawler.items import ArticleId, Outcome
from crawler.ledger import Ledger
from crawler.spool import Spool
from crawler.stores import Store

TAKING = ("add", "exclude", "discover")  #: verbs with arguments
OPTIONS = {"discover": ("add",), "requeue": ("outcome", "reason"), "exclude": ("why", "who", "undo")}


@dataclass(frozen=True, slots=True)
class Desk:
    """An archive opened to be written to: its ledger is at the log's end, a spool is ours."""

    store: Store
    ledger: Ledger
    spool: Spool
    disk: Disk


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return (
            "add IDS … | discover [site|cdx] [--add] | status | requeue --outcome OUTCOME [--reason REASON]"
            " | rebuild | exclude IDS … --why TEXT [--who NAME] [--undo]"
        )

    def short_desc(self) -> str:
        return (
            "Add ids, find them, count them, take some again, leave some out of exports, make the ledger anew"
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--add", action="store_true", help="discover: make them known, not only tell them"
        )
        parser.add_argument("--outcome", metavar="OUTCOME", help="requeue: ids whose last outcome is this")
        parser.add_argument("--reason", metavar="REASON", help="requeue: only with a reason that starts so")
        parser.add_argument("--why", metavar="TEXT", help="exclude: the reason, which stays in the archive")
        parser.add_argument("--who", metavar="NAME", help="exclude: who decides (default CONTACT, else you)")
        parser.add_argument("--undo", action="store_true", help="exclude: let the ids in again")

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:
        verbs: dict[str, Callable[[], None]] = {
            "add": lambda: _add(housing, args[1:]),
            "discover": lambda: self._discover(args[1:], add=opts.add),
            "status": lambda: _status(housing),
            "requeue": lambda: _requeue(housing, opts.outcome, opts.reason),
            "rebuild": lambda: _rebuild(housing),
            "exclude": lambda: _exclude(housing, args[1:], opts.why, opts.who, undo=opts.undo),
        }
        if not args or args[0] not in verbs:
            raise WrongUse(f"scrapy ids takes one of: {', '.join(verbs)}.")
        if len(args) > 1 and args[0] not in TAKING:
            raise WrongUse(f"scrapy ids {args[0]} takes no arguments, but got {' '.join(args[1:])!r}.")
        self._refuse_others_options(args[0], opts)
        verbs[args[0]]()

    def _refuse_others_options(self, verb: str, opts: argparse.Namespace) -> None:
        for other, names in OPTIONS.items():
            for name in names:
                if other != verb and getattr(opts, name) not in (None, False):
                    raise WrongUse(f"scrapy ids {verb} takes no --{name}: {other} does.")

    def _discover(self, where: list[str], *, add: bool) -> None:
        from crawler.quest import LISTS, SITE
        from crawler.search import search  # it brings all of a crawl with it

        assert self.settings is not None
        if where not in ([], [SITE], [LISTS]):
            raise WrongUse(f"scrapy ids discover looks in one place, {SITE} (default) or {LISTS}.")
        found = search(self.settings, where=where[0] if where else SITE, add=add)
        for line in found.lines:
            _say(line)
        sys.stderr.write(f"{found.sentence} (exit {found.code})\n")
        self.exitcode = found.code


def _add(housing: Housing, arguments: list[str]) -> None:
    ids = _given("add", housing, arguments)
    with desk(housing) as at:
        new = recovery.add(ids, "list", at.spool, at.store, at.ledger, at.disk, utc_now)
    _say(f"{new} new ids, {len(ids) - new} known already")


def _given(verb: str, housing: Housing, arguments: list[str]) -> Sequence[ArticleId]:
    if not arguments:
        raise WrongUse(f"scrapy ids {verb} takes ids, article URLs, a file of them, or - for stdin.")
    stdin, opened = getattr(sys.stdin, "buffer", None), housing.open_object
    return idlist.distinct(id for text in arguments for id in idlist.read(text, stdin=stdin, opened=opened))


def _status(housing: Housing) -> None:
    store = housing.open_store()
    with view.ledger(housing, store, archive.found(store)) as ledger:
        counts = ledger.counts()
    out = exclusions.excluded(exclusions.read(store))
    _say(f"known {counts.known} = settled {counts.settled} + left {counts.left}")
    for outcome, count in sorted(counts.outcomes.items()):
        _say(f"  {outcome} {count}")
    if counts.leased:
        _say(f"  of those left, {counts.leased} are leased")
    if out:
        _say(f"{len(out)} are left out of exports, replay and WACZ")


def _requeue(housing: Housing, outcome: str | None, reason: str | None) -> None:
    choices = [each.value for each in Outcome if each is not Outcome.KNOWN]
    if outcome not in choices:
        raise WrongUse(f"scrapy ids requeue takes --outcome, one of: {', '.join(choices)}.")
    archive.found(housing.open_store())
    with desk(housing) as at:
        takes = at.ledger.settled(Outcome(outcome), reason)
        count = recovery.requeue(takes, at.spool, at.store, at.ledger, at.disk, utc_now)
    _say(f"{count} ids are left to be taken again")


def _rebuild(housing: Housing) -> None:
    n, counts = rebuilding.rebuild(housing)
    _say(f"made anew from {n} commits: known {counts.known} = settled {counts.settled} + left {counts.left}")


def _exclude(housing: Housing, arguments: list[str], why: str | None, who: str | None, *, undo: bool) -> None:
    ids = _given("exclude", housing, arguments)
    why, who = _text("--why", why), _text("--who", who or housing.contact or _user())
    when = stamp(utc_now())
    archive.found(housing.open_store())
    lines = [Exclusion(id=str(id), excluded=not undo, who=who, at=when, why=why) for id in ids]
    with desk(housing) as at:
        exclusions.append(lines, at.store, at.spool.folder, at.disk)
        unknown = sum(1 for _ in at.ledger.unlogged(ids))
        elsewhere = [(id, original) for id in ids if (original := _original(at.ledger, id))]
    deed = "let into" if undo else "left out of"
    _say(f"{len(ids)} ids are {deed} exports, replay and WACZ; {unknown} are unknown here")
    for id, original in () if undo else elsewhere:
        _say(f"  {id} shows the text of {original}: it stays in exports as long as {original} does")


def _original(ledger: Ledger, id: ArticleId) -> str | None:
    """The other id whose text this one shows."""
    standing = ledger.standing(id)
    if standing.version is not None or standing.content_hash is None:
        return None
    original = ledger.original(standing.content_hash)
    return original.id if original else None


def _text(option: str, given: str | None) -> str:
    text = (given or "").strip()
    broken = any("\ud800" <= letter <= "\udfff" for letter in text)  # a shell's bytes that are no UTF-8
    if not text or broken:
        raise WrongUse(f"scrapy ids exclude needs {option}, some words in UTF-8: they stay in the archive.")
    return text


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None  # a container's user may have no name


@contextmanager
def desk(housing: Housing) -> Iterator[Desk]:
    """The archive, opened to be written to and left tidy."""
    disk, store = housing.open_disk(), housing.open_store()
    home = housing.ensure_archive(store)
    commits.look_over(store)
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


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
