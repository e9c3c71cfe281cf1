"""The boards on which a fleet keeps the budgets of its hosts (crawler.manners.fleet.Board)."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from crawler.ledger import is_shared
from crawler.manners.fleet import Board, BoardAway

PREFIX = "anapress:host:"
BOOT = Path("/proc/sys/kernel/random/boot_id")  #: of this start of the machine
SECONDS = 5  #: for which a server may take to answer, or a file be another's
LOOK_SECONDS = 0.05  #: between two tries to bring a new file into its form
FORGET_SECONDS = 86_400  #: after which nobody asks a host any more
SWAP = """
local there = redis.call('GET', KEYS[1])
if (ARGV[1] == '' and not there) or there == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
    return 1
end
return 0
"""


class RedisBoard:
    """On the fleet's server, by its clock."""

    def __init__(self, url: str) -> None:
        import redis

        self._away = redis.RedisError
        self._redis = redis.Redis.from_url(
            url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=None, protocol=2
        )
        self._swap = self._redis.register_script(SWAP)

    def read(self, host: str) -> tuple[bytes | None, float]:
        try:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.get(PREFIX + host)
            pipeline.time()
            data, (seconds, micro) = pipeline.execute()
        except self._away as error:
            raise BoardAway(str(error)) from error
        return data, seconds + micro / 1e6

    def swap(self, host: str, old: bytes | None, new: bytes) -> bool:
        try:
            return bool(self._swap(keys=[PREFIX + host], args=[old or b"", new, FORGET_SECONDS]))
        except self._away as error:
            raise BoardAway(str(error)) from error


class FileBoard:
    """In a file, for the workers of one machine; its power cut forgets no request that still goes.

    Its clock begins anew when the machine does: what was written before then says nothing.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=SECONDS, isolation_level=None, check_same_thread=False)
        self._share()
        self._rows("PRAGMA synchronous = OFF")
        self._rows("CREATE TABLE IF NOT EXISTS hosts (host TEXT PRIMARY KEY, budget BLOB) WITHOUT ROWID")
        self._rows("CREATE TABLE IF NOT EXISTS boot (id TEXT)")
        self._forget_before(BOOT.read_text().strip())

    def read(self, host: str) -> tuple[bytes | None, float]:
        found = self._rows("SELECT budget FROM hosts WHERE host = ?", host)
        return (found[0][0] if found else None), time.monotonic()

    def swap(self, host: str, old: bytes | None, new: bytes) -> bool:
        if old is None:
            wrote = self._rows(
                "INSERT INTO hosts VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1", host, new
            )
        else:
            wrote = self._rows(
                "UPDATE hosts SET budget = ? WHERE host = ? AND budget = ? RETURNING 1", new, host, old
            )
        return bool(wrote)

    def _share(self) -> None:
        """Bring a new file into the form in which who reads keeps nobody from writing.

        Of those that begin at one moment SQLite refuses all but one, and does not let them wait.
        """
        end = time.monotonic() + SECONDS
        while True:
            try:
                self._rows("PRAGMA journal_mode = WAL")
            except BoardAway:
                if time.monotonic() >= end:
                    raise
            else:
                return
            time.sleep(LOOK_SECONDS)

    def _forget_before(self, boot: str) -> None:
        self._rows("BEGIN IMMEDIATE")  # another worker may begin at this moment
        if self._rows("SELECT id FROM boot") != [(boot,)]:
            self._rows("DELETE FROM hosts")
            self._rows("DELETE FROM boot")
            self._rows("INSERT INTO boot VALUES (?)", boot)
        self._rows("COMMIT")

    def _rows(self, sql: str, *values: object) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise BoardAway(str(error)) from error


def open_board(ledger: str, spool: Path) -> Board:
    """The fleet's board: where its ledger is, or in the spool of its machine."""
    if is_shared(ledger):
        return RedisBoard(ledger)
    spool.mkdir(parents=True, exist_ok=True)
    return FileBoard(spool / "budget.db")
