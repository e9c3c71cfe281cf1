"""A crawl as a process of its own, on a trial's archive, to be killed."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.crash.disk import ORDER, Order, children
from tests.crash.journal import Journal
from tests.site import Site
from tests.site.running import CHECKOUT

SCRAPY = Path(sys.executable).with_name("scrapy")
SECONDS = 90  #: none of these crawls has more to do
FAST = {
    "DOWNLOAD_DELAY": "0",
    "CONCURRENT_REQUESTS_PER_DOMAIN": "8",
    "RETRY_TIMES": "1",
    "RETRY_SECONDS": "0",
    "DOWNLOAD_TIMEOUT": "5",
    "LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where one trial's things lie."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Self:
        (folder / "disk").mkdir(parents=True)
        return cls(folder=folder)

    @property
    def disk(self) -> Path:
        """What a power cut hits."""
        return self.folder / "disk"

    @property
    def archive(self) -> Path:
        return self.disk / "kept" / "archive"

    @property
    def spool(self) -> Path:
        return self.disk / "spool"

    @property
    def journal(self) -> Journal:
        return Journal(self.folder / "journal")

    def left_in_spool(self) -> list[str]:
        return sorted(path.name for path in self.spool.glob("*/anapress-*"))

    def wait_for_writers(self) -> None:
        wait_for_writers(self.spool)


class Crawl:
    """`scrapy crawl anapress`, running; its log goes into the home's next `log-N`."""

    def __init__(
        self, home: Home, site: Site, *arguments: str, order: Order | None = None, **settings: str
    ) -> None:
        order = order or Order(journal=str(home.journal.path))
        settings = FAST | {
            "ARCHIVE_URL": str(home.archive),
            "SPOOL_DIR": str(home.spool),
            "CONNECT_TO": site.connect_to,
            "DISK": "tests.crash.disk.FailingDisk",
            **settings,
        }
        command = [str(SCRAPY), "crawl", "anapress"]
        if not any(argument.startswith("requisites=") for argument in arguments):
            arguments = (*arguments, "requisites=0")
        for argument in arguments:
            command += ["-a", argument]
        for name, value in settings.items():
            command += ["-s", f"{name}={value}"]
        number = len(list(home.folder.glob("log-*"))) + 1
        self._journalled = home.journal.size()
        self._log = (home.folder / f"log-{number:02d}").open("wb+")
        self._log.write(f"--- {order} {arguments}\n".encode())
        self._log.flush()
        self._process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=os.environ | {ORDER: str(order)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill("both")
            self._process.wait()
        self._log.close()

    @property
    def said(self) -> str:
        """All that it has written to its terminal."""
        return Path(self._log.name).read_text(errors="replace")

    def wait(self, seconds: float = SECONDS) -> int:
        """Its exit code (negative: the signal that ended it)."""
        return self._process.wait(seconds)

    def ends_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_and_kill(self, role: str, moment: float, journal: Journal) -> tuple[int, bool]:
        """Kill it some moment after the first step that lasts; its exit code, and whether it still lived then."""
        self.wait_for_step(journal, role)
        alive = not self.ends_within(moment) and (role == "crawl" or bool(self.writers()))
        if alive:
            self.kill(role)
        return self.wait(), alive

    def wait_for_step(self, journal: Journal, role: str = "writer") -> None:
        """Until something was made to last, and the writer is there if it is about that."""
        while not self.ends_within(0.01):
            if journal.size() > self._journalled and (role == "crawl" or self.writers()):
                return

    def writers(self) -> list[int]:
        return children(self._process.pid)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self, role: str) -> None:
        """SIGKILL to the crawl, to its writer, or to both at once."""
        victims = self.writers() if role in ("writer", "both") else []
        for process in victims:
            os.kill(process, 9)
        if role in ("crawl", "both"):
            self._process.kill()


def wait_for_writers(spool: Path) -> None:
    """Until nobody holds a spool: a writer that lost its crawl still makes its last checkpoint."""
    for lock in spool.glob("*/lock"):
        try:
            descriptor = os.open(lock, os.O_RDWR)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.close(descriptor)


def verify(home: Home) -> tuple[int, str]:
    """What `scrapy verify` says of the archive."""
    done = subprocess.run(
        [str(SCRAPY), "verify", "-s", f"ARCHIVE_URL={home.archive}"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    return done.returncode, done.stdout + done.stderr
