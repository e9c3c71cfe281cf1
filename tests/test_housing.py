"""Where a crawl's things lie, as a user says it or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crawling import CHECKOUT, scrapy

ELSEWHERE = CHECKOUT / "docs"  # a folder of the project that holds no archive; what is run here only reads


def test_the_archive_is_the_checkouts_wherever_in_it_a_command_is_run() -> None:
    ran = scrapy("settings", "--get", "ARCHIVE_URL", cwd=ELSEWHERE)
    assert ran.out == f"{CHECKOUT / 'archive'}\n"


@pytest.mark.parametrize("given", ["here", "./here", "file://here"])
def test_a_relative_path_that_is_given_is_relative_to_where_the_command_is_run(given: str) -> None:
    ran = scrapy("verify", f"-sARCHIVE_URL={given}", cwd=ELSEWHERE)
    assert (ran.code, f"there is no archive at {ELSEWHERE / 'here'}:" in ran.said) == (2, True), ran.said


@pytest.mark.parametrize("below", ["", "far/below"])
@pytest.mark.parametrize("command", [("ids", "add", "7"), ("crawl", "anapress", "-aids=7")])
def test_an_archive_in_a_file_is_wrong_use(tmp_path: Path, command: tuple[str, ...], below: str) -> None:
    (tmp_path / "file").write_text("no folder")
    ran = scrapy(*command, f"-sARCHIVE_URL={tmp_path / 'file' / below}", "-sLOG_LEVEL=WARNING")
    assert (ran.code, len(ran.said.splitlines())) == (2, 1), ran.said
    assert f"{tmp_path / 'file'} is no folder" in ran.said
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
