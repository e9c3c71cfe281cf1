"""What a person sees of a crawl: on a real terminal, and where there is none."""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from crawler.wording import size
from tests.crawling import SCRAPY, House
from tests.site import FAULTS, Site, id_of
from tests.terminal import Terminal, running

ARTICLES = 12
HELD, GONE, BUSY = FAULTS["redirect_www"], FAULTS["status_404"], FAULTS["status_503_forever"]
IDS = [*map(id_of, range(9)), GONE, BUSY]
SETTLED = ["9 article", "1 gone", "1 failed"]
INTERRUPT = b"\x03"


@pytest.fixture
def silent(site: Site) -> Iterator[str]:
    """A CONNECT_TO by which www takes connections and never says a word: HELD leads there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        www = server.getsockname()[1]
        yield f"anapress.net:80:{site.host}:{site.port},www.anapress.net:80:127.0.0.1:{www}"


def watched(
    house: House, silent: str, *ids: int, columns: int = 80, rows: int = 24, **settings: object
) -> AbstractContextManager[Terminal]:
    """A crawl of these ids, in a terminal."""
    settings = {"CONNECT_TO": silent, "STOP_SECONDS": 2, **settings}
    given = f"-aids={','.join(map(str, ids))}"
    words = ["crawl", "anapress", "-arequisites=0", given, "-adiscover=none", *house.settings(**settings)]
    return running(str(SCRAPY), *words, columns=columns, rows=rows)


def panel(terminal: Terminal) -> list[str]:
    """The panel's lines on the screen."""
    begin = next((n for n, line in enumerate(terminal.shown) if line.startswith("anapress: ")), None)
    return [] if begin is None else [line for line in terminal.shown[begin:] if line]


def row(terminal: Terminal, name: str) -> str:
    """What the panel says under that name."""
    return next((line.removeprefix(name).strip() for line in panel(terminal) if line.startswith(name)), "")


def is_held(terminal: Terminal) -> bool:
    """Whether nothing goes on any more but the page that never ends."""
    return row(terminal, "done").startswith("11 · 1")


def at_rest(terminal: Terminal) -> Callable[[], bool]:
    """Whether the panel has said the same for two seconds: the writer's last checkpoint is in it."""
    since, said = time.monotonic(), ""

    def seen() -> bool:
        nonlocal since, said
        if (now := row(terminal, "bytes")) != said:
            since, said = time.monotonic(), now
        return time.monotonic() > since + 2

    return seen


# The panel


def test_the_panel_says_what_the_archive_holds_then(house: House, silent: str) -> None:
    before = len(house.site.exchanges())
    with watched(house, silent, *IDS, HELD) as terminal:
        terminal.until(lambda: is_held(terminal))
        terminal.until(at_rest(terminal))
        outcomes, errors, told = (row(terminal, name) for name in ("outcomes", "errors", "bytes"))
        terminal.press(INTERRUPT)
        terminal.end()
    assert sorted(outcomes.split(" · ")) == sorted(SETTLED)
    takes = [take["outcome"] for takes in house.archive.takes().values() for take in takes]
    assert Counter(takes) == {"article": 9, "gone": 1, "failed": 1}
    assert errors == f"failed http_503 1, last {BUSY}"
    received, written = re.findall(r"([\d.]+ kB) (?:received|WARC)", told)
    sent = sum(len(logged.response) for logged in house.site.exchanges()[before:])
    assert received == size(sent)
    cut = [each for each in house.archive.records() if "//www." in each.headers.get("WARC-Target-URI", "")]
    assert written == size(cut[0].offset)  # what the interrupt left of the held page came after


def test_the_panel_tells_the_host_and_its_budget(house: House, silent: str) -> None:
    with watched(house, silent, *IDS, DOWNLOAD_DELAY=0.4, CONCURRENT_REQUESTS_PER_DOMAIN=2) as terminal:
        terminal.until(lambda: "wait" in row(terminal, "host"))
        assert re.match(r"anapress\.net: [012] of 2 at once, delay 0\.4 s, \d+ wait", row(terminal, "host"))
        pace = re.compile(r"\d+ · \d+ left · [\d.]+/s · \d+ s to go")
        terminal.until(lambda: pace.fullmatch(row(terminal, "done")) is not None)


