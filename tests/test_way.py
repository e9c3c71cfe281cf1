"""The right of way: a commit that loses one race after another gets through all the same (crawler.committing)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from crawler import archive, commits, committing
from crawler.disk import Disk
from crawler.items import ArticleId
from crawler.ledger import Ledger
from crawler.ledger.redis import RedisLedger
from crawler.ledger.roster import WAY_SECONDS
from crawler.ledger.sqlite import SqliteLedger
from crawler.recovery import add
from crawler.spool import Spool
from crawler.stores.local import LocalStore
from tests import takes
from tests.test_ledger import Clock


class Waits(Exception):
    """A worker would have waited, for somebody else goes first."""


class Died(BaseException):
    """As SIGKILL: nothing of the worker runs on."""


class Impatient(Disk):
    """A worker's disk that ends it where it looks at the log again though it tried nothing."""

    looked = False

    def reached(self, step: str) -> None:
        if step == "commit/follow" and self.looked:
            raise Waits
        self.looked = step == "commit/follow"


class Overtaken(LocalStore):
    """A store where somebody else's commit is there first, time and again, if that one goes."""

    def __init__(self, fleet: Fleet, *, dies: bool = False) -> None:
        super().__init__(fleet.folder / "archive", Disk())
        self._fleet, self._dies, self.races = fleet, dies, 0

    def create(self, key: str, data: bytes) -> bool:
        self.races += 1
        assert self.races <= 3 * committing.LOSSES, "it loses for ever"
        try:
            self._fleet.commit()
        except Waits:
            if self._dies:
                raise Died from None
        return super().create(key, data)


@dataclass
class Fleet:
    """Workers on one archive and one ledger; each commits an id that nobody knew."""

    folder: Path
    ledger: Ledger
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.folder / "archive", Disk())

    def commit(self, store: LocalStore | None = None, disk: Disk | None = None) -> None:
        """Commit as a worker does; Waits, unless another disk is given, where somebody else goes first."""
        id = next(self.ids)
        spool = Spool.claim(self.folder / "spool", f"{id:08x}", UUID(int=5), Disk())
        try:
            ids, disk = [ArticleId(id)], disk or Impatient()
            add(ids, "list", spool, store or self.store, self.ledger, disk, lambda: takes.BEGAN)
        finally:
            spool.close(remove=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "redis", "valkey"])
def fleet(request, tmp_path, clock):
    archive.ensure(LocalStore(tmp_path / "archive", Disk()), None)
    if request.param == "sqlite":
        ledger: Ledger = SqliteLedger(tmp_path / "ledger.db", clock=clock)
    else:
        server = request.getfixturevalue("servers")[request.param]
        server.empty()
        ledger = RedisLedger(server.url, clock=clock)
    with closing(ledger):
        yield Fleet(tmp_path, ledger)


def test_a_commit_that_always_loses_gets_through_after_so_many_races(fleet) -> None:
    store = Overtaken(fleet)
    fleet.commit(store, Disk())
    assert store.races == committing.LOSSES + 1
    assert [commit.counts for commit in commits.log(store)] == [{"known": 1}] * (committing.LOSSES + 1)


def test_once_it_is_through_the_others_go_on(fleet) -> None:
    fleet.commit(Overtaken(fleet), Disk())
    fleet.commit()
    assert fleet.ledger.n() == committing.LOSSES + 2


def test_whoever_dies_with_the_right_of_way_keeps_the_others_for_its_seconds(fleet, clock) -> None:
    with pytest.raises(Died):
        fleet.commit(Overtaken(fleet, dies=True), Disk())
    with pytest.raises(Waits):
        fleet.commit()
    clock.go(WAY_SECONDS + 1)
    fleet.commit()
    assert fleet.ledger.n() == committing.LOSSES + 1
