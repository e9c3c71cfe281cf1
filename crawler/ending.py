"""How a crawl ended: the exit code (DESIGN part 2) and the sentence that says why."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from crawler.errors import ArchiveError, ArchiveHeld, CrawlerError, WrongUse
from crawler.items import Outcome
from crawler.runs import Tally
from crawler.wording import number

CODES: tuple[tuple[type[CrawlerError], int], ...] = (
    (WrongUse, 2),
    (ArchiveHeld, 5),
    (ArchiveError, 6),
    (CrawlerError, 1),
)


def code_of(error: CrawlerError) -> int:
    return next(code for kind, code in CODES if isinstance(error, kind))


@dataclass(frozen=True, slots=True)
class Ending:
    code: int
    sentence: str

    @property
    def level(self) -> int:
        """Of the line of a log that tells it."""
        return logging.INFO if self.code in (0, 3) else logging.ERROR

    @classmethod
    def of(
        cls,
        reason: str,
        failure: CrawlerError | None,
        tally: Tally,
        left: int,
        missed: int,
        bugs: int,
        *,
        settled: int,
        postponed: Mapping[str, int] = MappingProxyType({}),
        unseen: Mapping[str, int] = MappingProxyType({}),
        barren: bool = False,
    ) -> Self:
        """From the reason of its close, what went wrong, this run's takes, and the ids that it took not.

        `settled`: ids asked for that were settled before; `postponed`: ids left, by what they wait for;
        `unseen`: pages that a search for ids could not see, by reason; `barren`: nobody ever found one.
        """
        took = _told(tally.outcomes, settled) + _missing(unseen)
        if failure is not None:
            code = code_of(failure)
            safe = f"{str(failure).rstrip('.')}. What was committed is safe."
            return cls(code, safe if code == 6 else str(failure))
        if reason == "start_error" or (reason == "finished" and bugs):
            return cls(1, f"{took}, but our own code stumbled ({bugs} pages); the log has the tracebacks.")
        if reason != "finished":
            return cls(3, f"Ended early ({reason}) after {took}; all is committed, run again to go on.")
        if postponed or missed:
            waits = [f"{count} ids wait: {why}" for why, count in postponed.items()]
            held = waits or [f"{missed} ids are held by another job"]
            return cls(3, f"{took}; {'; '.join(held)}. Run again later.")
        return cls._finished(took, tally.outcomes.get(Outcome.FAILED, 0), left, bool(unseen), barren)

    @classmethod
    def _finished(cls, took: str, failed: int, left: int, unseen: bool, barren: bool) -> Self:  # noqa: FBT001
        """Of a run that did all that it had to do, as far as that could be done."""
        if failed:
            rest = f"; {left} ids are left" if left else ""
            again = "`scrapy ids requeue --outcome failed` takes them again"
            return cls(4, f"Done: {took}{rest}; {failed} failed: {again}.")
        if unseen:
            return cls(3, f"Done: {took}. There may be ids that we don't know: run again later.")
        if barren:
            return cls(4, "The site names no article. Give ids: `-a ids=FILE`, or `scrapy ids add FILE`.")
        return cls(0, f"Done: {took}; {left} ids are left.")

    @classmethod
    def unfinished(cls, *, stopped: bool) -> Self:
        """Of a crawl that did not come to say how it ended."""
        if stopped:
            return cls(3, "Ended at once; the next run commits what the spool holds. Nothing is lost.")
        return cls(1, "The crawl did not come to its end; the log above says why.")


def _told(outcomes: dict[str, int], settled: int) -> str:
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    took = number(sum(outcomes.values()), "take") + (f" ({counts})" if counts else "")
    return took + (f", {number(settled, 'id')} settled already" if settled else "")


def _missing(unseen: Mapping[str, int]) -> str:
    """What a search for ids could not see."""
    if not unseen:
        return ""
    reasons = ", ".join(f"{count} {reason}" if count > 1 else reason for reason, count in unseen.items())
    return f"; the search for ids could not see {number(sum(unseen.values()), 'page')} ({reasons})"
