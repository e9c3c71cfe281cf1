"""The programs that are compared: what each is told, for the same pages at the same address."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.process import CHECKOUT
from tests.site import id_of

CONNECTIONS = 16
RIVAL = (
    CHECKOUT / ".venv-webarchive"
)  #: an environment of its own: it wants an old Scrapy, and old parts of it
RIVAL_NEEDS = ("scrapy-webarchive==0.5.3", "w3lib<2.2", "twisted<24")
BARE = str(CHECKOUT / "bench" / "bare.py")


@dataclass(frozen=True, slots=True)
class Pages:
    """So many articles of the replica, served at a port of 127.0.0.1."""

    port: int
    count: int

    def urls(self, file: Path) -> Path:
        return self._list(file, f"http://127.0.0.1:{self.port}/a/{{}}\n")

    def ids(self, file: Path, start: int = 0, step: int = 1) -> Path:
        return self._list(file, "{}\n", start, step)

    def _list(self, file: Path, line: str, start: int = 0, step: int = 1) -> Path:
        file.write_text("".join(line.format(id_of(n)) for n in range(start, self.count, step)))
        return file


@dataclass(frozen=True, slots=True)
class Program:
    """One of those that run side by side."""

    name: str
    command: Sequence[str]
    warcs: str = ""  #: where its WARCs lie afterwards, as a glob in its folder
    cwd: Path | None = None  #: where it must be run, if not in its folder


def bare(pages: Pages, folder: Path) -> Program:
    """Scrapy with its default settings; bodies are thrown away."""
    urls = pages.urls(folder / "urls")
    return Program("bare Scrapy", [_scrapy(sys.executable), "runspider", BARE, "-a", f"urls={urls}"])


def dressed(pages: Pages, folder: Path) -> Program:
    """Ours, with what the pages need to be shown: nearly one more request a page here."""
    plain = ours(pages, folder)
    command = [word.replace("requisites=0", "requisites=1") for word in plain.command]
    return replace(plain, name="anapress, requisites too", command=command)


def ours(pages: Pages, folder: Path, *, start: int = 0, step: int = 1) -> Program:
    """Ours with everything on but requisites; the manners are off, for a site of our own."""
    settings = {
        "ARCHIVE_URL": folder / f"archive-{start}",
        "CONNECT_TO": f"anapress.net:80:127.0.0.1:{pages.port}",
        "DOWNLOAD_DELAY": 0,
        "AUTOTHROTTLE_ENABLED": 0,
        "CONCURRENT_REQUESTS": CONNECTIONS,
        "CONCURRENT_REQUESTS_PER_DOMAIN": CONNECTIONS,
        "LOG_LEVEL": "WARNING",
    }
    ids = pages.ids(folder / f"ids-{start}", start, step)
    told = [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]
    command = [_scrapy(sys.executable), "crawl", "anapress", "-a", f"ids={ids}", "-a", "requisites=0", *told]
    return Program("anapress", command, "archive-*/warcs/*", cwd=CHECKOUT)


def rival(pages: Pages, folder: Path) -> Program:
    """scrapy-webarchive, the nearest neighbour: the same bare spider with its extension."""
    urls = pages.urls(folder / "urls")
    settings = {
        "EXTENSIONS": '{"scrapy_webarchive.extensions.WaczExporter": 543}',
        "SW_EXPORT_URI": f"{folder}/",
        "CONCURRENT_REQUESTS_PER_DOMAIN": CONNECTIONS,
        "LOG_LEVEL": "WARNING",
    }
    told = [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]
    python = str(RIVAL / "bin" / "python")
    return Program(
        "scrapy-webarchive", [_scrapy(python), "runspider", BARE, "-a", f"urls={urls}", *told], "*.wacz"
    )


def wget(pages: Pages, folder: Path) -> Program:
    """wget, which has one connection."""
    urls = pages.urls(folder / "urls")
    quiet = ("-q", "-i", str(urls), "-O", "/dev/null", "--warc-file", str(folder / "wget"))
    return Program(
        "wget --warc-file", ["wget", *quiet, "--no-warc-keep-log", "--no-check-certificate"], "*.warc.gz"
    )


def get_ready() -> None:
    """The rival's environment, and wget, which Debian has."""
    if not (RIVAL / "bin" / "scrapy").exists():
        sys.stdout.write(f"Installing {RIVAL_NEEDS[0]} into {RIVAL} …\n")
        subprocess.run([sys.executable, "-m", "venv", str(RIVAL)], check=True)  # noqa: S603
        subprocess.run([str(RIVAL / "bin" / "pip"), "install", "-q", *RIVAL_NEEDS], check=True)  # noqa: S603
    if shutil.which("wget") is None:
        sys.exit("wget is missing: apt-get install wget")


def _scrapy(python: str) -> str:
    return str(Path(python).with_name("scrapy"))
