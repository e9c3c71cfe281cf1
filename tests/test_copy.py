"""A copy is the archive, byte for byte; on the way there it is a sound beginning of it, whatever happens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from crawler import exclusions, snapshots
from crawler.archive import Archive as Card
from crawler.audit import audit
from crawler.commits import Commit, File
from crawler.disk import Disk
from crawler.errors import Damaged, StoreError, WrongUse
from crawler.ledger import open_ledger
from crawler.lines import canonical
from crawler.stores.local import LocalStore
from crawler.transfer import Moved, transfer
from tests.crash.cut import cut
from tests.crash.disk import ORDER, Order
from tests.crash.journal import Journal
from tests.crawling import CHECKOUT, Archive, House
from tests.s3 import Endpoint, Fault, error, running_proxy
from tests.s3.access import settings_of
from tests.site import SEED_ID, id_of, running_site, seed_ids

IDS = (SEED_ID, seed_ids()[1], id_of(2), id_of(3), id_of(4))
SEEDS = 30


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Several commits, one of them without a WARC; a run's summary, a snapshot, and somebody excluded."""
    folder = tmp_path_factory.mktemp("to-copy")
    with running_site(folder, articles=6) as site:
        house = House(folder, site)
        assert house.crawl(IDS, "-adiscover=none", SEGMENT_BYTES=30_000).code == 0
        assert house.scrapy("ids", "requeue", "--outcome", "article").code == 0
        assert house.crawl(None, "-adiscover=none").code == 0
    assert house.scrapy("ids", "exclude", f"9,{id_of(3)}", "--why", "asked for it").code == 0
    ledger = open_ledger(f"sqlite://{house.archive.folder}/ledger.db")
    snapshots.save(ledger, store(house.archive.folder), folder, Disk())
    ledger.close()
    assert len(house.archive.commits()) > 3
    assert {path.split("/")[0] for path in tree(house.archive.folder)} == {
        *("archive.json", "commits", "exclusions.jsonl", "indexes", "items", "outcomes", "runs", "snapshots"),
        "warcs",
    }
    return house


@pytest.fixture
def house(good: House, tmp_path: Path) -> House:
    """A copy of it, to do anything with: it lies in `archive`."""
    shutil.copytree(good.archive.folder, tmp_path / "archive")
    return House(tmp_path, good.site)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "copied"


@pytest.fixture(autouse=True)
def nobody_else_excludes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusions, "SETTLING", 0)


def store(folder: Path, disk: Disk | None = None) -> LocalStore:
    return LocalStore(folder, disk or Disk())


def tree(folder: Path) -> dict[str, bytes]:
    """Every file that is there, the ledger apart."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("ledger.db"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def move(source: Path, target: Path, disk: Disk | None = None, **options: Any) -> Moved:
    """The copy, in this process."""
    folder = target.parent / "passing"
    folder.mkdir(exist_ok=True)
    disk = disk or Disk()
    return transfer(store(source), store(target, disk), folder, disk, **options)


def assert_is_a_beginning(copy: Path, whole: Path) -> None:
    """Sound, with the source's own commits from the first one on, and with whom it leaves out."""
    log = {name: data for name, data in tree(copy).items() if name.startswith("commits/0")}
    assert sorted(log) == [Commit.key(n) for n in range(1, len(log) + 1)]
    assert log.items() <= tree(whole).items()
    if not (copy / "archive.json").exists():
        assert not log
        return
    assert not [str(fault) for fault in audit(store(copy)).faults]
    assert not log or (copy / exclusions.KEY).read_bytes() == (whole / exclusions.KEY).read_bytes()


# What a copy is


def test_a_copy_is_the_archive_byte_for_byte_and_passes_verify(house: House, target: Path) -> None:
    ran = house.scrapy("copy", str(house.archive.folder), str(target), "--verify")
    assert ran.code == 0, ran.said
    assert tree(target) == tree(house.archive.folder)
    assert house.scrapy("verify", ARCHIVE_URL=target).code == 0
    files = sum(len(commit["files"]) for commit in house.archive.commits())
    assert (
        f" has {len(house.archive.commits())} commits, {len(house.archive.commits())} of them new" in ran.out
    )
    assert f"; {files} read back; " in ran.out


