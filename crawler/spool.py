"""The spool: what one worker has fetched and not committed yet, on its local disk.

<SPOOL_DIR>/<worker>/spool.json         whose: the archive's UUID, the worker
                     lock               held (flock) by the crawl and by its writer while either lives
                     <segment>.warc.gz  records
                     <segment>.journal  their index lines and the drafts, up to the last checkpoint
                     <segment>.cdxj     once the segment is sealed
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import UUID

from crawler.disk import Disk, make_folder
from crawler.errors import SpoolError, WrongUse

LOCK, CARD = "lock", "spool.json"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lodging:
    """A worker's folder as others see it, who only look."""

    worker: str
    archive: str | None
    since: datetime
    living: bool  #: the worker, or its writer
    segments: int
    takes: int  #: that wait to be committed
    bytes: int


class Spool:
    """A worker's folder, locked by this process."""

    def __init__(self, folder: Path, lock: int, disk: Disk) -> None:
        self.folder = folder
        self.worker = folder.name
        self.lock = lock  #: the locked file's descriptor; a child that inherits it holds the lock too
        self._disk = disk

    @classmethod
    def claim(cls, root: Path, worker: str, archive: UUID, disk: Disk) -> Self:
        """A new worker's spool."""
        folder = root / worker
        try:
            make_folder(disk, root)
            make_folder(disk, folder)
            lock = _locked(folder)
            if lock is None:
                raise SpoolError(f"{folder} is held by another process")
            card = folder / CARD
            with disk.open(card) as file:
                disk.write(file, json.dumps({"archive": str(archive), "worker": worker}).encode())
                disk.sync(file)
            disk.sync_folder(folder)
        except (FileExistsError, NotADirectoryError) as error:
            raise WrongUse(f"{root} is, or lies in, a file: SPOOL_DIR names a folder.") from error
        except OSError as error:
            raise SpoolError(f"no spool can be made in {root}: {error}") from error
        return cls(folder, lock, disk)

    @classmethod
    def abandoned(cls, root: Path, archive: UUID, disk: Disk) -> Iterator[Self]:
        """Spools of workers that are dead, locked by us one after the other; not another archive's."""
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            if not (folder / LOCK).is_file():
                continue
            lock = _locked(folder)
            if lock is None:
                continue  # its worker lives
            spool = cls(folder, lock, disk)
            if spool._archive() not in (None, str(archive)):
                logger.info("%s holds what was fetched for another archive: left to its crawls", folder)
                os.close(lock)
                continue
            yield spool

    @staticmethod
    def dead(root: Path, worker: str) -> bool:
        """Whether that worker had its spool here, and nobody holds it any more."""
        folder = root / worker
        if not worker or not (folder / LOCK).is_file() or (lock := _locked(folder)) is None:
            return False
        os.close(lock)
        return True

    @staticmethod
    def living(root: Path, worker: str) -> bool:
        """Whether that worker, or its writer, has its spool here and lives."""
        with suppress(FileNotFoundError):  # it had none, or has just gone
            return _held(root / worker)
        return False

    @staticmethod
    def lodgings(root: Path) -> list[Lodging]:
        """The spools that are there."""
        cards = sorted(root.glob(f"*/{CARD}"))
        return [lodging for card in cards if (lodging := _lodging(card)) is not None]

    def segments(self) -> list[str]:
        """Names of the segments that lie here, oldest first."""
        names = {path.name.split(".")[0] for path in self.folder.glob("anapress-*.*")}
        return sorted(names, key=lambda name: int(name.rpartition("-")[2]))

    def path(self, segment: str, kind: str) -> Path:
        """Where the segment's file of that kind (warc.gz, journal, cdxj …) lies."""
        return self.folder / f"{segment}.{kind}"

    def drop(self, segment: str) -> None:
        """Remove a segment whose commit is applied; the journal last, for it tells what the rest is."""
        for path in sorted(self.folder.glob(f"{segment}.*"), key=lambda path: path.suffix == ".journal"):
            self._disk.remove(path)
        self._disk.sync_folder(self.folder)

    def close(self, *, remove: bool = False) -> None:
        """Let go of the lock; with `remove`, the folder goes too (when no segment is left in it)."""
        if remove and not self.segments():
            shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self.lock)

    def _archive(self) -> str | None:
        return _owner(self.folder / CARD)


@contextmanager
def room(root: Path, purpose: str, archive: UUID, disk: Disk) -> Iterator[Path]:
    """A folder of the spool for a command's passing files, cleared of what killed ones left there."""
    for left in root.glob(f"{purpose}-*"):
        if Spool.dead(root, left.name):
            shutil.rmtree(left)
    spool = Spool.claim(root, f"{purpose}-{secrets.token_hex(4)}", archive, disk)
    try:
        yield spool.folder
    finally:
        spool.close(remove=True)


def _owner(card: Path) -> str | None:
    try:
        return str(json.loads(card.read_bytes())["archive"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # killed before its card was whole: nothing was fetched yet


def _lodging(card: Path) -> Lodging | None:
    try:
        return Lodging(
            worker=card.parent.name,
            archive=_owner(card),
            since=datetime.fromtimestamp(card.stat().st_mtime, UTC),
            living=_held(card.parent),
            segments=len({path.name.split(".")[0] for path in card.parent.glob("anapress-*.*")}),
            takes=sum(_takes(journal) for journal in card.parent.glob("*.journal")),
            bytes=sum(path.stat().st_size for path in card.parent.iterdir()),
        )
    except FileNotFoundError:
        return None  # it has just gone


def _held(folder: Path) -> bool:
    """Whether somebody has the lock. Tried for a moment: at worst a start leaves this spool to the next."""
    with (folder / LOCK).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _takes(journal: Path) -> int:
    with journal.open("rb") as lines:
        return sum(line.startswith(b'{"draft"') for line in lines)


def _locked(folder: Path) -> int | None:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None  # its worker has just gone, and taken the folder with it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
