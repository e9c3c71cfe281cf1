"""`scrapy status`: what it says of an archive, running or not, and that it only reads."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crawling import CHECKOUT, QUICK, SCRAPY, House, scrapy
from tests.s3 import Endpoint
from tests.s3.access import settings_of
from tests.site import FAULTS, Site, id_of
from tests.terminal import running

ARTICLES = 8
GONE, BUSY, HELD = FAULTS["status_404"], FAULTS["status_503_forever"], FAULTS["redirect_www"]
IDS = [*map(id_of, range(6)), GONE, BUSY]


@pytest.fixture
def filled(house: House) -> House:
    """An archive with an id that failed, and one that is left."""
    assert house.crawl(IDS, "-adiscover=none").code == 4
    assert house.scrapy("ids", "add", "7").code == 0
    return house


@pytest.fixture
def silent(site: Site) -> Iterator[str]:
    """A CONNECT_TO by which www takes connections and never says a word: HELD leads there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        www = server.getsockname()[1]
        yield f"anapress.net:80:{site.host}:{site.port},www.anapress.net:80:127.0.0.1:{www}"


def status(house: House, **settings: object) -> dict[str, Any]:
    ran = house.scrapy("status", "--json", **settings)
    assert ran.code == 0, ran.said
    told: dict[str, Any] = json.loads(ran.out)
    return told


def begun(house: House, *arguments: str, **settings: object) -> subprocess.Popen[bytes]:
    command = [str(SCRAPY), "crawl", "anapress", "-arequisites=0", *arguments, *house.settings(**settings)]
    return subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.DEVNULL)


def held(house: House, silent: str) -> subprocess.Popen[bytes]:
    """A crawl that has taken all but one id, which never comes."""
    given = ",".join(map(str, [*IDS, HELD]))
    crawl = begun(house, f"-aids={given}", "-adiscover=none", CONNECT_TO=silent)
    until(lambda: house.archive.commits() and [each["takes"] for each in status(house)["spools"]] == [8])
    return crawl


def until(there: Any) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.2)


def files(house: House) -> dict[str, tuple[int, int]]:
    """All that lies there, and when it was last changed."""
    stats = {str(path.relative_to(house.folder)): path.stat() for path in house.folder.rglob("*")}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def test_it_counts_ids_and_names_the_last_commit_and_the_last_run(filled: House) -> None:
    told = status(filled)
    assert told["ids"] == {
        "known": 9,
        "settled": 8,
        "left": 1,
        "leased": 0,
        "outcomes": {"article": 6, "failed": 1, "gone": 1},
    }
    newest = filled.archive.commits()[-1]
    assert told["commit"] == {name: newest[name] for name in ("n", "at", "worker")}
    assert (told["last_run"]["exit_code"], told["last_run"]["left"]) == (4, 0)
    assert (told["spools"], told["lock"]) == ([], None)


def test_sizes_are_those_of_the_folders(filled: House) -> None:
    told = status(filled)["folders"]
    for name in ("warcs", "indexes", "items", "outcomes", "commits", "runs"):
        paths = list((filled.archive.folder / name).iterdir())
        assert told[name] == {"files": len(paths), "bytes": sum(path.stat().st_size for path in paths)}


def test_in_words_it_says_the_same(filled: House) -> None:
    lines = filled.scrapy("status").out.splitlines()
    assert lines[1] == "ids       known 9 = settled 8 + left 1"
    assert lines[2].strip() == "6 article, 1 failed, 1 gone"
    assert any(line.startswith("last run") and line.endswith("(exit 4)") for line in lines)


def test_it_writes_nothing(filled: House) -> None:
    before = files(filled)
    status(filled)
    assert files(filled) == before


def test_without_a_ledger_it_counts_the_same_and_makes_none(filled: House) -> None:
    before = status(filled)["ids"]
    for file in filled.archive.folder.glob("ledger.db*"):
        file.unlink()
    found = files(filled)
    assert status(filled)["ids"] == before
    assert files(filled) == found


def test_where_there_is_no_archive_it_says_so(house: House) -> None:
    ran = house.scrapy("status")
    assert (ran.code, ran.said.startswith("there is no archive at")) == (2, True)
    assert not list(house.folder.iterdir())


@pytest.mark.parametrize("words", [["now"], ["--watch", "soon"], ["--watch", "-1"]], ids=" ".join)
def test_a_wrong_word_is_told_in_a_sentence(house: House, words: list[str]) -> None:
    ran = house.scrapy("status", *words)
    assert (ran.code, len(ran.said.splitlines()), "Traceback" in ran.said) == (2, 1, False)


def test_a_crawl_that_runs_is_seen_with_what_it_has_not_committed(house: House, silent: str) -> None:
    crawl = held(house, silent)
    told = status(house)
    (spool,) = told["spools"]
    assert (spool["living"], spool["takes"], spool["segments"]) == (True, 8, 1)
    assert spool["bytes"] > 0
    assert (told["ids"]["settled"], told["ids"]["left"], told["ids"]["leased"]) == (0, 9, 9)
    crawl.terminate()
    assert crawl.wait() == 3
    assert (status(house)["ids"]["settled"], status(house)["spools"]) == (8, [])