def test_the_panel_goes_and_the_summary_stays(house: House, silent: str) -> None:
    with watched(house, silent, *IDS, HELD) as terminal:
        terminal.until(lambda: is_held(terminal))
        terminal.press(INTERRUPT)
        terminal.end()
    assert terminal.code == 3
    assert not panel(terminal)
    assert "anapress: crawling" not in terminal.text
    said = [line for line in terminal.all if line]
    assert said[-1].endswith("(exit 3)")
    assert any(re.fullmatch(rf" +1 http_503 of {BUSY}", line) for line in said)


def test_the_panel_goes_where_the_terminal_was_slow_when_it_was_interrupted(
    house: House, silent: str
) -> None:
    with watched(house, silent, *IDS, HELD) as terminal:
        terminal.until(lambda: is_held(terminal))
        time.sleep(12)  # it draws the panel some times, more than is read at once
        terminal.look()
        terminal.press(INTERRUPT)
        terminal.end()
    assert "anapress: crawling" not in terminal.text


def test_keys_that_say_nothing_leave_the_panel_whole(house: House, silent: str) -> None:
    with watched(house, silent, *IDS, HELD) as terminal:
        terminal.until(lambda: is_held(terminal))
        for _ in range(300):  # some of them while it is drawn; ^C is shown in the same way
            terminal.press(b"\x01")
            time.sleep(0.005)
        seconds = panel(terminal)[0]
        terminal.until(lambda: bool(panel(terminal)) and panel(terminal)[0] != seconds)
        assert terminal.text.count("anapress: crawling") == 1
        assert "^A" not in terminal.text
        terminal.press(INTERRUPT)
        terminal.end()
    assert not panel(terminal)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 10), (20, 4)])
def test_the_panel_fits_its_terminal(house: House, silent: str, columns: int, rows: int) -> None:
    with watched(house, silent, *IDS, HELD, columns=columns, rows=rows) as terminal:
        terminal.until(lambda: is_held(terminal))
        lines = panel(terminal)
        terminal.press(INTERRUPT)
        terminal.end()
    assert len(lines) < rows
    assert max(map(len, lines)) < columns
    assert "anapress: crawling" not in terminal.text


def test_the_panel_of_a_fleet_has_a_line_for_each_worker_and_goes(house: House, silent: str) -> None:
    settings = house.settings(CONNECT_TO=silent, STOP_SECONDS=2, LOG_LEVEL="INFO")
    given = f"-aids={','.join(map(str, [*IDS, HELD]))}"
    done = re.compile(r"\[[12]\] (\d+) takes?")
    with running(str(SCRAPY), "fleet", "-n", "2", given, "-arequisites=0", *settings) as terminal:
        lines = lambda: [match for line in terminal.shown if (match := done.match(line))]  # noqa: E731
        terminal.until(lambda: len(lines()) == 2 and sum(int(match[1]) for match in lines()) == len(IDS))
        assert [line for line in terminal.shown if line.startswith("fleet: 2 of 2 workers run")]
        terminal.press(INTERRUPT)
        terminal.end()
    assert terminal.code == 3
    assert not lines()
    assert "Enabled extensions" not in terminal.text
    assert terminal.text.count("takes in ") == 1  # one summary for all
    assert f"2 workers: {len(IDS)} takes (9 article" in terminal.text.replace("\n", " ")


def test_a_terminal_that_is_resized_keeps_nothing_of_the_old_panel(house: House, silent: str) -> None:
    with watched(house, silent, *IDS, HELD) as terminal:
        for columns, rows in ((40, 10), (100, 30), (60, 8)):
            terminal.until(lambda: is_held(terminal))
            terminal.resize(columns, rows)
            wide = columns - 1
            terminal.until(lambda: bool(panel(terminal)) and len(panel(terminal)[0]) == wide)  # noqa: B023
            assert terminal.text.count("anapress: crawling") == 1
        terminal.press(INTERRUPT)
        terminal.end()
    assert "anapress: crawling" not in terminal.text


NOISE = """
import logging, subprocess, sys, threading, time, warnings
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.utils.project import get_project_settings

def noise():
    while not archivist():
        time.sleep(0.1)
    time.sleep(1)  # the panel is up then
    for n in range(200):
        logging.getLogger("noise").warning("logged %03d %s", n, "x" * 150)
        print(f"printed {n:03}", flush=True)
        sys.stderr.write(f"written {n:03}\\n")
    subprocess.run(["sh", "-c", "echo a child said this >&2"])
    sys.stderr.write("\\x1b[2J\\x1b[Hwiped\\n")
    warnings.warn("warned of this")
    raise RuntimeError("nobody caught this")

def archivist():
    try:
        return any(getattr(each, "open", False) is True for each in crawler.extensions.middlewares)
    except RuntimeError:
        return False  # not yet

settings = get_project_settings()
settings.setdict(dict(word[2:].split("=", 1) for word in sys.argv[2:]), priority="cmdline")
process = AsyncCrawlerProcess(settings)
crawler = process.create_crawler("anapress")
process.crawl(crawler, ids=sys.argv[1], discover="none")
threading.Thread(target=noise, daemon=True).start()
process.start()
"""


