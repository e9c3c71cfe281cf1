"""Records and texts as values of the Redis ledger, and back: nothing that another field says already."""

from __future__ import annotations

import re
from base64 import b32encode
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct, msgpack

from crawler.items import ArticleId, RecordRef, Stored
from crawler.ledger.rows import pack_record_id, unpack_record_id
from crawler.lines import Original
from crawler.site import article_id, url_of
from crawler.warc import warc_date

SHA1 = "sha1:"
DIGEST = re.compile(r"sha1:[A-Z2-7]{32}")
DIGITS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijklmnopqrstuv")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Payload(Struct, frozen=True, array_like=True):
    """A stored payload without its SHA-256, which is its key, and without its segment, which n tells."""

    n: int
    length: int
    offset: int
    size: int  #: of the record
    record_id: Any  #: its 16 bytes, or any other text
    digest: Any  #: its 20 bytes, any other text, or None
    url: int | str  #: an article's id, or any other URL
    date: int | str  #: microseconds since 1970, or any other text

    @classmethod
    def of(cls, n: int, stored: Stored) -> Payload:
        record = stored.record
        return cls(
            n,
            stored.length,
            record.offset,
            record.length,
            pack_record_id(record.record_id),
            _pack_digest(record.payload_digest),
            own_id(stored.url) or stored.url,
            _pack_date(stored.date),
        )

    def stored(self, sha256: bytes, segment: str) -> Stored:
        record = RecordRef(
            segment=segment,
            warc=f"warcs/{segment}.warc.gz",
            offset=self.offset,
            length=self.size,
            record_id=unpack_record_id(self.record_id),
            payload_digest=_unpack_digest(self.digest),
        )
        url = self.url if isinstance(self.url, str) else url_of(ArticleId(self.url))
        date = self.date if isinstance(self.date, str) else _unpack_date(self.date)
        return Stored(sha256=sha256, length=self.length, record=record, url=url, date=date)


pack = msgpack.Encoder().encode
unpack = msgpack.Decoder(Payload).decode
_unpack_text = msgpack.Decoder(tuple[int, int]).decode


def pack_text(id: ArticleId, version: int) -> bytes:
    """Who brought a text first."""
    return pack((id, version))


def unpack_text(data: bytes | None) -> Original | None:
    if data is None:
        return None
    id, version = _unpack_text(data)
    return Original(id=str(id), version=version)


def own_id(url: str) -> ArticleId | None:
    """The id whose own URL this is, spelt as we spell it."""
    id = article_id(url)
    return id if id is not None and url_of(id) == url else None


def _pack_digest(text: str | None) -> bytes | str | None:
    if text is None:
        return None
    if not DIGEST.fullmatch(text):
        return text
    return int(text[len(SHA1) :].translate(DIGITS), 32).to_bytes(
        20, "big"
    )  # b32decode takes ten times as long


def _unpack_digest(packed: bytes | str | None) -> str | None:
    return SHA1 + b32encode(packed).decode() if isinstance(packed, bytes) else packed


def _pack_date(text: str) -> int | str:
    try:
        since = datetime.fromisoformat(text) - EPOCH
    except (ValueError, TypeError):  # no date, or one without a zone
        return text
    packed = since // timedelta(microseconds=1)
    return packed if _unpack_date(packed) == text else text


def _unpack_date(packed: int) -> str:
    return warc_date(EPOCH + timedelta(microseconds=packed))
