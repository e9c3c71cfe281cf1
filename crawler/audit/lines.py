"""A commit's lines, made again: articles from their records, decisions from the log before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from crawler import cdxj, commits
from crawler.audit.crew import Crew, Foreign, Made, Read, Task
from crawler.audit.places import Places
from crawler.commits import Commit
from crawler.decisions import REQUEUED, Decider, Decision
from crawler.drafts import NOT_MODIFIED, NOTHING, Draft
from crawler.errors import Damaged, LedgerError
from crawler.foreign.address import files
from crawler.items import ARTICLES, Article, Outcome, RecordRef
from crawler.ledger import Ledger
from crawler.lines import OutcomeLine, derived
from crawler.stores import Store


class Replay:
    """Decides every commit once more and compares."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        places: Places,
        crew: Crew,
        fault: Callable[[str, str, str], None],
    ) -> None:
        self._store, self._ledger, self._places = store, ledger, places
        self._crew, self._fault = crew, fault

    def commit(self, commit: Commit, *, payloads: bool) -> tuple[int, Counter[str]]:
        """Compare the commit's lines and apply them, with its payloads if anybody compares them.

        How many items, and outcomes of each kind.
        """
        counts: Counter[str] = Counter()
        referred: set[str] = set()
        items = self._items(commit)
        number = {"items": 0, "outcomes": 0}
        lines: list[OutcomeLine] = []
        try:
            decider = Decider(self._ledger)
            lines = list(commits.outcomes(self._store, commit))
            for line, made in zip(lines, self._crew.remade(map(self._task, lines)), strict=True):
                number["outcomes"] += 1
                counts[line.outcome] += 1
                referred.update(files(line.record))
                for decision in self._decided(decider, line, made, commit, number["outcomes"]):
                    if decision.item is not None:
                        number["items"] += 1
                        self._item(commit, next(items, None), decision.item, number["items"])
            for _ in items:
                number["items"] += 1
                self._wrong(commit, "items", number["items"], "no outcome speaks of it")
            for kind, count in number.items():
                if (file := commit.file(kind)) and file.count != count:
                    self._fault(file.path, "", f"{count} lines; commit {commit.n} says {file.count}")
            if referred != {file.url for file in commit.foreign}:
                self._fault(Commit.key(commit.n), "", f"its lines refer to these files of others: {referred}")
        except Damaged as error:
            self._fault(commits.Commit.key(commit.n), "", str(error))
        self._apply(commit, lines, payloads=payloads)
        return number["items"], counts

    def unproved(self, commit: Commit, *, payloads: bool) -> tuple[int, Counter[str]]:
        """Apply the commit's lines as they stand: what they rest on in files of others is not what it was."""
        lines: list[OutcomeLine] = []
        items = 0
        try:
            lines = list(commits.outcomes(self._store, commit))
            items = sum(1 for _ in self._items(commit))
        except Damaged as error:
            self._fault(Commit.key(commit.n), "", str(error))
        self._apply(commit, lines, payloads=payloads)
        return items, Counter(line.outcome for line in lines)

    def _apply(self, commit: Commit, lines: list[OutcomeLine], *, payloads: bool) -> None:
        held: list[str] = []
        stored = commits.stored(self._store, commit, held) if payloads else ()
        try:
            self._ledger.apply(commit.n, commit.segment, commit.at, lines, stored, held)
        except (LedgerError, Damaged) as error:
            self._fault(Commit.key(commit.n), "", str(error))

    def _items(self, commit: Commit) -> Iterator[bytes]:
        return commits.lines(self._store, commit, "items", counted=False)

    def _item(self, commit: Commit, given: bytes | None, right: bytes, number: int) -> None:
        if given is None:
            self._wrong(commit, "items", number, f"missing; it should be {right.decode()[:200]!r}")
        elif given != right:
            at = next((i for i, (a, b) in enumerate(zip(given, right, strict=False)) if a != b), -1)
            self._wrong(commit, "items", number, f"from byte {at} on it is not what its record gives")

    def _decided(
        self, decider: Decider, line: OutcomeLine, made: Made, commit: Commit, number: int
    ) -> Iterator[Decision]:
        """The decision on this line made again; a fault where it comes out otherwise."""
        try:
            _of(commit, line.record)
            decisions = list(self._again(decider, line, made))
        except Damaged as error:
            self._wrong(commit, "outcomes", number, str(error))
            return
        if [str(decision.outcome) for decision in decisions] != [str(line)]:
            told = [str(decision.outcome)[:400] for decision in decisions] or "nothing"
            self._wrong(commit, "outcomes", number, f"is {str(line)[:400]}; the log before it gives {told}")
        yield from decisions

    def _again(self, decider: Decider, line: OutcomeLine, made: Made) -> Iterator[Decision]:
        if line.outcome is Outcome.KNOWN and line.reason == REQUEUED:
            return decider.requeue(line.article_id, line.take)
        if line.outcome is Outcome.KNOWN:
            return decider.know(line.article_id, line.found or "")
        return decider.decide([self._draft(line, made)])

    def _draft(self, line: OutcomeLine, made: Made) -> Draft:
        """What the spool held, as far as the line and its records tell."""
        again, payload = None, None
        if line.reason == NOT_MODIFIED:
            payload = self._confirmed(line, made)
        elif line.outcome in ARTICLES:
            again, payload = self._article(line, made)
        elif isinstance(made, Damaged):
            raise made
        elif line.record and not line.record.foreign:
            self._find(line.record)
        return Draft(
            id=line.article_id,
            url=line.url,
            take=line.take,
            attempts=line.attempts,
            source=line.source or "",
            found=line.found or "",
            outcome=None if again else line.outcome,
            reason=line.reason,
            status=line.status,
            captured_at=line.captured_at,
            capture=line.record,
            payload=payload,
            article=derived(again) if again else NOTHING,
            links=(),
            etag=line.etag,
            last_modified=line.last_modified,
        )

    def _task(self, line: OutcomeLine) -> Task | None:
        """What is to be read again for this line, if it rests on a page: after a 304 the original alone."""
        if line.record is not None and line.record.foreign:
            reads = line.outcome in ARTICLES
            return Task(line.article_id, line.record, line.record, line.source or "", reads=reads)
        if line.outcome not in ARTICLES or line.record is None:
            return None
        try:
            whole = self._find(line.record)[1] or line.record
            capture = whole if line.reason == NOT_MODIFIED else line.record
            return Task(line.article_id, capture, whole, line.source or "")
        except Damaged:
            return None  # said at its line

    def _article(self, line: OutcomeLine, made: Made) -> tuple[Article, RecordRef]:
        if line.record is None:
            raise Damaged("an article without a record")
        page, date, original, made = self._told(line.record, made)
        if isinstance(made, Damaged):
            raise made
        if not isinstance(made, Article):
            raise Damaged(f"its record gives no article: {made.reason if made else 'not read'}")
        if (line.url, line.status) != page or line.captured_at != date:
            raise Damaged("url, captured_at or status are not its record's")
        return made, original or line.record

    def _told(
        self, record: RecordRef, made: Made
    ) -> tuple[tuple[str, int | None], str, RecordRef | None, Read]:
        """URL and status, date, and where the payload lies if that is elsewhere, of a line's record."""
        if isinstance(made, Foreign):
            return made.page, made.date, made.payload, made.made
        if record.foreign:
            return ("", None), "", None, made
        entry, original = self._find(record)
        return entry.page, entry.date, original, made

    def _confirmed(self, line: OutcomeLine, made: Made) -> RecordRef:
        """Where the page lies that the line's 304 speaks of: it has the text that the line says."""
        remade, payload = self._article(line, made)
        if (line.outcome, line.status) != (Outcome.UNCHANGED, 304) or payload == line.record:
            raise Damaged("it is not a 304 that names the page before it")
        if self._find(payload)[0].url != line.url or remade.content_hash != line.content_hash:
            raise Damaged("the page that its 304 names has another URL or another text")
        return payload

    def _find(self, ref: RecordRef) -> tuple[cdxj.Entry, RecordRef | None]:
        """The entry of the record that a line names, and where the payload lies if it is a revisit."""
        if (found := self._places.find(ref.record_id, ref.segment)) is None or found[1] != ref:
            raise Damaged(f"its record is not at {ref.warc}, offset {ref.offset}")
        entry, _, refers = found
        if refers is None:
            return entry, None
        original = self._places.find(refers)
        return entry, original[1] if original else None

    def _wrong(self, commit: Commit, kind: str, number: int, what: str) -> None:
        file = commit.file(kind)
        self._fault(file.path if file else Commit.key(commit.n), f"line {number}", what)


def _of(commit: Commit, record: RecordRef | None) -> None:
    """Damaged if a record in a file of others is not said to be of the commit that has the file's sum."""
    if record is not None and record.foreign and record.segment != commit.segment:
        raise Damaged(f"its record lies in a file of others, and is said to be of {record.segment}")
