"""Where a record lies in somebody else's file, as lines of ours say it.

`warc` is the file's URL, and behind # what leads to the record inside of it: `in`, the member of a WACZ;
`skip`, plain bytes before it in the frame at `offset`; `body`, of a revisit, the address of the record that
has its payload, its offset behind @.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode
from uuid import NAMESPACE_URL, uuid5

from crawler.errors import Damaged
from crawler.foreign.records import Found, Spot
from crawler.items import RecordRef
from crawler.warc import digest
from crawler.warc import payload as payload_of
from crawler.warc.reader import Record

WARC = b"WARC/"
_ID = re.compile(r"<urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A file, and where in it a record lies."""

    url: str
    spot: Spot
    inside: str | None = None
    body: Address | None = None  #: of a revisit: the record that has its payload

    def __str__(self) -> str:
        """All but the offset, which stands beside it."""
        body = f"{self.body}@{self.body.spot.offset}" if self.body else None
        told = {"in": self.inside, "skip": self.spot.skip or None, "body": body}
        inside = urlencode({name: it for name, it in told.items() if it}, quote_via=quote, safe="/")
        return f"{self.url}#{inside}" if inside else self.url

    @classmethod
    def of(cls, ref: RecordRef) -> Self:
        """The address that a foreign record's reference says; Damaged if it is none."""
        try:
            return cls._parse(ref.warc, ref.offset)
        except (ValueError, RecursionError) as error:
            raise Damaged(f"{ref.warc[:200]} is no place of a record: {error}") from error

    @property
    def files(self) -> tuple[str, ...]:
        """The URLs of the files that it takes to read the record."""
        return (self.url, *(self.body.files if self.body else ()))

    def ref(self, found: Found, read: Record) -> RecordRef:
        """The reference of the record that was found there and gives this; its segment is the taker's to say.

        An ARC has no record ids, and others have odd ones: then it is one of ours, made of the address.
        """
        named = found.headers.get("warc-record-id", "").strip()
        if not found.text.startswith(WARC) or not _ID.fullmatch(named):
            named = f"<{uuid5(NAMESPACE_URL, f'{self}@{self.spot.offset}').urn}>"
        return RecordRef(
            segment="",
            warc=str(self),
            offset=self.spot.offset,
            length=len(found.member or found.text + found.block),
            record_id=named,
            payload_digest=digest(payload_of(read)),
        )

    @classmethod
    def _parse(cls, warc: str, offset: int) -> Self:
        url, _, inside = warc.partition("#")
        told = dict(parse_qsl(inside, strict_parsing=True)) if inside else {}
        body, _, at = told.get("body", "").rpartition("@")
        spot = Spot(offset, int(told.get("skip", 0)))
        return cls(
            url=url, spot=spot, inside=told.get("in"), body=cls._parse(body, int(at)) if body else None
        )


def files(ref: RecordRef | None) -> tuple[str, ...]:
    """The URLs of other people's files that it takes to read the record; none if it is ours."""
    return Address.of(ref).files if ref is not None and ref.foreign else ()
