"""Disks that die, fill up, or remember what a power cut would leave: crawl and writer use them through DISK."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from crawler.disk import Disk
from tests.crash.journal import Journal, names

ORDER = "CRASH_ORDER"  #: the environment variable that bears the order, as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the disk is to do, at which point of which process."""

    journal: str
    act: str = "none"  #: none, die or full
    point: str = ""  #: write, sync, folder, rename, link, remove, or a step's name
    nth: int = 1
    role: str = "any"  #: crawl, writer or any
    both: bool = False  #: the other process dies with this one
    after: bool = False  #: when the call is done, not before it

    def __str__(self) -> str:
        return json.dumps(asdict(self))


class FailingDisk(Disk):
    """The real disk, until its order says otherwise; it writes down what lasts."""

    def __init__(self) -> None:
        self._order = Order(**json.loads(os.environ[ORDER]))
        self._journal = Journal(Path(self._order.journal))

    def open(self, path: Path) -> BinaryIO:
        new = not path.exists()
        if new:
            self._needs_room()
        file = super().open(path)
        if new:
            self._journal.add("made", inode=os.fstat(file.fileno()).st_ino)
        return file

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        self._needs_room()
        if self._is_point("write"):
            super().write(file, data[: len(data) // 2])  # a torn write, on the disk
            file.flush()
            self._fail()
        super().write(file, data)

    def sync(self, file: BinaryIO) -> None:
        now = self._is_point("sync")
        if now and not self._order.after:
            self._fail()
        file.flush()
        status = os.fstat(file.fileno())
        super().sync(file)
        self._journal.add("synced", inode=status.st_ino, length=status.st_size)
        if now:
            self._fail()

    def sync_folder(self, folder: Path) -> None:
        now = self._is_point("folder")
        if now and not self._order.after:
            self._fail()
        with self._journal.one_by_one():
            there = names(folder)
            super().sync_folder(folder)
            self._journal.add("folder", path=str(folder), names=there)
        if now:
            self._fail()

    def rename(self, source: Path, target: Path) -> None:
        now = self._is_point("rename")
        if now and not self._order.after:
            self._fail()
        self._journal.bury(target)
        super().rename(source, target)
        if now:
            self._fail()

    def link(self, source: Path, target: Path) -> None:
        self._needs_room()
        now = self._is_point("link")
        if now and not self._order.after:
            self._fail()
        super().link(source, target)
        if now:
            self._fail()

    def remove(self, path: Path) -> None:
        now = self._is_point("remove")
        if now and not self._order.after:
            self._fail()
        self._journal.bury(path)
        super().remove(path)
        if now:
            self._fail()

    def truncate(self, path: Path, length: int) -> None:
        super().truncate(path, length)
        self._journal.add("synced", inode=path.stat().st_ino, length=length)

    def reached(self, step: str) -> None:
        if self._is_point(step):
            self._fail()

    def _needs_room(self) -> None:
        if self._journal.full.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _is_point(self, point: str) -> bool:
        order = self._order
        return order.act != "none" and order.point == point and order.role in ("any", _role()) and _nth(order)

    def _fail(self) -> None:
        self._journal.add("hit", point=self._order.point, role=_role())
        if self._order.act == "full":
            self._journal.full.touch()
            self._needs_room()
        if self._order.both:
            for process in _others():
                os.kill(process, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()


class ForgetfulDisk(FailingDisk):
    """A disk on which a sync does nothing: what a missing fsync would be."""

    def sync(self, file: BinaryIO) -> None:
        file.flush()

    def sync_folder(self, folder: Path) -> None:
        """The names are not there lastingly either."""


_lock = threading.Lock()
_passed = 0  # of the point, by all disks of this process


def _nth(order: Order) -> bool:
    global _passed  # noqa: PLW0603 -- a process has several disks and one fate
    with _lock:
        _passed += 1
        return _passed == order.nth


def _role() -> str:
    return "writer" if sys.argv[0] == "-c" else "crawl"


def _others() -> list[int]:
    """The writer, for the crawl; the crawl, for the writer (unless it is gone already)."""
    if _role() == "crawl":
        return children(os.getpid())
    parent = os.getppid()
    return [parent] if b"anapress" in Path(f"/proc/{parent}/cmdline").read_bytes() else []


def children(parent: int) -> list[int]:
    """The processes that this one started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found
