"""`scrapy wacz`: an archive, or some of it, as one file to hand on."""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from crawler import archive, commits, exclusions, idlist
from crawler.choice import Wish
from crawler.command import ArchiveCommand, Progress
from crawler.errors import WrongUse
from crawler.foreign.elsewhere import Elsewhere
from crawler.housing import Housing
from crawler.programs import VERSION
from crawler.spool import room
from crawler.wacz import Contents, write
from crawler.wording import number

DATE = re.compile(r"(?a:\d{4})(?:-(?a:\d\d)(?:-(?a:\d\d)(?:T(?a:\d\d:\d\d(?::\d\d)?))?)?)?")
FIRST = "0001-01-01T00:00:00"


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return "FILE.wacz | s3://BUCKET/KEY.wacz | - [--ids IDS] [--from DATE] [--to DATE]"

    def short_desc(self) -> str:
        return "Write the archive, or some ids or dates of it, as one WACZ file for ReplayWeb.page"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--ids", help="only these: a comma list of ids or URLs, a file, s3://…, - for stdin"
        )
        parser.add_argument(
            "--from", dest="since", metavar="DATE", help="captured then or later: 2026-11-23, 2026-11"
        )
        parser.add_argument(
            "--to", dest="until", metavar="DATE", help="captured then or earlier, that day included"
        )

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) != 1 or not args[0]:
            raise WrongUse("scrapy wacz takes one file to write to, an s3://BUCKET/KEY, or - for stdout.")
        _refuse_taken(housing, args[0])
        wish = _wish(housing, opts.ids, opts.since, opts.until)
        store = housing.open_store()
        home = archive.found(store)
        commits.look_over(store)
        log = list(commits.log(store))
        about = {
            "title": home.collection,
            "description": f"Commits 1 to {len(log)} of archive {home.uuid}",
            "software": f"anapress-crawler/{VERSION}",
        }
        with (
            room(housing.spool, "wacz", home.id, housing.open_disk()) as folder,
            closing(Elsewhere(housing, folder, self._bring)) as elsewhere,
        ):
            contents = Contents(store, log, wish, elsewhere)
            at = datetime.fromisoformat(log[-1].at)
            with housing.open_sink(args[0], contents.most) as sink:
                packed = write(contents, sink, folder, at, about, Progress())
        sys.stderr.write(f"{args[0]}: {packed}\n")
        if contents.hidden:
            sys.stderr.write(f"{number(len(contents.hidden.ids), 'id')} left out, as {exclusions.KEY} says\n")


def _wish(housing: Housing, ids: str | None, since: str | None, until: str | None) -> Wish:
    first, last = _date("--from", since), _date("--to", until)
    if last and first[: len(last)] > last:
        raise WrongUse(f"--from {since} is later than --to {until}.")
    if ids is None:
        return Wish(since=first, until=last)
    stdin, opened = getattr(sys.stdin, "buffer", None), housing.open_object
    return Wish(ids=frozenset(idlist.read(ids, stdin=stdin, opened=opened)), since=first, until=last)


def _date(option: str, text: str | None) -> str:
    """A date, or the beginning of one."""
    if text is None:
        return ""
    start = text.removesuffix("Z")
    if DATE.fullmatch(start):
        with suppress(ValueError):  # a 13th month
            datetime.fromisoformat(start + FIRST[len(start) :])
            return start
    raise WrongUse(f"{option} {text}: give a date in UTC, such as 2026-11-23, 2026-11 or 2026.")


def _refuse_taken(housing: Housing, target: str) -> None:
    """WrongUse if something is there: a file that somebody may serve is not replaced."""
    if target == "-":
        return
    taken = housing.has_object(target) if target.startswith("s3://") else Path(target).exists()
    if taken:
        raise WrongUse(f"{target} is there already: give another name, or remove it.")
