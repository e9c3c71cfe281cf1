"""A file that a command makes: there whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.errors import WrongUse
from crawler.sink import file_sink


def test_two_that_write_one_file_do_not_mix(tmp_path: Path) -> None:
    target = tmp_path / "a.wacz"
    with file_sink(target) as first:
        first.write(b"first")
        with pytest.raises(WrongUse, match="being written by another command"), file_sink(target) as second:
            second.write(b"second")
    assert target.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_one_left_is_no_part_of_the_file(tmp_path: Path) -> None:
    (tmp_path / ".part-a.wacz").write_bytes(b"what a killed one left")
    with file_sink(tmp_path / "a.wacz") as sink:
        sink.write(b"whole")
    assert (tmp_path / "a.wacz").read_bytes() == b"whole"


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with file_sink(tmp_path / "a.wacz") as sink:
            sink.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list(tmp_path.iterdir())
