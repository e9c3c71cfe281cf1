"""What an archive has got since a moment: what several runs did at the same time, as if they were one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from crawler import commits, runs
from crawler.clock import utc_now
from crawler.made import Made
from crawler.runs import Run
from crawler.stores import Store


@dataclass(frozen=True, slots=True)
class Since:
    """The moment, and what came since, as far as it was looked at."""

    moment: datetime
    runs: frozenset[str]  #: that had ended by then
    newest: int  #: commit, 0: none
    made: Made

    @classmethod
    def of(cls, store: Store) -> Self:
        """Now."""
        numbers = (commits.number_of(key) or 0 for key, _ in store.list(commits.FOLDER))
        return cls(utc_now(), frozenset(runs.listed(store)), max(numbers, default=0), Made())

    def on(self, store: Store) -> Self:
        """With the commits that came since it was looked at last."""
        newest, made = self.newest, self.made
        for commit in commits.log(store, newest + 1):
            newest, made = commit.n, made.plus(commit)
        return replace(self, newest=newest, made=made)

    def told(self, store: Store, left: int) -> Run:
        """All that came, what the dead had left with it, as one run."""
        return Run(
            worker="",
            start=self.moment,
            end=utc_now(),
            exit_code=0,
            reason="",
            outcomes=self.made.outcomes,
            reasons=_reasons(runs.readable(store, frozenset(runs.listed(store)) - self.runs)),
            left=left,
            commits=(),
            versions={},
            settings={},
        )


def _reasons(ended: Iterable[Run]) -> dict[str, Counter[str]]:
    reasons: dict[str, Counter[str]] = {}
    for run in ended:
        for outcome, counts in run.reasons.items():
            reasons.setdefault(outcome, Counter()).update(counts)
    return reasons
