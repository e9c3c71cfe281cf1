"""How long the archives' lists take to walk, and how much memory: python -m bench.lists [--rows 100000]

`scrapy ids discover cdx --add` as a user runs it, from a Wayback Machine of our own that lists so many
captures, and twice as many, 10,000 a request; the 2.5 seconds between two requests are left out.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.process import CHECKOUT, run
from crawler.sources.wayback import ROWS
from tests.services import CommonCrawl, Crawl, Held, Wayback, running

FIRST = 10**14
AT = "20160102030405"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    for count in (rows, 2 * rows):
        walked(count)


def walked(rows: int) -> None:
    """Walk a list of so many rows, and print what it took."""
    machine = Wayback(Held(url=f"http://anapress.net/a/{FIRST + n}", at=AT, body=b"") for n in range(rows))
    common = CommonCrawl([Crawl("CC-MAIN-2016-05", ())])
    with ExitStack() as up:
        folder = Path(up.enter_context(TemporaryDirectory()))
        for service in (machine, common):
            service.base = up.enter_context(running(service)).url
        settings = {
            "ARCHIVE_URL": folder / "archive",
            "WAYBACK_URL": machine.base,
            "COMMONCRAWL_INDEX_URL": common.base,
            "WAYBACK_INDEX_SECONDS": 0,
        }
        command = [str(Path(sys.executable).with_name("scrapy")), "ids", "discover", "cdx", "--add"]
        took = run([*command, *(f"-s{name}={value}" for name, value in settings.items())], CHECKOUT)
    pages = -(-rows // ROWS)
    sys.stdout.write(
        f"{rows:,} rows in {pages} lists: {took.seconds:.1f} s, {took.cpu:.1f} s of CPU,"
        f" {took.memory / 1e6:.0f} MB at most\n"
    )


if __name__ == "__main__":
    main()
