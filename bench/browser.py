"""Pages in Chromium, archived by us, and not by scrapy-playwright: python -m bench.browser [--pages 100]

The same pages of the replica in each round, one program after the other, two contexts at once, a page being
done when it says that it has loaded; medians over the rounds. Memory is that of all processes, the browser's
with them. `--memory --pages 1000` (a quarter of an hour) shows them with ours alone, and tells what it takes
after each hundred: what processes share is counted once.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

from bench.process import CHECKOUT, Took, family, run, share
from crawler.browser.chromium import Chromium
from tests.crawling import Archive
from tests.site import ARTICLES, id_of, running_site

CONTEXTS = 2
MARK = 100  #: pages, after which the memory is told
WINDOW = 20  #: pages before a mark, whose highest memory counts: it goes up and down with each
LOOK_SECONDS = 0.5  #: between two looks at the memory, each of which costs
SCRAPY = str(Path(sys.executable).with_name("scrapy"))


class Memory:
    """What a crawl takes, itself and with its browser, over its run."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, int, int]] = []

    def look(self, pid: int) -> None:
        if not self._samples or time.time() - self._samples[-1][0] > LOOK_SECONDS:
            self._samples.append((time.time(), share(pid), sum(map(share, family(pid)))))

    def say(self, archive: Archive) -> None:
        """The memory before each mark, by when the pages were captured."""
        dates = sorted(take["captured_at"] for takes in archive.takes().values() for take in takes)
        times = [datetime.fromisoformat(date).timestamp() for date in dates]
        for mark in range(MARK, len(times) + 1, MARK):
            seen = [found for at, *found in self._samples if times[mark - WINDOW] <= at <= times[mark - 1]]
            crawl, all_ = (max(column) / 1e6 for column in zip(*seen, strict=True))
            sys.stdout.write(f"{mark:5} pages: {all_:6.0f} MB, of which the crawl itself {crawl:4.0f} MB\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    articles = max(options.pages, ARTICLES)
    with (
        tempfile.TemporaryDirectory() as name,
        running_site(Path(name), articles=articles, log=False) as site,
    ):
        ids = [id_of(n) for n in range(options.pages)]
        if options.memory:
            ours(ids, site.connect_to, Memory())
            return
        rounds = [(bare(ids, site.port), ours(ids, site.connect_to)) for _ in range(options.rounds)]
    for program, took in zip(("scrapy-playwright", "anapress"), zip(*rounds, strict=True), strict=True):
        say(program, took, options.pages)


def bare(ids: Sequence[int], port: int) -> Took:
    """Nothing is kept."""
    launch = {
        "executable_path": Chromium.of({"CHROMIUM": "", "BROWSER_SANDBOX": ""}).path,
    }
    with tempfile.TemporaryDirectory() as folder:
        urls = Path(folder) / "urls"
        urls.write_text("\n".join(f"http://127.0.0.1:{port}/a/{id}" for id in ids))
        handler = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
        settings = {
            "DOWNLOAD_HANDLERS": json.dumps({"http": handler}),
            "PLAYWRIGHT_LAUNCH_OPTIONS": json.dumps(launch),
            "CONCURRENT_REQUESTS": CONTEXTS,
            "LOG_LEVEL": "WARNING",
        }
        spider = str(CHECKOUT / "bench" / "bare_browser.py")
        return run([SCRAPY, "runspider", spider, "-a", f"urls={urls}", *_told(settings)], Path(folder))


def ours(ids: Sequence[int], connect_to: str, memory: Memory | None = None) -> Took:
    """Every exchange is kept; the manners alone are off, for a site of our own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "ARCHIVE_URL": f"{folder}/archive",
            "CONNECT_TO": connect_to,
            "DOWNLOAD_DELAY": 0,
            "CONCURRENT_REQUESTS": 16,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 6,  # as Chromium has connections to a host
            "BROWSER_CONTEXTS": CONTEXTS,
            "BROWSER_WAIT": "load",
            "BROWSER_SCROLL": 0,
            "LOG_LEVEL": "WARNING",
        }
        given = ["-a", f"ids={','.join(map(str, ids))}", "-a", "render=browser", "-a", "discover=none"]
        look = memory.look if memory else int
        took = run([SCRAPY, "crawl", "anapress", *given, *_told(settings)], CHECKOUT, look)
        if memory:
            memory.say(Archive(Path(folder) / "archive"))
        return took


def say(program: str, took: Sequence[Took], pages: int) -> None:
    seconds, cpu = (median(getattr(one, kind) for one in took) for kind in ("seconds", "cpu"))
    memory = median(one.memory for one in took) / 1e6
    each = f"{seconds / pages * 1000:6.0f} ms a page, {cpu / pages * 1000:6.0f} ms of CPU"
    sys.stdout.write(f"{program:18} {each}, {memory:6.0f} MB\n")


def _told(settings: dict[str, object]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]


if __name__ == "__main__":
    main()