def test_a_copy_shares_no_file_with_its_archive_and_leaves_none_in_the_spool(
    house: House, target: Path
) -> None:
    assert house.scrapy("copy", str(house.archive.folder), f"file://{target}").code == 0
    assert {path.stat().st_nlink for path in target.rglob("*") if path.is_file()} == {1}
    assert not list((house.folder / "spool").iterdir())


def test_a_copy_made_again_copies_nothing(house: House, target: Path) -> None:
    move(house.archive.folder, target)
    inodes = {path: path.stat().st_ino for path in target.rglob("*")}
    moved = move(house.archive.folder, target)
    assert (moved.commits, moved.new, moved.files, moved.bytes) == (len(house.archive.commits()), 0, 0, 0)
    assert {path: path.stat().st_ino for path in target.rglob("*")} == inodes


def test_a_copy_follows_an_archive_that_has_grown(house: House, target: Path) -> None:
    move(house.archive.folder, target)
    assert house.scrapy("ids", "add", "7,8").code == 0
    assert house.scrapy("ids", "exclude", "7", "--why", "w").code == 0
    moved = move(house.archive.folder, target)
    assert (moved.new, moved.files) == (1, 1)
    assert tree(target) == tree(house.archive.folder)


def test_a_crawl_goes_on_in_the_copy(house: House, target: Path) -> None:
    move(house.archive.folder, target)
    ran = house.scrapy("ids", "add", "7", ARCHIVE_URL=target)
    assert ran.out == "1 new ids, 0 known already\n"
    assert house.scrapy("verify", ARCHIVE_URL=target).code == 0


def test_a_snapshot_ahead_of_the_copied_log_stays_behind(house: House, target: Path) -> None:
    newest = len(house.archive.commits())
    store(house.archive.folder).create(snapshots.key(newest + 1), b"")
    move(house.archive.folder, target)
    assert snapshots.numbers(store(target)) == [newest]


def test_what_the_copy_excluded_by_itself_stays_excluded(house: House, target: Path) -> None:
    move(house.archive.folder, target)
    assert house.scrapy("ids", "exclude", "5", "--why", "w", ARCHIVE_URL=target).code == 0
    assert house.scrapy("ids", "exclude", "6", "--why", "w").code == 0
    move(house.archive.folder, target)
    assert exclusions.excluded(exclusions.read(store(target))) == {5, 6, 9, id_of(3)}


def test_memory_stays_flat_however_large_a_file_is(tmp_path: Path, target: Path) -> None:
    large = 64 << 20
    whole = one_commit(tmp_path / "large", "anapress-1", "warcs/anapress-1.warc.gz", size=large)
    tracemalloc.start()
    try:
        assert move(whole, target, verify=True).bytes >= large
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def one_commit(folder: Path, segment: str, path: str, size: int) -> Path:
    """An archive of one commit that names one file of zeros."""
    (folder / path).parent.mkdir(parents=True)
    with (folder / path).open("wb") as file:
        file.truncate(size)
    digest = sha256(bytes(size)).hexdigest()
    card = Card(format=1, uuid=str(UUID(int=1)), collection="anapress", contact=None)
    store(folder).create("archive.json", canonical(asdict(card)).encode())
    named = File(path=path, kind="warc", bytes=size, sha256=digest, count=1)
    commit = Commit(n=1, segment=segment, at="", worker="", files=(named,), counts={})
    store(folder).create(Commit.key(1), bytes(commit))
    return folder


# Kills and power cuts

CHILD = """
import sys
from pathlib import Path
from crawler import exclusions
from crawler.stores.local import LocalStore
from crawler.transfer import transfer
from tests.crash.disk import FailingDisk
exclusions.SETTLING = 0
source, target, folder = map(Path, sys.argv[1:])
folder.mkdir(exist_ok=True)
disk = FailingDisk()
transfer(LocalStore(source, disk), LocalStore(target, disk), folder, disk)
"""
POINTS = {name: name for name in ("write", "sync", "rename", "link", "remove")} | {"sync_folder": "folder"}


class Counting(Disk):
    """How often a copy passes each point at which it could die."""

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()

    def __getattribute__(self, name: str) -> Any:
        if name in POINTS:
            self.passed[POINTS[name]] += 1
        return super().__getattribute__(name)

    def reached(self, step: str) -> None:
        self.passed[step] += 1


