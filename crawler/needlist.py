"""The requisites that a run has not come to yet, beside its spool: what a kill leaves to the next run.

<SPOOL_DIR>/<worker>.needs  the archive's UUID, and the needs as a run's file has them

It outlives the spool, whose takes a run without requisites may recover. No promise rests on it, so nothing
is synced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

from crawler import runs
from crawler.lines import canonical
from crawler.needs import DROPPED, Need
from crawler.spool import Spool
from crawler.stores import Store

KIND = ".needs"


@dataclass(frozen=True, slots=True)
class Needlist:
    """One worker's list."""

    file: Path

    @classmethod
    def of(cls, root: Path, worker: str) -> Self:
        return cls(root / f"{worker}{KIND}")

    @classmethod
    def abandoned(cls, root: Path, archive: UUID) -> Iterator[tuple[Self, Sequence[Need]]]:
        """Those of workers that are dead, with what they say; not another archive's."""
        for file in sorted(root.glob(f"*{KIND}")):
            if not Spool.living(root, file.stem) and (needs := _read(file, archive)) is not None:
                yield cls(file), needs

    def keep(self, needs: Sequence[Need], archive: UUID) -> None:
        """Afterwards these are on the list, and no others."""
        if needs:
            raw = {"archive": str(archive), "needs": [need.told() for need in needs[:DROPPED]]}
            part = self.file.with_suffix(".part")
            part.write_text(canonical(raw))
            part.rename(self.file)
        else:
            self.remove()

    def remove(self) -> None:
        """There is nothing on it any more, or it stands elsewhere."""
        self.file.unlink(missing_ok=True)


class Legacy:
    """What earlier runs did not come to, and what a kill of ours would leave."""

    def __init__(self, root: Path, worker: str, archive: UUID) -> None:
        self._root, self._archive = root, archive
        self._own = Needlist.of(root, worker)
        self._inherited: list[Needlist] = []  # of those that were killed

    def taken(self, store: Store) -> Sequence[Need]:
        """Take it over: what the last runs dropped, and what killed ones wanted."""
        killed = list(Needlist.abandoned(self._root, self._archive))
        self._inherited = [needlist for needlist, _ in killed]
        return [*_dropped(store), *(need for _, needs in killed for need in needs)]

    def keep(self, needs: Sequence[Need]) -> None:
        """Afterwards these are wanted, those of the dead among them: a kill must not lose them."""
        self._own.keep(needs, self._archive)
        while self._inherited:
            self._inherited.pop().remove()


def _dropped(store: Store) -> Sequence[Need]:
    needs: list[Need] = []
    for run in runs.needing(store):
        with suppress(ValueError, TypeError, LookupError):  # nothing rests on what a summary says
            needs += [Need.read(raw) for raw in run.requisites["dropped"]]
    return needs


def _read(file: Path, archive: UUID) -> Sequence[Need] | None:
    """What the list says, nothing if it is broken; None if it is another archive's."""
    with suppress(OSError, ValueError, TypeError, LookupError):  # a power cut left half of it
        raw = json.loads(file.read_bytes())
        if raw["archive"] != str(archive):
            return None
        return [Need.read(each) for each in raw["needs"]]
    return ()
