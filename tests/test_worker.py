"""One worker's hold on an archive, among others (crawler.worker)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from scrapy.settings import Settings

from crawler.arguments import Arguments
from crawler.housing import Housing
from crawler.ledger import open_ledger
from crawler.worker import Worker


@pytest.fixture
def housing(tmp_path: Path) -> Housing:
    settings = Settings()
    settings.setmodule("crawler.settings")
    settings.setdict({"ARCHIVE_URL": str(tmp_path / "archive"), "FLEET": True})
    return Housing.of(settings)


@pytest.fixture
def worker(housing: Housing) -> Iterator[Worker]:
    worker = Worker(housing)
    yield worker
    worker.move_out(away=False)


def test_who_gives_its_leases_back_is_one_of_those_that_asked_for_a_search(housing, worker) -> None:
    worker.move_in(Arguments(discover="site"))
    worker.searched(over=True)
    worker.desk.give_back()
    assert late(housing) is None


@pytest.mark.parametrize("adds", [True, False])
def test_a_search_that_only_tells_what_it_finds_is_nobody_else_s(housing, worker, adds) -> None:
    worker.move_in(Arguments(discover="site", take=False, add=adds))
    worker.desk.renew()
    assert (late(housing) == "late") is not adds


def late(housing: Housing) -> str | None:
    """Who searches the site, if another worker is asked to."""
    with closing(open_ledger(housing.ledger, None, lambda _: 0)) as ledger:
        return ledger.search("late", "site", due=True)
