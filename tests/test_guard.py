"""A stranger's package of our packages' names is noticed before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crawling import CHECKOUT, scrapy


@pytest.mark.parametrize("name", ["spiders", "pipelines"])
def test_a_strangers_package_of_our_name_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    theirs = tmp_path / name / "__init__.py"
    theirs.parent.mkdir()
    theirs.touch()
    ran = scrapy("list", environment={"PYTHONPATH": str(tmp_path)})  # stands before what Scrapy appends
    assert ran.code == 2
    assert ran.last.startswith(
        f"The package '{name}' is not ours: Python finds {theirs}, ours is {CHECKOUT / name}."
    )
    assert "Traceback" not in ran.said


def test_a_strangers_module_of_our_name_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "spiders.py").touch()
    ran = scrapy("list", environment={"PYTHONPATH": str(tmp_path)})
    assert (ran.code, ran.last.startswith("The package 'spiders' is not ours")) == (2, True)


def test_our_own_packages_are_taken(tmp_path: Path) -> None:
    ran = scrapy("list", environment={"PYTHONPATH": str(tmp_path)})
    assert (ran.code, ran.out) == (0, "anapress\n")
