"""One worker's hold on an archive, among others (crawler.worker)."""

from __future__ import annotations

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


def test_a_worker_that_gives_its_leases_back_is_one_of_those_that_asked_for_a_search(housing) -> None:
    worker = Worker(housing)
    worker.move_in(Arguments(discover="site"))
    worker.searched(over=True)
    worker.give_back()
    with closing(open_ledger(housing.ledger, None, lambda _: 0)) as ledger:
        assert ledger.search("late", "site", due=True) is None
    worker.move_out(away=False)
