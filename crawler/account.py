"""The account of a run: what it has brought so far, as far as that can be said before the commits decide."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path

from crawler.items import Absent, ArticleId, Exchange, Take
from crawler.runs import kind_of
from crawler.sources.walk import Walked

EXAMPLES = 3  #: ids of a reason that are told


@dataclass(slots=True)
class Account:
    """Takes by what they brought, why the others brought none, and bytes."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    examples: dict[tuple[str, str], deque[ArticleId]] = field(default_factory=dict)
    """The last ids of each outcome and reason; the latest last."""
    received: int = 0  #: bytes of responses
    postponed: Counter[str] = field(default_factory=Counter)  #: ids that were left, by what they wait for
    walked: Walked | None = None  #: what the search for ids has come to, where there was one
    added: bool = True  #: what it found became known, and was not only told
    bugs: int = 0  #: pages that our own code stumbled over

    @property
    def takes(self) -> int:
        return sum(self.outcomes.values())

    def add(self, take: Take) -> str:
        """Count a take; what it brought."""
        outcome = "article" if take.result else "unchanged"
        if isinstance(take.result, Absent):
            outcome = take.result.outcome.value
            self._explain(outcome, kind_of(take.result.reason), take.lease.id)
        self.outcomes[outcome] += 1
        return outcome

    def receive(self, exchange: Exchange) -> None:
        """Count an exchange's bytes."""
        body = exchange.body
        size = body.stat().st_size if isinstance(body, Path) else len(body)
        self.received += len(exchange.head) + size

    def _explain(self, outcome: str, reason: str, id: ArticleId) -> None:
        self.reasons[outcome][reason] += 1
        ids = self.examples.pop((outcome, reason), None) or deque(maxlen=EXAMPLES)
        ids.append(id)
        self.examples[outcome, reason] = ids
