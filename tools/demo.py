"""The demonstration: crawls a small site of our own into demo/archive, proves it, says what lies where.

`make demo`. Nothing beyond 127.0.0.1 is asked for anything.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from crawler import warc
from tests.site import FAULTS, SEED_ID, Site, running_site

CHECKOUT = Path(__file__).parents[1]
HOME = CHECKOUT / "demo"
ARCHIVE, CORPUS, IDS = HOME / "archive", HOME / "articles.jsonl", HOME / "ids.txt"
SCRAPY = Path(sys.executable).with_name("scrapy")
ARTICLES = 40
ODDITIES = (
    "status_404",
    "soft_404",
    "redirect_other_301",
    "status_503_then_ok",
    "gzip_chunked",
    "cp1256_meta",
)
SETTINGS = {
    "ARCHIVE_URL": "demo/archive",
    "CONNECT_TO": "anapress.net:80:{host}:{port}",  # as in curl
    "DOWNLOAD_DELAY": "0",  # our own site needs no manners
    "LOG_LEVEL": "WARNING",
}
PLACES = {
    "archive.json": "which archive this is",
    "commits": "the log: what no commit names does not exist",
    "warcs": "every exchange, byte for byte (WARC/1.1, a gzip member a record)",
    "indexes": "where in the WARCs each URL lies (CDXJ)",
    "items": "the articles, each text once (JSON lines)",
    "outcomes": "what became of every id, and where the proof lies",
    "ledger.db": "an index over the log; `scrapy ids rebuild` makes it again",
}
WIDTH = 110


def main() -> int:
    """Run all steps; 0 when each of them did what it should."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    with running_site(HOME, articles=ARTICLES, log=False) as site:
        _say(f"A small anapress.net of our own listens on {site.host}:{site.port}: {ARTICLES} articles,")
        _say("the one real page that we hold as text, and pages that are gone, moved, busy or oddly written.")
        fine = _crawl(site)
    if not fine:
        _say("The demonstration failed.")
        return 1
    _show()
    return 0


def _crawl(site: Site) -> bool:
    """The commands as a user types them, one after the other while they succeed."""
    settings = {
        f"ANAPRESS_{name}": value.format(host=site.host, port=site.port) for name, value in SETTINGS.items()
    }
    _title("Any setting may stand in the environment, or behind -s")
    for name, value in settings.items():
        _say(f"$ export {name}={value}")
    _title("Seven ids to begin with")
    _say(f"$ cat {_told(IDS)}")
    IDS.write_text(f"{SEED_ID}\n" + "".join(f"{FAULTS[name]}  # {name}\n" for name in ODDITIES))
    _say(IDS.read_text().rstrip())
    steps = {
        "Take them; article links on their pages become ids too": f"crawl anapress -a ids={_told(IDS)}",
        "Go on with what is left, until nothing is": "crawl anapress",
        "How it stands": "ids status",
        "Prove the archive: every byte, every line, every decision": "verify",
        "The corpus: every article's latest text, sorted by id": f"export {_told(CORPUS)}",
    }
    return all(_run(title, command, settings) for title, command in steps.items())


def _run(title: str, command: str, settings: dict[str, str]) -> bool:
    _title(title)
    _say(f"$ .venv/bin/scrapy {command}")
    done = subprocess.run(  # noqa: S603 -- our own command
        [SCRAPY, *command.split()],
        cwd=CHECKOUT,
        env=os.environ | settings,
        stderr=subprocess.STDOUT,  # in the order in which they were said
        check=False,
    )
    return done.returncode == 0


def _show() -> None:
    _title("One article, as our readers get it (long values cut)")
    item = _first_item()
    _pairs(item)
    _title("The record that it was made from")
    _say(_record_head(item["record"]))
    _title("The newest commit")
    _pairs(json.loads(max((ARCHIVE / "commits").iterdir()).read_bytes()))
    _title("What lies where")
    _list()


def _first_item() -> dict[str, Any]:
    with gzip.open(min((ARCHIVE / "items").iterdir())) as lines:
        item: dict[str, Any] = json.loads(next(iter(lines)))
    return item


def _record_head(ref: dict[str, Any]) -> str:
    with (ARCHIVE / ref["warc"]).open("rb") as stream:
        record = warc.read_member(stream, ref["offset"])
    head = warc.exchange_parts(record)[0].decode("latin-1")
    fields = "".join(f"{name}: {value}\n" for name, value in record.headers.items())
    return f"WARC/1.1\n{fields}\n{head.rstrip()}".replace("\r", "")


def _list() -> None:
    for name, meaning in PLACES.items():
        place = ARCHIVE / name
        _say(f"{_told(place):24} {_size(place):>8}  {meaning}")
        for file in sorted(place.iterdir()) if place.is_dir() else ():
            _say(f"{'':24} {_size(file):>8}    {file.name}")
    _say(f"{_told(CORPUS):24} {_size(CORPUS):>8}  the corpus, made from the archive")


def _size(path: Path) -> str:
    files = path.rglob("*") if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file())
    return f"{size} B" if size < 1000 else f"{size / 1000:.1f} kB"


def _pairs(line: dict[str, Any]) -> None:
    for name, value in line.items():
        text = json.dumps(value, ensure_ascii=False)
        _say(f"  {name:15} {text if len(text) <= WIDTH - 20 else text[: WIDTH - 21] + '…'}")


def _told(path: Path) -> str:
    """The path as a user in the checkout writes it."""
    return path.relative_to(CHECKOUT).as_posix()


def _title(text: str) -> None:
    _say(f"\n── {text} ".ljust(WIDTH, "─"))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
