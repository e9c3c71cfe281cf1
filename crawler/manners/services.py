"""The archive services: where they are, and how often each may be asked (docs/SOURCES.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

URLS = ("WAYBACK_URL", "COMMONCRAWL_INDEX_URL", "COMMONCRAWL_DATA_URL")
LONGEST = 3600.0  #: seconds that a pause may grow to

WAYBACK, WAYBACK_INDEX = "wayback", "wayback-index"
COMMONCRAWL, COMMONCRAWL_INDEX = "commoncrawl", "commoncrawl-index"


@dataclass(frozen=True, slots=True)
class Budget:
    """How often a part of a service may be asked: `room` requests at once, so many seconds apart."""

    setting: str  #: that says the seconds
    room: int


BUDGETS: Mapping[str, Budget] = {
    WAYBACK: Budget("WAYBACK_SECONDS", 8),
    WAYBACK_INDEX: Budget("WAYBACK_INDEX_SECONDS", 1),
    COMMONCRAWL: Budget("COMMONCRAWL_SECONDS", 4),
    COMMONCRAWL_INDEX: Budget("COMMONCRAWL_INDEX_SECONDS", 1),
}
TURNS: Mapping[str, tuple[str, ...]] = {
    # a request for a list takes a turn of the machine's own, too: what says 429 stops both
    WAYBACK_INDEX: (WAYBACK_INDEX, WAYBACK),
}


def turns(budget: str) -> tuple[str, ...]:
    """The turns that a request of this budget waits for; the last is the one that is told to wait."""
    return TURNS.get(budget, (budget,))


def pause(asked: float, before: int, first: float) -> float:
    """Seconds for which a service is left alone: what it asked for, or what doubles each time."""
    return max(asked, min(first * 2.0 ** min(before, 30), LONGEST))


def base(settings: Mapping[str, Any], name: str) -> str:
    """A service's address, without a slash at its end."""
    return str(settings[name] or "").rstrip("/")


def changed(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings of addresses that the operator gave, and what they are."""
    given = ((name, base(settings, name)) for name in URLS)
    return ((name, url) for name, url in given if url and url != base(defaults, name))
