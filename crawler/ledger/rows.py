"""Lines and records as rows of the SQLite ledger, and back: hashes and record ids as their plain bytes."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b
from typing import Any

from crawler.errors import Damaged, LedgerError
from crawler.items import ARTICLES, RecordRef, Stored
from crawler.lines import OutcomeLine

N1 = "n1:sha256:"
_HASH = re.compile(N1 + "[0-9a-f]{64}")
_RECORD_ID = re.compile("<urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}>")


def values(line: OutcomeLine, n: int, at: str) -> dict[str, Any]:
    """What the sentences of an outcome line of commit n are told."""
    return {
        "id": line.article_id,
        "found": line.found or "list",
        "requeued": line.reason == "requeued",
        "take": line.take,
        "outcome": line.outcome,
        "reason": line.reason,
        "captured": captured(line, at),
        "n": n,
        "version": line.version,
        "content_hash": line.content_hash and pack_hash(line.content_hash),
        "etag": line.etag,
        "last_modified": line.last_modified,
        "digest": validated(line),
    }


def captured(line: OutcomeLine, at: str) -> int | None:
    """When the article of a line was captured (unix ms); None if it tells of none."""
    return milliseconds(_moment(line.captured_at or at)) if line.outcome in ARTICLES else None


def validated(line: OutcomeLine) -> str | None:
    """The digest of the payload that came with a line's validators."""
    return line.record.payload_digest if line.record and (line.etag or line.last_modified) else None


def of_segment(n: int, segment: str, stored: Stored) -> None:
    """LedgerError if a commit brings a record of another segment than its own."""
    if stored.record.segment != segment:
        raise LedgerError(f"commit {n} of segment {segment} brings a record of {stored.record.segment}")


def payload_row(n: int, segment: str, stored: Stored) -> tuple[object, ...]:
    of_segment(n, segment, stored)
    record = stored.record
    place = record.offset, record.length, pack_record_id(record.record_id), record.payload_digest
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
        payload_digest=digest,
    )
    return Stored(sha256=sha256, length=length, record=record, url=url, date=date)


def key_of(url: str) -> int:
    """The URL as eight bytes: of a million others none has the same, but for one chance in 10^13."""
    return int.from_bytes(blake2b(url.encode(), digest_size=8).digest(), "big", signed=True)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def pack_hash(text: str) -> bytes | str:
    """The 32 bytes of `n1:sha256:<hex>`."""
    return bytes.fromhex(text[len(N1) :]) if _HASH.fullmatch(text) else text


def unpack_hash(packed: bytes | str) -> str:
    return packed if isinstance(packed, str) else N1 + packed.hex()


def pack_record_id(text: str) -> bytes | str:
    """The 16 bytes of `<urn:uuid:…>`."""
    return bytes.fromhex(text[10:46].replace("-", "")) if _RECORD_ID.fullmatch(text) else text


def unpack_record_id(packed: bytes | str) -> str:
    if isinstance(packed, str):
        return packed
    digits = packed.hex()
    return f"<urn:uuid:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}>"


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Damaged(f"an outcome line has the time {text!r}") from error
