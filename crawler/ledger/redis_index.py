"""What the log says of ids, texts and payloads, asked of a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from crawler.items import ArticleId, Outcome, Stored
from crawler.ledger import Known, Standing
from crawler.ledger.ahead import Ahead
from crawler.ledger.entry import UNHEARD, Entry, hash_of
from crawler.ledger.payload import Place, Whole, unpack_found, unpack_text
from crawler.ledger.scripts import MANY
from crawler.ledger.shared import Shared, anew
from crawler.ledger.steps import captured_key, own_key, text
from crawler.lines import Original
from crawler.site import url_of
from crawler.validators import Validators


class RedisIndex(Shared):
    """The part of a ledger that is read; promises: crawler.ledger.Ledger."""

    def segment(self, name: str) -> int | None:
        (n,) = self._fields([("segments", "", name)])
        return None if n is None else int(n)

    def standing(self, id: ArticleId) -> Standing:
        return self._entries([id])[0].standing

    def logged(self, id: ArticleId) -> bool:
        return self._entries([id])[0].logged

    def unlogged(self, ids: Iterable[ArticleId]) -> Iterator[ArticleId]:
        given = iter(ids)
        while chunk := list(islice(given, MANY)):
            entries = self._entries(chunk)
            yield from (id for id, entry in zip(chunk, entries, strict=True) if not entry.logged)

    def version(self, id: ArticleId, content_hash: str) -> int | None:
        entry = self._entries([id])[0]
        if entry.content_hash == content_hash and entry.version is not None:
            return entry.version
        (earlier,) = self._of_ids("v:", [(id, text(b"%d" % id + hash_of(content_hash)))])
        return None if earlier is None else int(earlier)

    def original(self, content_hash: str) -> Original | None:
        return self._originals([content_hash])[0]

    def stored(self, sha256: bytes, length: int, digest: str | None) -> Stored | None:
        whole = Whole(sha256, length, digest)
        (place,) = self._tagged([("p:", bytes(whole))])
        return None if place is None else self._placed([(whole, place)])[0]

    def captured(self, url: str, date: str | None = None) -> Stored | None:
        (found,) = self._tagged([("c:", captured_key(url, date))])
        stored = None if found is None else self._placed([unpack_found(found)])[0]
        return stored if stored is not None and stored.url == url else None

    def validated(self, id: ArticleId, held: Validators) -> Stored | None:
        (entry,) = self._entries([id])
        return self._confirmed([(id, entry)])[0] if held == entry.held else None

    def among(self, ids: Iterable[ArticleId], texts: Iterable[str]) -> Known:
        ids, texts = list(dict.fromkeys(ids)), list(dict.fromkeys(texts))
        standings = {id: entry.standing for id, entry in zip(ids, self._entries(ids), strict=True)}
        return Ahead(self, standings, dict(zip(texts, self._originals(texts), strict=True)))

    def settled(self, outcome: Outcome, reason: str | None = None) -> Iterator[tuple[ArticleId, int]]:
        yield from sorted(
            (id, entry.takes)
            for id, entry in self._all()
            if not entry.todo and entry.outcome is outcome and entry.reason.startswith(reason or "")
        )

    def ids(self, *, left: bool) -> Iterator[ArticleId]:
        yield from sorted(id for id, entry in self._all() if entry.todo == left)

    def _entries(self, ids: Sequence[ArticleId]) -> list[Entry]:
        found = self._of_ids("i:", [(id, str(id)) for id in ids])
        return [UNHEARD if each is None else Entry.parse(each) for each in found]

    def _originals(self, texts: Sequence[str]) -> list[Original | None]:
        return list(map(unpack_text, self._tagged([("t:", hash_of(text)) for text in texts])))

    def _confirmed(self, entries: Sequence[tuple[ArticleId, Entry]]) -> list[Stored | None]:
        """The record that each entry's validators speak of."""
        wanted = {id: entry.digest for id, entry in entries if entry.digest}
        if not wanted:
            return [None] * len(entries)
        found = self._tagged([("u:", own_key(*each)) for each in wanted.items()])
        there = {
            id: Whole.unpack(value, digest)
            for (id, digest), value in zip(wanted.items(), found, strict=True)
            if value is not None
        }
        places = self._tagged([("p:", bytes(whole)) for whole, _ in there.values()])
        both = zip(there.items(), places, strict=True)
        placed = {id: (whole, own or place) for (id, (whole, own)), place in both if own or place}
        pages = dict(zip(placed, self._placed(list(placed.values())), strict=True))
        return [_its_own(id, pages.get(id)) for id, _ in entries]

    def _placed(self, found: Sequence[tuple[Whole, bytes]]) -> list[Stored | None]:
        """Payloads whose places are told, with the segments that they lie in."""
        places = [(whole, Place.parse(place)) for whole, place in found]
        segments = self._fields([("commits", "", str(place.n)) for _, place in places])
        return [
            None if segment is None else place.stored(whole, segment.decode())
            for (whole, place), segment in zip(places, segments, strict=True)
        ]

    @anew
    def _of_ids(self, kind: str, wanted: Sequence[tuple[ArticleId, object]]) -> list[Any]:
        """Fields that lie where their ids do."""
        return self._values([(kind, self._keys.bucket(id), field) for id, field in wanted])

    @anew
    def _tagged(self, wanted: Sequence[tuple[str, bytes]]) -> list[Any]:
        """Fields that lie where their kind and key say."""
        tags = [(kind, *self._keys.tag(key)) for kind, key in wanted]
        return self._values([(kind, bucket, text(field)) for kind, bucket, field in tags])

    @anew
    def _fields(self, wanted: Sequence[tuple[str, object, object]]) -> list[Any]:
        return self._values(wanted)

    @anew
    def _all(self) -> list[tuple[ArticleId, Entry]]:
        buckets = [f"{kind}:{each:x}" for each in self._server.bits("buckets") for kind in "li"]
        return [
            (ArticleId(int(id)), Entry.parse(value))
            for start in range(0, len(buckets), MANY)
            for ids in self._server.hashes(buckets[start : start + MANY])
            for id, value in ids.items()
        ]


def _its_own(id: ArticleId, stored: Stored | None) -> Stored | None:
    """The record, unless it is of another page with the same bytes: a revisit tells only what these are."""
    return stored if stored is not None and stored.url == url_of(id) else None
