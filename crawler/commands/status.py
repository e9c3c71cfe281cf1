"""`scrapy status`: how an archive stands."""

from __future__ import annotations

import argparse
import sys
import time

from crawler.clock import utc_now
from crawler.command import ArchiveCommand
from crawler.errors import WrongUse
from crawler.housing import Housing
from crawler.lines import canonical
from crawler.status import Status, status

NEAR, FAR = 2.0, 30.0  #: seconds between two looks at a folder, and at S3, which is paid by the request
CLEAR = "\x1b[H\x1b[J"


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return "[--watch [SECONDS]] [--json]"

    def short_desc(self) -> str:
        return "Tell how the archive stands: ids, last commit, running jobs, last run, sizes; only reads"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--watch",
            metavar="SECONDS",
            nargs="?",
            const="",
            help=f"again and again (every {NEAR:.0f} seconds, {FAR:.0f} for S3)",
        )
        parser.add_argument("--json", action="store_true", help="one line of JSON a look")

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise WrongUse("scrapy status takes no arguments: ARCHIVE_URL names the archive.")
        seconds = _seconds(opts.watch, FAR if housing.remote else NEAR)
        try:
            _tell(status(housing, utc_now()), json=opts.json)
            while seconds is not None:
                time.sleep(seconds)
                told = status(housing, utc_now())
                sys.stdout.write("" if opts.json else CLEAR if sys.stdout.isatty() else "\n")
                _tell(told, json=opts.json)
        except KeyboardInterrupt:
            sys.stdout.write("\n")


def _seconds(given: str | None, usual: float) -> float | None:
    if given is None:
        return None
    try:
        seconds = float(given or usual)
    except ValueError:
        seconds = 0
    if not seconds > 0:
        raise WrongUse(f"--watch is {given!r}: give seconds, more than 0.")
    return seconds


def _tell(told: Status, *, json: bool) -> None:
    sys.stdout.write(canonical(told.plain()) + "\n" if json else str(told))
    sys.stdout.flush()
