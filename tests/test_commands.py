"""The verbs beside `crawl`: the ledger by hand, and the corpus."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.crawling import CHECKOUT, SCRAPY, House, Ran, run
from tests.site import FAULTS, Site, id_of

ARTICLES = 12
NONCE, STATIC, GONE = id_of(4), id_of(3), FAULTS["status_404"]
FOLDERS = ("commits", "items", "outcomes", "warcs", "indexes")
IDS = (*map(id_of, range(12)), GONE)  # 10 has the text of 9


@pytest.fixture(scope="module")
def filled(site: Site, tmp_path_factory: pytest.TempPathFactory) -> House:
    """An archive in which every article was taken twice, and one id is left."""
    house = House(tmp_path_factory.mktemp("filled"), site)
    assert house.crawl(IDS, "-adiscover=none").code == 0
    assert house.scrapy("ids", "requeue", "--outcome", "article").code == 0
    assert house.crawl(None, "-adiscover=none").code == 0
    assert house.scrapy("ids", "add", "7").out == "1 new ids, 0 known already\n"
    return house


@pytest.fixture
def house(filled: House, tmp_path: Path) -> House:
    """A copy of it, to do anything with."""
    shutil.copytree(filled.folder, tmp_path / "house")
    return House(tmp_path / "house", filled.site)


@pytest.fixture
def empty(site: Site, tmp_path: Path) -> House:
    return House(tmp_path, site)


# ids


def test_added_ids_are_known_once_and_committed_without_a_warc(empty: House) -> None:
    assert empty.scrapy("ids", "add", f"{STATIC},http://anapress.net/a/{NONCE}").out == (
        "2 new ids, 0 known already\n"
    )
    assert (
        empty.scrapy("ids", "add", "-", stdin=f"{NONCE}\n5\n".encode()).out == "1 new ids, 1 known already\n"
    )
    assert [commit["counts"] for commit in empty.archive.commits()] == [{"known": 2}, {"known": 1}]
    assert not empty.archive.files("warc")
    assert empty.scrapy("ids", "status").out.splitlines()[0] == "known 3 = settled 0 + left 3"


def test_ids_that_are_known_already_make_no_commit(house: House) -> None:
    before = house.archive.tree()
    assert house.scrapy("ids", "add", str(STATIC)).out == "0 new ids, 1 known already\n"
    assert house.archive.tree() == before


def test_a_wrong_id_among_many_adds_none_of_them(empty: House) -> None:
    ran = empty.scrapy("ids", "add", "-", stdin=b"1\n2\nthree\n")
    assert (ran.code, "line 3" in ran.said, "Traceback" in ran.said) == (2, True, False)
    assert not empty.archive.folder.exists()


@pytest.mark.parametrize("words", [("ids", "add", "-"), ("crawl", "anapress", "-aids=-")], ids=" ".join)
def test_a_closed_stdin_is_told_in_a_sentence(empty: House, words: tuple[str, ...]) -> None:
    ran = run("bash", "-c", f"{shlex.join([str(SCRAPY), *words, *empty.settings()])} <&-")
    assert (ran.code, len(ran.said.splitlines()), "stdin is closed" in ran.last) == (2, 1, True), ran.said
    assert not empty.archive.folder.exists()


def test_status_counts_ids_by_their_last_outcome(filled: House) -> None:
    counted: dict[str, int] = {}
    for takes in filled.archive.takes().values():
        counted[takes[-1]["outcome"]] = counted.get(takes[-1]["outcome"], 0) + 1
    total, *lines = filled.scrapy("ids", "status").out.splitlines()
    assert total == "known 14 = settled 13 + left 1"
    assert lines == [f"  {outcome} {count}" for outcome, count in sorted(counted.items())]


def full(house: House, *arguments: str, kilobytes: int = 0) -> Ran:
    """A command of a process whose files may grow to so much, as on a full disk."""
    command = shlex.join([str(SCRAPY), *arguments, *house.settings()])
    return run("bash", "-c", f"ulimit -f {kilobytes} && exec {command}")


def every_file(house: House) -> dict[Path, tuple[int, bytes]]:
    files = (path for path in house.folder.rglob("*") if path.is_file())
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_status_changes_nothing_and_needs_no_room(house: House) -> None:
    said, before = house.scrapy("ids", "status").out, every_file(house)
    assert said.startswith("known 14 = settled 13 + left 1\n")
    assert full(house, "ids", "status").out == said
    assert every_file(house) == before


def test_status_of_a_ledger_that_is_behind_is_as_of_the_newest_commit_and_leaves_it(house: House) -> None:
    old = ledger(house).read_bytes()
    house.scrapy("ids", "add", "8,9")
    lose_ledger(house)
    for kept in (old, None):
        if kept:
            ledger(house).write_bytes(kept)
        before = every_file(house)
        assert house.scrapy("ids", "status").out.startswith("known 16 = settled 13 + left 3\n")
        assert every_file(house) == before
        lose_ledger(house)


def test_status_beside_a_running_crawl_counts_what_it_has_leased(house: House) -> None:
    with closing(sqlite3.connect(ledger(house), isolation_level=None)) as db:
        db.execute("INSERT INTO workers (worker, seen) VALUES ('w', ?)", (time.monotonic(),))
        db.execute("UPDATE ids SET holder = (SELECT number FROM workers WHERE worker = 'w') WHERE todo = 1")
        db.execute("BEGIN IMMEDIATE")
        out = house.scrapy("ids", "status").out
    assert out.splitlines()[-1] == "  of those left, 1 are leased"


def test_requeue_makes_ids_of_one_outcome_left_again(house: House) -> None:
    assert house.scrapy("ids", "requeue", "--outcome", "gone").out == "1 ids are left to be taken again\n"
    assert house.scrapy("ids", "status").out.splitlines()[0] == "known 14 = settled 12 + left 2"
    assert house.crawl().code == 0
    assert [take["take"] for take in house.archive.takes()[GONE]] == [1, 2]


def test_requeue_can_be_narrowed_to_a_reason(house: House) -> None:
    ran = house.scrapy("ids", "requeue", "--outcome", "gone", "--reason", "http_410")
    assert ran.out == "0 ids are left to be taken again\n"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["mend"],
        ["add"],
        ["requeue"],
        ["requeue", "--outcome", "known"],
        ["requeue", "7", "--outcome", "gone"],
        ["status", "extra"],
        ["rebuild", "extra"],
        ["status", "--add"],
        ["add", "7", "--why", "words"],
        ["discover", "--outcome", "failed"],
        ["requeue", "--outcome", "gone", "--undo"],
    ],
    ids=" ".join,
)
def test_a_wrong_word_is_told_in_a_sentence(empty: House, words: list[str]) -> None:
    ran = empty.scrapy("ids", *words)
    assert (ran.code, len(ran.said.splitlines()), "Traceback" in ran.said) == (2, 1, False)
    assert not empty.archive.folder.exists()


def test_a_command_that_only_reads_makes_no_archive(empty: House) -> None:
    for words in (
        ["ids", "status"],
        ["ids", "requeue", "--outcome", "gone"],
        ["ids", "rebuild"],
        ["verify"],
        ["export", "-"],
    ):
        ran = empty.scrapy(*words)
        assert (ran.code, ran.said.startswith("there is no archive at")) == (2, True), (words, ran)
        assert not list(empty.folder.iterdir())


# The ledger is an index over the log


def ledger(house: House) -> Path:
    return house.archive.folder / "ledger.db"


def lose_ledger(house: House) -> None:
    for file in house.archive.folder.glob("ledger.db*"):
        file.unlink()


def test_a_ledger_made_anew_counts_the_same(house: House) -> None:
    before = house.scrapy("ids", "status").out
    rebuilt = house.scrapy("ids", "rebuild").out
    assert rebuilt == "made anew from 5 commits: " + before.splitlines()[0] + "\n"
    assert house.scrapy("ids", "status").out == before


def test_a_lost_ledger_comes_back_by_itself(house: House) -> None:
    before = house.scrapy("ids", "status").out
    lose_ledger(house)
    assert house.scrapy("ids", "status").out == before
    again = house.crawl([STATIC])
    assert (again.code, again.last.split("; ")[0]) == (0, "Done: 0 takes, 1 id settled already")


@pytest.mark.parametrize(("wrong", "code"), [(b"garbage\n", 6), (b"", 2)], ids=["garbage", "empty"])
def test_a_damaged_ledger_is_named_and_rebuild_mends_it(house: House, wrong: bytes, code: int) -> None:
    before = house.scrapy("ids", "status").out
    lose_ledger(house)
    ledger(house).write_bytes(wrong * 1000)
    for words in (["ids", "status"], ["crawl", "anapress"]):
        ran = house.scrapy(*words)
        assert (ran.code, "`scrapy ids rebuild`" in ran.said) == (code, True), ran.said
        assert "Traceback" not in ran.said
    assert house.scrapy("ids", "rebuild").code == 0
    assert house.scrapy("ids", "status").out == before


def test_the_ledger_of_another_archive_is_not_made_anew(house: House, tmp_path: Path) -> None:
    other = House(tmp_path / "other", house.site)
    assert other.scrapy("ids", "add", "7,8").code == 0
    before = ledger(other).read_bytes()
    ran = house.scrapy("ids", "rebuild", LEDGER_URL=f"sqlite://{ledger(other)}")
    assert (ran.code, "LEDGER_URL leads to the ledger of archive" in ran.last) == (2, True), ran.said
    assert ledger(other).read_bytes() == before


def test_an_older_ledger_catches_up(house: House) -> None:
    old = ledger(house).read_bytes()
    house.scrapy("ids", "add", "8,9")
    lose_ledger(house)
    ledger(house).write_bytes(old)
    assert house.scrapy("ids", "status").out.splitlines()[0] == "known 16 = settled 13 + left 3"


def test_a_ledger_that_is_ahead_of_its_archive_is_named(house: House) -> None:
    (house.archive.folder / "commits" / "0000000005.json").unlink()
    ran = house.scrapy("ids", "status")
    assert (ran.code, "older copy" in ran.said, "Traceback" in ran.said) == (6, True, False)


def test_a_ledger_of_another_history_of_its_archive_is_named(house: House) -> None:
    """The newest commit was lost, and somebody has gone on without it."""
    old = ledger(house).read_bytes()
    (house.archive.folder / "commits" / "0000000005.json").unlink()
    assert house.scrapy("ids", "rebuild").code == 0
    assert house.scrapy("ids", "add", "8").code == 0
    lose_ledger(house)
    ledger(house).write_bytes(old)
    for words in (["ids", "status"], ["ids", "add", "9"]):
        ran = house.scrapy(*words)
        assert (ran.code, "the archive has others" in ran.said) == (6, True), ran.said


# The corpus


def corpus(house: House, name: str) -> bytes:
    target = house.folder / name
    assert house.scrapy("export", str(target)).code == 0
    return target.read_bytes()


def test_the_export_is_the_same_bytes_every_time(house: House) -> None:
    first = corpus(house, "one.jsonl")
    house.scrapy("ids", "rebuild")
    assert corpus(house, "two.jsonl") == first


def test_the_export_has_every_article_once_sorted_by_id(house: House) -> None:
    ids = [int(json.loads(line)["id"]) for line in corpus(house, "all.jsonl").splitlines()]
    assert ids == sorted(house.archive.items())
    assert ids == sorted(set(ids))


def test_the_export_has_the_latest_text_as_it_was_committed(house: House) -> None:
    lines = {int(json.loads(line)["id"]): line for line in corpus(house, "all.jsonl").splitlines()}
    assert json.loads(lines[NONCE])["version"] == 2
    assert json.loads(lines[STATIC])["version"] == 1
    assert set(lines.values()) <= set(house.archive.lines("items"))


def test_the_export_comes_compressed_or_on_stdout_as_wished(house: House) -> None:
    plain = corpus(house, "all.jsonl")
    packed = corpus(house, "all.jsonl.gz")
    assert gzip.decompress(packed) == plain
    assert corpus(house, "again.jsonl.gz") == packed
    assert house.scrapy("export", "-").out.encode() == plain


@pytest.mark.parametrize("name", ["archive.json", "ledger.db", "commits/0000000001.json", "items/../new"])
@pytest.mark.parametrize("words", [("export",), ("index", "-o"), ("wacz",)], ids=" ".join)
def test_nothing_is_made_in_the_archive_itself(house: House, words: tuple[str, ...], name: str) -> None:
    before = house.archive.tree()
    ran = house.scrapy(*words, str(house.archive.folder / name))
    assert (ran.code, len(ran.said.splitlines())) == (2, 1), ran.said
    assert house.archive.tree() == before


def test_an_export_that_can_not_be_written_leaves_nothing(house: House) -> None:
    ran = house.scrapy("export", str(house.folder / "no" / "such" / "folder.jsonl"))
    assert (ran.code, "Traceback" in ran.said) == (2, False)
    ran = house.scrapy("export")
    assert (ran.code, len(ran.said.splitlines())) == (2, 1)


def test_an_export_for_which_the_disk_has_no_room_is_a_failure_and_no_wrong_use(house: House) -> None:
    target = house.folder / "all.jsonl"
    for kilobytes, said in ((0, "the corpus can't be sorted"), (14, f"{target} can't be written")):
        ran = full(house, "export", str(target), kilobytes=kilobytes)
        assert (ran.code, said in ran.last, "Traceback" in ran.said) == (6, True, False), ran.said
    assert not [path for path in house.folder.iterdir() if "all.jsonl" in path.name]


@pytest.mark.parametrize("command", [("export", "-"), ("wacz", "-"), ("ids", "status")])
def test_a_reader_who_has_left_is_no_failure(house: House, command: tuple[str, ...]) -> None:
    line = [str(SCRAPY), *command, *house.settings()]
    with subprocess.Popen(line, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE, "as of any other command"


def test_a_stdout_that_is_closed_is_told(house: House) -> None:
    line = shlex.join([str(SCRAPY), "export", "-", *house.settings()])
    ran = run("bash", "-c", f"{line} >&-")
    assert (ran.code, len(ran.said.splitlines()), "stdout is closed" in ran.said) == (2, 1, True), ran.said


def test_a_ctrl_c_before_anything_has_begun_is_a_sentence() -> None:
    presses = "import os, signal, crawler.commands; os.kill(os.getpid(), signal.SIGINT)"
    ran = run(sys.executable, "-c", presses)
    assert (ran.code, ran.said) == (3, "Stopped; run it again. (exit 3)\n")


def test_a_full_disk_behind_stdout_is_a_failure_too(house: House) -> None:
    command = shlex.join([str(SCRAPY), "export", "-", *house.settings()])
    ran = run("bash", "-c", f"{command} > /dev/full")
    assert (ran.code, len(ran.said.splitlines())) == (6, 1), ran.said


@pytest.mark.parametrize("kind", ["items", "outcomes", "index"])
def test_a_file_that_has_become_empty_is_no_file_without_lines(house: House, kind: str) -> None:
    """A disk that lies leaves such; gzip reads them well."""
    emptied = house.archive.files(kind)[0]
    emptied.write_bytes(b"")
    lose_ledger(house)
    command = ("export", "-") if kind == "items" else ("ids", "rebuild")
    ran = house.scrapy(*command)
    assert (ran.code, emptied.name in ran.last) == (6, True), ran.said


@pytest.mark.parametrize(
    "words",
    [
        ["crawl", "anapress"],
        ["crawl", "anapress", "-aids=77"],
        ["export", "lost.jsonl"],
        ["ids", "add", "77"],
        ["ids", "requeue", "--outcome", "gone"],
        ["ids", "rebuild"],
        ["ids", "status"],
        ["status"],
        ["copy", "FROM", "TO"],
    ],
    ids=" ".join,
)
def test_nobody_goes_on_behind_a_gap_in_the_log(house: House, tmp_path: Path, words: list[str]) -> None:
    lost = house.archive.folder / "commits" / "0000000001.json"
    lost.unlink()
    places = {
        "FROM": str(house.archive.folder),
        "TO": str(tmp_path / "copy"),
        "lost.jsonl": str(tmp_path / "x"),
    }
    before = sorted(path for path in house.archive.folder.rglob("*") if path.parent.name in FOLDERS)
    for kept in (True, False):
        if not kept:
            lose_ledger(house)
        ran = house.scrapy(*(places.get(word, word) for word in words))
        assert ran.code == 6, ran.said
        assert "commits/0000000001.json is missing, though commits/0000000002.json is there" in ran.said
    after = sorted(path for path in house.archive.folder.rglob("*") if path.parent.name in FOLDERS)
    assert after == before
    assert not (tmp_path / "x").exists()


def test_an_export_writes_the_file_behind_a_link_and_no_device(house: House, tmp_path: Path) -> None:
    link, fifo = tmp_path / "link.jsonl", tmp_path / "fifo"
    link.symlink_to(tmp_path / "behind.jsonl")
    assert house.scrapy("export", str(link)).code == 0
    assert link.is_symlink()
    assert link.read_bytes() == corpus(house, "again.jsonl")
    os.mkfifo(fifo)
    assert house.scrapy("export", str(fifo)).code == 2
    assert fifo.is_fifo()


def test_an_archive_that_has_lost_its_card_gets_no_new_one(house: House) -> None:
    (house.archive.folder / "archive.json").unlink()
    ran = house.crawl([STATIC])
    assert (ran.code, "has commits, but no archive.json" in ran.last) == (6, True), ran.said
    assert not (house.archive.folder / "archive.json").exists()


def test_a_spider_that_is_not_there_is_told_in_a_sentence(house: House) -> None:
    ran = house.scrapy("crawl", "anapres")
    assert (ran.code, len(ran.said.splitlines())) == (2, 1), ran.said
