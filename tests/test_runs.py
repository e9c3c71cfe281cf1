"""Summaries of runs that are not what they were: they are told and left out, and stop nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crawling import House
from tests.site import Site, id_of

ARTICLES = 8
KEY = "runs/29991231235959-0badbad0.json"  # newer than any
SHAPES = {"empty": b"", "cut": b'{"worker":"0badbad0","sta', "no object": b"[]", "no text": b"\xff\xfe"}


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory, site: Site) -> House:
    house = House(tmp_path_factory.mktemp("house"), site)
    assert house.crawl([id_of(0)], "-adiscover=none").code == 0
    return house


@pytest.fixture(params=[*SHAPES, "other types"])
def damaged(request: pytest.FixtureRequest, taken: House) -> Iterator[Path]:
    """The newest summary of all."""
    path = taken.archive.folder / KEY
    last = json.loads(max(path.parent.iterdir()).read_bytes())
    wrong = last | {"worker": "0badbad0", "start": "2999-12-31T23:59:59.000Z", "reasons": {"gone": 1}}
    path.write_bytes(SHAPES.get(request.param, json.dumps(wrong).encode()))
    yield path
    path.unlink()


def test_the_last_run_is_the_last_that_can_be_read(taken: House, damaged: Path) -> None:
    ran = taken.scrapy("status", "--json")
    assert (ran.code, json.loads(ran.out)["last_run"]["reason"][:5]) == (0, "Done:")
    assert (ran.said.count(KEY), ran.said.count("It is left out")) == (1, 1)


def test_a_crawl_begins_behind_one_that_can_not_be_read(taken: House, damaged: Path) -> None:
    ran = taken.crawl(None, "-arequisites=1")
    assert ran.code == 0, ran.said
    assert (ran.said.count(KEY), ran.said.count("It is left out")) == (1, 1)
