"""What the Redis ledger keeps of one id, in as few bytes as its scripts can still read.

An id that was never taken is flags, attempts and where it was found; one that was taken has HEAD, its text's
hash and the texts of TAIL. The same layout stands in crawler.ledger.scripts.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

from crawler.errors import LedgerError
from crawler.items import ARTICLES, ArticleId, Lease, Outcome
from crawler.ledger import Standing
from crawler.ledger.rows import pack_hash, unpack_hash
from crawler.validators import Validators

TODO, LOGGED, TAKEN = 1, 2, 4
OUTCOMES = tuple(Outcome)
HEAD = struct.Struct(">BBBIIQIIB")
MOST_ATTEMPTS = 255  #: that the one byte can count; RETRY_TIMES ends an id long before


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One id as the ledger has it; the fields are those of the SQLite ledger's table."""

    todo: bool
    logged: bool
    attempts: int = 0
    outcome: Outcome = Outcome.KNOWN
    takes: int = 0
    settled: int = 0
    captured: int = 0  #: unix ms, 0: its last take found no article
    version: int | None = None
    versions: int = 0
    content_hash: str | None = None
    found: str = "list"
    reason: str = ""
    etag: str | None = None
    last_modified: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        flags, attempts = data[0], data[1]
        todo, logged = bool(flags & TODO), bool(flags & LOGGED)
        if not flags & TAKEN:
            return cls(todo=todo, logged=logged, attempts=attempts, found=data[2:].decode())
        _, _, outcome, takes, settled, captured, version, versions, length = HEAD.unpack_from(data)
        end = HEAD.size + length
        found, reason, etag, last_modified, digest = data[end:].decode().split("\0")
        return cls(
            todo=todo,
            logged=logged,
            attempts=attempts,
            outcome=OUTCOMES[outcome],
            takes=takes,
            settled=settled,
            captured=captured,
            version=version or None,
            versions=versions,
            content_hash=text_of(data[HEAD.size : end]),
            found=found,
            reason=reason,
            etag=etag or None,
            last_modified=last_modified or None,
            digest=digest or None,
        )

    @property
    def standing(self) -> Standing:
        if not self.logged:
            return Standing()
        return Standing(
            takes=self.takes,
            outcome=self.outcome,
            version=self.version,
            content_hash=self.content_hash,
            versions=self.versions,
            left=self.todo,
        )

    @property
    def held(self) -> Validators:
        return Validators(self.etag, self.last_modified)

    def done(self, captured_before: int | None) -> bool:
        """Whether it is settled, and no lease would give it."""
        old = self.outcome in ARTICLES and captured_before is not None and self.captured < captured_before
        return not self.todo and not old and self.outcome is not Outcome.KNOWN

    def lease(self, id: ArticleId, held: Validators, deaths: int) -> Lease:
        return Lease(
            id=id,
            take=self.takes + 1,
            found=self.found,
            etag=held.etag,
            last_modified=held.last_modified,
            attempts=self.attempts,
            deaths=deaths,
        )


UNHEARD = Entry(todo=False, logged=False)
"""Of an id that the ledger has never heard of."""


def hash_of(text: str | None) -> bytes:
    """A content hash in bytes, none for none."""
    if text is None:
        return b""
    packed = pack_hash(text)
    data = b"t" + packed.encode() if isinstance(packed, str) else b"n" + packed
    if len(data) > MOST_ATTEMPTS:
        raise LedgerError(f"{text[:80]!r}… is no content hash")
    return data


def text_of(data: bytes) -> str | None:
    """The content hash that the bytes stand for."""
    if not data:
        return None
    return unpack_hash(data[1:]) if data[:1] == b"n" else data[1:].decode()


def tail(*texts: str | None) -> str:
    """The texts behind an entry's hash; none of them has a zero byte."""
    return "\0".join((text or "").replace("\0", " ") for text in texts)
