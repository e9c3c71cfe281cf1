"""`scrapy index`: the index of the whole archive, in one file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import filterfalse
from pathlib import Path

from crawler import archive, commits, merge
from crawler.command import ArchiveCommand, Progress
from crawler.errors import WrongUse
from crawler.hidden import Hidden
from crawler.housing import Housing
from crawler.sink import Sink
from crawler.spool import room
from crawler.wording import left_out, number


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return "[--output FILE | s3://BUCKET/KEY | -] [--public]"

    def short_desc(self) -> str:
        return "Merge the segments' indexes into one sorted CDXJ file, kept in the archive or written to FILE"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "-o", "--output", metavar="FILE", help="write it there (- for stdout), not into the archive"
        )
        parser.add_argument("--public", action="store_true", help="with --output: leave excluded ids out")

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise WrongUse(f"scrapy index takes no {args[0]!r}: ARCHIVE_URL names the archive.")
        if opts.public and opts.output is None:
            raise WrongUse("--public needs --output: the index in the archive is that of all that it keeps.")
        store = housing.open_store()
        home = archive.found(store)
        with room(housing.spool, "index", home.id, housing.open_disk()) as folder:
            if opts.output is None:
                _keep(housing, folder)
            else:
                _write(housing, folder, opts.output, public=opts.public)
        if elsewhere := commits.foreign(store, commits.log(store)):
            sys.stderr.write(left_out(len(elsewhere)) + "\n")


def _keep(housing: Housing, folder: Path) -> None:
    store = housing.open_store()
    index = merge.keep(store, folder, housing.open_disk())
    if index is None:
        newest = merge.numbers(store)[:1]
        _say(f"{merge.key(newest[0])} is current" if newest else "the archive has no commit yet")
    else:
        _say(f"{merge.key(index.n)}: {number(index.new, 'new commit')} merged")


def _write(housing: Housing, folder: Path, target: str, *, public: bool) -> None:
    store = housing.open_store()
    index = merge.merge(store, folder)
    lines = index.lines
    if public:
        lines = filterfalse(Hidden.of(store, commits.log(store)).line, lines)
    with housing.open_sink(target) as sink:
        count = _pour(lines, sink)
    if target != "-":
        _say(f"{number(count, 'line')} as of commit {index.n} in {target}")


def _pour(lines: Iterable[bytes], sink: Sink) -> int:
    progress, count = Progress(), 0
    for block in merge.blocks(iter(lines)):
        sink.write(block)
        count += block.count(b"\n")
        progress(f"{count:,} lines")
    return count


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
