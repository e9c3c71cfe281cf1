"""What holds for all tests."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from tests.redisserver import RedisServer
    from tests.s3 import Endpoint


# a busy machine has its own pace: a case that takes a second there is no fault
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # as in a job in the background: the commands would ignore it, too, and tests press Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Endpoint"]:
    """A real S3 server: SeaweedFS, or Ceph where S3_JUDGE=ceph."""
    from tests.s3.judges import running_judge

    with running_judge(tmp_path_factory.mktemp("s3")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, "RedisServer"]]:
    """Redis and Valkey, each in a process of its own, as long as they are asked for."""
    from tests.redisserver import KINDS, running

    with ExitStack() as up:
        yield {kind: up.enter_context(running(kind)) for kind in KINDS}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Binary cases are named by their size: gzip holds the time, and xdist wants one name everywhere."""
    if isinstance(val, bytes) and not val.decode("latin-1").isprintable():
        return f"{argname}-{len(val)}-bytes"
    return None
