"""The ledger: an index over the log of commits, and the place of the leases.

The log is the truth (DESIGN part 6). What the ledger knows can be made again from it, but for leases and
for ids that were found since the last commit (`unlogged`), and those lie in the spool that found them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from crawler.errors import WrongUse
from crawler.items import ArticleId, Outcome, Revisit, Stored
from crawler.ledger.roster import LEASE_SECONDS, Roster
from crawler.lines import Original, OutcomeLine
from crawler.validators import Validators

if TYPE_CHECKING:
    from crawler.ledger.redis import RedisLedger
    from crawler.ledger.sqlite import SqliteLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the log says of one id: takes so far, the last outcome, and the text it shows now."""

    takes: int = 0
    outcome: Outcome | None = None  #: None: never heard of
    version: int | None = None  #: of its current text; None when that is another id's, or it has none
    content_hash: str | None = None  #: of its current text
    versions: int = 0  #: distinct texts of its own so far
    left: bool = False  #: still to be taken, by the log


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Ids by standing. known = settled + left, always."""

    known: int
    left: int  #: with the leased ones
    leased: int
    unlogged: int  #: of those left: not in the log yet
    outcomes: dict[Outcome, int]  #: settled ids by their last outcome

    @property
    def settled(self) -> int:
        return sum(self.outcomes.values())


class Follower(Protocol):
    """What follows the log, commit by commit. Methods block; each is one atomic step."""

    def n(self) -> int:
        """The newest commit that is applied."""

    def segment(self, name: str) -> int | None:
        """The number of the commit that names this segment."""

    def apply(
        self,
        n: int,
        segment: str,
        at: str,
        outcomes: Iterable[OutcomeLine],
        stored: Iterable[Stored | Revisit],
        held: Iterable[str] = (),
    ) -> None:
        """Take in commit n, whole or not at all.

        A commit that is applied already changes nothing; one that leaves a gap is a LedgerError.
        A `known` line makes an unheard-of id left; with reason `requeued` and as many takes as the id
        has, it makes a settled id left again; otherwise it changes nothing (but marks it as logged).
        Any other line settles the id with that take, and ends whatever lease there is on it.
        `at` (ISO 8601) stands for the capture time where a line has none. `stored` are its records that hold
        a payload whole, and its revisits. `held` are URLs that `claim` gives no more; it is read behind
        `stored`, which may fill it.
        """


class Known(Protocol):
    """What a decision asks of the ledger."""

    def standing(self, id: ArticleId) -> Standing: ...

    def logged(self, id: ArticleId) -> bool:
        """Whether the log names the id (as `known` or settled)."""

    def unlogged(self, ids: Iterable[ArticleId]) -> Iterator[ArticleId]:
        """Those of the ids that the log does not name, in their order."""

    def version(self, id: ArticleId, content_hash: str) -> int | None:
        """The version under which the id showed this text before."""

    def original(self, content_hash: str) -> Original | None:
        """The id and version that brought this text first, in commit order."""

    def among(self, ids: Iterable[ArticleId], texts: Iterable[str]) -> Known:
        """The same, to be asked of these ids and texts: a ledger that is far away reads them at once."""


class Ledger(Follower, Known, Roster, Protocol):
    """An index over the log, one per archive, and the roster of those who work on it."""

    def close(self) -> None: ...

    def bind(self, archive: UUID) -> None:
        """Tie a new ledger to its archive; WrongUse if it belongs to another one."""

    def bound(self) -> str | None:
        """The archive that it is tied to."""

    def add(self, ids: Iterable[ArticleId], found: str) -> int:
        """Make unheard-of ids left though the log does not name them yet; how many were new."""

    def done(self, ids: Iterable[ArticleId], *, captured_before: datetime | None = None) -> int:
        """How many of these ids `lease` would never give: settled, and no articles captured before then."""

    def stored(self, sha256: bytes, length: int, digest: str | None) -> Stored | None:
        """A committed record that holds this payload whole, and says this digest of it."""

    def captured(self, url: str, date: str | None = None) -> Stored | None:
        """The newest committed record under an archive service's URL that is whole; with this WARC-Date."""

    def validated(self, id: ArticleId, held: Validators) -> Stored | None:
        """The committed record that a 304 to these validators speaks of, None if they are not the id's.

        It is the first under the article's own URL that holds, whole, the payload they were given with: that
        of the id's last take. Another id's record with the same bytes is none: replay looks by the URL.
        """

    def counts(self) -> Counts: ...

    def aged(self, captured_before: datetime) -> int:
        """How many articles `lease` gives beyond those left, with that `captured_before`."""

    def settled(self, outcome: Outcome, reason: str | None = None) -> Iterator[tuple[ArticleId, int]]:
        """Ids (and their takes) whose last outcome is this one, by id; a reason narrows it to its prefix."""

    def ids(self, *, left: bool) -> Iterator[ArticleId]:
        """All ids that are left (True) or settled (False), by id."""

    def dump(self, file: Path) -> int:
        """Write what the log gave, no leases and no unlogged ids, to a new file of SQLite.

        The newest commit in it; -1 where that can't be had from this ledger.
        """


REDIS = ("redis", "rediss", "unix")
_NUMBER = re.compile(r"/?|/[0-9]+/?")  #: for anything else redis-py would take database 0

Seed = Callable[[Path], bool]
"""Writes the dump of an earlier ledger to a path; False if there is none."""

Fill = Callable[[Follower], object]
"""Brings a ledger that is being made to the log's end; unseen as yet, it takes that in at twice the speed."""


def open_ledger(
    url: str, seed: Seed | None = None, fill: Fill | None = None, *, lease_seconds: float = LEASE_SECONDS
) -> Ledger:
    """The ledger at url; if there is none yet it is made, of what the seed has and what the fill brings."""
    return _kind(url).from_url(url, seed, fill, lease_seconds)


def read_ledger(url: str, *, lease_seconds: float = LEASE_SECONDS) -> Ledger | None:
    """The ledger at url, of which nothing is changed; None if there is none that can be read so."""
    return _kind(url).to_read(url, lease_seconds)


def forget(url: str) -> None:
    """Remove a shared ledger: whoever uses it makes it anew of the log."""
    from crawler.ledger.redis import RedisLedger

    RedisLedger.forget(url)


def checked(url: str) -> str:
    """The URL of a ledger, as it was given; WrongUse if it names no server.

    It is not repeated: what makes it wrong may be a password.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme not in ("redis", "rediss") or (
            parts.port != 0 and bool(_NUMBER.fullmatch(parts.path))
        )
    except ValueError:  # of the port
        good = False
    if not good:
        raise WrongUse(
            "LEDGER_URL is no database of a server: give redis://HOST:PORT/NUMBER "
            "(in a password, %2F for a slash, %3F for ?, %23 for #)."
        )
    return url


def is_shared(url: str) -> bool:
    """Whether workers on any machine may share it."""
    return urlsplit(url).scheme in REDIS


def _kind(url: str) -> type[SqliteLedger | RedisLedger]:
    if urlsplit(url).scheme == "sqlite":
        from crawler.ledger.sqlite import SqliteLedger

        return SqliteLedger
    if is_shared(url):
        from crawler.ledger.redis import RedisLedger

        return RedisLedger
    kind = urlsplit(url).scheme  # behind it there may be a password
    told = f"of the kind {kind!r}" if kind else "no URL"
    raise WrongUse(f"LEDGER_URL is {told}: give sqlite:///FILE, or redis://HOST:PORT/NUMBER")
