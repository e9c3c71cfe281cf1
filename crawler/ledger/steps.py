"""A commit as the steps that a script of the Redis ledger takes (crawler.ledger.scripts.applying)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from msgspec import Raw, msgpack

from crawler.items import ArticleId, Outcome, Stored
from crawler.ledger import payload
from crawler.ledger.entry import OUTCOMES, code_of, plain, settled, tail
from crawler.ledger.keys import Keys
from crawler.ledger.rows import key_of, of_segment, values
from crawler.lines import OutcomeLine
from crawler.site import is_on_site

Step = tuple[object, ...]
BROUGHT = (Outcome.ARTICLE, Outcome.CHANGED)
packed = msgpack.Encoder().encode


def text(data: bytes) -> Raw:
    """Bytes as a script reads them: its MessagePack is older than that kind's bytes, and has only text."""
    size = len(data)
    return Raw((bytes((0xD9, size)) if size < 256 else b"\xda" + size.to_bytes(2, "big")) + data)


def own_key(id: ArticleId, digest: str) -> bytes:
    """What a page that was given validators is found by."""
    return f"{id} {digest}".encode()


def held_key(url: str) -> bytes:
    """What the URL of a requisite is found by."""
    return key_of(url).to_bytes(8, "big", signed=True)


def captured_key(url: str, date: str | None) -> bytes:
    """What an archive service's record is found by."""
    return held_key(f"{date or ''} {url}")


class Steps:
    """Commit n of a segment, in parts."""

    def __init__(self, keys: Keys, n: int, segment: str, at: str) -> None:
        self._keys, self._n, self._segment, self._at = keys, n, segment, at
        self._validated: set[bytes] = set()  # pages that came with validators in this commit

    def parts(
        self, outcomes: Iterable[OutcomeLine], stored: Iterable[Stored], held: Iterable[str], size: int
    ) -> Iterator[bytes]:
        """So many steps each, packed as one flat list; one part at least."""
        steps = self._steps(outcomes, stored, held)
        yield packed(list(chain.from_iterable(islice(steps, size))))
        while some := list(islice(steps, size)):
            yield packed(list(chain.from_iterable(some)))

    def _steps(
        self, outcomes: Iterable[OutcomeLine], stored: Iterable[Stored], held: Iterable[str]
    ) -> Iterator[Step]:
        for line in outcomes:
            yield from self._line(line)
        for record in stored:
            yield from self._stored(record)
        for url in held:
            yield self._field("r:", held_key(url), b"")

    def _line(self, line: OutcomeLine) -> Iterator[Step]:
        told, id = values(line, self._n, self._at), line.article_id
        bucket, found = self._keys.bucket(id), code_of(told["found"])
        if line.outcome is Outcome.KNOWN:
            yield "k", bucket, str(id), told["requeued"], line.take, found
            return
        captured, version, hash = (
            max(told["captured"] or 0, 0),
            line.version or 0,
            plain(told["content_hash"]),
        )
        entry = settled(line.outcome, self._n, captured, line.take, version, hash)
        texts = tail(line.reason, line.etag, line.last_modified, told["digest"])
        yield "s", bucket, str(id), OUTCOMES.index(line.outcome), captured, text(entry), found, texts
        if line.outcome in BROUGHT and line.version is not None:
            yield self._field("t:", hash, payload.pack_text(id, line.version))
        if told["digest"]:
            self._validated.add(own_key(id, told["digest"]))

    def _stored(self, stored: Stored) -> Iterator[Step]:
        of_segment(self._n, self._segment, stored)
        place = bytes(payload.Place.of(self._n, stored))
        yield self._field("p:", bytes(payload.Whole.of(stored)), place)
        if not is_on_site(stored.url):
            for key in (captured_key(stored.url, None), captured_key(stored.url, stored.date)):
                yield self._field("c:", key, payload.pack_found(stored, place))
        own = _own(stored) if self._validated else None
        if own is not None and own in self._validated:
            yield self._field("u:", own, payload.pack_found(stored, place))

    def _field(self, kind: str, key: bytes, value: bytes) -> Step:
        bucket, field = self._keys.tag(key)
        return kind, bucket, text(field), text(value)


def _own(stored: Stored) -> bytes | None:
    """What a page of the site is found by, under its article's own URL."""
    id, digest = payload.own_id(stored.url), stored.record.payload_digest
    return own_key(id, digest) if id is not None and digest else None
