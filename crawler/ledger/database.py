"""The SQLite file under a ledger: shared by processes, and loud when it fails."""

from __future__ import annotations

import sqlite3
from base64 import b32encode
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from crawler.errors import LedgerError, WrongUse
from crawler.ledger.schema import APPLICATION, FORMAT, UPGRADES

BUSY_SECONDS = 120  # another process may be adding millions of ids
REBUILD = "`scrapy ids rebuild` makes it anew from the archive"
CLOSED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)  # ERROR: tables are missing

SHARED = (
    "synchronous = FULL",
    "cache_size = -8000",  # KB
    "wal_autocheckpoint = 4000",  # pages; default 1000 would checkpoint at every apply
    "journal_size_limit = 67108864",  # adding millions of ids leaves a long journal
)
UNSEEN = (  # a file that has no name yet: a crash takes it away whole
    "journal_mode = MEMORY",
    "synchronous = OFF",
    "locking_mode = EXCLUSIVE",
    "cache_size = -32000",  # also what a new index is sorted in
)


class Database:
    """One connection to the file; what SQLite reports is raised as LedgerError."""

    def __init__(self, path: Path, pragmas: Iterable[str] = SHARED, *, only_read: bool = False) -> None:
        self.path, self._only_read = path, only_read
        self.outdated = False  #: of an older format, which only somebody who may write brings to ours
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
            self._prepare(pragmas)
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

    @contextmanager
    def forgettable(self) -> Iterator[sqlite3.Connection]:
        """A transaction that a power cut may take back, whole: it does not wait for the disk."""
        self.rows("PRAGMA synchronous = NORMAL")
        try:
            with self.transaction() as connection:
                yield connection
        finally:
            self.rows("PRAGMA synchronous = FULL")

    def run(self, sentences: str) -> None:
        """Run a script of several sentences."""
        with self._named():
            self._connection.executescript(sentences)

    def copied(self, file: Path, sentences: str, query: str) -> int:
        """Copy the database, as it is now, to a new file; change the copy, and ask it for a number."""
        with self._named():
            self._connection.execute("VACUUM INTO ?", (str(file),))
            with closing(sqlite3.connect(file, isolation_level=None)) as copy:
                copy.executescript(f"PRAGMA synchronous = OFF; BEGIN; {sentences} COMMIT;")
                return int(copy.execute(query).fetchone()[0])

    def _prepare(self, pragmas: Iterable[str]) -> None:
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
        for pragma in pragmas:
            self.rows(f"PRAGMA {pragma}")

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
            if code in CLOSED and not self._only_read:
                advice = ": we must be able to write it, and in its folder; is the disk mounted read-only?"
            raise LedgerError(f"{self.path}: {error}{advice}") from error


def _reading(path: Path) -> str:
    """How a file is opened beside which SQLite may make none: without a journal it is whole by itself."""
    return "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
