"""`scrapy export`: the corpus as one file."""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Iterable

from crawler import archive, exclusions
from crawler.command import ArchiveCommand
from crawler.corpus import Corpus
from crawler.errors import WrongUse
from crawler.housing import Housing
from crawler.sink import Sink

GZIP = 31  #: zlib's wbits for a gzip member; its header then has no name and no time


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return "FILE.jsonl | FILE.jsonl.gz | s3://BUCKET/KEY | -"

    def short_desc(self) -> str:
        return "Write every article's latest text, once, sorted by id, to one JSONL file"

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        if len(args) != 1:
            raise WrongUse("scrapy export takes one file to write to, an s3://BUCKET/KEY, or - for stdout.")
        store = housing.open_store()
        archive.found(store)
        corpus = Corpus(store, exclusions.excluded(exclusions.read(store)))
        with housing.open_sink(args[0]) as sink:
            count = _write(sink, corpus, packed=args[0].endswith(".gz"))
        if args[0] != "-":
            sys.stdout.write(f"{count} articles in {args[0]}\n")
        if corpus.left_out:
            sys.stderr.write(f"{corpus.left_out} articles are left out, as {exclusions.KEY} says\n")


def _write(sink: Sink, lines: Iterable[bytes], *, packed: bool) -> int:
    count = 0
    packer = zlib.compressobj(6, wbits=GZIP) if packed else None
    for line in lines:
        sink.write(packer.compress(line + b"\n") if packer else line + b"\n")
        count += 1
    if packer:
        sink.write(packer.flush())
    return count
