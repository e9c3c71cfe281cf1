"""`scrapy copy`: an archive taken from a folder to a bucket, or back."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crawler.command import ArchiveCommand, Progress
from crawler.errors import WrongUse
from crawler.housing import Housing
from crawler.spool import Spool
from crawler.stores import Store
from crawler.transfer import home_of, transfer

WORKER = "copy-"  #: begins the names of our folders in the spool


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
        with _folder(housing, source) as folder:
            moved = transfer(
                source, target, folder, housing.open_disk(), verify=opts.verify, progress=Progress()
            )
        back = f"; {moved.read_back} read back" if opts.verify else ""
        sys.stdout.write(f"{target.url} has {moved}{back}; {time.monotonic() - began:.1f} s\n")


def _place(store: Store) -> str:
    return store.url.rstrip("/") if "://" in store.url else str(Path(store.url).resolve())


@contextmanager
def _folder(housing: Housing, source: Store) -> Iterator[Path]:
    """Room in the spool, cleared of what killed copies left there."""
    home, disk = home_of(source), housing.open_disk()
    for left in housing.spool.glob(f"{WORKER}*"):
        if Spool.dead(housing.spool, left.name):
            shutil.rmtree(left)
    spool = Spool.claim(housing.spool, WORKER + secrets.token_hex(4), home.id, disk)
    try:
        yield spool.folder
    finally:
        spool.close(remove=True)
