"""A search that was killed, beside the spool."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from crawler.disk import Disk
from crawler.quest import Quest
from crawler.spool import Spool

ARCHIVE, ANOTHER = UUID(int=1), UUID(int=2)


def test_a_dead_workers_search_is_known_until_somebody_ends_it(tmp_path: Path) -> None:
    Quest.of(tmp_path, "dead").begin(ARCHIVE)
    (quest,) = Quest.abandoned(tmp_path, ARCHIVE)
    quest.end()
    assert not list(tmp_path.iterdir())


def test_a_living_ones_search_is_its_own(tmp_path: Path) -> None:
    spool = Spool.claim(tmp_path, "living", ARCHIVE, Disk())
    Quest.of(tmp_path, "living").begin(ARCHIVE)
    assert not list(Quest.abandoned(tmp_path, ARCHIVE))
    spool.close()
    assert list(Quest.abandoned(tmp_path, ARCHIVE))


def test_another_archives_is_left_alone(tmp_path: Path) -> None:
    Quest.of(tmp_path, "dead").begin(ANOTHER)
    assert not list(Quest.abandoned(tmp_path, ARCHIVE))


def test_one_whose_file_is_not_whole_is_none(tmp_path: Path) -> None:
    (tmp_path / "dead.quest").write_bytes(b"\xff")
    assert not list(Quest.abandoned(tmp_path, ARCHIVE))
