"""`scrapy replay` as a user has it in a shell, and what it gives to whoever asks."""

from __future__ import annotations

import gzip
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.crawling import CHECKOUT, House
from tests.site import SEED_ID, id_of
from tests.site.dressed import DRESSED_ID

LOOKED_AT = [SEED_ID, *map(id_of, range(10))]  #: articles of all markups, with and without a static page
SECONDS = 60  # also the first replay on a machine, which installs pywb, takes less


@dataclass(frozen=True, slots=True)
class Given:
    """An answer of the replay."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that runs, and the folder of pywb's process, which tells its children."""

    process: subprocess.Popen[str]
    url: str
    said: str

    def get(self, path: str) -> Given:
        """What is there; no redirect is followed, a compressed body is unpacked."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=SECONDS)
        connection.request("GET", path)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        body = answer.read()
        connection.close()
        return Given(
            answer.status,
            headers,
            gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body,
        )

    def page(self, url: str, kind: str = "id_", moment: str = "2") -> Given:
        """An archived page: as it was (id_), or rewritten for a browser (mp_)."""
        given = self.get(f"/anapress/{moment}{kind}/{url}")
        return self.get(urlsplit(given.headers["location"]).path) if given.status == 307 else given

    def list(self, **asked: str) -> str:
        given = self.get(f"/?{urlencode(asked)}")
        assert given.status == 200
        return given.text

    def ids(self, **asked: str) -> list[int]:
        """The articles in the list, in its order."""
        return [
            int(id)
            for id in re.findall(r'href="/anapress/\*/http://anapress.net/a/(\d+)"', self.list(**asked))
        ]

    def wait(self, until: Callable[[], object]) -> None:
        """Until something has come true."""
        end = time.monotonic() + SECONDS
        while not until():
            assert time.monotonic() < end, "it did not come"
            time.sleep(0.1)


@contextmanager
def replaying(settings: Sequence[str], *arguments: str, checkout: Path = CHECKOUT) -> Iterator[Replay]:
    """The command while the block runs; a Ctrl-C ends it."""
    command = [str(checkout / ".venv/bin/scrapy"), "replay", "--port", "0", *arguments, *settings]
    with subprocess.Popen(
        command, cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout
            said = ""
            while not (found := re.search(r" is at (http://\S+/) ", said)):
                line = process.stdout.readline()
                assert line, said
                said += line
            yield Replay(process, found[1], said)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def take_twice(house: House) -> None:
    """The articles that are looked at, with all that their pages need, and again."""
    assert house.crawl([*LOOKED_AT, DRESSED_ID], "-adiscover=none", "-arequisites=1").code == 0
    assert house.crawl(LOOKED_AT, "-adiscover=none", "-arequisites=1", "-arefresh=0").code == 0


def children(process: int) -> list[int]:
    """The processes that this one started."""
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if parent(path) == process]


def parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None
