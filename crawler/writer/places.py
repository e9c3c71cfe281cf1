"""Where what the writer has written lies, for the takes and the revisits that come after it."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from crawler.items import RecordRef, Stored

CAPTURES = 20_000  #: exchanges whose place is remembered until their take comes


class Places:
    """Captures until their takes come, payloads until the ledger knows them."""

    def __init__(self) -> None:
        self._captures: OrderedDict[UUID, tuple[RecordRef, RecordRef]] = OrderedDict()
        self._payloads: dict[tuple[bytes, str | None], Stored] = {}

    def note(
        self,
        capture: UUID,
        ref: RecordRef | None,
        whole: Stored | None = None,
        original: Stored | None = None,
    ) -> None:
        """Remember where a capture lies, for the take that rests on it, and the payload for revisits."""
        if whole is not None:
            self._payloads[whole.sha256, whole.record.payload_digest] = whole
        if ref is not None:
            payload = whole or original
            self._captures[capture] = ref, payload.record if payload else ref
            while len(self._captures) > CAPTURES:
                self._captures.popitem(last=False)

    def taken(self, capture: UUID) -> tuple[RecordRef, RecordRef] | None:
        """Where the capture lies, and its payload; it is forgotten now."""
        return self._captures.pop(capture, None)

    def payload(self, sha256: bytes, digest: str | None) -> Stored | None:
        """A record that holds this payload whole, of a segment that is not committed yet."""
        return self._payloads.get((sha256, digest))

    def forget(self, segment: str) -> None:
        """The segment is committed: the ledger knows its payloads now."""
        gone = [key for key, stored in self._payloads.items() if stored.record.segment == segment]
        for key in gone:
            del self._payloads[key]
