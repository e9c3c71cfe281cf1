"""Ceph's radosgw on one machine: a second judge, written by other people. `python -m tests.s3.ceph` installs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from tests.s3.endpoint import ACCESS_KEY, SECRET_KEY, Endpoint
from tests.s3.process import NotUp, await_up, free_ports, log_of, process, takes_puts

PACKAGES = {"ceph": "ceph-common", "ceph-mon": "ceph-mon", "ceph-osd": "ceph-osd", "radosgw": "radosgw"}
CONF = """\
[global]
fsid = {fsid}
mon host = {mon}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}
admin socket =
log file =
log to stderr = true
# the gateway's default is secure, which needs keys
ms mon client mode = crc
mon data = {folder}/mon
mon data avail crit = 1
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 4G
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default pg num = 8
mon allow pool size one = true
rgw frontends = beast endpoint={rgw}
rgw thread pool size = 32
"""


def missing() -> list[str]:
    """The Debian packages that this machine has not."""
    return [package for program, package in PACKAGES.items() if shutil.which(program) is None]


@contextmanager
def running_ceph(folder: Path) -> Iterator[Endpoint]:
    """A cluster of one monitor, one store in memory and one gateway."""
    if packages := missing():
        raise NotUp(f"Ceph is missing: apt-get install {' '.join(packages)} (as root), or `make ceph`.")
    mon, rgw = (f"127.0.0.1:{port}" for port in free_ports(2))
    fsid, endpoint = str(uuid4()), Endpoint(f"http://{rgw}")
    conf = CONF.format(fsid=fsid, mon=f"[v2:{mon}/0]", rgw=rgw, folder=folder)
    (folder / "ceph.conf").write_text(conf)
    with ExitStack() as servers:

        def run(*command: str) -> None:
            _run(command, folder)

        def start(*command: str) -> subprocess.Popen[bytes]:
            return servers.enter_context(process([*command, "-f", "-c", "ceph.conf"], folder))

        run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:{mon}/0]", "monmap")
        run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap")
        start("ceph-mon", "-i", "a")
        osd = str(uuid4())
        run("ceph", "osd", "new", osd)
        (folder / "osd").mkdir()
        run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osd)
        start("ceph-osd", "-i", "0")
        user = ("--uid=tests", "--display-name=tests", f"--access-key={ACCESS_KEY}", f"--secret={SECRET_KEY}")
        run("radosgw-admin", "user", "create", *user)
        gateway = start("radosgw", "-n", "client.rgw.a")
        await_up(gateway, log_of(["radosgw"], folder), lambda: takes_puts(endpoint), seconds=60)
        yield endpoint


def _run(command: tuple[str, ...], folder: Path) -> None:
    try:
        subprocess.run(
            [*command, "-c", "ceph.conf"], cwd=folder, check=True, capture_output=True, text=True, timeout=120
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise NotUp(f"{' '.join(command)}: {error}\n{error.stderr!s}") from error


def install() -> None:
    """Gets what is missing from Debian, and says so."""
    if not (packages := missing()):
        return
    if os.geteuid() or shutil.which("apt-get") is None:
        sys.exit(f"Ceph is missing. On Debian, as root: apt-get install {' '.join(packages)}")
    print(f"ceph: installing Debian's {', '.join(packages)}, and what they need", flush=True)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-qq", "update"], check=True)
    subprocess.run(
        ["apt-get", "-qq", "-y", "--no-install-recommends", "install", *packages], check=True, env=env
    )


if __name__ == "__main__":
    install()
