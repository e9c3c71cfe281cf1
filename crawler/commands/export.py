"""`scrapy export`: the corpus as one file."""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path

from crawler import archive, exclusions
from crawler.command import ArchiveCommand
from crawler.corpus import Corpus
from crawler.errors import WrongUse
from crawler.housing import Housing
from crawler.sink import file_sink, stdout_sink

GZIP = 31  #: zlib's wbits for a gzip member; its header then has no name and no time


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
            with stdout_sink() as sink:
                for line in corpus:
                    sink.write(line + b"\n")
        else:
            count = _write(Path(args[0]), corpus)
            sys.stdout.write(f"{count} articles in {args[0]}\n")
        if corpus.left_out:
            sys.stderr.write(f"{corpus.left_out} articles are left out, as {exclusions.KEY} says\n")


def _write(target: Path, lines: Iterable[bytes]) -> int:
    count = 0
    with file_sink(target) as sink:
        packed = zlib.compressobj(6, wbits=GZIP) if target.suffix == ".gz" else None
        for line in lines:
            sink.write(packed.compress(line + b"\n") if packed else line + b"\n")
            count += 1
        if packed:
            sink.write(packed.flush())
    return count
