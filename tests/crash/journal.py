"""What a trial's disks did to last: a file outside the archive, one JSON line an event, in the order of time.

It goes on over all crawls of a trial, for what one crawl left unsynced when it was killed is still unsynced when
the next one trusts it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Journal:
    """Appends events; several processes and threads may at the same time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.graves = path.with_name("graves")  # a name for each removed file, should a cut bring it back
        self.full = path.with_name("full")  # there while the disk is full
        self.graves.mkdir(exist_ok=True)

    def add(self, event: str, **about: Any) -> None:
        self._append(event, about)

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """Nobody else looks at a folder between our look at it and our line about it."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def bury(self, path: Path) -> None:
        """Keep a removed or replaced file's bytes; its inode can't be anybody else's then."""
        try:
            os.link(path, self.graves / str(path.stat().st_ino))
        except (FileNotFoundError, FileExistsError):
            return

    def events(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_bytes().splitlines()]

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def count(self, event: str) -> int:
        return sum(entry["event"] == event for entry in self.events())

    def _append(self, event: str, about: dict[str, Any]) -> None:
        line = json.dumps({"event": event, **about}).encode() + b"\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


@dataclass(slots=True)
class Lasting:
    """What a power cut leaves: lengths of files by inode, and the names in each folder."""

    lengths: dict[int, int] = field(default_factory=dict)
    folders: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: list[dict[str, Any]]) -> Lasting:
        lasting = cls()
        for entry in events:
            match entry["event"]:
                case "made":
                    lasting.lengths[entry["inode"]] = 0
                case "synced":
                    lasting.lengths[entry["inode"]] = entry["length"]
                case "folder":
                    lasting.folders[entry["path"]] = entry["names"]
        return lasting


def names(folder: Path) -> dict[str, int]:
    """The names in a folder, with the inode behind each."""
    with os.scandir(folder) as entries:
        return {entry.name: entry.inode() for entry in entries}