@pytest.fixture(scope="session")
def points(good: House, tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    disk = Counting()
    move(good.archive.folder, tmp_path_factory.mktemp("counted") / "copied", disk)
    return disk.passed


def copy_in_a_process(source: Path, home: Path, **order: Any) -> int:
    """Its exit code: -9 if it died where the order says."""
    (home / "disk").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, source, home / "disk" / "copied", home / "disk" / "spool"],
        cwd=CHECKOUT,
        env=os.environ | {ORDER: str(Order(journal=str(home / "journal"), **order))},
        timeout=60,
        check=False,
    )
    return done.returncode


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_copy_that_was_killed_is_a_sound_beginning_and_goes_on(
    good: House, points: Counter[str], tmp_path: Path, seed: int
) -> None:
    """And nothing that it has is lost to a power cut."""
    random, source, copy = Random(f"copy {seed}"), good.archive.folder, tmp_path / "disk" / "copied"
    journal = Journal(tmp_path / "journal")
    for _ in range(random.randint(1, 2)):
        point, hits = random.choice(sorted(points)), journal.count("hit")
        nth, after = random.randint(1, points[point]), random.random() < 0.5
        code = copy_in_a_process(source, tmp_path, act="die", point=point, nth=nth, after=after)
        assert code == (-9 if journal.count("hit") > hits else 0), (point, nth)
        if random.random() < 0.5:
            cut(journal, tmp_path / "disk", random)
        assert_is_a_beginning(copy, source)
    assert journal.count("hit"), "the first copy passes every point"
    assert copy_in_a_process(source, tmp_path) == 0
    cut(journal, tmp_path / "disk", random, kinder=False)
    assert {name: data for name, data in tree(copy).items() if ".part-" not in name} == tree(source)
    assert_is_a_beginning(copy, source)


def test_the_last_commit_of_a_dead_copy_lasts_when_the_next_one_trusts_it(
    good: House, points: Counter[str], tmp_path: Path
) -> None:
    """It died between the link and the sync of the folder, and no later commit brings that sync."""
    source, copy = good.archive.folder, tmp_path / "disk" / "copied"
    last = points["link"] - len([name for name in tree(source) if name.startswith(("runs/", "snapshots/"))])
    assert copy_in_a_process(source, tmp_path, act="die", point="link", nth=last, after=True) == -9
    newest = copy / Commit.key(len(good.archive.commits()))
    assert newest.exists()
    assert copy_in_a_process(source, tmp_path) == 0
    cut(Journal(tmp_path / "journal"), tmp_path / "disk", Random(0), kinder=False)
    assert newest.exists()


def test_a_dead_copys_folder_in_the_spool_goes_with_the_next_one(house: House, target: Path) -> None:
    dead = house.folder / "spool" / "copy-dead"
    dead.mkdir(parents=True)
    for name in ("lock", "passing"):
        (dead / name).write_bytes(b"")
    assert house.scrapy("copy", str(house.archive.folder), str(target)).code == 0
    assert not list((house.folder / "spool").iterdir())


def test_a_run_that_ends_while_a_copy_is_under_way_comes_with_the_next(house: House, target: Path) -> None:
    """Its commits may have come too late: a summary alone would tell of what the copy lacks."""
    key = "runs/20261123094654-12345678.json"

    class Crawled(Disk):
        def reached(self, step: str) -> None:
            if step == "transfer/create":
                (house.archive.folder / key).write_bytes(b"{}")

    move(house.archive.folder, target, Crawled())
    assert not (target / key).exists()
    move(house.archive.folder, target)
    assert (target / key).exists()


# What is not as its commit says


@pytest.mark.parametrize("kind", ["warc", "index", "items", "outcomes"])
@pytest.mark.parametrize("wrong", ["changed", "cut", "missing"])
def test_a_damaged_file_is_named_and_the_copy_ends_before_it(
    house: House, target: Path, kind: str, wrong: str
) -> None:
    path = house.archive.files(kind)[-1]
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]) if wrong == "changed" else data[:-1])
    if wrong == "missing":
        path.unlink()
    name = path.relative_to(house.archive.folder).as_posix()
    n = next(commit["n"] for commit in house.archive.commits() if name in str(commit["files"]))
    with pytest.raises(Damaged, match=rf"{name} .*commit {n} says"):
        move(house.archive.folder, target)
    assert len(Archive(target).commits()) == n - 1
    assert_is_a_beginning(target, house.archive.folder)
    path.write_bytes(data)
    move(house.archive.folder, target)
    assert tree(target) == tree(house.archive.folder)


