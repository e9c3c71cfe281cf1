"""The S3 servers of the tests: what they say when they do not come up."""

from __future__ import annotations

import pytest

from tests.s3.ceph import running_ceph
from tests.s3.judges import running_judge
from tests.s3.process import NotUp, await_up, log_of, process


def test_a_server_that_ends_at_once_says_why(tmp_path) -> None:
    command = ["/bin/sh", "-c", "echo the port is taken; exit 3"]
    with process(command, tmp_path) as server, pytest.raises(NotUp) as error:
        await_up(server, log_of(command, tmp_path), lambda: False, seconds=10)
    assert "ended with 3" in str(error.value)
    assert str(error.value).endswith("the port is taken\n")


def test_a_server_that_never_answers_is_given_up_and_killed(tmp_path) -> None:
    command = ["/bin/sh", "-c", "echo thinking; exec sleep 1000"]
    with process(command, tmp_path) as server, pytest.raises(NotUp, match="never answered"):
        await_up(server, log_of(command, tmp_path), lambda: False, seconds=0.2)
    assert server.returncode == -9


def test_a_missing_ceph_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(NotUp, match="apt-get install ceph-common ceph-mon ceph-osd radosgw"),
        running_ceph(tmp_path),
    ):
        pass


def test_a_judge_that_nobody_knows_is_refused_with_those_that_there_are(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("S3_JUDGE", "moto")
    with pytest.raises(NotUp, match="S3_JUDGE is 'moto': give seaweed or ceph"), running_judge(tmp_path):
        pass
