"""`scrapy export`: the corpus as one file."""

from __future__ import annotations

import argparse
import errno
import gzip
import sys
from collections.abc import Iterable
from pathlib import Path

from crawler import archive, exclusions
from crawler.command import ArchiveCommand
from crawler.corpus import Corpus
from crawler.errors import ArchiveError, WrongUse
from crawler.housing import Housing

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # another place may do; not another name


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return "FILE.jsonl | FILE.jsonl.gz | -"

    def short_desc(self) -> str:
        return "Write every article's latest text, once, sorted by id, to one JSONL file"

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        if len(args) != 1:
            raise WrongUse("scrapy export takes one file to write to, or - for stdout.")
        store = housing.open_store()
        archive.found(store)
        corpus = Corpus(store, exclusions.excluded(exclusions.read(store)))
        if args[0] == "-":
            sys.stdout.buffer.writelines(line + b"\n" for line in corpus)
            sys.stdout.buffer.flush()  # else a disk that is full would only show after our last word
        else:
            count = _write(Path(args[0]), corpus)
            sys.stdout.write(f"{count} articles in {args[0]}\n")
        if corpus.left_out:
            sys.stderr.write(f"{corpus.left_out} articles are left out, as {exclusions.KEY} says\n")


def _write(target: Path, lines: Iterable[bytes]) -> int:
    """The file appears whole, or not at all."""
    target = target.resolve()  # of a link it is the file behind it that is written
    if target.exists() and not target.is_file():
        raise WrongUse(f"{target} is no file: `scrapy export -` writes to stdout, for a pipe or a device.")
    part, count = target.with_name(f".part-{target.name}"), 0
    try:
        with part.open("wb") as raw:
            packed = gzip.GzipFile("", "wb", 6, raw, mtime=0) if target.suffix == ".gz" else raw
            for line in lines:
                packed.write(line + b"\n")
                count += 1
            if packed is not raw:
                packed.close()
        part.rename(target)
    except OSError as error:
        kind = ArchiveError if error.errno in FULL else WrongUse
        raise kind(f"{target} can't be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return count
