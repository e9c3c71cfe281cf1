"""The SQLite file under a ledger: made whole or not at all, shared by processes, and loud when it fails."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from base64 import b32encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from crawler.errors import LedgerError, WrongUse
from crawler.ledger import Seed
from crawler.ledger.schema import APPLICATION, FORMAT, HEADER, SCHEMA, UPGRADES

BUSY_SECONDS = 120  # another process may be adding millions of ids
REBUILD = "`scrapy ids rebuild` makes it anew from the archive"
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)  # ERROR: tables are missing


class Database:
    """One connection to the file; what SQLite reports is raised as LedgerError."""

    def __init__(self, path: Path, seed: Seed | None = None, *, only_read: bool = False) -> None:
        self.path, self._only_read = path, only_read
        self.outdated = False  #: of an older format, which only somebody who may write brings to ours
        if not only_read:
            _ensure(path, seed)
        with self._named():
            self._connection = sqlite3.connect(
                # rw: never an empty file in place of a lost one
                f"{path.absolute().as_uri()}?{_reading(path) if only_read else 'mode=rw'}",
                uri=True,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        with self._named():
            self._connection.close()

    def rows(self, sql: str, *values: object) -> list[Any]:
        """All rows at once: a cursor left open would hold this connection to an old state of the file."""
        with self._named():
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> Any:
        """The first row, or None."""
        return next(iter(self.rows(sql, *values)), None)

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """All or nothing. IMMEDIATE, for one that begins with reading can't always go on to write."""
        with self._named():
            self._connection.execute(f"BEGIN {kind}")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def copied(self, file: Path, sentences: str, query: str) -> int:
        """Copy the database, as it is now, to a new file; change the copy, and ask it for a number."""
        with self._named():
            self._connection.execute("VACUUM INTO ?", (str(file),))
            with closing(sqlite3.connect(file, isolation_level=None)) as copy:
                copy.executescript(f"PRAGMA synchronous = OFF; BEGIN; {sentences} COMMIT;")
                return int(copy.execute(query).fetchone()[0])

    def _prepare(self) -> None:
        ((application,),) = self.rows("PRAGMA application_id")
        ((version,),) = self.rows("PRAGMA user_version")
        if application != APPLICATION:
            raise WrongUse(
                f"{self.path} is no ledger: set LEDGER_URL to another file, or remove this one; {REBUILD}."
            )
        if version > FORMAT:
            raise WrongUse(
                f"{self.path} was made by a newer program (format {version}, this one knows {FORMAT}): "
                f"use that, or remove the file; {REBUILD}."
            )
        self.outdated = version < FORMAT and self._only_read
        if version < FORMAT and not self._only_read:
            self._upgrade()
        self.rows("PRAGMA synchronous = FULL")
        self.rows("PRAGMA cache_size = -8000")  # KB
        self.rows("PRAGMA wal_autocheckpoint = 4000")  # pages; default 1000 would checkpoint at every apply
        self.rows("PRAGMA journal_size_limit = 67108864")  # adding millions of ids leaves a long journal

    def _upgrade(self) -> None:
        """Bring an older file to our format; who else opens it meanwhile finds that done."""
        with self.transaction() as connection:
            connection.create_function("labelled", 1, lambda sha1: f"sha1:{b32encode(sha1).decode()}")
            ((version,),) = self.rows("PRAGMA user_version")
            for step in range(version, FORMAT):
                for sentence in UPGRADES[step]:
                    connection.execute(sentence)
            connection.execute(f"PRAGMA user_version = {FORMAT}")

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            advice = f": the ledger is damaged; {REBUILD}." if code in DAMAGED else ""
            raise LedgerError(f"{self.path}: {error}{advice}") from error


def _reading(path: Path) -> str:
    """How a file is opened beside which SQLite may make none: without a journal it is whole by itself."""
    return "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"


def _ensure(path: Path, seed: Seed | None) -> None:
    """A ledger, made if there is none, under its name only when it is whole.

    The folder is not synced: a ledger that a power cut takes away is made again from the log.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with _locked(path.parent):
                _make(path, seed)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"no ledger can be made at {path}: {error}") from error


def _make(path: Path, seed: Seed | None) -> None:
    if path.exists():
        return  # by whoever held the lock before us
    _remove_journal(path)  # SQLite would read what an older ledger of that name left into the new one
    with TemporaryDirectory(prefix=f"{path.name}.part-", dir=path.parent) as folder:
        part = Path(folder, path.name)
        grown = seed is not None and seed(part)
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            connection.executescript("PRAGMA journal_mode = WAL" if grown else HEADER + SCHEMA)
        part.rename(path)


def _remove_journal(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder's own lock, for one that is on the file would end SQLite's (its POSIX locks)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
