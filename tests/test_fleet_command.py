"""`scrapy fleet`: several workers as one command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from scrapy.settings import Settings

from crawler.ending import Ending
from crawler.errors import LedgerError
from crawler.fleet import FIGURES, FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS, Fleet, Record
from crawler.housing import Housing
from crawler.ledger import open_ledger
from crawler.speech import InJson, Plainly
from tests.crawling import CHECKOUT, SCRAPY, House
from tests.redisserver import running as server
from tests.site import Site, id_of, running_site
from tests.test_fleet import fetched, until

IDS = [id_of(n) for n in range(40)]
PASSWORD = "s3cret-0f-the-ledger"
SLOW = {"DOWNLOAD_DELAY": 0.1, "CONCURRENT_REQUESTS_PER_DOMAIN": 2}


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), articles=40) as running:
        yield running


def fleet(house: House, *arguments: str, **settings: object) -> subprocess.Popen[str]:
    given = "-aids=" + ",".join(map(str, IDS))
    return subprocess.Popen(
        [str(SCRAPY), "fleet", "-n", "2", given, *arguments, *house.settings(**SLOW, **settings)],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers(of: subprocess.Popen[str]) -> list[int]:
    """The crawls' processes, without their writers."""
    found = Path(f"/proc/{of.pid}/task/{of.pid}/children").read_text().split()
    return [int(pid) for pid in found]


def test_a_fleet_takes_all_and_ends_as_one(house, site) -> None:
    runs = fleet(house)
    _, said = runs.communicate(timeout=120)
    assert runs.returncode == 0, said
    assert re.fullmatch(r"2 workers: 40 takes \(.*\); 0 ids are left\. \(exit 0\)", said.splitlines()[-1])
    assert fetched(site) == Counter(IDS)


def test_a_fleet_sums_up_once_and_one_that_joins_by_hand_for_itself(house) -> None:
    _, said = fleet(house).communicate(timeout=120)
    assert said.count("\nmade      ") == 1
    joined = house.crawl([id_of(0)], "-adiscover=none", "-arefresh=0", FLEET=1)
    assert "1 take in " in joined.said
    assert "made      1 commit, " in joined.said


def test_a_worker_that_dies_is_started_again_and_nothing_is_lost(house, site) -> None:
    runs = fleet(house)
    until(lambda: len(fetched(site)) > 4)
    os.kill(workers(runs)[0], signal.SIGKILL)
    _, said = runs.communicate(timeout=120)
    assert runs.returncode == 0, said
    assert "it is started again in 1 s" in said
    assert "2 workers, 1 restart: 40 takes" in said.splitlines()[-1]
    assert {id: len(takes) for id, takes in house.archive.takes().items()} == dict.fromkeys(IDS, 1)
    assert house.scrapy("verify").code == 0


def test_a_signal_ends_all_workers_and_all_is_committed(house, site) -> None:
    runs = fleet(house)
    until(lambda: len(fetched(site)) > 4)
    pids = workers(runs)
    runs.send_signal(signal.SIGTERM)
    _, said = runs.communicate(timeout=120)
    assert runs.returncode == 3, said
    assert said.splitlines()[-1].endswith("ids are left. Run again to go on. (exit 3)")
    assert "\ngo on     scrapy fleet -n 2 -s ARCHIVE_URL=" in said
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    taken = house.archive.takes()
    assert taken
    assert len(taken) < 40
    assert house.scrapy("verify").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-n", "0"], "-n is '0': give a number from 1 to 64, or auto."),
        (["-n", "many"], "-n is 'many': give a number from 1 to 64, or auto."),
        (["-aids=-"], "-a ids=- can be read once only"),
        (["-aidz=1"], "did you mean -a ids=…?"),
        (["-a", "ids"], "-a takes NAME=VALUE"),
        (["more"], "takes no arguments but -n, -a and -s"),
    ],
)
def test_a_mistake_is_one_sentence(house, arguments, told) -> None:
    ran = house.scrapy("fleet", *arguments)
    assert ran.code == 2
    assert told in ran.last


def test_a_ledger_that_is_not_there_leaves_nothing_behind(house, monkeypatch) -> None:
    monkeypatch.setattr("crawler.ledger.server.OPENING_SECONDS", 0.0)
    settings = Settings()
    settings.setmodule("crawler.settings")
    settings.setdict({"ARCHIVE_URL": house.archive.folder, "LEDGER_URL": "unix:///nowhere/s"}, "cmdline")
    housing = Housing.of(settings)
    with pytest.raises(LedgerError, match="was away"):
        housing.ensure_archive(housing.open_store())
    assert not house.archive.folder.exists()


