"""The lock of an archive without a common ledger: one job at a time, as a courtesy (DESIGN part 6).

No promise rests on it: two jobs that both believe to hold it still make a correct archive. The holder
renews an object; whoever finds one watches it for as long as it says, by its own monotonic clock. An object
that did not change in that time is a dead job's.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from crawler.errors import ArchiveHeld
from crawler.lines import canonical
from crawler.stores import Store

KEY = "lock.json"
RENEWALS = 3  #: in the time after which it is stale
LOOKS = 10  #: the same, of somebody who watches it


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the archive; `beat` changes with every renewal."""

    worker: str
    host: str
    pid: int
    since: str
    seconds: float
    beat: int = 0

    @classmethod
    def here(cls, worker: str, now: datetime, seconds: float) -> Self:
        since = now.isoformat(timespec="seconds")
        return cls(worker=worker, host=socket.gethostname(), pid=os.getpid(), since=since, seconds=seconds)

    def __str__(self) -> str:
        return f"{self.host} (process {self.pid}, worker {self.worker}) since {self.since}"


class Lock:
    """One worker's hold on the archive."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        holder: Holder,
        *,
        dead: Callable[[str], bool],
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._file, self._holder = store, folder / KEY, holder
        self._dead = dead  # whether a worker is known to be dead: nobody waits for it then
        self._monotonic, self._sleep = monotonic, sleep

    @property
    def renew_seconds(self) -> float:
        return self._holder.seconds / RENEWALS

    def take(self) -> None:
        """Hold the archive from now on; ArchiveHeld if somebody else does."""
        while not self._store.create(KEY, _bytes(self._holder)):
            if (found := holder(self._store)) is None:
                continue  # it was just let go
            if not self._dead(found.worker):
                self._watch(found)
            self._put()
            return

    def renew(self) -> None:
        self._holder = replace(self._holder, beat=self._holder.beat + 1)
        self._put()

    def release(self) -> None:
        """Let go of it, unless it is somebody else's by now."""
        if (found := holder(self._store)) is not None and found.worker == self._holder.worker:
            self._store.remove(KEY)

    def _watch(self, found: Holder) -> None:
        """Return when it has not changed for its time."""
        end = self._monotonic() + found.seconds
        while self._monotonic() < end:
            self._sleep(found.seconds / LOOKS)
            now = holder(self._store)
            if now is None:
                return
            if now != found:
                raise ArchiveHeld(f"The archive is held by {now}. Run again when that job is done.")

    def _put(self) -> None:
        self._file.write_bytes(_bytes(self._holder))
        self._store.put(self._file, KEY)
        self._file.unlink()


def _bytes(holder: Holder) -> bytes:
    return canonical(asdict(holder)).encode() + b"\n"


def holder(store: Store) -> Holder | None:
    """Who holds the archive, or is dead and did; None if nobody does."""
    if (stream := store.read(KEY)) is None:
        return None
    with closing(stream):
        try:
            holder = Holder(**json.loads(stream.read()))
            return replace(holder, seconds=min(max(float(holder.seconds), 0), 3600))
        except (ValueError, TypeError):
            return Holder(worker="", host="somebody", pid=0, since="some time", seconds=60)