def test_the_ledger_of_a_crawl_that_runs_is_not_made_anew_under_it(house: House, silent: str) -> None:
    """Its leases would be forgotten: another crawl would take the same ids."""
    crawl = held(house, silent)
    ran = house.scrapy("ids", "rebuild")
    (spool,) = status(house)["spools"]
    assert (ran.code, spool["worker"] in ran.last) == (5, True), ran.said
    crawl.terminate()
    assert crawl.wait() == 3
    assert house.scrapy("ids", "rebuild").code == 0


def test_a_crawl_that_was_killed_is_seen_as_dead_and_the_next_takes_it_over(
    house: House, silent: str
) -> None:
    crawl = held(house, silent)
    crawl.kill()
    crawl.wait()
    until(lambda: not status(house)["spools"][0]["living"])  # its writer makes a last checkpoint
    assert "is dead: the next crawl takes it over; 8 takes to be committed" in house.scrapy("status").out
    house.crawl([GONE], "-adiscover=none")
    assert (status(house)["ids"]["settled"], status(house)["spools"]) == (8, [])


def test_the_workers_of_a_fleet_are_seen_from_another_machine(house: House, silent: str, servers) -> None:
    servers["redis"].empty()
    there = {"LEDGER_URL": servers["redis"].url, "CONNECT_TO": silent}
    here = there | {"SPOOL_DIR": house.folder / "here"}
    waits = begun(house, f"-aids={HELD}", "-adiscover=none", **there)
    until(lambda: house.archive.commits() and status(house, **here)["ids"]["leased"])
    told = status(house, **here)
    ((worker, silence, leases),) = [each.values() for each in told["workers"]]
    assert (leases, 0 <= silence < 600, told["spools"], told["searches"]) == (1, True, [], {})
    assert f"running   worker {worker}, heard of " in house.scrapy("status", **here).out
    waits.terminate()
    assert waits.wait() == 3
    assert status(house, **here)["workers"] == []
    assert "running   nobody" in house.scrapy("status", **here).out


def test_a_search_is_seen_with_its_worker(house: House, servers) -> None:
    servers["redis"].empty()
    settings = {"LEDGER_URL": servers["redis"].url, "DOWNLOAD_DELAY": 60}
    seeks = begun(house, "-adiscover=site", **settings)
    until(lambda: house.archive.folder.exists() and status(house, **settings)["searches"])
    told = status(house, **settings)
    assert told["searches"] == {"site": told["workers"][0]["worker"]}
    seeks.terminate()
    assert seeks.wait() == 3
    assert "search    site: the next worker goes on with it" in house.scrapy("status", **settings).out


def test_watched_on_a_terminal_it_stays_in_its_place_until_it_is_interrupted(filled: House) -> None:
    words = ["status", "--watch", "0.1", *filled.settings()]
    with running(str(SCRAPY), *words, columns=200) as terminal:
        terminal.until(lambda: "left 1" in terminal.text)
        filled.scrapy("ids", "add", "9")
        terminal.until(lambda: "known 10 = settled 8 + left 2" in terminal.text)
        assert terminal.text.count("archive   /") == 1
        terminal.press(b"\x03")
        terminal.end()
    assert (terminal.code, "Traceback" in terminal.text) == (0, False)


def test_an_archive_in_s3_is_read_from_its_newest_snapshot(
    tmp_path: Path, s3: Endpoint, site: Site, silent: str
) -> None:
    def settings(disk: str) -> list[str]:
        ours = {"ARCHIVE_URL": f"s3://{bucket}/news", "SPOOL_DIR": tmp_path / disk, "CONNECT_TO": silent}
        given = {**QUICK, **settings_of(s3), **ours, "LOCK_SECONDS": 3}
        return [f"-s{name}={value}" for name, value in given.items()]

    def told(disk: str) -> dict[str, Any]:
        ran = scrapy("status", "--json", *settings(disk))
        assert ran.code == 0, ran.said
        seen: dict[str, Any] = json.loads(ran.out)
        return seen

    bucket = s3.bucket()
    words = ["crawl", "anapress", "-arequisites=0", "-adiscover=none", *settings("here")]
    assert scrapy(*words, f"-aids={','.join(map(str, IDS))}").code == 4
    there = told("elsewhere")
    assert (there["ids"]["settled"], there["lock"], there["spools"]) == (8, None, [])
    assert there["folders"]["snapshots"]["files"] == 1
    assert not (tmp_path / "elsewhere").exists()

    crawl = subprocess.Popen([str(SCRAPY), *words, f"-aids={HELD}"], cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    until(lambda: told("elsewhere")["lock"] is not None)
    assert told("elsewhere")["lock"]["pid"] == crawl.pid
    until(lambda: [each["living"] for each in told("here")["spools"]] == [True])
    crawl.send_signal(signal.SIGTERM)
    assert crawl.wait() == 3
    assert told("elsewhere")["lock"] is None
    shutil.rmtree(tmp_path / "here")
    assert told("elsewhere")["ids"]["left"] == 1
    assert not list(tmp_path.iterdir())
