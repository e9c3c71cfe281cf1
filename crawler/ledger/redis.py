"""The ledger of a fleet: in Redis or Valkey, for workers on any number of machines.

It is an index over the log as any ledger is: what the server loses, the log gives back. Promises and their
reasons: crawler.ledger.Ledger.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self

from crawler.errors import LedgerError
from crawler.items import ArticleId, Revisit, Stored
from crawler.ledger import Counts, Fill, Seed, scripts
from crawler.ledger.entry import OUTCOMES, code_of
from crawler.ledger.redis_roster import RedisRoster
from crawler.ledger.roster import LEASE_SECONDS
from crawler.ledger.rows import milliseconds
from crawler.ledger.scripts import MANY, applying, leases
from crawler.ledger.server import SECONDS, Emptied, Server
from crawler.ledger.shared import anew
from crawler.ledger.steps import Steps, packed
from crawler.lines import OutcomeLine

FEW = 100  #: buckets in one call


class RedisLedger(RedisRoster):
    """A ledger on a server that many machines use; an object serves one thread at a time."""

    def __init__(
        self,
        url: str,
        *,
        seed: Seed | None = None,
        fill: Fill | None = None,
        clock: Callable[[], float] | None = None,
        lease_seconds: float = LEASE_SECONDS,
        make: bool = True,
        seconds: float = SECONDS,
    ) -> None:
        self._seed, self._fill = seed, fill
        server = Server(url, clock=clock, seconds=seconds)  # without a clock of ours, the server's
        super().__init__(server, fill and partial(fill, self), lease_seconds, make=make)

    @classmethod
    def from_url(
        cls,
        url: str,
        seed: Seed | None = None,
        fill: Fill | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> Self:
        """The ledger at `redis://HOST:PORT/NUMBER`; only who can fill it makes it."""
        return cls(url, seed=seed, fill=fill, lease_seconds=lease_seconds, make=fill is not None)

    @classmethod
    def to_read(cls, url: str, lease_seconds: float = LEASE_SECONDS) -> Self | None:
        """The same; None if there is none that is whole."""
        server = Server(url)
        there = server.join()
        server.close()
        return cls(url, lease_seconds=lease_seconds, make=False) if there else None

    @classmethod
    def forget(cls, url: str) -> None:
        """Remove it, so that whoever uses it makes it anew."""
        server = Server(url)
        server.forget()
        server.close()

    def apply(
        self,
        n: int,
        segment: str,
        at: str,
        outcomes: Iterable[OutcomeLine],
        stored: Iterable[Stored | Revisit],
        held: Iterable[str] = (),
    ) -> None:
        """In parts, each taken in once, whoever else brings it: until the last, n is the one before.

        All is read before the first part goes, so what can't be read whole changes nothing.
        """
        parts = Steps(self._keys, n, segment, at).parts(outcomes, stored, held)
        ready = deque(islice(parts, 1))
        known, applied = self._newest, 0
        self._newest = max(known, n)  # it is in the log
        try:
            while applied < n:
                part = ready.popleft()
                applied = self._server.run(
                    applying.APPLY, n, *part, meanwhile=lambda: ready.extend(islice(parts, 1))
                )
                self._check_gap(n, applied, known)
                if self._following:
                    self._server.still_making()
        except Emptied:
            self.join(make=self.fillable)
            self._entries([])  # which brings a ledger that is older than n to the log's end

    def add(self, ids: Iterable[ArticleId], found: str) -> int:
        given = iter(list(ids))  # to its end first: a list that breaks off adds nothing
        new = 0
        while some := list(islice(given, MANY)):
            new += self._add(some, found)
        return new

    def done(self, ids: Iterable[ArticleId], *, captured_before: datetime | None = None) -> int:
        before = None if captured_before is None else milliseconds(captured_before)
        given, count = iter(ids), 0
        while chunk := list(islice(given, MANY)):
            count += sum(entry.done(before) for entry in self._entries(chunk))
        return count

    @anew
    def counts(self) -> Counts:
        leased, flat = self._server.run(leases.LEASED, self._lease_seconds, "")
        told = dict(zip(flat[::2], flat[1::2], strict=True))
        outcomes = {each: int(told.get(b"o:%d" % number, 0)) for number, each in enumerate(OUTCOMES)}
        outcomes = {outcome: count for outcome, count in outcomes.items() if count}
        left = int(told.get(b"left", 0))
        return Counts(
            known=left + sum(outcomes.values()),
            left=left,
            leased=int(leased),
            unlogged=int(told.get(b"unlogged", 0)),
            outcomes=outcomes,
        )

    @anew
    def aged(self, captured_before: datetime) -> int:
        before, count = milliseconds(captured_before), 0
        buckets = iter(self._server.below("old", before))
        while some := list(islice(buckets, FEW)):
            count += int(self._server.run(leases.AGED, packed(some), before))
        return count

    def dump(self, file: Path) -> int:
        """Of the log, not of the server: that may not have all of it yet."""
        from crawler.ledger.sqlite import SqliteLedger

        if self._fill is None:
            return -1
        made = file.with_name(f"{file.name}.made")
        ledger = SqliteLedger(made, seed=self._seed, fill=self._fill)
        try:
            return ledger.dump(file)
        finally:
            ledger.close()
            made.unlink()

    def _check_gap(self, n: int, applied: int, known: int) -> None:
        """LedgerError if commits before n are not in; Emptied if they were: an old dump has come back."""
        if applied < min(known, n - 1):
            raise Emptied
        if n > applied + 1:
            told = f"has {applied} commits and can't take in commit {n} next"
            raise LedgerError(f"{self._server.name} {told}")

    @anew
    def _add(self, ids: Sequence[ArticleId], found: str) -> int:
        return int(self._server.run(scripts.ADD, code_of(found), self._places(ids)))
