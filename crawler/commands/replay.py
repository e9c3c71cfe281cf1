"""`scrapy replay`: the archive in a browser."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

from crawler import archive, commits
from crawler.command import ArchiveCommand
from crawler.errors import ArchiveError, StoreError, WrongUse
from crawler.housing import Housing
from crawler.replay.serving import Replay, serving
from crawler.wording import left_out

PORT = 8080
NEAR, FAR = 2.0, 30.0  #: seconds between two looks for new commits in a folder, and in S3, which is paid for
SHARE = 10  #: times as long as a look took we wait at least


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return "[--port N] [--bind ADDRESS] [--also FILE.warc.gz …]"

    def short_desc(self) -> str:
        return "Serve the archive to browsers: a list of articles, and each page as it was"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--port", metavar="N", default=str(PORT), help=f"default {PORT}; 0: any")
        parser.add_argument(
            "--bind", metavar="ADDRESS", default="127.0.0.1", help="default 127.0.0.1: this machine only"
        )
        parser.add_argument(
            "--also", metavar="FILE", action="append", default=[], help="a WARC of others; may be repeated"
        )

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise WrongUse("scrapy replay takes no arguments: ARCHIVE_URL names the archive.")
        port, also = _port(opts.port), _files(opts.also)
        store = housing.open_store()
        archive.found(store)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with serving(store, opts.bind, port, also, _say) as replay:
                if elsewhere := commits.foreign(store, commits.log(store)):
                    _say(left_out(len(elsewhere)))
                _say(f"{store.url} is at {replay.url} (Ctrl-C ends it)")
                _attend(replay, FAR if housing.remote else NEAR)
        except KeyboardInterrupt:
            _say("\nEnded.")


def _port(given: str) -> int:
    if not (given.isascii() and given.isdigit() and len(given) < 6 and int(given) < 1 << 16):
        raise WrongUse(f"--port is {given!r}: give a number up to 65535.")
    return int(given)


def _files(given: list[str]) -> list[Path]:
    for name in given:
        if not Path(name).is_file():
            raise WrongUse(f"--also {name}: there is no such file.")
    return [Path(name) for name in given]


def _attend(replay: Replay, seconds: float) -> None:
    """Take in what is committed meanwhile, until pywb ends, which it should not."""
    pause = seconds
    while True:
        try:
            code = replay.process.wait(pause)
        except subprocess.TimeoutExpired:
            pause = _look(replay, seconds)
        else:
            raise ArchiveError(f"pywb ended by itself ({code}); what it said stands above.")


def _look(replay: Replay, seconds: float) -> float:
    """How long to wait for the next one."""
    began = time.monotonic()
    try:
        replay.holdings.refresh()
    except StoreError as error:  # it may be away for a while; what was read is served on
        sys.stderr.write(f"{error}\n")
    return max(seconds, SHARE * (time.monotonic() - began))


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()
