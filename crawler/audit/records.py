"""The audit of a segment's records: their form, their digests, their pairs, and the index over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crawler import cdxj, commits
from crawler.audit.crew import Crew
from crawler.audit.places import Places
from crawler.audit.scan import Scan, Seen
from crawler.commits import Commit, File
from crawler.errors import Damaged
from crawler.stores import Store
from crawler.warc import SOURCE, Record


class Records:
    """Looks through the WARC of one commit after the other, and notes where each record lies."""

    def __init__(
        self, store: Store, places: Places, crew: Crew, fault: Callable[[str, str, str], None]
    ) -> None:
        self._store, self._places, self._crew, self._fault = store, places, crew, fault
        self._scans: dict[str, Callable[[], Scan]] = {}  # under way

    def commit(self, commit: Commit, file: File) -> int:
        """Each record of the commit's WARC, and the index against them; how many there are."""
        scan = (self._scans.pop(file.path, None) or self._crew.scan(file.path))()
        self._look_ahead(commit.n + 1)
        lines, count, unasked = [], len(scan.seen), set[str]()
        for seen in scan.seen:
            _pair(seen.record, unasked)
            if line := self._record(seen, commit, file.path):
                lines.append(line)
        if scan.broken:
            self._fault(file.path, "", scan.broken)
        if count != file.count:
            self._fault(file.path, "", f"{count} records; commit {commit.n} says {file.count}")
        for id in sorted(unasked):
            self._fault(file.path, "", f"no request behind it is concurrent to {id}")
        self._index(commit, sorted(lines))
        return count

    def _look_ahead(self, n: int) -> None:
        """Let the next commit's WARC be scanned while this one's lines are made again."""
        try:
            commit = commits.read(self._store, n)
        except Damaged:
            return  # its turn comes
        if commit and (file := commit.file("warc")):
            self._scans[file.path] = self._crew.scan(file.path)

    def _record(self, seen: Seen, commit: Commit, path: str) -> str | None:
        """The record's index line, if it has one."""
        record, line = seen.record, seen.line
        where = f"offset {record.offset}"
        for wrong in seen.wrong:
            self._fault(path, where, wrong)
        if not self._places.new(record.id) and not record.copied:  # two workers may have copied it
            self._fault(path, where, f"the archive has a record {record.id} already")
        if record.type == "revisit":
            return self._revisit(record, commit, path)
        page = record.headers.get("WARC-Concurrent-To") if record.type == "resource" else None
        if page is not None and self._places.find(page) is None:
            self._fault(path, where, f"a resource of {page}, which no earlier record is")
        if line is not None:
            self._places.add(record.id, line, commit.segment, None)
        return line

    def _revisit(self, record: Record, commit: Commit, path: str) -> str | None:
        where, refers = f"offset {record.offset}", record.headers.get("WARC-Refers-To")
        found = self._places.find(refers) if refers else None
        if found is None:
            self._fault(path, where, f"a revisit of {refers}, which no earlier record is")
            return None
        original = cdxj.stored(found[0], found[1].segment)
        try:
            line = str(cdxj.entry_of(record, Path(path).name, original))
        except Damaged as error:
            self._fault(path, where, str(error))
            return None
        self._places.add(record.id, line, commit.segment, refers)
        return line

    def _index(self, commit: Commit, right: list[str]) -> None:
        if (file := commit.file("index")) is None:
            if right:
                self._fault(Commit.key(commit.n), "", "it names no index, though its WARC has responses")
            return
        try:
            given = [
                line.decode(errors="replace")
                for line in commits.lines(self._store, commit, "index", counted=False)
            ]
        except Damaged as error:
            self._fault(file.path, "", str(error))
            return
        for number, (line, should) in enumerate(zip(given, right, strict=False), 1):
            if line != should:
                self._fault(
                    file.path, f"line {number}", f"is {line[:300]!r}; the WARC gives {should[:300]!r}"
                )
                break
        if len(given) != len(right) or len(given) != file.count:
            self._fault(
                file.path,
                "",
                f"{len(given)} lines; the WARC gives {len(right)}, commit {commit.n} says {file.count}",
            )


def _pair(record: Record, unasked: set[str]) -> None:
    """Keeps the responses whose request is still to come; what an archive service gave has none."""
    if record.copied or SOURCE in record.headers:
        return
    if record.type in ("response", "revisit"):
        unasked.add(record.id)
    elif record.type == "request":
        unasked.discard(record.headers.get("WARC-Concurrent-To", ""))
