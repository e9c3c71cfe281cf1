"""A commit as the steps that a script of the Redis ledger takes (crawler.ledger.scripts.applying)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice

from msgspec import Raw, msgpack

from crawler.items import ArticleId, Outcome, Revisit, Stored
from crawler.ledger import payload, rows
from crawler.ledger.entry import OUTCOMES, code_of, hash_of, settled, tail
from crawler.ledger.keys import Keys
from crawler.ledger.scripts import MANY
from crawler.ledger.validators import pack
from crawler.lines import OutcomeLine
from crawler.site import is_on_site
from crawler.validators import Validators

# Lines, records or URLs in the first part; each has twice as many as the one before, up to MANY. Who changes
# either raises the server's FORMAT: workers of one fleet must cut a commit alike.
FEW = 48
BROUGHT = (Outcome.ARTICLE, Outcome.CHANGED)
COUNTERS = {outcome: f"o:{number}" for number, outcome in enumerate(OUTCOMES)}
HEADS = [bytes((0xD9, size)) for size in range(256)]
packed = msgpack.Encoder().encode
Step = Callable[[], None]


def text(data: bytes) -> Raw:
    """Bytes as a script reads them: its MessagePack is older than that kind's bytes, and has only text."""
    size = len(data)
    return Raw((HEADS[size] if size < 256 else b"\xda" + size.to_bytes(2, "big")) + data)


def own_key(id: ArticleId, digest: str) -> bytes:
    """What a page that was given validators is found by."""
    return f"{id} {digest}".encode()


def held_key(url: str) -> bytes:
    """What the URL of a requisite is found by."""
    return rows.key_of(url).to_bytes(8, "big", signed=True)


def captured_key(url: str, date: str | None) -> bytes:
    """What an archive service's record is found by."""
    return held_key(f"{date or ''} {url}")


class Steps:
    """Commit n of a segment, in parts."""

    def __init__(self, keys: Keys, n: int, segment: str, at: str) -> None:
        self._keys, self._n, self._segment, self._at = keys, n, segment, at
        self._validated: set[bytes] = set()  # pages that came with validators in this commit
        self._part: list[object] = []  # one flat list: a list for each step takes as long as all the rest

    def parts(
        self, outcomes: Iterable[OutcomeLine], stored: Iterable[Stored | Revisit], held: Iterable[str]
    ) -> Iterator[tuple[int, str, bytes]]:
        """Steps, packed and numbered; with the last of them, and there is one, the segment. The same for all.

        All is read before the first are given. A usual commit's are packed as they are wanted, so the server
        can be at others meanwhile; of a large one only the first, for as read they take ten times the memory.
        """
        read = chain(map(self._line, outcomes), map(self._stored, stored), map(self._held, held))
        some = list(islice(read, MANY))
        rest: list[bytes] = []
        while more := list(islice(read, MANY)):
            rest.append(self._packed(more))
        few = list(_growing(some))
        last = len(few) + len(rest)
        for number, part in enumerate(chain(map(self._packed, few), rest), 1):
            yield number, self._segment if number == last else "", part

    def _packed(self, steps: Iterable[Step]) -> bytes:
        for step in steps:
            step()
        part, self._part = packed(self._part), []
        return part

    def _line(self, line: OutcomeLine) -> Step:
        """A line's steps, once it has shown that nothing is wrong with it."""
        id = line.article_id
        if line.outcome is Outcome.KNOWN:
            return partial(self._know, line, id)
        captured, hash = max(rows.captured(line, self._at) or 0, 0), hash_of(line.content_hash)
        if digest := rows.validated(line):
            self._validated.add(own_key(id, digest))
        return partial(self._settle, line, id, captured, hash)

    def _know(self, line: OutcomeLine, id: ArticleId) -> None:
        requeued, found = line.reason == "requeued", code_of(line.found or "list")
        self._part += "k", self._keys.bucket(id), str(id), requeued, line.take, found

    def _settle(self, line: OutcomeLine, id: ArticleId, captured: int, hash: bytes) -> None:
        version = line.version
        entry = settled(line.outcome, self._n, captured, line.take, version or 0, hash)
        digest = rows.validated(line)
        behind = tail(line.reason, pack(Validators(line.etag, line.last_modified), digest) if digest else b"")
        found, counter = code_of(line.found or "list"), COUNTERS[line.outcome]
        step = "s", self._keys.bucket(id), str(id), counter, captured, text(entry), found, text(behind)
        self._part += step
        if line.outcome in BROUGHT and version is not None:
            self._field("t:", hash, payload.pack_text(id, version))

    def _stored(self, stored: Stored | Revisit) -> Step:
        """A record's steps, once it is known to be the segment's."""
        if isinstance(stored, Revisit):
            return partial(self._revisit, stored)
        rows.of_segment(self._n, self._segment, stored)
        return partial(self._keep, stored)

    def _keep(self, stored: Stored) -> None:
        id, whole = payload.own_id(stored.url), payload.Whole.of(stored)
        place = payload.pack_place(self._n, stored, id)
        self._field("p:", bytes(whole), place)
        if id is None and not is_on_site(stored.url):
            for key in (captured_key(stored.url, None), captured_key(stored.url, stored.date)):
                self._field("c:", key, payload.pack_found(stored, place))
        if (own := self._own(id, whole.digest)) is not None:
            self._part.append("u")
            self._field("u:", own, whole.packed())
            self._field("p:", bytes(whole), place)

    def _revisit(self, named: Revisit) -> None:
        """A page that came before it had validators is found by them from now on."""
        if (key := self._own(payload.own_id(named.url), named.digest)) is not None:
            self._field("u:", key, payload.Whole(named.sha256, named.length, named.digest).packed())

    def _own(self, id: ArticleId | None, digest: str | None) -> bytes | None:
        """What a page is found by that came with validators in this commit."""
        if not self._validated or id is None or not digest:
            return None
        key = own_key(id, digest)
        return key if key in self._validated else None

    def _held(self, url: str) -> Step:
        return partial(self._field, "r:", held_key(url), b"")

    def _field(self, kind: str, key: bytes, value: bytes) -> None:
        bucket, field = self._keys.tag(key)
        self._part += kind + bucket, text(field), text(value)


def _growing(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """The server waits for the first part only, and for the next we have as long as it is at that."""
    start, size = 0, FEW
    while True:
        yield steps[start : start + size]
        start, size = start + size, 2 * size
        if start >= len(steps):
            return
