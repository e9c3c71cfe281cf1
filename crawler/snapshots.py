"""Snapshots: the ledger as of a commit, in the archive, so that a start on an empty disk is quick.

They are a convenience and prove nothing: one that can't be read is passed over, and the log tells the rest.
"""

from __future__ import annotations

import gzip
import logging
import shutil
import zlib
from contextlib import closing
from pathlib import Path

from zlib_ng import gzip_ng

from crawler.disk import Disk
from crawler.errors import Damaged
from crawler.ledger import Ledger
from crawler.numbered import Numbered
from crawler.stores import Store

logger = logging.getLogger(__name__)
PLACE = Numbered("snapshots/", ".db.gz")
EVERY = 100  #: commits
KEPT = 2  #: the newest: one that is being read while another is made stays
LEVEL = 1  #: a third larger than level 6, made in a quarter of its time: somebody waits for the end of a run

key, numbers, numbered = PLACE.key, PLACE.numbers, PLACE.among


def save(ledger: Ledger, store: Store, folder: Path, disk: Disk) -> None:
    """Keep the ledger as it is now; older snapshots go."""
    plain, packed = folder / "snapshot.db", folder / "snapshot.db.gz"
    try:
        clear(plain, packed)
        n = ledger.dump(plain)
        with plain.open("rb") as source, disk.open(packed) as file:
            target = gzip_ng.GzipNGFile("", "wb", LEVEL, file, mtime=0)
            shutil.copyfileobj(source, target, 1 << 20)
            target.close()
            disk.sync(file)
        store.put(packed, key(n))
    finally:
        clear(plain, packed)
    for old in numbers(store)[KEPT:]:
        store.remove(key(old))


def fetch(store: Store, file: Path) -> bool:
    """Write the newest snapshot that can be read whole to file; False if there is none."""
    for name in map(key, numbers(store)):
        try:
            if unpack(store, name, file):
                return True
        except Damaged as error:
            logger.warning("%s. The log is read instead", error)
    return False


def clear(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def unpack(store: Store, name: str, file: Path) -> bool:
    """Write a snapshot to file; False if it is not there, Damaged if it can't be read whole."""
    if (stream := store.read(name)) is None:
        return False  # its maker has a newer one by now
    try:
        with closing(stream), gzip.GzipFile(fileobj=stream) as source, file.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        clear(file)
        raise Damaged(f"{name} can't be read: {error}") from error
    return True
