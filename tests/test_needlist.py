"""What a killed run wanted, beside its spool."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from crawler.disk import Disk
from crawler.items import ArticleId
from crawler.needlist import Needlist
from crawler.needs import Need
from crawler.spool import Spool

ARCHIVE, ANOTHER = UUID(int=1), UUID(int=2)
NEEDS = [Need("http://a/1", ArticleId(7)), Need("http://a/2", ArticleId(8), 3)]


def test_what_a_dead_worker_wanted_is_read_back(tmp_path: Path) -> None:
    Needlist.of(tmp_path, "dead").keep(NEEDS, ARCHIVE)
    ((needlist, needs),) = Needlist.abandoned(tmp_path, ARCHIVE)
    assert needs == NEEDS
    needlist.remove()
    assert not list(tmp_path.iterdir())


def test_what_a_living_one_wants_is_its_own(tmp_path: Path) -> None:
    spool = Spool.claim(tmp_path, "living", ARCHIVE, Disk())
    Needlist.of(tmp_path, "living").keep(NEEDS, ARCHIVE)
    assert not list(Needlist.abandoned(tmp_path, ARCHIVE))
    spool.close()
    assert list(Needlist.abandoned(tmp_path, ARCHIVE))


def test_another_archives_are_left_alone(tmp_path: Path) -> None:
    Needlist.of(tmp_path, "dead").keep(NEEDS, ANOTHER)
    assert not list(Needlist.abandoned(tmp_path, ARCHIVE))


def test_half_a_list_wants_nothing(tmp_path: Path) -> None:
    (tmp_path / "dead.needs").write_text('{"archive":')
    ((_, needs),) = Needlist.abandoned(tmp_path, ARCHIVE)
    assert not needs


def test_who_wants_nothing_has_no_list(tmp_path: Path) -> None:
    needlist = Needlist.of(tmp_path, "one")
    needlist.keep(NEEDS, ARCHIVE)
    needlist.keep((), ARCHIVE)
    assert not list(tmp_path.iterdir())
