"""A snapshot is the ledger as of a commit: a start from it and one from the log come to the same."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from crawler import commits, snapshots
from crawler.disk import Disk
from crawler.errors import LedgerError
from crawler.items import ArticleId
from crawler.ledger import Ledger, open_ledger
from crawler.recovery import add
from crawler.spool import Spool
from crawler.stores import Store, open_store

HOME = UUID(int=7)
TABLES = ("commits", "ids", "texts", "payloads")


@pytest.fixture
def store(tmp_path) -> Store:
    return open_store(str(tmp_path / "archive"), Disk())


@pytest.fixture
def ledger(tmp_path):
    with closing(open_ledger(f"sqlite://{tmp_path}/ledger.db")) as made:
        made.bind(HOME)
        yield made


def commit(store: Store, ledger: Ledger, tmp_path: Path, *ids: int) -> None:
    """One more commit."""
    spool = Spool.claim(tmp_path / "spool", f"{ledger.n():08x}", HOME, Disk())
    add([ArticleId(id) for id in ids], "list", spool, store, ledger, Disk(), lambda: datetime.now(UTC))
    spool.close(remove=True)


def rows(file: Path) -> dict[str, list[tuple]]:
    with closing(sqlite3.connect(file)) as db:
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TABLES}


def grown(store: Store, file: Path) -> Ledger:
    return open_ledger(f"sqlite://{file}", partial(snapshots.fetch, store))


def test_a_ledger_from_a_snapshot_is_the_one_that_it_was_taken_of(store, ledger, tmp_path) -> None:
    commit(store, ledger, tmp_path, 1, 2, 3)
    snapshots.save(ledger, store, tmp_path, Disk())
    with closing(grown(store, tmp_path / "new.db")) as new:
        new.bind(HOME)
        assert new.n() == 1
        assert new.counts() == ledger.counts()
    assert rows(tmp_path / "new.db") == rows(tmp_path / "ledger.db")


def test_what_came_after_the_snapshot_is_read_from_the_log(store, ledger, tmp_path) -> None:
    commit(store, ledger, tmp_path, 1)
    snapshots.save(ledger, store, tmp_path, Disk())
    commit(store, ledger, tmp_path, 2)
    with closing(grown(store, tmp_path / "new.db")) as new:
        assert commits.follow(store, new) == 2
    assert rows(tmp_path / "new.db") == rows(tmp_path / "ledger.db")


def test_a_snapshot_holds_what_the_log_says_and_nothing_of_one_machine(store, ledger, tmp_path) -> None:
    commit(store, ledger, tmp_path, 1, 2)
    ledger.add([ArticleId(9)], "link")
    ledger.lease("worker", 1)
    snapshots.save(ledger, store, tmp_path, Disk())
    with closing(grown(store, tmp_path / "new.db")) as new:
        assert list(new.ids(left=True)) == [1, 2]
        assert new.counts().leased == 0
    assert ledger.leased("worker") == 1
    assert list(ledger.ids(left=True)) == [1, 2, 9]


def test_a_torn_snapshot_is_passed_over_for_an_older_one(store, ledger, tmp_path, caplog) -> None:
    commit(store, ledger, tmp_path, 1)
    snapshots.save(ledger, store, tmp_path, Disk())
    commit(store, ledger, tmp_path, 2)
    snapshots.save(ledger, store, tmp_path, Disk())
    newest = tmp_path / "archive" / snapshots.key(2)
    newest.write_bytes(newest.read_bytes()[:-20])
    with closing(grown(store, tmp_path / "new.db")) as new:
        assert new.n() == 1
    assert "0000000002.db.gz can't be read" in caplog.text


def test_without_a_snapshot_that_can_be_read_the_log_tells_all(store, ledger, tmp_path) -> None:
    commit(store, ledger, tmp_path, 1)
    store.create(snapshots.key(1), gzip.compress(b"half a ledger")[:-9])
    with closing(grown(store, tmp_path / "new.db")) as new:
        assert new.n() == 0
        assert commits.follow(store, new) == 1


def test_a_snapshot_that_is_no_ledger_is_named(store, tmp_path) -> None:
    store.create(snapshots.key(1), gzip.compress(b"not a database" * 100))
    with pytest.raises(LedgerError, match="no ledger can be made"):
        grown(store, tmp_path / "new.db")


def test_the_newest_two_are_kept(store, ledger, tmp_path) -> None:
    for id in range(1, 5):
        commit(store, ledger, tmp_path, id)
        snapshots.save(ledger, store, tmp_path, Disk())
    assert snapshots.numbers(store) == [4, 3]


def test_a_ledger_that_is_there_is_not_made_from_a_snapshot(store, ledger, tmp_path) -> None:
    commit(store, ledger, tmp_path, 1)
    snapshots.save(ledger, store, tmp_path, Disk())
    open_ledger(f"sqlite://{tmp_path}/new.db").close()
    with closing(grown(store, tmp_path / "new.db")) as new:
        assert new.n() == 0


def test_a_snapshot_leaves_no_file_behind(store, ledger, tmp_path) -> None:
    commit(store, ledger, tmp_path, 1)
    before = sorted(path.name for path in tmp_path.iterdir())
    snapshots.save(ledger, store, tmp_path, Disk())
    assert sorted(path.name for path in tmp_path.iterdir()) == before
