"""Who works on the ids of a ledger on a server: workers on any number of machines."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from crawler.items import ArticleId, Lease
from crawler.ledger.entry import MOST, Entry
from crawler.ledger.redis_index import RedisIndex
from crawler.ledger.roster import WAY_SECONDS, Claims, Presence
from crawler.ledger.rows import milliseconds
from crawler.ledger.scripts import MANY, claims, leases, searches, way
from crawler.ledger.server import Server
from crawler.ledger.shared import anew
from crawler.ledger.steps import held_key, packed, text
from crawler.validators import Validators


class RedisRoster(RedisIndex):
    """The part of a ledger that no log has; promises: crawler.ledger.roster.Roster."""

    def __init__(
        self, server: Server, follow: Callable[[], object] | None, lease_seconds: float, *, make: bool
    ) -> None:
        self._lease_seconds = lease_seconds
        super().__init__(server, follow, make=make)

    def lease(
        self,
        worker: str,
        count: int,
        *,
        among: Collection[ArticleId] | None = None,
        captured_before: datetime | None = None,
        as_of: int = sys.maxsize,
    ) -> Sequence[Lease]:
        before = -1 if captured_before is None else milliseconds(captured_before)
        wanted = None if among is None else iter(among)
        given: list[tuple[ArticleId, Entry, int]] = []
        start = 0
        while True:  # once in any case: it also says that the worker lives
            chunk = None if wanted is None else list(islice(wanted, MANY))
            some, start = self._lease(worker, count - len(given), chunk, (before, as_of, start))
            given += some
            if chunk is not None:
                start = 0 if chunk else -1
            if start < 0 or len(given) >= count:
                break
        confirmed = self._confirmed([(id, entry) for id, entry, _ in given])
        return [
            entry.lease(id, entry.held if page is not None else Validators(), deaths)
            for (id, entry, deaths), page in zip(given, confirmed, strict=True)
        ]

    @anew
    def tried(self, lease: Lease) -> None:
        place = lease.id, self._keys.bucket(lease.id)
        self._server.run(leases.TRIED, *place, lease.take, min(lease.attempts, MOST))

    @anew
    def flies(self, id: ArticleId, *, away: bool) -> None:
        self._server.run(leases.FLIES, id, int(away))

    @anew
    def renew(self, worker: str) -> None:
        self._server.run(leases.RENEW, worker)

    @anew
    def release(
        self,
        worker: str,
        ids: Collection[ArticleId] | None = None,
        *,
        dead: bool = False,
        stays: bool = False,
    ) -> None:
        some = "" if ids is None else packed(list(map(str, ids)))
        self._server.run(leases.RELEASE, worker, some, int(dead), int(stays))

    @anew
    def leased(self, worker: str | None = None) -> int:
        return int(self._server.run(leases.LEASED, self._lease_seconds, worker or "")[0])

    def claim(self, worker: str, urls: Collection[str]) -> Claims:
        ours, others, given = set[str](), set[str](), iter(urls)
        while chunk := list(islice(given, MANY)):
            token = secrets.token_hex(claims.TOKEN)
            for all, some in zip((ours, others), self._claim(worker, token, chunk), strict=True):
                all.update(chunk[at] for at in some)
        return Claims(frozenset(ours), frozenset(others))

    def unclaim(self, worker: str, urls: Collection[str]) -> None:
        given = iter(urls)
        while chunk := list(islice(given, MANY)):
            self._unclaim(worker, chunk)

    @anew
    def present(self) -> Sequence[Presence]:
        found = self._server.run(leases.PRESENT, self._lease_seconds)
        names = ((worker.decode(), float(silent), held) for worker, silent, held in found)
        return [Presence(worker=name, silent=silent, leases=held) for name, silent, held in sorted(names)]

    @anew
    def searches(self) -> Mapping[str, str | None]:
        found = [each.decode() for each in self._server.run(searches.SEARCHES, self._lease_seconds)]
        return {place: worker or None for place, worker in sorted(zip(found[::2], found[1::2], strict=True))}

    @anew
    def search(self, worker: str, place: str, *, due: bool) -> str | None:
        holder = self._server.run(searches.SEARCH, worker, place, self._lease_seconds, int(due))
        return holder and str(holder.decode())

    @anew
    def searched(self, worker: str, place: str, *, over: bool) -> None:
        self._server.run(searches.SEARCHED, worker, place, int(over))

    @anew
    def ahead(self, segment: str, *, asks: bool) -> int:
        return int(self._server.run(way.AHEAD, segment, int(asks), WAY_SECONDS))

    @anew
    def through(self, segment: str) -> None:
        self._server.run(way.THROUGH, segment)

    @anew
    def _lease(
        self, worker: str, count: int, among: Sequence[ArticleId] | None, bounds: tuple[int, int, int]
    ) -> tuple[list[tuple[ArticleId, Entry, int]], int]:
        """Some leases, and where a refresh goes on to look for more; -1: there are none."""
        token = secrets.token_hex(8)  # for a lease that is asked for again because its answer was lost
        before, as_of, start = bounds
        wanted = "" if among is None else self._places(among)
        n, more, given = self._server.run(
            *(leases.LEASE, worker, token, count, self._lease_seconds, before, as_of, wanted, start)
        )
        self._check(n)
        return list(_leased(given)), int(more)

    @anew
    def _claim(self, worker: str, token: str, urls: Sequence[str]) -> tuple[Sequence[int], Sequence[int]]:
        """The places among the URLs of those that are ours, and of those that others have."""
        wanted = self._tags(urls)
        n, ours, others = self._server.run(claims.CLAIM, worker, token, self._lease_seconds, wanted)
        self._check(n)
        return ours, others

    @anew
    def _unclaim(self, worker: str, urls: Sequence[str]) -> None:
        self._server.run(claims.UNCLAIM, worker, self._tags(urls))

    def _tags(self, urls: Sequence[str]) -> bytes:
        """URLs with their buckets, as a script is told them."""
        tags = (self._keys.tag(held_key(url)) for url in urls)
        return packed([each for bucket, tag in tags for each in (bucket, text(tag))])


def _leased(given: bytes) -> Iterator[tuple[ArticleId, Entry, int]]:
    """What LEASE gives: in one piece, for a client reads a thousand small ones slowly."""
    at = 0
    while at < len(given):
        size, length, deaths = leases.GIVEN.unpack_from(given, at)
        id, entry = at + leases.GIVEN.size, at + leases.GIVEN.size + size
        at = entry + length
        yield ArticleId(int(given[id:entry])), Entry.parse(given[entry:at]), deaths
