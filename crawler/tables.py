"""Tables on disk for the moment: what is too much for memory is sorted and joined there."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from crawler.errors import ArchiveError

UNSAFE = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"  #: nobody opens them after a crash


@contextmanager
def tables(schema: str, what: str, folder: Path | None = None) -> Iterator[sqlite3.Connection]:
    """A database of that schema, gone after its use; ArchiveError if the disk has no room for `what`."""
    try:
        with (
            tempfile.NamedTemporaryFile(prefix="tables-", dir=folder) as file,
            closing(sqlite3.connect(file.name, isolation_level=None)) as database,
        ):
            database.executescript(UNSAFE + schema)
            database.execute("BEGIN")
            yield database
    except (OSError, sqlite3.Error) as error:
        raise ArchiveError(f"{what} can't be sorted: {error}") from error
