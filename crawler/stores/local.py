"""An archive in a folder."""

from __future__ import annotations

import errno
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from crawler.disk import Disk, make_folder
from crawler.errors import StoreError

PART = ".part-"
LEDGER = "ledger.db"
BESIDE = (LEDGER, *(f"{LEDGER}-{suffix}" for suffix in ("wal", "shm", "journal")))
"""The default ledger lives beside the files and is none of them."""


class LocalStore:
    """Keeps an archive in a folder; objects appear under their names whole (rename, link) and synced."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self.root = root.absolute()
        self.url = str(self.root)
        self._disk = disk
        # a process id would not do: machines and containers may share a folder
        self._own = secrets.token_hex(4)

    def put(self, file: Path, key: str) -> None:
        target = self.root / key
        with self._part(target) as part:
            self._copy(file, part)
            self._disk.rename(part, target)
            self._disk.remove(part)  # rename does nothing between two names of one file: a put made again
            self._disk.sync_folder(target.parent)

    def create(self, key: str, data: bytes) -> bool:
        target = self.root / key
        with self._part(target) as part:
            with self._disk.open(part) as file:
                self._disk.write(file, data)
                self._disk.sync(file)
            try:
                self._disk.link(part, target)
            except FileExistsError:
                return False
            finally:
                self._disk.remove(part)
            self._disk.sync_folder(target.parent)
        return True

    def keep(self, key: str) -> None:
        folder = (self.root / key).parent
        try:
            self._disk.sync_folder(folder)
        except OSError as error:
            raise StoreError(f"{folder} can't be synced: {error}") from error

    def read(self, key: str) -> BinaryIO | None:
        try:
            return (self.root / key).open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.root / key} can't be read: {error}") from error

    def list(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        found = ((path.relative_to(self.root).as_posix(), path) for path in self.root.rglob("*"))
        for key, path in sorted(found):
            if key.startswith(prefix) and key not in BESIDE and (size := _size(path)) is not None:
                yield key, size

    def remove(self, key: str) -> None:
        self._disk.remove(self.root / key)

    def preflight(self) -> None:
        """Nothing to ask a folder: its first write tells."""

    @contextmanager
    def _part(self, target: Path) -> Iterator[Path]:
        """The file's passing name; StoreError if the block fails, and a full disk has its room back."""
        part = target.with_name(f"{PART}{self._own}-{target.name}")
        try:
            make_folder(self._disk, target.parent)
            self._disk.remove(part)
            yield part
        except OSError as error:
            with suppress(OSError):
                self._disk.remove(part)
            raise StoreError(f"{target} was not stored: {error}") from error

    def _copy(self, file: Path, part: Path) -> None:
        """A second name where the file system allows it: a sealed file never changes, so none is copied."""
        try:
            self._disk.link(file, part)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                raise
            with file.open("rb") as source, self._disk.open(part) as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
                self._disk.sync(copy)


def _size(path: Path) -> int | None:
    """Of whatever has a name, a link that leads nowhere too; None of a folder, or of what is gone by now."""
    try:
        status = path.stat() if path.exists() else path.lstat()
    except FileNotFoundError:
        return None
    return None if stat.S_ISDIR(status.st_mode) else status.st_size
