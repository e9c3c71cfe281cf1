"""A power cut: what was not synced is gone, or half there, as the seed has it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.crash.journal import Journal, Lasting, names

OUTSIDE = ("lock", "ledger.db")  #: no part of the promise of the disk: SQLite keeps its own


def cut(journal: Journal, root: Path, rng: Random, *, kinder: bool = True) -> None:
    """Bring the folder to a state in which a power cut now could leave them; all of that is on the disk then.

    `kinder`: by the seed, some of what was not synced is there nevertheless.
    """
    lasting = Lasting.of(journal.events())
    chance = rng.choice((1.0, 1.0, 0.5)) if kinder else 1.0  # that something unsynced is gone
    files = {path.stat().st_ino: path for path in journal.graves.iterdir()}
    for folder in _folders(root):
        files |= {path.stat().st_ino: path for path in folder.iterdir() if path.is_file()}
    kept = journal.path.with_name("kept")
    kept.mkdir()
    for inode, path in files.items():
        os.link(path, kept / str(inode))
    for folder in _folders(root):
        if folder.is_dir():
            _names(folder, lasting, kept, chance, rng)
    shutil.rmtree(kept)
    for folder in _folders(root):
        for path in folder.iterdir():
            if path.is_file() and not path.name.startswith(OUTSIDE):
                _length(path, lasting.lengths.get(path.stat().st_ino, 0), chance, rng)
    _all_lasts(journal, root)


def _names(folder: Path, lasting: Lasting, kept: Path, chance: float, rng: Random) -> None:
    right, there = lasting.folders.get(str(folder), {}), names(folder)
    for name, inode in sorted(there.items()):
        if name.startswith(OUTSIDE) or right.get(name) == inode or rng.random() >= chance:
            continue
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for name, inode in sorted(right.items()):
        back = kept / str(inode)
        if not (folder / name).exists() and back.exists() and rng.random() < chance:
            os.link(back, folder / name)


def _length(path: Path, synced: int, chance: float, rng: Random) -> None:
    """Cut back to what was synced, or to a point behind that, perhaps with zeros where data should be."""
    size = path.stat().st_size
    if size <= synced:
        return
    keep = synced if rng.random() < chance else rng.randint(synced, size)
    with path.open("r+b") as file:
        file.truncate(keep)
        if rng.random() >= chance:
            file.seek(synced)
            file.write(bytes(keep - synced))


def _all_lasts(journal: Journal, root: Path) -> None:
    for folder in _folders(root):
        journal.add("folder", path=str(folder), names=names(folder))
        for path in folder.iterdir():
            if path.is_file():
                status = path.stat()
                journal.add("synced", inode=status.st_ino, length=status.st_size)


def _folders(root: Path) -> Iterator[Path]:
    for folder, below, _ in os.walk(root):
        below.sort()
        yield Path(folder)
