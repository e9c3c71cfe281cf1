"""What lies beside the log: it proves no article, but it must be true, and may tell of a commit that is lost.

All of it is taken as it was before the log was listed, for a crawl may go on meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import zip_longest
from pathlib import Path

from crawler import archive as card
from crawler import exclusions, lock, merge, runs, snapshots
from crawler.archive import Archive
from crawler.errors import Damaged, LedgerError, WrongUse
from crawler.ledger import Ledger
from crawler.ledger.sqlite import SqliteLedger
from crawler.runs import Run
from crawler.stores import Store

NUMBERED = re.compile(r"(?:items|outcomes)/([0-9]{10})-.*")


class Beside:
    """Card, exclusions, snapshots, runs, merged indexes, and the ledger where the archive has its own."""

    def __init__(
        self,
        store: Store,
        keys: Sequence[str],
        folder: Path,
        ledger: Ledger | None,
        fault: Callable[[str, str, str], None],
    ) -> None:
        self._store, self._folder, self._fault = store, folder, fault
        self._file = folder / "snapshot.db"
        self._home: Archive | None = None
        self._snapshots = {n: snapshots.key(n) for n in snapshots.numbered(keys)}
        self._merged = {n: merge.key(n) for n in merge.numbered(keys)}
        self._runs = {key: run for key in keys if runs.is_key(key) and (run := self._run(key))}
        self._lines = [key for key in keys if NUMBERED.fullmatch(key)]
        self._card()
        self._exclusions()
        self._ledger = self._newest(ledger) if ledger else 0
        self.named = {
            card.KEY,
            exclusions.KEY,
            lock.KEY,
            *self._snapshots.values(),
            *self._merged.values(),
            *filter(runs.is_key, keys),
            *filter(runs.is_report, keys),
        }

    def payloads(self, n: int) -> bool:
        """Whether a snapshot is still to come that must hold the payloads of commit n."""
        return any(n <= of for of in self._snapshots)

    def snapshot(self, n: int, ledger: SqliteLedger) -> None:
        """If there is one of commit n: whether it is what the log gives, which the ledger says."""
        if (key := self._snapshots.get(n)) is None:
            return
        try:
            if snapshots.unpack(self._store, key, self._file):
                for wrong in self._unlike(n, ledger):
                    self._fault(key, "", wrong)
        except Damaged as error:
            self._fault(key, "", str(error).removeprefix(f"{key}: "))
        except (LedgerError, WrongUse) as error:
            self._fault(key, "", f"it is no ledger of this archive: {error}")
        finally:
            snapshots.clear(self._file)

    def rest(self, workers: Mapping[int, str], last: int) -> None:
        """Runs against the commits, by their workers; merged indexes; and what tells of later commits."""
        for key, run in self._runs.items():
            for n in run.commits:
                if workers.get(n, run.worker) != run.worker:
                    self._fault(key, "", f"commit {n} is worker {workers[n]}'s, not of its own {run.worker}")
        for n, key in self._merged.items():
            if n <= last:
                self._index(n, key)
        lost = {n: witness for n, witness in self._witnesses() if n > last}
        for n, witness in sorted(lost.items()):
            self._fault(f"commits/{n:010d}.json", "", f"missing: the log ends with {last}, but {witness}")

    def _witnesses(self) -> Iterator[tuple[int, str]]:
        """What was told of a commit by somebody who saw it; the best witness of each comes last."""
        for key in self._lines:
            # a try is decided when the commit before it is there; its own may have been another's
            yield int(key.partition("/")[2][:10]) - 1, f"{key} was decided after it"
        if self._ledger:
            yield self._ledger, "ledger.db has taken it in"
        for n, key in (*self._merged.items(), *self._snapshots.items()):
            yield n, f"{key} was made of it"
        for key, run in self._runs.items():
            yield from ((n, f"{key} tells of it") for n in run.commits)

    def _index(self, n: int, key: str) -> None:
        """Merge the segments' indexes once more; whether they are right themselves was looked at before."""
        try:
            right = merge.merge(self._store, self._folder, last=n, afresh=True).lines
        except Damaged:
            return  # said at its own place
        try:
            pairs = zip_longest(merge.kept(self._store, n), right)
            wrong = next((at for at, (given, line) in enumerate(pairs, 1) if given != line), None)
        except merge.Gone:
            return  # whoever put a newer one has removed it
        except Damaged as error:
            self._fault(key, "", str(error).partition(f"{key}: ")[2])
            return
        if wrong is not None:
            self._fault(key, f"line {wrong}", f"is not what the indexes of commits 1 to {n} give: remove it")

    def _card(self) -> None:
        try:
            self._home = card.found(self._store)
        except Damaged as error:
            self._fault(card.KEY, "", str(error))

    def _exclusions(self) -> None:
        """Only whether they can be read: nothing in the archive says them twice."""
        try:
            exclusions.read(self._store)
        except Damaged as error:
            self._fault(exclusions.KEY, "", str(error).removeprefix(f"{exclusions.KEY}: "))

    def _run(self, key: str) -> Run | None:
        try:
            return runs.read(self._store, key)
        except Damaged as error:
            self._fault(key, "", str(error).removeprefix(f"{key}: "))
            return None

    def _newest(self, ledger: Ledger) -> int:
        """The newest commit that it has; none if it can't say: then it proves nothing."""
        try:
            if self._home is not None:
                ledger.bind(self._home.id)
                return ledger.n()
        except (LedgerError, WrongUse):
            pass
        return 0

    def _unlike(self, n: int, ledger: SqliteLedger) -> Iterator[str]:
        with closing(SqliteLedger(self._file)) as snapshot:
            if self._home is not None:
                snapshot.bind(self._home.id)
            if (newest := snapshot.n()) != n:
                yield f"its newest commit is {newest}"
                return
        for table in ledger.unlike(self._file):
            yield f"its {table} are not what the log gives as of commit {n}"
