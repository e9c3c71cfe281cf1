"""Sizes, spans and counts as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping

UNITS = ("kB", "MB", "GB", "TB", "PB")
SPANS = (("d", 86_400), ("h", 3600), ("min", 60))


def size(count: float) -> str:
    """12 B, 3.4 kB, 20.0 GB: powers of 1000, as the settings count."""
    if count < 1000:
        return f"{count:.0f} B"
    power = next((power for power in range(1, len(UNITS)) if count < 999.95 * 1000**power), len(UNITS))
    return f"{count / 1000**power:.1f} {UNITS[power - 1]}"


def span(seconds: float) -> str:
    """8 s, 5 min, 3 h 20 min, 2 d 4 h: no more than two units."""
    whole = round(seconds)
    for (unit, length), (smaller, part) in zip(SPANS, (*SPANS[1:], ("s", 1)), strict=True):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def number(count: int, name: str) -> str:
    """1 commit, 2 commits."""
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def left_out(foreign: int) -> str:
    """That captures in files of others are not in what was made, and what to do."""
    return (
        f"{number(foreign, 'capture')} in files of others (-a copy=0) left out; "
        "the same crawl with -a copy=1 -a refresh=0 takes them in"
    )


def counts(each: Mapping[str, int], between: str = ", ") -> str:
    """390 article, 20 gone: the most first."""
    most_first = sorted(each.items(), key=lambda pair: (-pair[1], pair[0]))
    return between.join(f"{count:,} {name}" for name, count in most_first)
