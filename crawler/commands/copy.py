"""`scrapy copy`: an archive taken from a folder to a bucket, or back."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from crawler.command import ArchiveCommand, Progress
from crawler.errors import WrongUse
from crawler.housing import Housing
from crawler.spool import room
from crawler.stores import Store
from crawler.transfer import home_of, transfer


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return "FROM TO [--verify]"

    def short_desc(self) -> str:
        return "Copy an archive from a folder or s3://BUCKET/PREFIX to another; run again to go on"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--verify", action="store_true", help="read back every file of the copy")

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) != 2 or not all(args):
            raise WrongUse("scrapy copy takes two places, FROM and TO: folders or s3://BUCKET/PREFIX.")
        source, target = map(housing.open_store, args)
        if _place(source) == _place(target):
            raise WrongUse(f"FROM and TO are both {source.url}.")
        if Path(_place(source)) in Path(_place(target)).parents:
            raise WrongUse(f"TO lies in FROM: {target.url} would be strays of {source.url}.")
        began = time.monotonic()
        disk = housing.open_disk()
        with room(housing.spool, "copy", home_of(source).id, disk) as folder:
            moved = transfer(source, target, folder, disk, verify=opts.verify, progress=Progress())
        back = f"; {moved.read_back} read back" if opts.verify else ""
        sys.stdout.write(f"{target.url} has {moved}{back}; {time.monotonic() - began:.1f} s\n")


def _place(store: Store) -> str:
    return store.url.rstrip("/") if "://" in store.url else str(Path(store.url).resolve())
