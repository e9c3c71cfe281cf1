"""Where a command writes what it makes: a file, stdout, or an object in S3; there whole, or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from crawler.errors import ArchiveError, WrongUse

if TYPE_CHECKING:
    from crawler.stores.s3 import S3Store

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # another place may do; not another name


class Sink(Protocol):
    """Takes bytes, one piece after the other."""

    def write(self, data: bytes, /) -> object: ...


@contextmanager
def file_sink(target: Path) -> Iterator[Sink]:
    """The file, under its name when the block has ended well; WrongUse if there can be none."""
    target = target.resolve()  # of a link it is the file behind it that is written
    if target.exists() and not target.is_file():
        raise WrongUse(f"{target} is no file: give - for stdout, to write to a pipe or a device.")
    sink = _File(target)
    try:
        yield sink
        sink.finish()
    except BaseException:
        sink.drop()
        raise


@contextmanager
def stdout_sink() -> Iterator[Sink]:
    """Stdout: what was written before something went wrong is with its reader already."""
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()  # else a disk that is full would only show after our last word


@contextmanager
def object_sink(store: S3Store, key: str, size: int) -> Iterator[Sink]:
    """The object of about that size, under its key when the block has ended well."""
    sink = store.outgoing(key, size)
    try:
        yield sink
        sink.finish()
    finally:
        sink.drop()


class _File:
    """A file in the making; its failures are told as such, for what is read meanwhile may fail too."""

    def __init__(self, target: Path) -> None:
        self._target, self._part = target, target.with_name(f".part-{target.name}")
        with self._named():
            self._file = self._part.open("ab", buffering=1 << 20)
            if not _ours(self._file, self._part):
                self._file.close()
                raise WrongUse(f"{target} is being written by another command.")
            self._file.truncate(0)  # what a killed one left

    def write(self, data: bytes, /) -> int:
        with self._named():
            return self._file.write(data)

    def finish(self) -> None:
        with self._named():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._part.rename(self._target)
            self._file.close()

    def drop(self) -> None:
        """Nothing stays under the passing name."""
        self._part.unlink(missing_ok=True)  # before the lock goes: afterwards it may be another's
        with suppress(OSError):  # a full disk once more
            self._file.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = ArchiveError if error.errno in FULL else WrongUse
            raise kind(f"{self._target} can't be written: {error.strerror}") from error


def _ours(file: IO[bytes], part: Path) -> bool:
    """Whether nobody else writes to the file, and it has not got its own name meanwhile."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), part.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
