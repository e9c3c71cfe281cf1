"""What a look at a sample came to: `runs/qa-….json` in the archive, and a table at the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from crawler.clock import stamp
from crawler.lines import canonical
from crawler.qa.view import Judgement
from crawler.runs import FOLDER
from crawler.stores import Store

SCORES = ("text", "pictures", "requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A sample's judgements, and how it was drawn."""

    worker: str  #: 8 hex digits, which tell two reports of one second apart
    start: datetime
    end: datetime
    seed: int
    threshold: float
    scores: dict[str, float]  #: the means
    articles: Sequence[Judgement]

    @property
    def key(self) -> str:
        return f"{FOLDER}qa-{self.start:%Y%m%d%H%M%S}-{self.worker}.json"

    @property
    def good(self) -> bool:
        """Whether every mean reaches the threshold."""
        return min(self.scores.values()) >= self.threshold

    def __bytes__(self) -> bytes:
        times = {name: stamp(getattr(self, name)) for name in ("start", "end")}
        return canonical(asdict(self) | times).encode() + b"\n"

    def table(self) -> Iterator[str]:
        """The lines of the table, for people."""
        yield f"{'id':19}  text  pictures  requests"
        for each in self.articles:
            yield _row(each.id, asdict(each)) + _why(each)
        yield _row(f"mean of {len(self.articles)}", self.scores)


def means(articles: Sequence[Judgement]) -> dict[str, float]:
    """Of each score the mean."""
    return {name: round(sum(getattr(each, name) for each in articles) / len(articles), 3) for name in SCORES}


def keep(report: Report, store: Store) -> None:
    """Write the report's file; StoreError if it can't be."""
    store.create(report.key, bytes(report))


def _row(name: str, scores: dict[str, float]) -> str:
    return f"{name:19}" + "".join(
        f"{scores[score]:{width}.2f}" for score, width in zip(SCORES, (6, 10, 10), strict=True)
    )


def _why(each: Judgement) -> str:
    bad = each.resources["bad"]
    if each.trouble:
        return f"  {each.trouble}"
    return f"  not in the archive: {each.unanswered[0]}" + (f" and {bad - 1} more" * (bad > 1)) if bad else ""
