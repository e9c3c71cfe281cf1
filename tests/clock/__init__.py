"""Machines whose wall clock is wrong, and may jump."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MODULE = Path(__file__).parent  # `sitecustomize`, which every Python on this path imports


@dataclass(frozen=True, slots=True)
class Clock:
    """One machine's clock, for the processes that have its environment."""

    file: Path

    def wrong_by(self, seconds: float) -> Clock:
        """From now on it shows so much more than the time is."""
        part = self.file.with_suffix(".part")
        part.write_text(str(seconds))
        part.replace(self.file)
        return self

    @property
    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(MODULE), "WRONG_CLOCK": str(self.file)}
