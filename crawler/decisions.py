"""Decisions: drafts against the ledger, one after the other, in the order of a commit (DESIGN part 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from msgspec.structs import replace as amended

from crawler.drafts import Draft, Said
from crawler.fingerprint import letters
from crawler.items import ArticleId, Outcome
from crawler.ledger import Standing
from crawler.lines import Original, OutcomeLine, item_line
from crawler.site import url_of

SHORT = 200  #: letters; below, a text is never another id's duplicate (photo pages)
BEATEN = (Outcome.FAILED, Outcome.REFUSED)  #: what an article settles anew though its take came late
REQUEUED = "requeued"


class Known(Protocol):
    """What a decision asks of the ledger."""

    def standing(self, id: ArticleId) -> Standing: ...
    def logged(self, id: ArticleId) -> bool: ...
    def unlogged(self, ids: Iterable[ArticleId]) -> Iterator[ArticleId]: ...
    def version(self, id: ArticleId, content_hash: str) -> int | None: ...
    def original(self, content_hash: str) -> Original | None: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome line, and the item line where there is a new text."""

    outcome: OutcomeLine
    item: bytes | None = None


class Decider:
    """Decides drafts in order; each sees what those before it in the same commit decided."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._standings: dict[ArticleId, Standing] = {}
        self._logged: set[ArticleId] = set()
        self._versions: dict[tuple[ArticleId, str], int] = {}
        self._originals: dict[str, Original] = {}

    def decide(self, drafts: Iterable[Draft]) -> Iterator[Decision]:
        """The lines of these drafts; a draft whose take was settled meanwhile gives none of its own."""
        for draft in drafts:
            yield from self.know(draft.id, draft.found)
            for link in draft.links:
                yield from self.know(ArticleId(link), "link")
            if (current := self._current(draft)) is not None:
                yield self._settle(current)

    def know(self, id: ArticleId, found: str) -> Iterator[Decision]:
        """The `known` line of an id that the log does not name yet."""
        if id not in self._logged and not self._known.logged(id):
            yield Decision(known_line(id, found))
        self._logged.add(id)

    def know_all(self, ids: Iterable[ArticleId], found: str) -> Iterator[Decision]:
        """The same for many distinct ids at once, in their order."""
        return (Decision(known_line(id, found)) for id in self._known.unlogged(ids))

    def requeue(self, id: ArticleId, takes: int) -> Iterator[Decision]:
        """The line that makes a settled id left again, unless another take came meanwhile."""
        standing = self._standing(id)
        if standing.takes == takes and not standing.left:
            self._standings[id] = replace(standing, left=True)
            yield Decision(known_line(id, None, reason=REQUEUED, take=takes))

    def _current(self, draft: Draft) -> Draft | None:
        standing = self._standing(draft.id)
        if draft.take == standing.takes + 1:
            return draft
        if draft.outcome is None and draft.take <= standing.takes and standing.outcome in BEATEN:
            return amended(draft, take=standing.takes + 1)
        return None

    def _settle(self, draft: Draft) -> Decision:
        standing = self._standing(draft.id)
        if (said := draft.said()) is not None:
            decision = self._read(draft, said, standing)
        elif draft.outcome is Outcome.UNCHANGED:
            decision = Decision(self._same(draft, standing))
        else:
            decision = Decision(draft.line(draft.outcome or Outcome.FAILED))
        self._remember(decision.outcome, standing)
        return decision

    def _read(self, draft: Draft, said: Said, standing: Standing) -> Decision:
        """An article was read: is its text new, this id's own from before, or another's?"""
        text = said.content_hash
        if standing.versions and (version := self._version(draft.id, text)) is not None:
            outcome = Outcome.UNCHANGED if version == standing.version else Outcome.CHANGED
            return Decision(draft.line(outcome, content_hash=text, version=version))
        if (original := self._original(text)) and letters(said.text) >= SHORT:
            return Decision(draft.line(Outcome.DUPLICATE, content_hash=text, duplicate_of=original))
        version = standing.versions + 1
        outcome = Outcome.ARTICLE if version == 1 else Outcome.CHANGED
        line = draft.line(outcome, content_hash=text, version=version)
        return Decision(line, _item(draft, version))

    def _same(self, draft: Draft, standing: Standing) -> OutcomeLine:
        """The server says that the page is the one before: its text stands, whosever it is."""
        text, version = standing.content_hash, standing.version
        original = self._original(text) if text and version is None else None
        return draft.line(Outcome.UNCHANGED, content_hash=text, version=version, duplicate_of=original)

    def _remember(self, line: OutcomeLine, standing: Standing) -> None:
        now = replace(standing, takes=line.take, outcome=line.outcome, left=False)
        if line.content_hash is not None:
            now = replace(now, version=line.version, content_hash=line.content_hash)
        if line.version is not None and line.version > standing.versions and line.content_hash:
            now = replace(now, versions=line.version)
            self._versions[line.article_id, line.content_hash] = line.version
            self._originals.setdefault(line.content_hash, Original(id=line.id, version=line.version))
        self._standings[line.article_id] = now

    def _standing(self, id: ArticleId) -> Standing:
        return self._standings.get(id) or self._known.standing(id)

    def _version(self, id: ArticleId, text: str) -> int | None:
        return self._versions.get((id, text)) or self._known.version(id, text)

    def _original(self, text: str) -> Original | None:
        return self._known.original(text) or self._originals.get(text)


def known_line(id: ArticleId, found: str | None, *, reason: str | None = None, take: int = 0) -> OutcomeLine:
    """The line that makes an id known to the log."""
    return OutcomeLine(
        id=str(id), url=url_of(id), outcome=Outcome.KNOWN, reason=reason, take=take, found=found
    )


def _item(draft: Draft, version: int) -> bytes:
    if draft.payload is None:
        raise ValueError(f"article {draft.id} has no record")
    capture = draft.capture if draft.capture != draft.payload else None
    return item_line(draft.article, version=version, record=draft.payload, capture=capture)
