"""A new ledger's file: made under another name, without care for a crash, and named when it is whole."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from crawler.errors import LedgerError
from crawler.ledger import Fill, Seed
from crawler.ledger.database import UNSEEN, Database
from crawler.ledger.follower import SqliteFollower
from crawler.ledger.schema import HEADER, INDEXES, TABLES


def ensure(path: Path, seed: Seed | None = None, fill: Fill | None = None) -> None:
    """A ledger, made if there is none, under its name only when it is whole.

    The folder is not synced: a ledger that a power cut takes away is made again from the log.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with _locked(path.parent):
                _make(path, seed, fill)
    except (OSError, sqlite3.Error, LedgerError) as error:
        raise LedgerError(f"no ledger can be made at {path}: {error}") from error


def _make(path: Path, seed: Seed | None, fill: Fill | None) -> None:
    if path.exists():
        return  # by whoever held the lock before us
    _clear(path)
    with TemporaryDirectory(prefix=f"{path.name}.part-", dir=path.parent) as folder:
        part = Path(folder, path.name)
        if seed is None or not seed(part):
            with closing(sqlite3.connect(part)) as connection:
                connection.executescript(HEADER + TABLES)
        with closing(Database(part, UNSEEN)) as database:
            if fill is not None:
                fill(SqliteFollower(database))
            database.run(f"{INDEXES} PRAGMA journal_mode = WAL;")
        _sync(part)
        part.rename(path)


def _clear(path: Path) -> None:
    """Remove what killed processes left: SQLite would read an older ledger's journal into the new one."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    for part in path.parent.glob(f"{escape(path.name)}.part-*"):
        shutil.rmtree(part)  # whoever made it held the lock that we hold


def _sync(file: Path) -> None:
    """Else a power cut could leave the name, and of the file only a part."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder's own lock, for one that is on the file would end SQLite's (its POSIX locks)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
