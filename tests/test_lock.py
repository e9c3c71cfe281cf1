"""One job an archive at a time, as a courtesy: whoever holds it says so again and again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.disk import Disk
from crawler.errors import ArchiveHeld
from crawler.lock import KEY, Holder, Lock
from crawler.stores import Store, open_store

SECONDS = 60.0


class Clock:
    """A monotonic clock that moves when somebody sleeps; `then` happens meanwhile."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.then: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.then()


@pytest.fixture
def store(tmp_path) -> Store:
    return open_store(str(tmp_path / "archive"), Disk())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lock(store, clock, tmp_path) -> Callable[..., Lock]:
    def made(worker: str, *, dead: str = "nobody") -> Lock:
        folder = tmp_path / worker
        folder.mkdir(exist_ok=True)
        since = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
        holder = Holder.here(worker, since, SECONDS)
        return Lock(
            store,
            folder,
            holder,
            dead=lambda other: other == dead,
            monotonic=clock.monotonic,
            sleep=clock.sleep,
        )

    return made


def holder(store: Store) -> str | None:
    if (stream := store.read(KEY)) is None:
        return None
    with stream:
        return json.loads(stream.read())["worker"]


def test_an_archive_that_nobody_holds_is_taken_at_once(store, lock, clock) -> None:
    lock("aaaaaaaa").take()
    assert (holder(store), clock.now) == ("aaaaaaaa", 1000.0)


def test_a_second_job_learns_who_holds_the_archive_since_when(store, lock, clock) -> None:
    first = lock("aaaaaaaa")
    first.take()
    clock.then = first.renew
    with pytest.raises(ArchiveHeld, match=r"worker aaaaaaaa\) since 2026-11-25T12:00:00\+00:00"):
        lock("bbbbbbbb").take()
    assert holder(store) == "aaaaaaaa"


def test_a_lock_that_does_not_change_in_its_time_is_a_dead_jobs(store, lock, clock) -> None:
    lock("aaaaaaaa").take()
    lock("bbbbbbbb").take()
    assert holder(store) == "bbbbbbbb"
    assert clock.now >= 1000.0 + SECONDS


def test_nobody_waits_for_a_worker_that_is_known_to_be_dead(store, lock, clock) -> None:
    lock("aaaaaaaa").take()
    lock("bbbbbbbb", dead="aaaaaaaa").take()
    assert (holder(store), clock.now) == ("bbbbbbbb", 1000.0)


def test_a_lock_is_let_go_at_the_end(store, lock) -> None:
    one = lock("aaaaaaaa")
    one.take()
    one.release()
    assert holder(store) is None


def test_nobody_lets_go_of_anothers_lock(store, lock) -> None:
    one = lock("aaaaaaaa")
    one.take()
    lock("bbbbbbbb", dead="aaaaaaaa").take()
    one.release()
    assert holder(store) == "bbbbbbbb"


def test_a_lock_that_is_let_go_while_it_is_watched_is_free(store, lock, clock) -> None:
    first = lock("aaaaaaaa")
    first.take()
    clock.then = first.release
    lock("bbbbbbbb").take()
    assert holder(store) == "bbbbbbbb"


@pytest.mark.parametrize("content", [b"", b"{}", b"nonsense", b'{"worker": 1}', b"[]"])
def test_a_lock_that_can_not_be_read_is_watched_like_another(store, lock, clock, content) -> None:
    store.create(KEY, content)
    lock("bbbbbbbb").take()
    assert holder(store) == "bbbbbbbb"
    assert clock.now >= 1000.0 + SECONDS


def test_a_wall_clock_that_is_wrong_by_an_hour_makes_no_lock_stale(store, lock, clock, tmp_path) -> None:
    """Only its changes count: what time the holder believes it is, nobody asks."""
    behind = Holder.here("aaaaaaaa", datetime(2026, 11, 25, 11, 0, tzinfo=UTC), SECONDS)
    first = Lock(store, tmp_path, behind, dead=lambda _: False)
    first.take()
    clock.then = first.renew
    with pytest.raises(ArchiveHeld):
        lock("bbbbbbbb").take()


def test_the_lock_leaves_no_file_in_the_spool(lock, tmp_path: Path) -> None:
    one = lock("aaaaaaaa")
    one.take()
    one.renew()
    assert list((tmp_path / "aaaaaaaa").iterdir()) == []
