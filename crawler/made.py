"""What commits have brought, summed up as they come: a standing fleet makes more than anybody would list."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from crawler.commits import Commit
from crawler.items import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How many commits, with how much in them."""

    commits: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)  #: takes
    files: Counter[str] = field(default_factory=Counter)  #: by their kind
    counts: Counter[str] = field(default_factory=Counter)  #: their records or lines
    bytes: Counter[str] = field(default_factory=Counter)

    def plus(self, commit: Commit) -> Made:
        """With one more."""
        files = commit.files
        takes = {outcome: count for outcome, count in commit.counts.items() if outcome != Outcome.KNOWN}
        return Made(
            commits=self.commits + 1,
            outcomes=self.outcomes + Counter(takes),
            files=self.files + Counter(file.kind for file in files),
            counts=self.counts + Counter({file.kind: file.count for file in files}),
            bytes=self.bytes + Counter({file.kind: file.bytes for file in files}),
        )
