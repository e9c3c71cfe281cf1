"""Workers on hosts of their own: in network namespaces that the test makes, one of them cut off for a while."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest

from tests.cable import laid, to_file, to_port
from tests.crash.judge import judge
from tests.crawling import CHECKOUT, SCRAPY, House
from tests.redisserver import running
from tests.site import id_of, running_site
from tests.test_fleet import ended, fetched, until

LONG = int(os.environ.get("FLEET_TRIALS", "4")) > 4
CUT_SECONDS = 60 if LONG else 8  #: in both cases beyond its leases
LEASE = 3
ARTICLES = 40
IDS = [id_of(n) for n in range(ARTICLES)]
WORKERS = 3
CLONE_NEWNET = 0x40000000


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr}")


@dataclass(frozen=True)
class Net:
    """A switch and the hosts that hang on it, each with an address; none reaches anything else."""

    switch: str

    def host(self, number: int) -> str:
        return f"{self.switch}-{number}"

    def address(self, number: int) -> str:
        return f"10.213.77.{number}"

    def plug(self, number: int) -> None:
        ip("-n", self.switch, "link", "set", f"p{number}", "up")

    def unplug(self, number: int) -> None:
        """What is sent from now on is lost, and nobody is told."""
        ip("-n", self.switch, "link", "set", f"p{number}", "down")

    def listen(self) -> socket.socket:
        """A socket on the switch: a thread goes there, makes it, and is no more."""
        made: list[socket.socket] = []

        def there() -> None:
            with Path(f"/run/netns/{self.switch}").open() as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.create_server((self.address(254), 0)))

        thread = Thread(target=there)
        thread.start()
        thread.join()
        return made[0]


@contextmanager
def hosts(count: int) -> Iterator[Net]:
    """So many hosts; OSError if this machine makes none."""
    net = Net(f"anapress-{uuid4().hex[:6]}")
    with ExitStack() as gone:

        def namespace(name: str) -> None:
            ip("netns", "add", name)
            gone.callback(ip, "netns", "del", name)
            ip("-n", name, "link", "set", "lo", "up")

        namespace(net.switch)
        ip("-n", net.switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", net.switch, "addr", "add", f"{net.address(254)}/24", "dev", "bridge")
        ip("-n", net.switch, "link", "set", "bridge", "up")
        for number in range(1, count + 1):
            host, port = net.host(number), f"p{number}"
            namespace(host)
            ip("-n", net.switch, "link", "add", port, "type", "veth", "peer", "name", "eth", "netns", host)
            ip("-n", net.switch, "link", "set", port, "master", "bridge")
            ip("-n", host, "addr", "add", f"{net.address(number)}/24", "dev", "eth")
            ip("-n", host, "link", "set", "eth", "up")
            net.plug(number)
            ip("netns", "exec", host, "true")  # in some containers one can be made, and not entered
        yield net


@pytest.fixture
def net() -> Iterator[Net]:
    with ExitStack() as up:
        try:
            net = up.enter_context(hosts(WORKERS))
        except OSError as error:
            pytest.skip(f"this machine makes no network namespaces: {error}")
        yield net


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_a_host_that_is_cut_off_loses_nothing_and_doubles_nothing(net: Net, tmp_path: Path) -> None:
    with (
        running_site(tmp_path, articles=ARTICLES) as site,
        running("redis", append="everysec") as server,
        laid(to_port(site.host, site.port), net.listen()) as to_site,
        laid(to_file(f"{server.folder}/s"), net.listen()) as to_server,
    ):
        house = House(tmp_path, site)
        assert house.scrapy("ids", "add", ",".join(map(str, IDS)), LEDGER_URL=server.url).code == 0
        workers = []
        for number in range(1, WORKERS + 1):
            settings = house.settings(
                LEDGER_URL="redis://{}:{}".format(*to_server.address),
                CONNECT_TO="anapress.net:80:{}:{}".format(*to_site.address),
                SPOOL_DIR=tmp_path / f"disk-{number}",
                LEASE_SECONDS=LEASE,
                DOWNLOAD_DELAY=0.2,
                DOWNLOAD_TIMEOUT=5,
                SEGMENT_SECONDS=2,
            )
            command = [*("ip", "netns", "exec", net.host(number), str(SCRAPY)), "crawl", "anapress"]
            workers.append(
                subprocess.Popen(
                    [*command, "-arequisites=0", *settings],
                    cwd=CHECKOUT,
                    stdin=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        until(lambda: len(fetched(site)) > 3)
        net.unplug(1)
        time.sleep(CUT_SECONDS)
        net.plug(1)
        codes = [code for code, _ in ended(*workers)]
        assert codes[1:] == [0, 0]
        assert codes[0] in (0, 3, 6)
        judge(house.archive.folder, IDS, site)
        verified = house.scrapy("verify", LEDGER_URL=server.url)
        assert verified.code == 0, verified.out
