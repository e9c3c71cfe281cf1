"""Records and texts as values of the Redis ledger, and back: nothing that whoever asks knows already."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct, msgpack

from crawler.items import ArticleId, RecordRef, Stored
from crawler.ledger.rows import pack_record_id, unpack_record_id
from crawler.lines import Original
from crawler.site import MOST, url_of
from crawler.warc import warc_date

OWN = url_of(ArticleId(0))[:-1]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
MILLISECOND = timedelta(milliseconds=1)
ODD = 0x80  #: from there on a first byte is that of MessagePack; bits of each number in the usual form:
N, OFFSET, SIZE, ID, MOMENT = 23, 32, 24, 56, 48
HASH, LENGTH = 32, 5  #: bytes
WHOLE = HASH + LENGTH


class Whole(Struct, frozen=True):
    """What tells a payload from any other."""

    sha256: bytes
    length: int
    digest: str | None

    @classmethod
    def of(cls, stored: Stored) -> Whole:
        return cls(stored.sha256, stored.length, stored.record.payload_digest)

    def __bytes__(self) -> bytes:
        return b"%b%d %b" % (self.sha256, self.length, (self.digest or "").encode())

    def packed(self) -> bytes:
        """The payload, for who knows its digest; its place may stand behind it."""
        return self.sha256 + self.length.to_bytes(LENGTH, "big")

    @classmethod
    def unpack(cls, data: bytes, digest: str) -> tuple[Whole, bytes]:
        """A payload that was packed, and what stands behind it."""
        return cls(data[:HASH], int.from_bytes(data[HASH:WHOLE], "big"), digest), data[WHOLE:]


class Place(Struct, frozen=True, array_like=True):
    """Where a whole payload lies, without its segment, which n tells."""

    n: int
    offset: int
    size: int  #: of the record
    record_id: Any  #: its 16 bytes, or any other text
    url: int | str  #: an article's id, or any other URL
    date: int | str  #: milliseconds since 1970, or any other text

    @classmethod
    def parse(cls, data: bytes) -> Place:
        if data[0] >= ODD:
            return _unpack(data)
        place, what = int.from_bytes(data[:10], "big"), int.from_bytes(data[26:], "big")
        at, size = divmod(place, 1 << SIZE)
        n, offset = divmod(at, 1 << OFFSET)
        return cls(n, offset, size, data[10:26], *divmod(what, 1 << MOMENT))

    def stored(self, whole: Whole, segment: str) -> Stored:
        """The payload, where the archive has it."""
        record = RecordRef(
            segment=segment,
            warc=f"warcs/{segment}.warc.gz",
            offset=self.offset,
            length=self.size,
            record_id=unpack_record_id(self.record_id),
            payload_digest=whole.digest,
        )
        url = self.url if isinstance(self.url, str) else url_of(ArticleId(self.url))
        date = self.date if isinstance(self.date, str) else _unpack_date(self.date)
        return Stored(sha256=whole.sha256, length=whole.length, record=record, url=url, date=date)


_pack = msgpack.Encoder().encode
_unpack = msgpack.Decoder(Place).decode
_unpack_found = msgpack.Decoder(tuple[bytes, int, str | None, bytes]).decode


def pack_place(n: int, stored: Stored, id: ArticleId | None) -> bytes:
    """Where a payload lies that commit n brings; `id`: of the article whose own URL it came from."""
    offset, size = stored.record.offset, stored.record.length
    record_id, date = pack_record_id(stored.record.record_id), _pack_date(stored.date)
    if id is None or isinstance(date, str) or isinstance(record_id, str):
        return _pack(Place(n, offset, size, record_id, id or stored.url, date))
    if n >> N or offset >> OFFSET or size >> SIZE or id >> ID or date >> MOMENT:
        return _pack(Place(n, offset, size, record_id, id, date))
    place, what = (n << OFFSET | offset) << SIZE | size, id << MOMENT | date
    return place.to_bytes(10, "big") + record_id + what.to_bytes(13, "big")


def pack_found(stored: Stored, place: bytes) -> bytes:
    """A payload and its place, for who asks by other names than its hashes."""
    return _pack((stored.sha256, stored.length, stored.record.payload_digest, place))


def unpack_found(data: bytes) -> tuple[Whole, bytes]:
    sha256, length, digest, place = _unpack_found(data)
    return Whole(sha256, length, digest), place


def pack_text(id: ArticleId, version: int) -> bytes:
    """Who brought a text first; a number alone takes few bytes, and most texts are their id's first."""
    return b"%d" % id if version == 1 else b"%d %d" % (id, version)


def unpack_text(data: bytes | None) -> Original | None:
    if data is None:
        return None
    id, _, version = data.decode().partition(" ")
    return Original(id=id, version=int(version or 1))


def own_id(url: str) -> ArticleId | None:
    """The id whose own URL this is, spelt as we spell it."""
    digits = url.removeprefix(OWN)
    if digits == url or not digits.isdecimal() or len(digits) > len(str(MOST)):
        return None
    id = int(digits)
    return ArticleId(id) if id <= MOST and str(id) == digits else None


def _pack_date(text: str) -> int | str:
    if not DATE.fullmatch(text):
        return text
    try:
        return (datetime.fromisoformat(text) - EPOCH) // MILLISECOND
    except ValueError:  # no date
        return text


def _unpack_date(packed: int) -> str:
    return warc_date(EPOCH + packed * MILLISECOND)
