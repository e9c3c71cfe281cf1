"""What lies beside the log is compared with it; and what tells of a commit that is lost is heard."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from crawler import snapshots
from crawler.audit import Findings, audit
from crawler.disk import Disk
from crawler.ledger import open_ledger, read_ledger
from crawler.stores import open_store
from tests.crawling import House
from tests.site import FAULTS, SEED_ID, Site, id_of, seed_ids

ARTICLES = 8
IDS = (SEED_ID, seed_ids()[1], id_of(2), id_of(3), id_of(4), FAULTS["status_404"])


@pytest.fixture(scope="module")
def good(site: Site, tmp_path_factory: pytest.TempPathFactory) -> House:
    """An archive of two runs with a snapshot after each, as one in S3 has them: commits 1 to 4."""
    house = House(tmp_path_factory.mktemp("good"), site)
    for ids in (IDS[:4], IDS):
        assert house.crawl(ids, "-adiscover=none").code == 0
        with closing(open_ledger(f"sqlite://{house.archive.folder}/ledger.db")) as ledger:
            snapshots.save(ledger, open_store(str(house.archive.folder), Disk()), house.folder, Disk())
    assert len(house.archive.commits()) == 4
    return house


@pytest.fixture
def house(good: House, tmp_path: Path) -> House:
    shutil.copytree(good.folder, tmp_path / "house")
    return House(tmp_path / "house", good.site)


def findings(house: House, *, ledger: bool = False) -> Findings:
    store = open_store(str(house.archive.folder), Disk())
    if not ledger:
        return audit(store)
    with closing(read_ledger(f"sqlite://{house.archive.folder}/ledger.db")) as own:
        return audit(store, ledger=own)


def faults(house: House) -> list[str]:
    return [str(fault) for fault in findings(house).faults]


def lose(house: House, *patterns: str) -> None:
    for pattern in patterns:
        found = list(house.archive.folder.glob(pattern))
        assert found, pattern
        for path in found:
            path.unlink()


def test_an_archive_with_snapshots_and_runs_is_sound(house: House) -> None:
    found = findings(house, ledger=True)
    assert (found.faults, found.strays, found.commits) == ([], [], 4)


# A commit that is lost


LOST = "commits/0000000004.json: missing: the log ends with 3, but "


def test_a_lost_newest_commit_is_told_by_its_run(house: House) -> None:
    lose(house, "commits/*4.json", "snapshots/*4.db.gz")
    (run,) = (
        path for path in house.archive.folder.glob("runs/*") if 4 in json.loads(path.read_bytes())["commits"]
    )
    assert faults(house) == [f"{LOST}runs/{run.name} tells of it"]


def test_a_lost_newest_commit_is_told_by_a_snapshot(house: House) -> None:
    lose(house, "commits/*4.json", "runs/*")
    assert faults(house) == [f"{LOST}snapshots/0000000004.db.gz was made of it"]


def test_a_lost_newest_commit_is_told_by_the_ledger_beside_it(house: House) -> None:
    lose(house, "commits/*4.json", "runs/*", "snapshots/*")
    assert [str(fault) for fault in findings(house, ledger=True).faults] == [
        f"{LOST}ledger.db has taken it in"
    ]
    ran = house.scrapy("verify")
    assert (ran.code, ran.out.startswith(f"FAULT {LOST}ledger.db")) == (1, True)


def test_lost_commits_are_told_by_lines_that_were_decided_after_them(house: House) -> None:
    lose(house, "commits/*4.json", "commits/*3.json", "runs/*", "snapshots/*")
    (lines,) = house.archive.folder.glob("outcomes/0000000004-*")
    told = "commits/0000000003.json: missing: the log ends with 2, but {} was decided after it"
    assert faults(house) == [told.format(f"outcomes/{lines.name}")]


def test_lines_of_the_next_commit_alone_may_be_those_of_a_killed_try(house: House) -> None:
    lose(house, "commits/*4.json", "runs/*", "snapshots/*")
    found = findings(house)
    assert not found.faults
    assert {path.partition("/")[0] for path in found.strays} == {"warcs", "indexes", "items", "outcomes"}


def test_the_ledger_of_another_archive_and_a_damaged_one_tell_nothing(house: House) -> None:
    ledger = house.archive.folder / "ledger.db"
    with closing(sqlite3.connect(ledger, isolation_level=None)) as db:
        db.execute("UPDATE meta SET archive = 'another'")
        db.execute("INSERT INTO commits VALUES (5, 'x')")
    assert not findings(house, ledger=True).faults
    ledger.write_bytes(b"garbage" * 1000)
    assert house.scrapy("verify").code == 0


# Snapshots


def changed(house: House, sentence: str) -> None:
    """The newest snapshot, with a change of its database."""
    path, plain = house.archive.folder / snapshots.key(4), house.folder / "plain.db"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    with closing(sqlite3.connect(plain, isolation_level=None)) as db:
        assert db.execute(sentence).rowcount
    path.write_bytes(gzip.compress(plain.read_bytes()))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("ids", "UPDATE ids SET takes = takes + 1 WHERE id = (SELECT max(id) FROM ids)"),
        ("ids", "DELETE FROM ids WHERE id = (SELECT max(id) FROM ids)"),
        ("ids", "INSERT INTO ids (id, todo, logged) VALUES (99, 1, 1)"),
        ("texts", "UPDATE texts SET version = 9"),
        ("texts", "UPDATE texts SET id = 9 WHERE number = 1"),
        ("payloads", "UPDATE payloads SET start = start + 1 WHERE number = 1"),
        ("commits", "UPDATE commits SET segment = 'x' WHERE n = 1"),
    ],
)
def test_a_snapshot_that_does_not_say_what_the_log_says_is_named(house, table: str, sentence: str) -> None:
    changed(house, sentence)
    told = f"its {table} are not what the log gives as of commit 4"
    assert faults(house) == [f"snapshots/0000000004.db.gz: {told}"]


def test_a_snapshot_of_another_commit_is_named(house: House) -> None:
    folder = house.archive.folder
    shutil.copy(folder / snapshots.key(2), folder / snapshots.key(4))
    assert faults(house) == ["snapshots/0000000004.db.gz: its newest commit is 2"]


def test_a_snapshot_of_another_archive_is_named(house: House) -> None:
    changed(house, "UPDATE meta SET archive = 'another'")
    (fault,) = faults(house)
    assert fault.startswith("snapshots/0000000004.db.gz: it is no ledger of this archive")


@pytest.mark.parametrize(
    "wrong", [lambda data: data[:-20], lambda _: b"", lambda _: gzip.compress(b"no database" * 999)]
)
def test_a_snapshot_that_can_not_be_read_is_named(house: House, wrong: Callable[[bytes], bytes]) -> None:
    path = house.archive.folder / snapshots.key(4)
    path.write_bytes(wrong(path.read_bytes()))
    (fault,) = faults(house)
    assert fault.startswith("snapshots/0000000004.db.gz: ")


# Runs


@pytest.mark.parametrize(
    "wrong",
    [
        lambda run: b"",
        lambda run: b"[]",
        lambda run: json.dumps({**run, "commits": ["4"]}).encode(),
        lambda run: json.dumps({**run, "more": 1}).encode(),
        lambda run: json.dumps({key: run[key] for key in run if key != "left"}).encode(),
        lambda run: json.dumps({**run, "worker": "12345678"}).encode(),
    ],
)
def test_a_run_that_is_no_summary_of_itself_is_named(house: House, wrong: Callable[[dict], bytes]) -> None:
    path = max(house.archive.folder.glob("runs/*"))
    path.write_bytes(wrong(json.loads(path.read_bytes())))
    (fault,) = faults(house)
    assert fault.startswith(f"runs/{path.name}: ")


def test_a_run_that_claims_anothers_commit_is_named(house: House) -> None:
    path = max(house.archive.folder.glob("runs/*"))
    run = json.loads(path.read_bytes())
    path.write_bytes(json.dumps(run | {"commits": [2]}).encode())
    (fault,) = faults(house)
    assert fault.startswith(f"runs/{path.name}: commit 2 is worker ")


# Strays


@pytest.mark.parametrize(
    "name",
    [
        "snapshots/newest",
        "snapshots/4.db.gz",
        "runs/notes.txt",
        "archive.json.bak",
        "warcs/ledger.db",
        "ledger.db.new",
    ],
)
def test_what_is_none_of_ours_is_a_stray_wherever_it_lies(house: House, name: str) -> None:
    (house.archive.folder / name).write_bytes(b"x")
    found = findings(house)
    assert (found.faults, found.strays) == ([], [name])


def test_a_link_that_leads_nowhere_is_a_stray(house: House) -> None:
    (house.archive.folder / "warcs" / "lost").symlink_to("nowhere")
    assert findings(house).strays == ["warcs/lost"]


# Merged indexes


def test_an_index_that_agrees_with_its_commits_is_no_stray(house: House) -> None:
    assert house.scrapy("index").code == 0
    found = findings(house)
    assert (found.faults, found.strays) == ([], [])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: lines[:-1], "line 8: is not what the indexes of commits 1 to 4 give: remove it"),
        (
            lambda lines: [*lines, lines[-1]],
            "line 9: is not what the indexes of commits 1 to 4 give: remove it",
        ),
        (lambda lines: [lines[0].replace(b"200", b"201"), *lines[1:]], "line 1: is not what the indexes"),
        (lambda lines: lines[::-1], "line 1: is not what the indexes"),
        (lambda lines: [*lines[:-1], lines[-1][:-9]], "the last line has no end"),
        (lambda lines: [], "line 1: is not what"),
    ],
    ids=["short", "long", "other", "unsorted", "torn", "empty"],
)
def test_an_index_that_does_not_agree_is_a_fault(house: House, change: Callable, says: str) -> None:
    assert house.scrapy("index").code == 0
    (index,) = house.archive.folder.glob("merged/*")
    index.write_bytes(b"".join(change(index.read_bytes().splitlines(keepends=True))))
    assert [fault.startswith(f"merged/0000000004.cdxj: {says}") for fault in faults(house)] == [True]


def test_an_index_tells_of_a_commit_that_is_lost(house: House) -> None:
    assert house.scrapy("index").code == 0
    lose(house, "commits/*4.json", "snapshots/*4*", "runs/*", "items/*4-*", "outcomes/*4-*", "ledger.db*")
    assert f"{LOST}merged/0000000004.cdxj was made of it" in faults(house)
