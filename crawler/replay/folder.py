"""Where a replay has its index and its texts: a folder that goes with it, killed or not."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

PREFIX = "anapress-replay-"


@contextmanager
def passing_folder() -> Iterator[Path]:
    """A new folder, nobody else's to read, while the block runs; those of replays that were killed go.

    A lock (flock) on the folder itself tells that its replay lives.
    """
    _clear()
    made, lock = _locked()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def _locked() -> tuple[Path, int]:
    while True:
        made = Path(mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):
            lock = os.open(made, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if made.exists():  # else another replay took it for a dead one's, before it was locked
                return made, lock
            os.close(lock)


def _clear() -> None:
    for left in Path(gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # its replay lives, or it is another user's
            found = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(found)
