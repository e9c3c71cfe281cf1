"""What holds for all tests."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.browser import Window
    from tests.crawling import House
    from tests.redisserver import RedisServer
    from tests.s3 import Endpoint
    from tests.site import Site


# by the wall clock a busy machine fails what is right
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # as in a job in the background: the commands would ignore it, too, and tests press Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Site"]:
    """The replica for one file's tests, with as many articles as its ARTICLES says."""
    from tests.site import running_site

    with running_site(tmp_path_factory.mktemp("site"), articles=request.module.ARTICLES) as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, site: "Site") -> "House":
    """An empty one, beside the file's site."""
    from tests.crawling import House

    return House(tmp_path, site)


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


@pytest.fixture(scope="module")
def chromium() -> Iterator["Window"]:
    """A browser for one file's tests: its driver holds the thread's loop."""
    from tests.browser import window

    with window() as opened:
        yield opened


@pytest.fixture(scope="module")
def taken_twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator["House"]:
    """What readers look at: the newest captures of pictures and static pages are revisits, 304s or none."""
    from tests.crawling import House
    from tests.replaying import take_twice
    from tests.site import running_site

    with running_site(tmp_path_factory.mktemp("site"), articles=40) as site:
        house = House(tmp_path_factory.mktemp("house"), site)
        take_twice(house)
        yield house


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Binary cases are named by their size: gzip holds the time, and xdist wants one name everywhere."""
    if isinstance(val, bytes) and not val.decode("latin-1").isprintable():
        return f"{argname}-{len(val)}-bytes"
    return None
