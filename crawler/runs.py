"""The summary that a run leaves in the archive: `runs/<run>.json`."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from msgspec import MsgspecError, convert

from crawler.clock import stamp
from crawler.errors import Damaged
from crawler.items import Outcome
from crawler.lines import OutcomeLine, canonical
from crawler.stores import Store

logger = logging.getLogger(__name__)
FOLDER = "runs/"
MOST_SECTIONS = 20_000  #: that are remembered; without one, it is walked whole again
LATEST = 20  #: runs that are looked at for what they dropped
LOOK_BACK = 100  #: summaries, for the last that tells of a search for ids


def kind_of(reason: str) -> str:
    """A reason without its particulars, of which there may be as many as ids: `redirected_to`, `error`."""
    return reason.partition(":")[0]


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
class Search:
    """A run's search for ids on the site."""

    pages: int  #: that were asked for
    found: Mapping[str, int]  #: new ids, by how they were found
    unseen: Mapping[str, int]  #: pages that could not be had or read, by reason
    over: bool  #: it came to its end, and was not cut off by that of the run
    sections: Sequence[str]  #: walked to their end, in this run or before: there a later one may stop early


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
    requisites: Mapping[str, Any] = field(default_factory=dict)
    """Taken and missing ones; none of a run that needed none, or that was before there were any."""
    search: Search | None = None

    @property
    def key(self) -> str:
        return f"{FOLDER}{self.start:%Y%m%d%H%M%S}-{self.worker}.json"

    def __bytes__(self) -> bytes:
        times = {name: stamp(getattr(self, name)) for name in ("start", "end")}
        return canonical(asdict(self) | times).encode() + b"\n"


KEY = re.compile(rf"{FOLDER}[0-9]{{14}}-[0-9a-f]{{8}}\.json")


REPORT = re.compile(rf"{FOLDER}qa-[0-9]{{14}}-[0-9a-f]{{8}}\.json")


def is_report(key: str) -> bool:
    """Whether a report of `scrapy qa` may lie there (crawler/qa/report.py)."""
    return REPORT.fullmatch(key) is not None


def is_key(key: str) -> bool:
    """Whether a run's summary may lie there."""
    return KEY.fullmatch(key) is not None


def read(store: Store, key: str) -> Run | None:
    """The summary at key, None if it is gone; Damaged if it is none."""
    if (stream := store.read(key)) is None:
        return None
    with closing(stream):
        try:
            raw = json.loads(stream.read())
            Run(**raw)  # it has all keys, and no other
            run = convert(raw, Run)
        except (ValueError, TypeError, MsgspecError) as error:
            raise Damaged(f"{key}: it is no summary of a run: {error}") from error
    if run.key != key:
        raise Damaged(f"{key}: it is no summary of this run")
    return run


def listed(store: Store) -> list[str]:
    """Where runs' summaries may lie, the newest first."""
    return sorted((key for key, _ in store.list(FOLDER) if is_key(key)), reverse=True)


def readable(store: Store, keys: Iterable[str]) -> Iterator[Run]:
    """The summaries at these keys; one that is damaged is only told, for nothing rests on it."""
    for key in keys:
        try:
            if (run := read(store, key)) is not None:
                yield run
        except Damaged as error:
            _left_out(str(error))


def newest(store: Store, keys: Iterable[str]) -> Run | None:
    """The last of these keys' summaries that can be read."""
    return next(readable(store, sorted(filter(is_key, keys), reverse=True)), None)


def needing(store: Store) -> Sequence[Run]:
    """Of the latest runs the last that wanted requisites, and those beside it, from which it took nothing."""
    runs = [run for run in readable(store, listed(store)[:LATEST]) if run.requisites]
    return [run for run in runs if run.end >= runs[0].start]


def last_search(store: Store, *, among: int = LOOK_BACK) -> Search | None:
    """The newest search for ids among so many of the last runs."""
    return next((run.search for run in readable(store, listed(store)[:among]) if run.search), None)


def keep(run: Run, store: Store) -> None:
    """Write the run's file; StoreError if it can't be."""
    store.create(run.key, bytes(run))


@cache
def _left_out(why: str) -> None:
    """Said once, however often a process comes across it."""
    logger.warning("%s. It is left out", why)