def test_what_is_written_meanwhile_stands_whole_above_the_panel(
    house: House, silent: str, tmp_path: Path
) -> None:
    script = tmp_path / "noise.py"
    script.write_text(NOISE)
    ids = ",".join(map(str, [*IDS, HELD]))
    with running(
        sys.executable,
        str(script),
        ids,
        *house.settings(CONNECT_TO=silent),
        columns=300,
    ) as terminal:
        terminal.until(lambda: "nobody caught this" in terminal.text and is_held(terminal))
        assert terminal.text.count("anapress: crawling") == 1
        terminal.press(INTERRUPT)
        terminal.end()
    lines = terminal.all
    for name, rest in (("logged", f" {'x' * 150}"), ("printed", ""), ("written", "")):
        of_kind = [line[line.index(name) :] for line in lines if re.search(rf"\b{name} \d", line)]
        assert of_kind == [f"{name} {n:03}{rest}" for n in range(200)]
    assert "a child said this" in lines
    assert "?[2J?[Hwiped" in lines
    assert any("UserWarning: warned of this" in line for line in lines)
    assert "Traceback (most recent call last):" in lines
    assert "RuntimeError: nobody caught this" in lines
    assert "anapress: crawling" not in terminal.text


def test_no_color_is_honoured(house: House, silent: str) -> None:
    for id, (wish, color) in zip(IDS, (("1", "default"), ("", "green")), strict=False):
        words = [
            "crawl",
            "anapress",
            "-arequisites=0",
            f"-aids={id},{HELD}",
            *house.settings(CONNECT_TO=silent),
        ]
        with running(str(SCRAPY), *words, environment={"NO_COLOR": wish}) as terminal:
            terminal.until(lambda: row(terminal, "outcomes") == "1 article")
            assert terminal.colors("1 article") == {color}


def test_a_dumb_terminal_and_json_logs_have_no_panel(house: House) -> None:
    for number, (environment, settings) in enumerate((({"TERM": "dumb"}, {}), ({}, {"LOG_JSON": 1}))):
        words = [
            "crawl",
            "anapress",
            "-arequisites=0",
            f"-aids={id_of(number)},{GONE}",
            *house.settings(**settings),
        ]
        with running(str(SCRAPY), *words, environment=environment) as terminal:
            terminal.end()
        assert "anapress: " not in terminal.text
        assert "\x1b" not in terminal.text


# Elsewhere


def test_elsewhere_a_line_comes_now_and_then(house: House) -> None:
    ran = house.crawl(IDS, "-adiscover=none", LOG_LEVEL="INFO", LOGSTATS_INTERVAL=0.5, DOWNLOAD_DELAY=0.2)
    told = [line for line in ran.said.splitlines() if "[crawler.extensions.progress] INFO: " in line]
    assert told
    assert re.search(r"INFO: \d+ of 11 done \(.*\); \d+ left; .*received [\d.]+ kB, WARC ", told[-1])
    assert "\x1b" not in ran.said


def test_the_summary_names_what_failed_and_why_and_what_to_do(house: House) -> None:
    ran = house.crawl(IDS, "-adiscover=none")
    said = ran.said.splitlines()
    assert re.match(r"11 takes in \d+ s", said[0])
    assert re.fullmatch(rf" +1 http_503 of {BUSY}", next(line for line in said if "http_503" in line))
    (files,) = house.archive.commits()[-1:]
    total = size(sum(file["bytes"] for file in files["files"]))
    assert f"made      1 commit, 1 WARC, 9 item lines, 11 outcome lines; {total}" in said
    again = next(line.removeprefix("again").split() for line in said if line.startswith("again"))
    assert again[:4] == ["scrapy", "ids", "requeue", "--outcome"]
    assert house.scrapy(*again[1:]).out == "1 ids are left to be taken again\n"
    assert ran.last.endswith("(exit 4)")


def test_a_summary_in_json_logs_is_no_bare_text(house: House) -> None:
    ran = house.crawl(IDS[:1], "-adiscover=none", LOG_JSON=1)
    assert all(json.loads(line) for line in ran.said.splitlines())
