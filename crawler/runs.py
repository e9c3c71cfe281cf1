"""The summary that a run leaves in the archive: `runs/<run>.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from crawler.items import Outcome
from crawler.lines import OutcomeLine, canonical
from crawler.stores import Store

FOLDER = "runs/"


@dataclass(frozen=True, slots=True)
class Tally:
    """A run's takes as its commits decided them: how many of each outcome and reason."""

    takes: Counter[tuple[str, str | None]] = field(default_factory=Counter)

    def plus(self, lines: Iterable[OutcomeLine]) -> Tally:
        """With one more commit's."""
        more = ((line.outcome.value, line.reason) for line in lines if line.outcome is not Outcome.KNOWN)
        return Tally(self.takes + Counter(more))

    @property
    def outcomes(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for (outcome, _), count in self.takes.items():
            counts[outcome] += count
        return dict(sorted(counts.items()))

    @property
    def reasons(self) -> dict[str, dict[str, int]]:
        """Outcomes that have reasons, and how often each was given."""
        counts: dict[str, dict[str, int]] = {}
        given = ((outcome, reason, count) for (outcome, reason), count in self.takes.items() if reason)
        for outcome, reason, count in sorted(given):
            counts.setdefault(outcome, {})[reason] = count
        return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of `scrapy crawl`: what it did, how it ended, with which programs and settings."""

    worker: str
    start: datetime
    end: datetime
    exit_code: int
    reason: str  #: the sentence of the terminal's last line
    outcomes: Mapping[str, int]  #: this run's takes, as its commits decided them
    reasons: Mapping[str, Mapping[str, int]]  #: and why, of those that say so
    left: int  #: ids that are left in the archive
    commits: tuple[int, ...]  #: the numbers of its commits
    versions: Mapping[str, str]
    settings: Mapping[str, str]  #: without secrets

    @property
    def key(self) -> str:
        return f"{FOLDER}{self.start:%Y%m%d%H%M%S}-{self.worker}.json"

    def __bytes__(self) -> bytes:
        times = {name: _time(getattr(self, name)) for name in ("start", "end")}
        return canonical(asdict(self) | times).encode() + b"\n"


def keep(run: Run, store: Store) -> None:
    """Write the run's file; StoreError if it can't be."""
    store.create(run.key, bytes(run))


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
