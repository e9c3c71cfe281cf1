"""The summary that a run leaves in the archive: `runs/<run>.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from crawler.lines import canonical
from crawler.stores import Store

FOLDER = "runs/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of `scrapy crawl`: what it did, how it ended, with which programs and settings."""

    worker: str
    start: datetime
    end: datetime
    exit_code: int
    reason: str  #: the sentence of the terminal's last line
    outcomes: Mapping[str, int]  #: this run's takes, by what they brought
    reasons: Mapping[str, Mapping[str, int]]  #: and why, of those that brought no article
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
