"""The nearest right name to a mistyped one."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

CLOSE = 0.85  #: of the letters of both stand in one order: lower, TELEMETRY_ENABLED would be RETRY_ENABLED


def nearest(name: str, names: Collection[str], close: float = CLOSE) -> str | None:
    """That of the names which name was probably meant to be, or begins; None if none is near."""
    letters = {each.casefold(): each for each in sorted(names)}
    given = name.casefold()
    begun = (each for each in letters if each.startswith(f"{given}_"))
    found = get_close_matches(given, letters, n=1, cutoff=close) or list(begun)
    return letters[found[0]] if found and given else None
