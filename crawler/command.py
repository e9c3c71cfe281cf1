"""What the commands on an archive have in common: a mistake is a sentence and exit 2, a failure exit 6."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.utils.conf import arglist_to_dict

from crawler import given
from crawler.ending import Ending, code_of
from crawler.errors import CrawlerError, StoreRefused, WrongUse
from crawler.foreign.web import bring
from crawler.housing import Housing
from crawler.wire.handler import agent_of, client_of

UNREAD = 128 + signal.SIGPIPE  #: as a shell says of a command that a closed pipe ended
SECONDS = 2  # between two lines of progress


class ArchiveCommand(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings = {"LOG_ENABLED": False}  # noqa: RUF012 -- Scrapy's own declaration

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)  # which says what is no NAME=VALUE
        try:
            given.check(arglist_to_dict(opts.set))
        except WrongUse as error:
            self._wrong(error)
            sys.exit(self.exitcode)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        try:
            if sys.stdout is None:
                raise WrongUse("stdout is closed: send it to /dev/null if nobody is to read it.")
            self.act(Housing.of(self.settings), args, opts)
            sys.stdout.flush()  # else a disk that is full would only show after our last word
        except StoreRefused as error:  # nothing was fetched, and a person must mend it
            self._wrong(WrongUse(str(error)))
        except CrawlerError as error:
            self._wrong(error)
        except KeyboardInterrupt:
            self._end(Ending(3, "Stopped; run it again."))
        except BrokenPipeError:
            self.exitcode = UNREAD  # whoever read our output has left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python yet holds of it
        except OSError as error:
            self._end(Ending(6, f"the archive can't be written: {error}"))

    def _wrong(self, error: CrawlerError) -> None:
        self._end(Ending(code_of(error), str(error)))

    def _end(self, ending: Ending) -> None:
        """Say how it ended; the last line."""
        self.exitcode = ending.code
        sys.stderr.write(f"{ending.sentence} (exit {ending.code})\n")

    def _bring(self, url: str, path: Path, most: int) -> None:
        """Fetch a file of the web as a crawl would; StoreError if it can't be had."""
        assert self.settings is not None
        bring(partial(client_of, self.settings, path.parent), agent_of(self.settings), url, path, most)

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:
        """Do the command's work; CrawlerError says what is wrong."""
        raise NotImplementedError


class Progress:
    """A line on stderr now and then."""

    def __init__(self) -> None:
        self._next = time.monotonic() + SECONDS

    def __call__(self, so_far: object) -> None:
        if time.monotonic() >= self._next:
            sys.stderr.write(f"… {so_far}\n")
            self._next = time.monotonic() + SECONDS
