"""A commit as the steps that a script of the Redis ledger takes (crawler.ledger.scripts.applying)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from msgspec import Raw, msgpack

from crawler.items import ArticleId, Outcome, Stored
from crawler.ledger import payload
from crawler.ledger.entry import OUTCOMES, hash_of, tail
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


def bucket_of(key: bytes) -> int:
    """Of a hash: it is as good as random."""
    return int.from_bytes(key[-2:], "big")


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

    def __init__(self, bucket: Callable[[ArticleId], int], n: int, segment: str, at: str) -> None:
        self._bucket, self._n, self._segment, self._at = bucket, n, segment, at
        self._validated: set[bytes] = set()  # pages that came with validators in this commit

    def parts(
        self, outcomes: Iterable[OutcomeLine], stored: Iterable[Stored], held: Iterable[str], size: int
    ) -> Iterator[bytes]:
        """So many steps each, packed; one at least."""
        steps = self._steps(outcomes, stored, held)
        yield packed(list(islice(steps, size)))
        while some := list(islice(steps, size)):
            yield packed(some)

    def _steps(
        self, outcomes: Iterable[OutcomeLine], stored: Iterable[Stored], held: Iterable[str]
    ) -> Iterator[Step]:
        for line in outcomes:
            yield from self._line(line)
        for record in stored:
            yield from self._stored(record)
        for key in map(held_key, held):
            yield "r:", bucket_of(key), text(key), ""

    def _line(self, line: OutcomeLine) -> Iterator[Step]:
        told, id = values(line, self._n, self._at), line.article_id
        bucket = self._bucket(id)
        if line.outcome is Outcome.KNOWN:
            yield "k", bucket, str(id), told["requeued"], line.take, told["found"]
            return
        key = hash_of(line.content_hash)
        texts = (line.reason, line.etag, line.last_modified, told["digest"])
        yield (
            "s",
            bucket,
            str(id),
            OUTCOMES.index(line.outcome),
            line.take,
            max(told["captured"] or 0, 0),
            line.version or 0,
            text(key),
            told["found"],
            "\0" + tail(*texts),
        )
        if line.outcome in BROUGHT and line.version is not None:
            yield "t:", bucket_of(key), text(key), text(payload.pack_text(id, line.version))
        if told["digest"]:
            self._validated.add(own_key(id, told["digest"]))

    def _stored(self, stored: Stored) -> Iterator[Step]:
        of_segment(self._n, self._segment, stored)
        sha256 = stored.sha256
        page = payload.pack(payload.Payload.of(self._n, stored))
        yield "p:", bucket_of(sha256), text(sha256), text(page)
        if not is_on_site(stored.url):
            for key in (captured_key(stored.url, None), captured_key(stored.url, stored.date)):
                yield "c:", bucket_of(key), text(key), text(sha256 + page)
        digest, id = stored.record.payload_digest, payload.own_id(stored.url)
        if id is not None and digest and (key := own_key(id, digest)) in self._validated:
            yield "u:", self._bucket(id), text(key), text(sha256)
