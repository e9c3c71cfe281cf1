"""The body of one exchange while it is received."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from crawler.errors import SpoolError


class Flow(Protocol):
    """The stream that a body comes from."""

    def pause(self) -> None:
        """Nothing more for now."""

    def resume(self) -> None:
        """Go on."""

    def fail(self, error: SpoolError) -> None:
        """The body can't be kept."""


class Body:
    """Received bytes, never more than `limit`: in memory while few, in a file when many.

    The stream waits while the file is written, so no more than `memory` and what was under way is
    ever held.
    """

    def __init__(self, path: Path, flow: Flow, *, memory: int, limit: int) -> None:
        self.size = 0  #: of what came, also beyond the limit
        self._path = path
        self._flow = flow
        self._memory = memory
        self._limit = limit
        self._pieces: list[bytes] = []
        self._held = 0
        self._spooled = False
        self._writing: asyncio.Future[None] | None = None
        self._error: SpoolError | None = None

    def add(self, piece: bytes) -> None:
        kept = piece[: max(0, self._limit - self.size)]
        self.size += len(piece)
        if kept:
            self._pieces.append(kept)
            self._held += len(kept)
        if self._held > self._memory and self._writing is None:
            self._flow.pause()
            self._start()

    async def close(self) -> bytes | Path:
        """All that was kept; SpoolError if the disk did not take it."""
        if not self._spooled:
            return b"".join(self._pieces)
        await self._settle()
        if not self._error:
            await asyncio.wait([self._start()])
        if self._error:
            raise self._error
        return self._path

    async def discard(self) -> None:
        """Nobody will want it."""
        await self._settle()
        if self._spooled:
            with suppress(OSError):  # a disk that fails may not give it back either
                self._path.unlink()

    async def _settle(self) -> None:
        if self._writing:
            await asyncio.wait([self._writing])

    def _start(self) -> asyncio.Future[None]:
        pieces, self._pieces, self._held = self._pieces, [], 0
        self._spooled = True
        self._writing = asyncio.get_running_loop().run_in_executor(None, _append, self._path, pieces)
        self._writing.add_done_callback(self._written)
        return self._writing

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        if error := writing.exception():
            self._error = SpoolError(f"a body can't be kept in {self._path.parent}: {error}")
            self._flow.fail(self._error)
        else:
            self._flow.resume()


def _append(path: Path, pieces: Sequence[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.writelines(pieces)
