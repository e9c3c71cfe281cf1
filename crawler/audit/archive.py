"""The audit of a whole archive, commit by commit, in the order of the log."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from crawler import commits
from crawler.audit.beside import Beside
from crawler.audit.crew import Crew
from crawler.audit.lines import Replay
from crawler.audit.places import Places
from crawler.audit.records import Records
from crawler.commits import Commit, File
from crawler.errors import Damaged
from crawler.foreign.elsewhere import Bring, Elsewhere
from crawler.foreign.files import Opener
from crawler.items import ForeignFile
from crawler.ledger import Counts, Ledger
from crawler.ledger.sqlite import SqliteLedger
from crawler.stores import Store


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it must be."""

    path: str
    where: str  #: `offset 123`, `line 4`, or nothing
    what: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.path, self.where, self.what) if part)


@dataclass(slots=True)
class Findings:
    """What an audit has seen so far."""

    faults: list[Fault] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)  #: files that no commit names: harmless
    commits: int = 0
    records: int = 0
    takes: int = 0
    items: int = 0
    counts: Counts | None = None


def audit(
    store: Store,
    progress: Callable[[Findings], None] = lambda _: None,
    *,
    processes: int = 1,
    ledger: Ledger | None = None,
    opener: Opener | None = None,
    bring: Bring | None = None,
) -> Findings:
    """Everything that is wrong with the archive in the store; more processes make more pages a second.

    The ledger is the one that lies in the archive, if there is one: it may know of commits that are lost.
    The opener reaches files of others in S3, `bring` those of the web, where records lie in some.
    """
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        auditor = _Auditor(store, Path(folder), findings, processes, ledger, opener, bring)
        try:
            for n in auditor.numbers():
                auditor.commit(n)
                progress(findings)
            auditor.rest()
        finally:
            auditor.close()
    return findings


class _Auditor:
    """The state of one audit: a ledger of its own, made from the log, and where each record lies."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        findings: Findings,
        processes: int,
        ledger: Ledger | None,
        opener: Opener | None,
        bring: Bring | None,
    ) -> None:
        self._store, self._findings = store, findings
        self._ledger = SqliteLedger(folder / "ledger.db")
        self._places = Places(folder / "places.db")
        self._elsewhere = Elsewhere(opener, folder, bring)
        self._looked: dict[ForeignFile, bool] = {}  # whether it is what it was
        self._crew = Crew(store, processes, Elsewhere(opener, folder))
        self._records = Records(store, self._places, self._crew, self._fault)
        self._replay = Replay(store, self._ledger, self._places, self._crew, self._fault)
        self._keys = [key for key, _ in store.list()]
        self._beside = Beside(store, self._keys, folder, ledger, self._fault)
        self._named = self._beside.named
        self._workers: dict[int, str] = {}  # by their commits
        self._last = 0

    def close(self) -> None:
        self._crew.close()
        self._ledger.close()
        self._places.close()

    def numbers(self) -> Iterator[int]:
        """The commits that are there; each hole in the log is a fault."""
        keys = [key for key, _ in self._store.list(commits.FOLDER)]
        known = {Commit.key(n) for n in range(1, len(keys) + 2)}
        self._last = last = max(filter(None, map(commits.number_of, keys)), default=0)
        self._findings.strays += [key for key in keys if commits.number_of(key) is None and key not in known]
        for n in range(1, last + 1):
            if Commit.key(n) in keys:
                yield n
            else:
                self._fault(Commit.key(n), "", f"missing, though the log goes on to commit {last}")

    def commit(self, n: int) -> None:
        """All that one commit names."""
        key = Commit.key(n)
        self._named.add(key)
        self._findings.commits += 1
        try:
            if (commit := commits.read(self._store, n)) is None:
                return
            self._form(commit, key)
        except Damaged as error:
            self._fault(key, "", str(error))
            return
        self._named.update(file.path for file in commit.files)
        sound = [self._sums(commit, file) for file in commit.files]  # each is looked at
        if file := commit.file("warc"):
            self._findings.records += self._records.commit(commit, file)
        self._workers[n] = commit.worker
        there = [self._foreign(commit, file) for file in commit.foreign]
        if all(sound):
            self._lines(commit, proved=all(there))
            self._beside.snapshot(n, self._ledger)

    def rest(self) -> None:
        """What belongs to no commit, and the sum of it all."""
        self._beside.rest(self._workers, self._last)
        strays = (key for key in self._keys if key not in self._named and not key.startswith(commits.FOLDER))
        self._findings.strays += strays
        counts = self._findings.counts = self._ledger.counts()
        if counts.known != counts.settled + counts.left:
            self._fault("", "", f"known {counts.known} is not settled {counts.settled} + left {counts.left}")

    def _form(self, commit: Commit, key: str) -> None:
        with closing(self._store.read(key)) as stream:  # type: ignore[type-var]
            if stream.read() != bytes(commit):  # type: ignore[union-attr]
                self._fault(key, "", "it is not in the one form that a commit has")
        if (n := self._ledger.segment(commit.segment)) is not None:
            self._fault(key, "", f"commit {n} names segment {commit.segment} already")
        if commit.worker not in commit.segment.split("-"):
            self._fault(key, "", f"worker {commit.worker} did not fill segment {commit.segment}")
        for file in commit.files:
            right = (
                commits.place(file.kind, commit.segment, n=commit.n) if file.kind in commits.PLACES else None
            )
            if file.path != right:
                self._fault(key, "", f"its {file.kind} should be {right}, not {file.path}")

    def _sums(self, commit: Commit, file: File) -> bool:
        """Whether the file is, to the byte, what the commit says."""
        stream = self._store.read(file.path)
        if stream is None:
            self._fault(file.path, "", f"missing, but commit {commit.n} names it")
            return False
        with closing(stream):
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
            size = stream.tell()
        if (size, sha256) == (file.bytes, file.sha256):
            return True
        self._fault(
            file.path,
            "",
            f"{size} bytes of sha256 {sha256}; commit {commit.n} says {file.bytes} of {file.sha256}",
        )
        return False

    def _foreign(self, commit: Commit, file: ForeignFile) -> bool:
        """Whether a file of others is what it was when records were taken from it; a fault once, if not."""
        if file not in self._looked:
            if why := self._elsewhere.unlike(file):
                self._fault(file.url, "", f"{why}; what commit {commit.n} took from it can't be proved")
            self._looked[file] = not why
        return self._looked[file]

    def _lines(self, commit: Commit, *, proved: bool) -> None:
        """Items and outcomes, made again where they can be, and the ledger brought to this commit."""
        again = self._replay.commit if proved else self._replay.unproved
        items, outcomes = again(commit, payloads=self._beside.payloads(commit.n))
        self._findings.items += items
        self._findings.takes += sum(outcomes.values()) - outcomes["known"]
        if dict(outcomes) != commit.counts:
            self._fault(
                Commit.key(commit.n), "", f"counts are {commit.counts}, the lines give {dict(outcomes)}"
            )

    def _fault(self, path: str, where: str, what: str) -> None:
        self._findings.faults.append(Fault(path, where, what))
