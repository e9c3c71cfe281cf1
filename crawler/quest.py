"""A search for ids on the site that has begun and is not over: what a kill tells the next run.

<SPOOL_DIR>/<worker>.quest  the archive's UUID; there until it is over, or its run's summary tells of it

No promise rests on it, so nothing is synced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

from crawler.spool import Spool

KIND = ".quest"


@dataclass(frozen=True, slots=True)
class Quest:
    """One worker's search."""

    file: Path

    @classmethod
    def of(cls, root: Path, worker: str) -> Self:
        return cls(root / f"{worker}{KIND}")

    @classmethod
    def abandoned(cls, root: Path, archive: UUID) -> Iterator[Self]:
        """Those of workers that are dead; not another archive's."""
        for file in sorted(root.glob(f"*{KIND}")):
            with suppress(FileNotFoundError):  # another start took it over
                if not Spool.living(root, file.stem) and file.read_bytes() == str(archive).encode():
                    yield cls(file)

    def begin(self, archive: UUID) -> None:
        """From now on a kill leaves it behind."""
        self.file.write_text(str(archive))

    def end(self) -> None:
        """It is over, or stands elsewhere."""
        self.file.unlink(missing_ok=True)
