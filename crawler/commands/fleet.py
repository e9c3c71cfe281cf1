"""`scrapy fleet`: several crawls of one archive on this machine, as one."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace

from scrapy.utils.conf import arglist_to_dict

from crawler import archive, runs
from crawler.arguments import Arguments
from crawler.command import ArchiveCommand
from crawler.errors import CrawlerError, WrongUse
from crawler.fleet import Fleet, crawl
from crawler.housing import Housing
from crawler.ledger import read_ledger
from crawler.screen import Screen
from crawler.stores import Store
from crawler.wording import counts

MOST = 64
CORES = 1.5  #: that one crawl keeps busy where nothing makes it wait (docs/SPEED.md)
LOOK_SECONDS = 5.0  #: between two looks at the ledger


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return "[-n N|auto] [-a NAME=VALUE …]"

    def short_desc(self) -> str:
        return "Crawl with several workers on this machine: started, watched and ended as one"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("-n", dest="workers", default="auto", metavar="N", help="workers (default auto)")
        parser.add_argument(
            "-a", dest="given", action="append", default=[], help="as of scrapy crawl anapress"
        )

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:
        size = _size(opts.workers)
        if args:
            raise WrongUse("scrapy fleet takes no arguments but -n, -a and -s.")
        _check(opts.given)
        store = housing.open_store()
        before = {key for key, _ in store.list(runs.FOLDER)}
        arguments = [f"-a{each}" for each in opts.given] + [f"-s{each}" for each in opts.set]
        fleet = Fleet(size, crawl([*arguments, "-sFLEET=1", "-sPANEL=0"]), _say)
        watch = Watch(replace(housing, shared=True), fleet)
        fleet.run(watch)
        watch.close()
        took = _took(store, before)
        ending = fleet.ended(
            f"{sum(took.values())} takes" + (f" ({counts(took)})" if took else ""), watch.left()
        )
        _say(f"{ending.sentence} (exit {ending.code})")
        self.exitcode = ending.code


class Watch:
    """Tells how the fleet stands: in a frame at the terminal's end, or in a line now and then."""

    def __init__(self, housing: Housing, fleet: Fleet) -> None:
        self._housing, self._fleet = housing, fleet
        self._screen = Screen() if Screen.possible() else None
        self._next = time.monotonic() + LOOK_SECONDS
        self._every = 12 if self._screen is None else 1  # lines of a log are for a minute each

    def __call__(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_SECONDS * self._every
        if self._screen is None:
            _say(self._told())
            return
        columns, rows = size = self._screen.size
        lines = [self._told(), *(f"[{at}] {each.last}" for at, each in enumerate(self._fleet.workers, 1))]
        self._screen.show(size, [line[: columns - 1] for line in lines[: rows - 1]])

    def close(self) -> None:
        if self._screen is not None:
            self._screen.close()

    def left(self) -> int:
        """Ids that are left in the ledger."""
        try:
            ledger = read_ledger(self._housing.ledger)
        except CrawlerError:
            return 0
        if ledger is None:
            return 0
        with closing(ledger):
            return ledger.counts().left

    def _told(self) -> str:
        running = sum(worker.running for worker in self._fleet.workers)
        return f"fleet: {running} of {len(self._fleet.workers)} workers run, {self.left():,} ids are left"


def _size(text: str) -> int:
    if text == "auto":
        return max(1, round(len(os.sched_getaffinity(0)) / CORES))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise WrongUse(f"-n is {text!r}: give a number from 1 to {MOST}, or auto.")
    return int(text)


def _check(given: list[str]) -> None:
    try:
        arguments = Arguments.of(arglist_to_dict(given))
    except ValueError:
        raise WrongUse("-a takes NAME=VALUE, as of scrapy crawl anapress.") from None
    if arguments.ids == "-":
        raise WrongUse("-a ids=- can be read once only: give the workers of a fleet a file.")


def _took(store: Store, before: set[str]) -> Counter[str]:
    """What the runs that are new in the archive took."""
    took: Counter[str] = Counter()
    if archive.find(store) is None:
        return took
    for key, _ in store.list(runs.FOLDER):
        if key not in before and (run := runs.read(store, key)) is not None:
            took.update(run.outcomes)
    return took


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
