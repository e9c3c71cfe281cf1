"""Spools: whose they are, who may take them over, and what is left of them."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest

from crawler import archive, commits
from crawler.disk import Disk
from crawler.errors import SpoolError, WrongUse
from crawler.ledger.sqlite import SqliteLedger
from crawler.recovery import recover
from crawler.spool import Spool
from crawler.stores.local import LocalStore
from tests import takes
from tests.test_segment import NAME, three_pages

OURS, THEIRS = UUID(int=5), UUID(int=6)


def claim(root: Path, worker: str = "000000aa", home: UUID = OURS) -> Spool:
    return Spool.claim(root, worker, home, Disk())


def die(spool: Spool) -> Path:
    """What the kernel does when its process ends."""
    os.close(spool.lock)
    return spool.folder


def abandoned(root: Path, home: UUID = OURS) -> list[str]:
    found = []
    for spool in Spool.abandoned(root, home, Disk()):
        found.append(spool.worker)
        os.close(spool.lock)
    return found


def test_a_spool_of_a_living_worker_is_not_abandoned(tmp_path) -> None:
    spool = claim(tmp_path)
    assert abandoned(tmp_path) == []
    die(spool)


def test_a_spool_of_a_dead_worker_is(tmp_path) -> None:
    die(claim(tmp_path))
    assert abandoned(tmp_path) == ["000000aa"]


def test_a_spool_is_held_as_long_as_a_child_with_its_lock_lives(tmp_path) -> None:
    spool = claim(tmp_path)
    child = os.dup(spool.lock)
    die(spool)
    assert abandoned(tmp_path) == []
    os.close(child)
    assert abandoned(tmp_path) == ["000000aa"]


def test_a_spool_that_was_taken_over_is_nobody_elses(tmp_path) -> None:
    die(claim(tmp_path))
    taken = next(Spool.abandoned(tmp_path, OURS, Disk()))
    assert abandoned(tmp_path) == []
    die(taken)


def test_a_held_spool_cannot_be_claimed(tmp_path) -> None:
    spool = claim(tmp_path)
    with pytest.raises(SpoolError, match="held by another process"):
        claim(tmp_path)
    die(spool)


def test_a_spool_of_another_archive_is_left_to_its_own_crawls(tmp_path) -> None:
    die(claim(tmp_path, home=THEIRS))
    die(claim(tmp_path, worker="000000bb"))
    assert abandoned(tmp_path) == ["000000bb"]
    assert abandoned(tmp_path, THEIRS) == ["000000aa"]


@pytest.mark.parametrize("card", [b"", b'{"archi', b"[]", b"{}"])
def test_a_spool_whose_worker_died_before_its_card_was_whole_is_ours(tmp_path, card) -> None:
    folder = die(claim(tmp_path))
    (folder / "spool.json").write_bytes(card)
    assert abandoned(tmp_path) == ["000000aa"]


def test_a_folder_that_is_no_spool_is_left_alone(tmp_path) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "file").write_bytes(b"")
    assert abandoned(tmp_path) == []
    assert abandoned(tmp_path / "none") == []


def test_a_place_where_no_spool_can_be_made_is_a_spool_error() -> None:
    with pytest.raises(SpoolError, match="no spool can be made"):
        claim(Path("/proc/none"))


@pytest.mark.parametrize("place", ["file", "file/within"])
def test_a_file_where_the_spool_should_be_is_wrong_use(tmp_path, place) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WrongUse, match="SPOOL_DIR names a folder"):
        claim(tmp_path / place)


def test_segments_are_named_oldest_first(tmp_path) -> None:
    spool = claim(tmp_path)
    for serial in (10, 2, 1):
        spool.path(f"anapress-20261123094654-000000aa-{serial:05d}", "journal").touch()
    assert [name[-5:] for name in spool.segments()] == ["00001", "00002", "00010"]
    die(spool)


def test_a_dropped_segment_leaves_the_others(tmp_path) -> None:
    spool = claim(tmp_path)
    one, two = (f"anapress-20261123094654-000000aa-{serial:05d}" for serial in (1, 2))
    for name in (one, two):
        for kind in ("warc.gz", "journal", "cdxj"):
            spool.path(name, kind).touch()
    spool.drop(one)
    assert spool.segments() == [two]
    die(spool)


def test_a_spool_with_a_segment_in_it_is_never_removed(tmp_path) -> None:
    spool = claim(tmp_path)
    spool.path(NAME, "journal").touch()
    spool.close(remove=True)
    assert abandoned(tmp_path) == ["000000aa"]


def test_an_empty_spool_goes_when_it_is_closed(tmp_path) -> None:
    claim(tmp_path).close(remove=True)
    assert list(tmp_path.iterdir()) == []


class Start:
    """A start over an archive and a spool that a dead worker left."""

    def __init__(self, home: Path) -> None:
        self.store = LocalStore(home / "archive", Disk())
        self.spools = home / "spool"
        archive.ensure(self.store, None, lambda: OURS)
        self._home = home

    def recover(self) -> int:
        """The number of the newest commit."""
        ledger = SqliteLedger(self._home / "ledger.db")
        recover(self.spools, OURS, self.store, ledger, Disk(), lambda: takes.BEGAN)
        n = ledger.n()
        ledger.close()
        return n


@pytest.fixture
def start(tmp_path) -> Start:
    return Start(tmp_path)


def test_a_start_commits_what_a_dead_worker_left_and_removes_its_spool(start) -> None:
    spool = claim(start.spools)
    three_pages(spool)
    die(spool)
    assert start.recover() == 1
    (commit,) = commits.log(start.store)
    assert (commit.segment, commit.worker, commit.counts) == (NAME, "000000aa", {"known": 3, "gone": 3})
    assert list(start.spools.iterdir()) == []


def test_a_segment_that_is_in_the_log_is_not_committed_again(start) -> None:
    spool = claim(start.spools)
    three_pages(spool)
    kept = {path.name: path.read_bytes() for path in spool.folder.glob("anapress-*")}
    die(spool)
    start.recover()
    again = claim(start.spools)
    for name, content in kept.items():
        (again.folder / name).write_bytes(content)
    die(again)
    assert start.recover() == 1


def test_a_spool_that_was_dropped_by_half_spoils_nothing_in_the_archive(start) -> None:
    """The spool's WARC and the archive's are one file with two names: a power cut may leave it alone there."""
    spool = claim(start.spools)
    three_pages(spool)
    die(spool)
    start.recover()
    again = claim(start.spools)
    os.link(start.store.root / f"warcs/{NAME}.warc.gz", again.path(NAME, "warc.gz"))
    die(again)
    start.recover()
    (commit,) = commits.log(start.store)
    (file,) = (file for file in commit.files if file.kind == "warc")
    assert (start.store.root / file.path).stat().st_size == file.bytes


def test_a_segment_in_which_nothing_was_fetched_is_not_committed(start) -> None:
    spool = claim(start.spools)
    spool.path(NAME, "warc.gz").write_bytes(b"half a warcinfo")
    die(spool)
    assert start.recover() == 0
    assert list(start.spools.iterdir()) == []


def test_lines_that_an_attempt_left_in_the_spool_are_no_segment(start) -> None:
    spool = claim(start.spools)
    spool.path("anapress-20261123094654-000000aa-00000", "outcomes.gz").write_bytes(b"half")
    die(spool)
    assert start.recover() == 0
    assert list(start.spools.iterdir()) == []
