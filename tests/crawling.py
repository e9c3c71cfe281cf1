"""Whole crawls as a user runs them, and archives as a stranger reads them: with the standard library only."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.site import Site

CHECKOUT = Path(__file__).parents[1]
SCRAPY = Path(sys.executable).with_name("scrapy")
SECONDS = 240  # no run here takes a tenth of it

QUICK: Mapping[str, object] = {
    "DOWNLOAD_DELAY": 0,
    "CONCURRENT_REQUESTS": 16,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
    "RETRY_TIMES": 2,  # what is refused twice is shown then
    "RETRY_SECONDS": 0,
    "DOWNLOAD_TIMEOUT": 30,
    "DOWNLOAD_MAXSIZE": 12 << 20,  # above the large page, and soon reached by the endless one
    "LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    said: str  #: on stderr

    @property
    def last(self) -> str:
        """Its last word: why it ended."""
        return (self.said.splitlines() or [""])[-1]


def scrapy(
    *arguments: str, stdin: bytes = b"", cwd: Path = CHECKOUT, environment: Mapping[str, str] | None = None
) -> Ran:
    """Run `scrapy …` to its end, as a user does in a shell."""
    return run(str(SCRAPY), *arguments, stdin=stdin, cwd=cwd, environment=environment)


def run(
    *command: str, stdin: bytes = b"", cwd: Path = CHECKOUT, environment: Mapping[str, str] | None = None
) -> Ran:
    """Run a command to its end."""
    done = subprocess.run(
        command,
        cwd=cwd,
        input=stdin,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Ran(code=done.returncode, out=done.stdout.decode(), said=done.stderr.decode())


@dataclass(frozen=True, slots=True)
class Record:
    """One WARC record: what its gzip member holds, and where that lies."""

    path: Path
    offset: int
    headers: Mapping[str, str]
    block: bytes

    @property
    def type(self) -> str:
        return self.headers["WARC-Type"]

    @property
    def id(self) -> str:
        return self.headers["WARC-Record-ID"]


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive on disk, of which only what a commit names is read."""

    folder: Path

    def commits(self) -> list[dict[str, Any]]:
        return [
            json.loads(path.read_bytes()) for path in sorted((self.folder / "commits").glob("[0-9]*.json"))
        ]

    def files(self, kind: str) -> list[Path]:
        files = [file for commit in self.commits() for file in commit["files"]]
        return [self.folder / file["path"] for file in files if file["kind"] == kind]

    def lines(self, kind: str) -> list[bytes]:
        return [line for path in self.files(kind) for line in gzip.decompress(path.read_bytes()).splitlines()]

    def items(self) -> dict[int, dict[str, Any]]:
        """The last line of each id."""
        return {int(item["id"]): item for item in map(json.loads, self.lines("items"))}

    def takes(self) -> dict[int, list[dict[str, Any]]]:
        """The outcomes of each id in their order, those that were only made known apart."""
        takes: dict[int, list[dict[str, Any]]] = {}
        for line in map(json.loads, self.lines("outcomes")):
            if line["outcome"] != "known":
                takes.setdefault(int(line["id"]), []).append(line)
        return takes

    def records(self) -> list[Record]:
        return [record for path in self.files("warc") for record in records(path)]

    def tree(self) -> dict[str, bytes]:
        """Every file that is there, byte for byte, the ledger and the runs' summaries apart."""
        paths = (path for path in self.folder.rglob("*") if path.is_file() and path.parent.name != "runs")
        files = (path for path in paths if "ledger.db" not in path.name)
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in sorted(files)}


def records(path: Path) -> Iterator[Record]:
    """The records of a WARC file, one a gzip member."""
    data, offset = path.read_bytes(), 0
    while offset < len(data):
        member = zlib.decompressobj(wbits=31)
        text = member.decompress(memoryview(data)[offset:])
        assert member.eof, f"{path}: a torn member at {offset}"
        head, _, rest = text.partition(b"\r\n\r\n")
        version, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert version == "WARC/1.1"
        assert len(rest) == int(headers["Content-Length"]) + 4
        assert rest.endswith(b"\r\n\r\n")
        yield Record(path, offset, headers, rest[:-4])
        offset = len(data) - len(member.unused_data)


@dataclass(frozen=True, slots=True)
class House:
    """A folder for an archive, and the site that it is filled from."""

    folder: Path
    site: Site

    @property
    def archive(self) -> Archive:
        return Archive(self.folder / "archive")

    def settings(self, **changed: object) -> list[str]:
        """The command line's settings: the archive here, the site there, and nobody waits."""
        ours = {"ARCHIVE_URL": self.archive.folder, "CONNECT_TO": self.site.connect_to}
        return [f"-s{name}={value}" for name, value in {**QUICK, **ours, **changed}.items()]

    def crawl(
        self,
        ids: Iterable[int] | str | None = None,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        **settings: object,
    ) -> Ran:
        """`scrapy crawl anapress` of these ids, or of what is left; without requisites where nothing is said."""
        if ids is not None:
            given = ids if isinstance(ids, str) else ",".join(map(str, ids))
            arguments = (f"-aids={given}", *arguments)
        if not any("requisites=" in each for each in arguments):
            arguments = ("-arequisites=0", *arguments)
        return scrapy("crawl", "anapress", *arguments, *self.settings(**settings), environment=environment)

    def scrapy(self, *arguments: str, stdin: bytes = b"", **settings: object) -> Ran:
        """Any other command on this archive."""
        return scrapy(*arguments, *self.settings(**settings), stdin=stdin)