def test_a_damaged_archive_ends_the_command_with_exit_6_and_a_sentence(house: House, target: Path) -> None:
    path = house.archive.files("warc")[0]
    path.unlink()
    ran = house.scrapy("copy", str(house.archive.folder), str(target))
    assert (ran.code, path.name in ran.last, "Traceback" in ran.said) == (6, True, False)
    assert not list((house.folder / "spool").iterdir())


def test_exclusions_that_nobody_understands_let_no_article_be_copied(house: House, target: Path) -> None:
    (house.archive.folder / exclusions.KEY).write_bytes(b"9\n")
    with pytest.raises(Damaged, match="line 1"):
        move(house.archive.folder, target)
    assert list(tree(target)) == ["archive.json"]


@pytest.mark.parametrize(
    ("segment", "path"),
    [
        ("anapress-1", "warcs/../../escaped.warc.gz"),
        ("../../escaped", "warcs/../../escaped.warc.gz"),
        ("anapress-1", "/tmp/escaped.warc.gz"),
        ("anapress-1", "archive.json"),
    ],
)
def test_a_commit_can_not_have_a_file_written_where_it_has_no_business(
    tmp_path: Path, target: Path, segment: str, path: str
) -> None:
    whole = one_commit(tmp_path / "deep" / "evil", segment, "warcs/anapress-1.warc.gz", size=9)
    commit = json.loads((whole / Commit.key(1)).read_bytes())
    commit["files"][0]["path"] = path
    (whole / Commit.key(1)).write_text(json.dumps(commit))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Damaged, match="which is not its own"):
        move(whole, target)
    assert sorted(set(tmp_path.rglob("*")) - set(before)) == [
        target,
        target / "archive.json",
        tmp_path / "passing",
    ]


@pytest.mark.parametrize("wrong", ["missing", "cut"])
def test_a_file_that_the_copy_lacks_is_copied_again(house: House, target: Path, wrong: str) -> None:
    move(house.archive.folder, target)
    path = Archive(target).files("warc")[1]
    if wrong == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.unlink()
    moved = move(house.archive.folder, target)
    assert (moved.new, moved.files) == (0, 1)
    assert tree(target) == tree(house.archive.folder)


def test_a_file_that_has_rotted_in_the_copy_is_found_by_reading_it_back(house: House, target: Path) -> None:
    move(house.archive.folder, target)
    path = Archive(target).files("items")[0]
    path.write_bytes(bytes(path.stat().st_size))
    assert move(house.archive.folder, target).files == 0
    assert move(house.archive.folder, target, verify=True).files == 1
    assert tree(target) == tree(house.archive.folder)


def test_a_store_that_gives_back_other_bytes_than_it_took_is_named(house: House, target: Path) -> None:
    class Rots(LocalStore):
        def put(self, file: Path, key: str) -> None:
            super().put(file, key)
            if key.startswith("items/"):
                (self.root / key).write_bytes(bytes(file.stat().st_size))

    folder = house.folder / "passing"
    folder.mkdir()
    with pytest.raises(StoreError, match=r"items/.* does not read back as it was put"):
        transfer(store(house.archive.folder), Rots(target, Disk()), folder, Disk(), verify=True)


# A target that is not the copy


def refused(house: House, target: Path) -> str:
    """What is said of a target that must stay as it is."""
    before = tree(target)
    with pytest.raises(WrongUse) as refusal:
        move(house.archive.folder, target)
    assert tree(target) == before
    return str(refusal.value)


def test_the_place_of_another_archive_is_refused(house: House, target: Path) -> None:
    assert house.scrapy("ids", "add", "5", ARCHIVE_URL=target).code == 0
    assert "holds another archive" in refused(house, target)


def test_a_copy_that_has_gone_on_by_itself_is_refused(house: House, target: Path) -> None:
    move(house.archive.folder, target)
    assert house.scrapy("ids", "add", "5", ARCHIVE_URL=target).code == 0
    n = len(house.archive.commits()) + 1
    assert f"{target} has commit {n}, but {house.archive.folder} ends before it" in refused(house, target)
    move(target, house.archive.folder)
    assert tree(target) == tree(house.archive.folder)


def test_a_copy_that_went_another_way_is_refused(house: House, target: Path) -> None:
    move(house.archive.folder, target)
    assert house.scrapy("ids", "add", "5", ARCHIVE_URL=target).code == 0
    assert house.scrapy("ids", "add", "6").code == 0
    n = len(house.archive.commits())
    assert f"Commit {n} of {target} is not commit {n} of {house.archive.folder}" in refused(house, target)


