"""A ledger is filled from the log before it has its name: afterwards it is whole, or it is not there."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crawler.errors import Damaged, LedgerError
from crawler.items import ArticleId, Outcome
from crawler.ledger import Follower, Seed
from crawler.ledger.sqlite import SqliteLedger
from crawler.lines import Original
from tests.test_ledger import AT, DIGEST, HASH, OTHER, commit, line, read, record

IDS = [ArticleId(id) for id in (1, 2, 3, 4)]
LOG = (
    ([line(id, Outcome.KNOWN, found="list") for id in (1, 2, 3)], [record("segment-1")]),
    ([read(2), read(1), line(3, Outcome.FAILED, reason="timeout")], [record("segment-2")]),
    ([read(2, OTHER, 2, Outcome.CHANGED, take=2), read(2, HASH, 1, Outcome.CHANGED, take=3)], []),
    ([line(3, Outcome.KNOWN, reason="requeued", take=1), line(4, Outcome.GONE)], [record("segment-4")]),
)


def follow(ledger: Follower) -> None:
    """Apply what the ledger lacks of LOG."""
    for n, (lines, stored) in enumerate(LOG[ledger.n() :], start=ledger.n() + 1):
        ledger.apply(n, f"segment-{n}", AT, lines, stored)


def dump_of(path: Path, commits: int) -> Seed:
    """A seed that has the first commits of LOG."""
    with closing(SqliteLedger(path)) as ledger:
        for lines, stored in LOG[:commits]:
            commit(ledger, *lines, stored=stored)
        ledger.dump(path.with_name("dump.db"))

    def seed(file: Path) -> bool:
        file.write_bytes(path.with_name("dump.db").read_bytes())
        return True

    return seed


def said(ledger: SqliteLedger) -> list[object]:
    return [
        ledger.n(),
        ledger.counts(),
        [ledger.standing(id) for id in IDS],
        [ledger.version(id, text) for id in IDS for text in (HASH, OTHER)],
        [ledger.original(text) for text in (HASH, OTHER)],
        ledger.stored(b"s" * 32, 100, DIGEST),
        [ledger.segment(f"segment-{n}") for n in range(1, 6)],
        ledger.lease("w", 9),
        list(ledger.settled(Outcome.GONE)),
    ]


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "home" / "ledger.db"


@pytest.fixture
def lived(tmp_path):
    with closing(SqliteLedger(tmp_path / "lived.db")) as ledger:
        follow(ledger)
        yield ledger


def test_a_filled_ledger_says_what_one_that_lived_says(path, lived) -> None:
    with closing(SqliteLedger(path, fill=follow)) as ledger:
        assert said(ledger) == said(lived)
        assert ledger.original(HASH) == Original(id="2", version=1)


def test_a_filled_ledger_has_the_tables_and_indexes_of_one_that_lived(path, lived, tmp_path) -> None:
    SqliteLedger(path, fill=follow).close()
    shapes = []
    for file in (path, tmp_path / "lived.db"):
        with closing(sqlite3.connect(file)) as db:
            shape = [db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()]
            shapes.append(
                shape + [db.execute(f"PRAGMA {name}").fetchall() for name in ("journal_mode", "user_version")]
            )
    assert shapes[0] == shapes[1]


def test_what_a_seed_lacks_is_filled(path, lived, tmp_path) -> None:
    with closing(SqliteLedger(path, seed=dump_of(tmp_path / "older.db", 2), fill=follow)) as ledger:
        assert said(ledger) == said(lived)


def test_a_ledger_that_is_there_is_not_filled(path) -> None:
    SqliteLedger(path).close()
    with closing(SqliteLedger(path, fill=follow)) as ledger:
        assert ledger.n() == 0


def test_a_filled_ledger_goes_on_as_any(path) -> None:
    with closing(SqliteLedger(path, fill=follow)) as ledger, closing(SqliteLedger(path)) as other:
        commit(ledger, read(4, take=2))
        assert other.n() == 5


@pytest.mark.parametrize("error", [Damaged("no line"), OSError("no disk"), LedgerError("a gap")], ids=repr)
def test_a_log_that_can_t_be_read_leaves_no_ledger(path, error) -> None:
    def broken(ledger: Follower) -> None:
        follow(ledger)
        raise error

    with pytest.raises((Damaged, LedgerError), match=str(error)):
        SqliteLedger(path, fill=broken)
    assert list(path.parent.iterdir()) == []


def _killed(path: Path) -> None:
    def fill(ledger: Follower) -> None:
        follow(ledger)
        os._exit(9)

    SqliteLedger(path, fill=fill)


def test_a_kill_while_it_is_filled_leaves_no_ledger_and_the_next_one_clears_up(path, lived) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_killed, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == 9
    assert not path.exists()
    assert [left.name.startswith("ledger.db.part-") for left in path.parent.iterdir()] == [True]
    with closing(SqliteLedger(path, fill=follow)) as ledger:
        assert said(ledger) == said(lived)
    assert [left.name for left in path.parent.iterdir()] == ["ledger.db"]
