"""How a crawl stands: the figures that the panel shows and the log tells now and then."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crawler.items import ArticleId, Outcome
from crawler.wording import counts, number, size, span

MISHAPS = (Outcome.FAILED, Outcome.REFUSED, Outcome.NOT_ARTICLE)  #: outcomes whose reasons one wants to know
PACE_SECONDS = 60  #: over which the pace is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host that is asked, and its budget."""

    name: str
    flying: int  #: requests under way
    most: int  #: how many may be
    delay: float  #: seconds between two, as in use now
    waiting: int
    pause: float = 0.0  #: seconds for which it wants to be left alone

    @property
    def resting(self) -> str:
        """For how long it is left alone, nothing if it is not."""
        return f"left alone for {span(self.pause)}" if self.pause >= 1 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why ids did not become articles."""

    outcome: str
    reason: str
    count: int
    last: ArticleId


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A crawl at one moment."""

    phase: str
    seconds: float  #: since it began
    outcomes: Mapping[str, int]  #: this run's takes
    reasons: Sequence[Reason]  #: the latest first
    left: int | None  #: to be taken by this run, as far as is known; None where others take of it, too
    pace: float | None  #: takes a second, lately
    hosts: Sequence[Host]
    received: int  #: bytes
    written: int  #: bytes of WARC
    spool: int
    spool_most: int
    commits: int
    needs: Mapping[str, int] = field(default_factory=dict)
    """Requisites: taken, missing, waiting."""

    @property
    def done(self) -> int:
        return sum(self.outcomes.values())

    @property
    def due(self) -> int | None:
        return None if self.left is None else self.done + self.left

    @property
    def eta(self) -> float | None:
        """Seconds until nothing is left, at this pace; whole minutes, where it is some."""
        if not self.pace or not self.left:
            return None
        seconds = self.left / self.pace
        return seconds if seconds < 60 else round(seconds / 60) * 60.0

    @property
    def mishaps(self) -> Sequence[Reason]:
        return [each for each in self.reasons if each.outcome in MISHAPS]

    def __str__(self) -> str:
        """In one line, for a log."""
        done = number(self.done, "take") if self.due is None else f"{self.done:,} of {self.due:,} done"
        parts = [
            done + (f" ({counts(self.outcomes)})" if self.outcomes else ""),
            *([] if self.left is None else [f"{self.left:,} left"]),
            *([f"{self.pace:.1f}/s"] if self.pace else []),
            *([f"{span(self.eta)} to go"] if self.eta else []),
            *(f"{host.name} is {host.resting}" for host in self.hosts if host.resting),
            *([f"requisites: {counts(self.needs)}"] if self.needs else []),
            f"received {size(self.received)}, WARC {size(self.written)}, spool {size(self.spool)}",
            *(f"{each.outcome} {each.reason} {each.count:,}" for each in self.mishaps[:3]),
        ]
        return "; ".join(parts)


class Pace:
    """Takes a second over the last minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, moment: float, done: int) -> float | None:
        """The pace, with one more look at how many are done; None before it can be told."""
        self._seen.append((moment, done))
        while moment - self._seen[0][0] > PACE_SECONDS:
            self._seen.popleft()
        began, before = self._seen[0]
        return (done - before) / (moment - began) if done > before and moment > began + 1 else None