def test_what_no_worker_can_do_ends_the_fleet_with_the_worker_s_own_words(house) -> None:
    runs = house.scrapy("fleet", "-n", "2", "-aids=no-such-file")
    assert runs.code == 2
    assert runs.last.count("(exit 2)") == 1
    assert "no-such-file" in runs.last


def test_a_worker_that_dies_again_and_again_is_started_ever_later_and_not_for_ever() -> None:
    record, pauses = Record(0.0), []
    for _ in range(8):
        record = record.started(record.again).died(record.again + 1)
        pauses.append(record.again - record.began - 1)
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert max(pauses) == LONGEST_PAUSE
    assert record.started(0.0).died(STEADY_SECONDS + 1).deaths == 1


def test_a_fleet_whose_workers_can_not_live_gives_up(monkeypatch) -> None:
    monkeypatch.setattr("crawler.fleet.FIRST_PAUSE", 0.01)
    said: list[str] = []
    began = time.monotonic()
    dying = Fleet(2, ["sh", "-c", "echo dies >&2; kill -9 $$"], Plainly(said.append))
    dying.run(lambda: None)
    assert dying.ended("0 takes", 7).code == 1
    assert dying.restarts == 2 * 7
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(("end", "code"), [("exit 6", 6), ("kill -9 $$", 1)])
def test_a_signal_to_one_that_waits_to_be_started_again_leaves_it_its_code(end, code, monkeypatch) -> None:
    monkeypatch.setattr("crawler.fleet.FIRST_PAUSE", 60.0)
    dying = Fleet(1, ["sh", "-c", end], Plainly(lambda _: None))

    def interrupt() -> None:
        if not dying.workers[0].running:
            os.kill(os.getpid(), signal.SIGTERM)

    dying.run(interrupt)
    assert (dying.ended("0 takes", 7).code, dying.restarts) == (code, 0)


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("ledger", ["crawl", "anapress", "-aids=1"]),
        ("http://127.0.0.1/", ["fleet", "-n", "1", "-aids=1"]),
        ("sqlite:ledger.db", ["ids", "add", "1"]),
        ("redis://:pass/word@127.0.0.1:1/0", ["crawl", "anapress", "-aids=1"]),
    ],
)
def test_a_ledger_that_can_not_be_is_one_sentence_and_leaves_nothing_behind(house, url, command) -> None:
    ran = house.scrapy(*command, LEDGER_URL=url, LOG_LEVEL="WARNING", CONTACT="a@example.org")
    (line,) = ran.said.splitlines()  # of a fleet, too: no worker begins
    assert (ran.code, line.startswith("LEDGER_URL is ")) == (2, True)
    assert not house.archive.folder.exists()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
@pytest.mark.parametrize(
    "command", [["crawl", "anapress", "-aids=1"], ["fleet", "-n1", "-aids=1"], ["ids", "add", "1"]]
)
def test_another_archive_s_ledger_is_one_sentence_and_leaves_nothing_behind(
    house, servers, command, kind
) -> None:
    servers["redis"].empty()
    url = servers["redis"].url if kind == "redis" else f"sqlite://{house.folder}/theirs.db"
    with closing(open_ledger(url, None, lambda _: 0)) as theirs:
        theirs.bind(UUID(int=1))
    ran = house.scrapy(*command, LEDGER_URL=url)
    assert (ran.code, len(ran.said.splitlines())) == (2, 1), ran.said
    assert f"the ledger of archive {UUID(int=1)}, but {house.archive.folder} is none yet: set it" in ran.said
    assert not house.archive.folder.exists()


def test_each_of_two_archives_in_one_folder_has_a_host_s_robots_txt_once(house) -> None:
    other, disk = replace(house, folder=house.folder / "other"), house.folder / "spool"
    for each in (house, other, house):
        ran = each.crawl([id_of(0)], "-adiscover=none", "-arefresh=0", FLEET=1, SPOOL_DIR=disk)
        assert ran.code == 0, ran.said
    for each in (house, other):
        answers = [record for record in each.archive.records() if record.type == "response"]
        kept = [answer.headers["WARC-Target-URI"] for answer in answers]
        assert kept.count("http://anapress.net/robots.txt") == 1


@pytest.mark.parametrize("command", [["crawl", "anapress"], ["fleet", "-n1"]])
@pytest.mark.parametrize("url", ["unix://:{}@{}/s?db=0", "unix://{1}/s?db=0&password={0}"])
def test_the_password_of_a_ledger_is_shown_and_kept_nowhere(house, command, url) -> None:
    with server("redis") as locked:
        with locked.client() as client:
            client.config_set("requirepass", PASSWORD)
        ledger = url.format(PASSWORD, locked.folder)
        words = ["-aids=1", "-arequisites=0", "-adiscover=none"]
        ran = house.scrapy(*command, *words, LEDGER_URL=ledger, LOG_LEVEL="DEBUG")
    assert ran.code == 0, ran.said
    assert "db=0" in ran.said  # the next command names the ledger
    assert PASSWORD not in ran.said + ran.out
    for path in house.folder.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


