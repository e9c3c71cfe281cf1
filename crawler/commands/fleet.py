"""`scrapy fleet`: several crawls of one archive on this machine, as one."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace

from scrapy.settings import Settings
from scrapy.utils.conf import arglist_to_dict

from crawler import logs
from crawler.arguments import Arguments
from crawler.command import ArchiveCommand
from crawler.ending import Ending
from crawler.errors import CrawlerError, WrongUse
from crawler.fleet import Fleet, Worker, crawl
from crawler.given import where
from crawler.housing import Housing
from crawler.ledger import read_ledger
from crawler.screen import Screen
from crawler.since import Since
from crawler.speech import InJson, Plainly, Speech
from crawler.stores import Store
from crawler.summary import summary
from crawler.wording import counts, number

MOST = 64
CORES = 1.5  #: that one crawl keeps busy where nothing makes it wait (docs/SPEED.md)
LOOK_SECONDS = 5.0  #: between two looks at the ledger
LINE_SECONDS = 60.0  #: the same where each is a line of a log

Frame = tuple[tuple[int, int], Sequence[str]]


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
        if self._json:
            logs.install(self._settings)  # what anybody else in this process says
        store = housing.open_store()
        housing.try_ledger(store)  # else each worker would say the same, again and again
        shown = Screen.possible() and self._settings.getbool("PANEL") and not self._json
        fleet = Fleet(size, _command(opts, shown=shown), self._speech, shown=shown)
        watch = Watch(replace(housing, shared=True), store, fleet, self._speech, shown=shown)
        fleet.run(watch)
        watch.close()
        self._sum_up(fleet, watch.since.on(store), store, watch.left())

    def _sum_up(self, fleet: Fleet, since: Since, store: Store, left: int | None) -> None:
        if self._settings.getbool("SUMMARY") and not self._json:
            run, again = since.told(store, left or 0), f"fleet -n {len(fleet.workers)}"
            sys.stderr.write(summary(run, since.made, {}, where(self._settings), again))
        outcomes = since.made.outcomes
        took = number(outcomes.total(), "take") + (f" ({counts(outcomes)})" if outcomes else "")
        self._end(fleet.ended(took, left))

    def _end(self, ending: Ending) -> None:
        self.exitcode = ending.code
        self._speech.end(ending)

    @property
    def _settings(self) -> Settings:
        assert self.settings is not None
        return self.settings

    @property
    def _json(self) -> bool:
        return logs.in_json(self._settings)

    @property
    def _speech(self) -> Speech:
        return InJson(_write) if self._json else Plainly(_write)


class Watch:
    """Tells how the fleet stands: in a frame at the terminal's end, or in a line now and then."""

    def __init__(self, housing: Housing, store: Store, fleet: Fleet, speech: Speech, *, shown: bool) -> None:
        self._housing, self._store, self._fleet, self._speech = housing, store, fleet, speech
        self.since = Since.of(store)  #: what the archive has got as of the last look
        self._screen = Screen() if shown else None
        self._every = LOOK_SECONDS if shown else LINE_SECONDS
        self._next = time.monotonic() + LOOK_SECONDS
        self._left = ""  # as it is told
        self._frame: Frame = ((0, 0), [])

    def __call__(self) -> None:
        if due := time.monotonic() >= self._next:
            self._left = _left(self.left())
            if not self._fleet.ending:
                self._follow()
            self._next = time.monotonic() + self._every
        if self._screen is None:
            if due:
                self._speech.say(self._told())
            return
        columns, rows = size = self._screen.size
        lines = [self._told(), *(f"[{at}] {_stands(each)}" for at, each in enumerate(self._fleet.workers, 1))]
        frame = size, [line[: columns - 1] for line in lines[: rows - 1]]
        if frame != self._frame:  # to draw it again in vain would flicker
            self._frame = frame
            self._screen.show(*frame)

    def close(self) -> None:
        if self._screen is not None:
            self._screen.close()

    def left(self) -> int | None:
        """Ids that are left in the ledger; None if it can't be asked."""
        try:
            ledger = read_ledger(self._housing.ledger)
        except CrawlerError:
            return None
        if ledger is None:
            return None
        with closing(ledger):
            return ledger.counts().left

    def _follow(self) -> None:
        """Read the log as it grows, so that little of it is to be read in the end."""
        with suppress(CrawlerError):  # a store that is away: in the end that is said
            self.since = self.since.on(self._store)

    def _told(self) -> str:
        running = sum(worker.running for worker in self._fleet.workers)
        return f"fleet: {running} of {len(self._fleet.workers)} workers run{self._left}"


def _command(opts: argparse.Namespace, *, shown: bool) -> list[str]:
    """Of each worker: as it was given to us; our panel stands for its own."""
    settings = [
        *([f"LOGSTATS_INTERVAL={LOOK_SECONDS}"] if shown else []),
        *opts.set,
        *("FLEET=1", "PANEL=0", "SUMMARY=0", "LOG_VERSIONS="),
    ]
    return crawl([*(f"-a{each}" for each in opts.given), *(f"-s{each}" for each in settings)])


def _left(count: int | None) -> str:
    if count is None:
        return ", the ledger can't be asked what is left"
    return f", {count:,} ids are left as of the last commit"


def _stands(worker: Worker) -> str:
    return worker.figures if worker.running and worker.figures else worker.last


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


def _write(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
