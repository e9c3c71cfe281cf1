"""An answer of S3 that came whole: one whose head was cut looks like a success that says nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crawler.errors import StoreError

ATTEMPTS = 4


def whole(ask: Callable[[], Mapping[str, Any]], *names: str) -> Mapping[str, Any]:
    """The answer that has all these; asked for again if it lacks one, StoreError if that does not help."""
    for _ in range(ATTEMPTS):
        answer = ask()
        if all(name in answer for name in names):
            return answer
    raise StoreError(f"the store's answers lack {', '.join(names)}: they are cut short on their way")