def test_a_worker_that_ends_without_a_word_leaves_the_fleet_a_sentence() -> None:
    mute = Fleet(1, ["sh", "-c", "exit 2"], Plainly(print))
    mute.run(lambda: None)
    assert mute.ended("0 takes", None) == Ending(
        2, "A worker can't do what it was asked to; its log says why."
    )


@pytest.mark.parametrize("code", [2, 5])
def test_a_fleet_that_one_worker_ends_says_why_also_where_another_s_store_has_failed(
    code, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("crawler.fleet.FIRST_PAUSE", 60.0)
    first = (
        f"mkdir {tmp_path}/first 2>&1 && exit 6; echo 'The keys are wrong. (exit {code})' >&2; exit {code}"
    )
    both = Fleet(2, ["sh", "-c", first], Plainly(lambda _: None))
    both.run(lambda: None)
    assert sorted(worker.code or 0 for worker in both.workers) == sorted([6, code])
    assert both.ended("0 takes", 7) == Ending(code, "The keys are wrong.")


@pytest.mark.parametrize("shown", [True, False])
def test_a_worker_s_figures_stand_in_the_panel_or_in_the_log(shown) -> None:
    said: list[str] = []
    line = f"2026-11-26 02:15:46 {FIGURES}3 takes; 1.0/s"
    command = ["sh", "-c", f"echo begins >&2; echo '{line}' >&2"]
    fleet = Fleet(1, command, Plainly(said.append), shown=shown)
    fleet.run(lambda: None)
    (worker,) = fleet.workers
    told = ["[1] begins", *([] if shown else [f"[1] {line}"])]
    until(lambda: (worker.figures, said) == ("3 takes; 1.0/s", told))
    assert worker.last == "begins"


def test_a_damaged_summary_of_a_run_is_left_out_of_the_fleet_s(house, site) -> None:
    runs = fleet(house)
    until(lambda: len(fetched(site)) > 4)
    path = house.archive.folder / "runs" / "20261126000000-0badbad0.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    _, said = runs.communicate(timeout=120)
    assert runs.returncode == 0, said
    told = [line for line in said.splitlines() if "It is left out" in line]
    assert told  # by a worker that begins late, too
    assert all(path.name in line for line in told)


def test_a_fleet_s_log_in_json_has_nothing_else_and_names_each_worker(house, site) -> None:
    runs = fleet(house, LOG_JSON=1, LOG_LEVEL="INFO")
    until(lambda: len(fetched(site)) > 4)
    os.kill(workers(runs)[0], signal.SIGKILL)
    _, said = runs.communicate(timeout=120)
    lines = [json.loads(line) for line in said.splitlines()]
    assert all(line.keys() >= {"time", "level", "logger", "message"} for line in lines)
    assert {line.get("worker") for line in lines if line["logger"] == "anapress"} == {1, 2}
    (dead,) = [line for line in lines if "is started again" in line["message"]]
    assert (dead["level"], dead["logger"], "worker" in dead) == ("WARNING", "fleet", False)
    assert lines[-1]["message"].startswith("2 workers, 1 restart: 40 takes (")
    assert (lines[-1]["logger"], lines[-1]["exit_code"]) == ("fleet", 0)


@pytest.mark.parametrize("arguments", [["-n0"], ["-aids=no-such-file"], ["-sLOG_LEVL=INFO"]])
def test_a_mistake_is_one_sentence_in_json_too(house, arguments) -> None:
    ran = house.scrapy("fleet", "-n1", *arguments, LOG_JSON=1)
    last = json.loads(ran.last)
    assert (ran.code, last["exit_code"], last["level"]) == (2, 2, "ERROR")
    assert "exit 2" not in last["message"]
    assert "{" not in last["message"]


def test_what_a_worker_says_that_is_no_json_comes_out_as_json() -> None:
    said: list[str] = []
    speech = InJson(said.append, lambda: datetime(2026, 11, 26, tzinfo=UTC))
    for line in ("Fatal Python error", '["no line"]', '{"message":"m"}'):
        speech.repeat(3, line)
    stands = '{"time":"2026-11-26T00:00:00.000Z","level":"ERROR","logger":"stderr","message":'
    assert said == [
        stands + '"Fatal Python error","worker":3}',
        stands + '"[\\"no line\\"]","worker":3}',
        '{"message":"m","worker":3}',
    ]
