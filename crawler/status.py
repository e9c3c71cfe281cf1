"""How an archive stands, whether a crawl runs or not: read from what is there, and nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from crawler import archive, commits, lock, runs, view
from crawler.archive import Archive
from crawler.clock import stamp
from crawler.commits import Commit
from crawler.housing import Housing
from crawler.ledger import Counts
from crawler.ledger.roster import Presence
from crawler.lock import Holder
from crawler.runs import Run
from crawler.spool import Lodging, Spool
from crawler.wording import counts, number, size, span


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An archive at one moment."""

    at: datetime
    url: str
    home: Archive
    ids: Counts
    commit: Commit | None  #: the newest
    holder: Holder | None
    workers: Sequence[Presence]  #: that live, wherever they are, as the ledger knows
    searches: Mapping[str, str | None]  #: for ids, by place: the worker; None where the next one goes on
    spools: list[Lodging]  #: on this machine, of this archive
    last_run: Run | None
    files: dict[str, int]  #: by folder
    bytes: dict[str, int]

    def __str__(self) -> str:
        return "".join(f"{name:<9} {text}\n" for name, text in self._rows())

    def plain(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        commit = self.commit
        return {
            "at": stamp(self.at),
            "archive": {"url": self.url, **asdict(self.home)},
            "ids": {
                "known": self.ids.known,
                "settled": self.ids.settled,
                "left": self.ids.left,
                "leased": self.ids.leased,
                "outcomes": {outcome.value: count for outcome, count in self.ids.outcomes.items()},
            },
            "commit": commit and {"n": commit.n, "at": commit.at, "worker": commit.worker},
            "lock": self.holder and asdict(self.holder),
            "workers": [asdict(each) for each in self.workers],
            "searches": dict(self.searches),
            "spools": [asdict(each) | {"since": stamp(each.since)} for each in self.spools],
            "last_run": self.last_run and _run(self.last_run),
            "folders": {name: {"files": self.files[name], "bytes": self.bytes[name]} for name in self.bytes},
        }

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "archive", f"{self.url} ({self.home.uuid})"
        ids = self.ids
        yield "ids", f"known {ids.known:,} = settled {ids.settled:,} + left {ids.left:,}"
        if ids.outcomes:
            yield "", counts({each.value: count for each, count in ids.outcomes.items()})
        if ids.leased:
            yield "", f"{ids.leased:,} of those left are leased"
        yield "commit", self._commit()
        yield from self._running()
        if (run := self.last_run) is not None:
            yield "last run", f"{self._ago(stamp(run.end))}: {run.reason} (exit {run.exit_code})"
        folders = (f"{name} {size(self.bytes[name])}" for name in sorted(self.bytes, key=self._largest))
        yield "size", f"{size(sum(self.bytes.values()))}: {', '.join(folders)}"

    def _largest(self, name: str) -> int:
        return -self.bytes[name]

    def _commit(self) -> str:
        if (commit := self.commit) is None:
            return "none yet"
        return f"{commit.n:,}, {self._ago(commit.at)}, by worker {commit.worker}"

    def _running(self) -> Iterator[tuple[str, str]]:
        """Those that hold a spool here or the lock, or that the ledger hears of; and what dead ones left."""
        heard = {each.worker: _heard(each) for each in self.workers}
        here = {each.worker: each.living for each in self.spools}
        elsewhere = [worker for worker in heard if worker not in here]
        if (holder := self.holder) is not None and not here.get(holder.worker):
            yield "lock", f"held by {holder}" + (", which is dead" if holder.worker in here else "")
        for each in self.spools:
            yield self._lodger(each, heard.get(each.worker))
        for worker in elsewhere:
            yield "running", f"worker {worker}, {heard[worker]}"
        if not any(here.values()) and not elsewhere and holder is None:
            yield "running", "nobody, as far as it shows here"
        for place, seeker in self.searches.items():
            yield "search", f"{place}: {f'worker {seeker}' if seeker else 'the next worker goes on with it'}"

    def _lodger(self, each: Lodging, heard: str | None) -> tuple[str, str]:
        has = f"{number(each.takes, 'take')} to be committed, {size(each.bytes)}"
        if not each.living:
            return "left", f"by worker {each.worker}, which is dead: the next crawl takes it over; {has}"
        told = f"worker {each.worker} since {self._ago(stamp(each.since))}; {has}"
        return "running", f"{told}; {heard}" if heard else told

    def _ago(self, at: object) -> str:
        with suppress(ValueError):
            moment = datetime.fromisoformat(str(at))
            return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({span((self.at - moment).total_seconds())} ago)"
        return str(at)


def status(housing: Housing, now: datetime) -> Status:
    """The archive's status; WrongUse if there is no archive."""
    store = housing.open_store()
    home = archive.found(store)
    with view.ledger(housing, store, home) as ledger:
        ids, newest = ledger.counts(), ledger.n()
    workers, searches = view.roster(housing)
    keys = list(store.list())
    files, sizes = _folders(keys)
    return Status(
        at=now.astimezone(UTC),
        url=store.url,
        home=home,
        ids=replace(ids, leased=sum(each.leases for each in workers)),
        commit=commits.read(store, newest) if newest else None,
        holder=lock.holder(store),
        workers=workers,
        searches=searches,
        spools=[each for each in Spool.lodgings(housing.spool) if each.archive == home.uuid],
        last_run=runs.newest(store, (key for key, _ in keys)),
        files=files,
        bytes=sizes,
    )


def _folders(keys: Iterable[tuple[str, int]]) -> tuple[Counter[str], Counter[str]]:
    """Files and bytes by folder; single files stand by themselves."""
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for key, count in keys:
        folder = key.partition("/")[0]
        files[folder] += 1
        sizes[folder] += count
    return files, sizes


def _heard(worker: Presence) -> str:
    return f"heard of {span(worker.silent)} ago, {number(worker.leases, 'lease')}"


def _run(run: Run) -> dict[str, Any]:
    return {
        "worker": run.worker,
        "end": stamp(run.end),
        "exit_code": run.exit_code,
        "reason": run.reason,
        "outcomes": dict(run.outcomes),
        "left": run.left,
    }
