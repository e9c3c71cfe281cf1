"""Lines and records as rows of the SQLite ledger, and back: hashes and record ids as their plain bytes."""

from __future__ import annotations

from base64 import b32decode, b32encode
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from crawler.errors import Damaged, LedgerError
from crawler.items import Outcome, RecordRef, Stored
from crawler.lines import OutcomeLine

READ = (Outcome.ARTICLE, Outcome.CHANGED, Outcome.UNCHANGED, Outcome.DUPLICATE)  #: a text was read
N1, SHA1 = "n1:sha256:", "sha1:"


def values(line: OutcomeLine, at: str) -> dict[str, Any]:
    """What the sentences of an outcome line are told."""
    captured = milliseconds(_moment(line.captured_at or at)) if line.outcome in READ else None
    digest = line.record.payload_digest if line.record and (line.etag or line.last_modified) else None
    return {
        "id": line.article_id,
        "found": line.found or "list",
        "requeued": line.reason == "requeued",
        "take": line.take,
        "outcome": line.outcome,
        "reason": line.reason,
        "captured": captured,
        "version": line.version,
        "content_hash": line.content_hash and pack_hash(line.content_hash),
        "etag": line.etag,
        "last_modified": line.last_modified,
        "digest": digest and pack_digest(digest),
    }


def payload_row(n: int, segment: str, stored: Stored) -> tuple[object, ...]:
    record = stored.record
    if record.segment != segment:
        raise LedgerError(f"commit {n} of segment {segment} brings a record of {record.segment}")
    digest = record.payload_digest and pack_digest(record.payload_digest)
    place = record.offset, record.length, pack_record_id(record.record_id), digest
    return n, stored.sha256, stored.length, *place, stored.url, stored.date


def stored_of(row: Any) -> Stored | None:
    if row is None:
        return None
    sha256, length, segment, offset, size, record_id, digest, url, date = row
    record = RecordRef(
        segment=segment,
        warc=f"warcs/{segment}.warc.gz",
        offset=offset,
        length=size,
        record_id=unpack_record_id(record_id),
        payload_digest=digest and unpack_digest(digest),
    )
    return Stored(sha256=sha256, length=length, record=record, url=url, date=date)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def pack_hash(text: str) -> bytes | str:
    """The 32 bytes of `n1:sha256:<hex>`."""
    return _packed(text, lambda: bytes.fromhex(text.removeprefix(N1)), unpack_hash)


def unpack_hash(packed: bytes | str) -> str:
    return packed if isinstance(packed, str) else N1 + packed.hex()


def pack_record_id(text: str) -> bytes | str:
    """The 16 bytes of `<urn:uuid:…>`."""
    return _packed(text, lambda: UUID(text[1:-1]).bytes, unpack_record_id)


def unpack_record_id(packed: bytes | str) -> str:
    return packed if isinstance(packed, str) else f"<{UUID(bytes=packed).urn}>"


def pack_digest(text: str) -> bytes | str:
    """The 20 bytes of `sha1:<base32>`."""
    return _packed(text, lambda: b32decode(text.removeprefix(SHA1)), unpack_digest)


def unpack_digest(packed: bytes | str) -> str:
    return packed if isinstance(packed, str) else SHA1 + b32encode(packed).decode()


def _packed(text: str, pack: Callable[[], bytes], unpack: Callable[[bytes | str], str]) -> bytes | str:
    try:
        packed = pack()
    except ValueError:
        return text
    return packed if unpack(packed) == text else text  # never another text than was given


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Damaged(f"an outcome line has the time {text!r}") from error
