"""What the Redis ledger keeps of one id, in as few bytes as its scripts can still read.

The first byte has the flags and, times OUTCOME, the outcome; the second the attempts. An id that was never
taken has only TEXTS behind them; one that was taken has numbers and its text's hash first, most of them in
the form PLAIN, others in that of ANY. The same layout stands in crawler.ledger.scripts.
"""

from __future__ import annotations

import struct
from typing import Self

from msgspec import Struct

from crawler.errors import LedgerError
from crawler.items import ARTICLES, ArticleId, Lease, Outcome
from crawler.ledger import Standing, validators
from crawler.ledger.rows import pack_hash, unpack_hash
from crawler.validators import Validators

TODO, LOGGED, TAKEN, PLAIN, OUTCOME = 1, 2, 4, 8, 16
OUTCOMES = tuple(Outcome)
# Flags, attempts, settled, captured and takes; version, versions and the size of the hash behind them only in
# ANY: PLAIN is an id that shows its first text, whose hash is of the usual kind.
ANY = struct.Struct(">BBIQIIIB")
PLAIN_SIZE, HASH = 12, 32
MOST = 255  #: that one byte can count, or tell of a length; RETRY_TIMES ends an id's attempts long before
FOUND = ("list", "link", "cdx", "sitemap", "feed", "section", "home")  #: a byte each, from 1 on
CODES = {found: chr(code) for code, found in enumerate(FOUND, 1)}


class Entry(Struct, frozen=True, kw_only=True):
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
    held: Validators = Validators()
    digest: str | None = None  #: of the payload that they were given with

    @classmethod
    def parse(cls, data: bytes) -> Self:
        flags, attempts = data[0], data[1]
        todo, logged = bool(flags & TODO), bool(flags & LOGGED)
        if not flags & TAKEN:
            return cls(todo=todo, logged=logged, attempts=attempts, found=_found(data[2:].decode()))
        settled, captured, takes, version, versions, start, end = _numbers(data)
        found, reason, given, *_ = *data[end:].split(b"\0", 2), b"", b""
        held, digest = validators.unpack(given) if given else (Validators(), None)
        return cls(
            todo=todo,
            logged=logged,
            attempts=attempts,
            outcome=OUTCOMES[flags // OUTCOME],
            takes=takes,
            settled=settled,
            captured=captured,
            version=version or None,
            versions=versions,
            content_hash=text_of(data[start:end]),
            found=_found(found.decode()),
            reason=reason.decode(),
            held=held,
            digest=digest,
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


def settled(outcome: Outcome, n: int, captured: int, take: int, version: int, hash: bytes) -> bytes:
    """The entry, without its texts, of an id that commit n settles with its first take."""
    flags = LOGGED | TAKEN | OUTCOMES.index(outcome) * OUTCOME
    if len(hash) == HASH and version == 1 and take <= MOST and n < 1 << 24:
        return b"%c\0%b%b%c%b" % (
            flags | PLAIN,
            n.to_bytes(3, "big"),
            captured.to_bytes(6, "big"),
            take,
            hash,
        )
    return ANY.pack(flags, 0, n, captured, take, version, version, len(hash)) + hash


def hash_of(text: str | None) -> bytes:
    """A content hash in bytes, none for none; only one of the usual kind has HASH of them."""
    packed = pack_hash(text) if text else b""
    if isinstance(packed, bytes):
        return packed
    data = packed.encode()
    if len(data) > MOST:
        raise LedgerError(f"{packed[:80]!r}… is no content hash")
    return data + b"\0" if len(data) == HASH else data


def text_of(data: bytes) -> str | None:
    """The content hash that the bytes stand for."""
    if not data:
        return None
    return unpack_hash(data) if len(data) == HASH else data.decode().rstrip("\0")


def code_of(found: str) -> str:
    """How an id was found, as an entry has it."""
    return CODES.get(found, found)


def tail(reason: str | None, given: bytes) -> bytes:
    """What stands behind `found`, each part behind a zero byte: why, and the packed validators."""
    why = (reason or "").replace("\0", " ").encode()
    return b"\0%b\0%b" % (why, given) if given else b"\0" + why if why else b""


def _found(code: str) -> str:
    return FOUND[ord(code) - 1] if len(code) == 1 and 0 < ord(code) <= len(FOUND) else code


def _numbers(data: bytes) -> tuple[int, ...]:
    """Settled, captured, takes, version, versions; from where to where the hash lies."""
    if data[0] & PLAIN:
        settled, captured = int.from_bytes(data[2:5], "big"), int.from_bytes(data[5:11], "big")
        return settled, captured, data[11], 1, 1, PLAIN_SIZE, PLAIN_SIZE + HASH
    _, _, *numbers, length = ANY.unpack_from(data)
    return *numbers, ANY.size, ANY.size + length
