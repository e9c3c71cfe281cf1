"""Drafts: takes as the spool keeps them, with the place of their record, not decided yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from msgspec import MsgspecError, Raw, Struct
from msgspec.json import Decoder

from crawler.errors import Damaged
from crawler.items import Absent, Article, ArticleId, Outcome, RecordRef, Take
from crawler.lines import OutcomeLine, derived

NOT_MODIFIED = "not_modified"  #: the reason of an outcome that rests on a 304
NO_ORIGINAL = Absent(outcome=Outcome.FAILED, reason="no_original")
"""What a 304 is whose page the writer did not find: nobody could ever prove it."""


NOTHING = Raw(b"null")


class Said(Struct, frozen=True):
    """What a decision asks of an article."""

    text: str
    content_hash: str


class Draft(Struct, frozen=True, kw_only=True):
    """One take with its references; the commit makes it an outcome, and perhaps an item.

    `capture` is the record of what was received, a revisit perhaps; `payload` the whole record that holds
    its bytes (the same one, mostly). `outcome` is None where the commit decides it from the article, and
    UNCHANGED where the server said so (304): `payload` holds the page that it spoke of. `article` is the
    derived part of an item line, as it will stand there, byte for byte.
    """

    id: ArticleId
    url: str
    take: int
    attempts: int
    source: str
    found: str  #: how the id was found
    outcome: Outcome | None
    reason: str | None
    status: int | None
    captured_at: str | None
    capture: RecordRef | None
    payload: RecordRef | None
    article: Raw  #: null if there is none
    links: tuple[int, ...]
    etag: str | None
    last_modified: str | None

    @classmethod
    def of(cls, take: Take, capture: RecordRef | None, payload: RecordRef | None) -> Self:
        """The draft of a take whose records lie there."""
        if take.result is None and payload == capture:
            take = replace(take, result=NO_ORIGINAL, etag=None, last_modified=None)
        article = take.result if isinstance(take.result, Article) else None
        absent = take.result if isinstance(take.result, Absent) else None
        unchanged = take.result is None
        return cls(
            id=take.lease.id,
            url=take.url,
            take=take.lease.take,
            attempts=take.attempts,
            source=take.source,
            found=take.lease.found,
            outcome=absent.outcome if absent else Outcome.UNCHANGED if unchanged else None,
            reason=absent.reason if absent else NOT_MODIFIED if unchanged else take.note,
            status=take.status,
            captured_at=take.captured_at,
            capture=capture,
            payload=payload,
            article=derived(article) if article else NOTHING,
            links=take.found,
            etag=take.etag,
            last_modified=take.last_modified,
        )

    @staticmethod
    def parse(line: bytes) -> Draft:
        """The draft as the journal has it; Damaged if it is none."""
        try:
            return _draft(line)
        except MsgspecError as error:
            raise Damaged(f"a draft in the spool can't be read: {error}") from error

    def said(self) -> Said | None:
        """What the commit decides by, None where it has nothing to decide."""
        return None if self.outcome else _said(self.article)

    def line(self, outcome: Outcome, **decided: Any) -> OutcomeLine:
        """The outcome line of this draft, with what the commit decided."""
        plain: dict[str, Any] = {
            "id": str(self.id),
            "url": self.url,
            "outcome": outcome,
            "reason": self.reason,
            "status": self.status,
            "captured_at": self.captured_at,
            "record": self.capture,
            "take": self.take,
            "attempts": self.attempts,
            "source": self.source,
            "found": self.found,
            "etag": self.etag,
            "last_modified": self.last_modified,
        }
        return OutcomeLine(**plain | decided)


_draft = Decoder(Draft).decode
_said = Decoder(Said).decode
