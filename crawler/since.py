"""What an archive has got since a moment: what several runs did at the same time, as if they were one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from crawler import commits, runs
from crawler.clock import utc_now
from crawler.commits import Commit, File
from crawler.items import Outcome
from crawler.runs import Run
from crawler.stores import Store


@dataclass(frozen=True, slots=True)
class Since:
    """The moment, and what the archive had by then."""

    moment: datetime
    commit: int  #: the newest, 0: none
    runs: frozenset[str]

    @classmethod
    def of(cls, store: Store) -> Self:
        numbers = (commits.number_of(key) or 0 for key, _ in store.list(commits.FOLDER))
        return cls(utc_now(), max(numbers, default=0), frozenset(runs.listed(store)))

    def told(self, store: Store, left: int) -> tuple[Run, list[File]]:
        """All that came, what the dead had left with it, as one run; and its files."""
        made = list(commits.log(store, self.commit + 1))
        ended = runs.readable(store, frozenset(runs.listed(store)) - self.runs)
        run = Run(
            worker="",
            start=self.moment,
            end=utc_now(),
            exit_code=0,
            reason="",
            outcomes=_outcomes(made),
            reasons=_reasons(ended),
            left=left,
            commits=tuple(commit.n for commit in made),
            versions={},
            settings={},
        )
        return run, [file for commit in made for file in commit.files]


def _outcomes(made: Iterable[Commit]) -> dict[str, int]:
    outcomes: Counter[str] = Counter()
    for commit in made:
        outcomes.update(commit.counts)
    outcomes.pop(Outcome.KNOWN, None)  # no take
    return dict(outcomes)


def _reasons(ended: Iterable[Run]) -> dict[str, Counter[str]]:
    reasons: dict[str, Counter[str]] = {}
    for run in ended:
        for outcome, counts in run.reasons.items():
            reasons.setdefault(outcome, Counter()).update(counts)
    return reasons