@pytest.mark.parametrize("other", [b"{}\n", None], ids=["another commit", "the same commit"])
def test_a_commit_that_somebody_else_creates_meanwhile_must_be_the_same(
    house: House, target: Path, other: bytes | None
) -> None:
    class Raced(Disk):
        def reached(self, step: str) -> None:
            if step == "transfer/create":
                path = house.archive.folder / Commit.key(1)
                store(target).create(Commit.key(1), other or path.read_bytes())

    if other:
        with pytest.raises(WrongUse, match=r"Commit 1 of .* is not commit 1 of"):
            move(house.archive.folder, target, Raced())
        assert (target / Commit.key(1)).read_bytes() == other
    else:
        move(house.archive.folder, target, Raced())
        assert tree(target) == tree(house.archive.folder)


# The command line


WRONG: dict[str, tuple[Callable[[House], list[str]], str]] = {
    "no place": (lambda _: [], "scrapy copy takes two places"),
    "one place": (lambda house: [str(house.archive.folder)], "scrapy copy takes two places"),
    "three places": (lambda _: ["a", "b", "c"], "scrapy copy takes two places"),
    "an empty name": (lambda house: [str(house.archive.folder), ""], "scrapy copy takes two places"),
    "no archive": (lambda house: [str(house.folder / "none"), "b"], "holds no archive that could be copied"),
    "the same place": (
        lambda house: [str(house.archive.folder), f"file://{house.folder}/x/../archive/"],
        "FROM and TO are both",
    ),
    "a place in the archive": (
        lambda house: [str(house.archive.folder), str(house.archive.folder / "warcs" / "copy")],
        "TO lies in FROM",
    ),
    "no store": (lambda house: [str(house.archive.folder), "ftp://host/b"], "is no place for an archive"),
    "no bucket": (lambda house: [str(house.archive.folder), "s3:///b"], "is no place in S3"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_place_is_told_in_a_sentence_and_nothing_is_written(house: House, case: str) -> None:
    arguments, said = WRONG[case]
    before = sorted(house.folder.rglob("*"))
    ran = house.scrapy("copy", *arguments(house))
    assert (ran.code, len(ran.said.splitlines()), said in ran.said) == (2, 1, True), ran.said
    assert sorted(house.folder.rglob("*")) == before


def test_an_archive_goes_to_a_bucket_and_back(house: House, target: Path, s3: Endpoint) -> None:
    place, settings = f"s3://{s3.bucket()}/deep/prefix", settings_of(s3)
    assert house.scrapy("copy", str(house.archive.folder), place, "--verify", **settings).code == 0
    again = house.scrapy("copy", str(house.archive.folder), place, **settings)
    assert ", 0 of them new; 0 files, 0 bytes copied" in again.out, again
    assert house.scrapy("verify", **settings | {"ARCHIVE_URL": place}).code == 0
    assert house.scrapy("copy", f"{place}/", str(target), **settings).code == 0
    assert tree(target) == tree(house.archive.folder)
    same = house.scrapy("copy", place, f"{place}/", **settings)
    assert (same.code, "FROM and TO are both" in same.said) == (2, True)


def test_a_store_that_refuses_in_the_middle_has_failed_and_the_copy_goes_on_later(house, s3) -> None:
    with running_proxy(s3) as proxy:
        place, settings = f"s3://{s3.bucket()}/copy", settings_of(proxy.endpoint)
        proxy.faults.add(Fault(error("ExpiredToken"), method="PUT", path="commits/0000000002"))
        ran = house.scrapy("copy", str(house.archive.folder), place, **settings)
        assert (ran.code, "the credentials have expired" in ran.last) == (6, True), ran.said
        assert "1 commits, 1 of them new" in ran.last
        assert house.scrapy("copy", str(house.archive.folder), place, **settings).code == 0


def test_a_bucket_that_is_not_there_is_told_before_anything_is_copied(house: House, s3: Endpoint) -> None:
    ran = house.scrapy("copy", str(house.archive.folder), "s3://no-such-bucket-here", **settings_of(s3))
    assert (ran.code, "no-such-bucket-here" in ran.last, "Traceback" in ran.said) == (2, True, False), (
        ran.said
    )
