"""What a ledger on a server rests on: one that is whole, joined or made anew of the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from crawler.errors import LedgerError, WrongUse
from crawler.items import ArticleId
from crawler.ledger import scripts
from crawler.ledger.keys import Keys
from crawler.ledger.scripts import MANY
from crawler.ledger.server import Emptied, Server
from crawler.ledger.steps import packed

P = ParamSpec("P")
T = TypeVar("T")
LOOK_SECONDS = 0.2  #: between two looks whether another worker has made the ledger
MAKE_SECONDS = 600  #: for which somebody who can't make it waits for it


def anew(step: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """A step that is taken again, on a ledger that is whole, if the server turns out to have lost ours."""

    @wraps(step)
    def taken(ledger: Any, /, *args: P.args, **named: P.kwargs) -> T:
        while True:
            try:
                return step(ledger, *args, **named)
            except Emptied:
                ledger.join(make=ledger.fillable)

    return taken


class Shared:
    """A ledger on a server: its values as of the newest commit that we know of, whatever the server lost."""

    def __init__(self, server: Server, follow: Callable[[], object] | None, *, make: bool) -> None:
        self._server, self._follow = server, follow  # the log, from where the server is
        self._archive: UUID | None = None
        self._newest = 0  # the newest commit that we ever saw applied
        self._following = False
        self.join(make=make)

    @property
    def fillable(self) -> bool:
        """Whether we could make it anew."""
        return self._follow is not None

    def close(self) -> None:
        self._server.close()

    def bind(self, archive: UUID) -> None:
        self._archive = archive
        self._server.bind(str(archive))
        if (bound := self.bound()) != str(archive):
            raise WrongUse(
                f"{self._server.name} is the ledger of archive {bound}, not of {archive}: "
                "set LEDGER_URL or ARCHIVE_URL to the one that you mean."
            )

    def bound(self) -> str | None:
        return self._server.bound()

    @anew
    def n(self) -> int:
        n = int(self._server.run(scripts.READ, packed([]))[0])
        self._newest = max(self._newest, n)
        return n

    def join(self, *, make: bool) -> None:
        """Be at a ledger that is whole: that which is there, or one that we or others make of the log."""
        end = time.monotonic() + MAKE_SECONDS
        while not self._server.join():
            if make and self._server.make(self._filled):
                break
            if time.monotonic() >= end:
                raise LedgerError(f"{self._server.name} has no ledger, and nobody makes one.")
            time.sleep(LOOK_SECONDS)
        if self._archive is not None:
            self.bind(self._archive)

    def _filled(self) -> None:
        """At the log's end; what is read on the way there is of an older commit."""
        if self._follow is not None:
            self._following = True
            try:
                self._follow()
            finally:
                self._following = False

    def _check(self, n: object) -> None:
        """Emptied if the server does not know all that we know it to have known: it is an older dump.

        It follows the log from there first, for nothing may be decided by what it says.
        """
        if int(str(n)) < self._newest and self._follow is not None and not self._following:
            self._filled()
            raise Emptied

    @property
    def _keys(self) -> Keys:
        return Keys.of(self._server.epoch)

    def _places(self, ids: Iterable[ArticleId]) -> bytes:
        """Ids with their buckets, as a script is told them."""
        return packed([each for id in ids for each in (self._keys.bucket(id), str(id))])

    def _values(self, wanted: Sequence[tuple[str, object, object]]) -> list[Any]:
        """The values of fields of hashes: kind, bucket, field."""
        values: list[Any] = []
        for start in range(0, max(len(wanted), 1), MANY):
            flat = [each for one in wanted[start : start + MANY] for each in one]
            n, *some = self._server.run(scripts.READ, packed(flat))
            self._check(n)
            values += some
        return values
