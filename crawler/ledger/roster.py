"""The roster of a ledger: who works on the archive just now, at what, and who goes first.

The log knows nothing of it, so it can be lost: it saves work, and no promise rests on it.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crawler.items import ArticleId, Lease

LEASE_SECONDS = 600.0  #: where nothing else is said
SIGNS = 10  #: of life, in the time after which a worker without one counts as dead
WAY_SECONDS = 15.0  #: a try to commit takes one or two; whoever died in line keeps others for so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A worker that lives, as all others see it."""

    worker: str
    silent: float  #: seconds since it was last heard of
    leases: int


@dataclass(frozen=True, slots=True)
class Claims:
    """Of some URLs, those that somebody is to take; the others are the archive's, or were ours before."""

    ours: frozenset[str]
    others: frozenset[str]  #: other workers, that live, have claimed them


class Roster(Protocol):
    """Leases of ids, claims of URLs, the workers that live, searches for ids, the right of way to commit."""

    def lease(
        self,
        worker: str,
        count: int,
        *,
        among: Collection[ArticleId] | None = None,
        captured_before: datetime | None = None,
        as_of: int = sys.maxsize,
    ) -> Sequence[Lease]:
        """Up to count ids that are left and not leased, now leased by worker; of `among` only, if given.

        With `captured_before`, also articles (article, changed, unchanged, duplicate) captured before then
        whose take commit `as_of` or an earlier one brought: a run takes none twice, whatever its clock says.
        Leases of a worker not heard of (lease, renew, claim) for `lease_seconds`, by no wall clock, count as
        ended.
        A lease has validators only where `validated` finds what a 304 to them would speak of.
        """

    def tried(self, lease: Lease) -> None:
        """Keep a lease's failed attempts: who leases the id next goes on counting, until it is settled."""

    def flies(self, id: ArticleId, *, away: bool) -> None:
        """An id that a worker may have died of is on its way, or is not any more: it is drafted."""

    def renew(self, worker: str) -> None:
        """The worker is alive: its leases go on."""

    def release(
        self,
        worker: str,
        ids: Collection[ArticleId] | None = None,
        *,
        dead: bool = False,
        stays: bool = False,
    ) -> None:
        """End these leases of worker, or all of them: what is not settled can be leased again.

        Who has released all counts as gone, its claims with it, unless it `stays`.
        Where the worker is dead, each counts one death, as those do whose worker was not heard of: the first
        in any case, the further ones only if the id was on its way (`flies`). A take ends the count; who
        leases an id next has not asked for it yet, however this lease ended.
        """

    def leased(self, worker: str | None = None) -> int:
        """How many leases worker holds; without one, all of them."""

    def present(self) -> Sequence[Presence]:
        """The workers that live, by name; to ask is no sign of life, and changes nothing."""

    def searches(self) -> Mapping[str, str | None]:
        """Places of searches that are not over, and who makes them; None: whoever asks next. As `present`."""

    def claim(self, worker: str, urls: Collection[str]) -> Claims:
        """Which of these URLs of requisites fall to worker, that lives: each does once.

        A claim ends with the commit that brings the URL, or when its worker lets go of it. While its worker
        does not live, whoever asks may have it.
        """

    def unclaim(self, worker: str, urls: Collection[str]) -> None:
        """Let go of these, which worker did not get: they fall to whoever asks next."""

    def search(self, worker: str, place: str, *, due: bool) -> str | None:
        """Who searches the place for ids now: worker, if that falls to it, or another; None if nobody does.

        One that has begun and is not over falls to whoever asks, once its worker has left it, is dead or has
        released all.
        A new one begins where it is `due`, but not while a worker lives that asked when there was one.
        """

    def searched(self, worker: str, place: str, *, over: bool) -> None:
        """The search that worker holds is over, or the worker leaves it to others."""

    def ahead(self, segment: str, *, asks: bool) -> int:
        """How many have the right of way before this segment's commit; who asks stands in line for it.

        The right is manners: it keeps nobody from committing. Who stands in line, the first too, and does not
        ask again for `WAY_SECONDS` is passed over.
        """

    def through(self, segment: str) -> None:
        """The segment's commit is made: the right of way goes to the next."""
