"""The local disk: every durable step that the archive takes on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from crawler.errors import WrongUse


class Disk:
    """Writes that last, and the named steps between them.

    The crash tests put a disk in this one's place (setting DISK) that dies, fills up or forgets what was
    not synced, at any of these calls.
    """

    def open(self, path: Path) -> BinaryIO:
        """The file, made if need be, for appending; what is written needs sync to last."""
        return path.open("ab", buffering=1 << 20)

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        file.write(data)

    def sync(self, file: BinaryIO) -> None:
        """Afterwards what was written to the file survives a power cut."""
        file.flush()
        os.fsync(file.fileno())

    def sync_folder(self, folder: Path) -> None:
        """Afterwards the names in the folder survive a power cut."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def link(self, source: Path, target: Path) -> None:
        """A second name for the file; FileExistsError if the name is taken."""
        os.link(source, target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def truncate(self, path: Path, length: int) -> None:
        """Cut the file back to length, lastingly."""
        with path.open("r+b") as file:
            file.truncate(length)
            os.fsync(file.fileno())

    def reached(self, step: str) -> None:
        """A named step of a commit, checkpoint or recovery is about to be taken."""


def make_folder(disk: Disk, folder: Path) -> None:
    """The folder, there lastingly, and those above it that were missing."""
    if not folder.is_dir():
        make_folder(disk, folder.parent)
        folder.mkdir(exist_ok=True)
    disk.sync_folder(folder.parent)  # also where it was there: its maker may have been killed before this


def open_disk(dotted: str) -> Disk:
    """The disk that the setting DISK names, as `package.module.Class`."""
    from importlib import import_module

    module, _, name = dotted.rpartition(".")
    try:
        disk: Disk = getattr(import_module(module), name)()
    except (ImportError, AttributeError, ValueError) as error:
        raise WrongUse(f"DISK is {dotted!r}, which can't be loaded: {error}") from error
    return disk
