"""What several runs have brought, summed up while they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.commits import Commit, File
from crawler.disk import Disk
from crawler.since import Since
from crawler.stores import Store
from crawler.stores.local import LocalStore

WARC = File(path="warcs/a.warc.gz", kind="warc", bytes=500, sha256="", count=9)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return LocalStore(tmp_path / "archive", Disk())


def commit(store: Store, n: int, **counts: int) -> None:
    made = Commit(
        n=n, segment=f"segment-{n}", at="2026-11-26T00:00:00.000Z", worker="w", files=(WARC,), counts=counts
    )
    store.create(Commit.key(n), bytes(made))


def test_what_was_there_before_does_not_count(store: Store) -> None:
    commit(store, 1, article=7)
    since = Since.of(store)
    commit(store, 2, article=1, known=5)
    assert since.on(store).made.outcomes == {"article": 1}


def test_each_look_reads_only_what_came_since_the_last(store: Store, tmp_path: Path) -> None:
    since = Since.of(store)
    commit(store, 1, article=2)
    since = since.on(store)
    (tmp_path / "archive" / Commit.key(1)).write_bytes(b"")  # who reads it again fails
    commit(store, 2, article=3)
    made = since.on(store).made
    assert (made.commits, made.outcomes["article"], made.bytes["warc"]) == (2, 5, 1000)
