"""No kill, full disk or power cut can spoil an archive.

`CRASH_TRIALS=200 pytest -m crash -s tests/test_crash.py` runs more of the trials, `CRASH_SEED=7` one again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.crash.crawl import Crawl, Home, verify
from tests.crash.cut import cut
from tests.crash.disk import Order
from tests.crash.judge import commits, judge
from tests.crash.plans import PHASES, plans
from tests.crash.trial import ARTICLES, SLOW, Trial
from tests.site import Site, id_of, running_site

TRIALS = int(os.environ.get("CRASH_TRIALS", "30"))
CHUNKS = 5
SEEDS = [int(seed) for seed in os.environ.get("CRASH_SEED", "").split(",") if seed] or list(range(TRIALS))

ASKED = [id_of(n) for n in range(40)]
IDS = "ids=" + ",".join(map(str, ASKED))

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), articles=ARTICLES) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.made(tmp_path)


@pytest.mark.timeout(60 * TRIALS)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_kill_loses_or_doubles_anything(chunk: int, site: Site, tmp_path: Path) -> None:
    kills: Counter[str] = Counter()
    for seed in SEEDS[chunk::CHUNKS]:
        folder = tmp_path / str(seed)
        trial = Trial(seed, site, Home.made(folder))
        try:
            trial.run()
        except AssertionError as error:
            error.add_note(f"Again: CRASH_SEED={seed} pytest -n0 tests/test_crash.py; see {folder}")
            raise
        kills += trial.kills
    print("kills by phase:", ", ".join(f"{phase} {kills[phase]}" for phase in PHASES))
    planned = {plan.phase for seed in SEEDS[chunk::CHUNKS] for plan in plans(seed)}
    assert planned == set(kills), f"no kill in {planned - set(kills)}"


def test_the_trials_plan_a_kill_in_every_phase() -> None:
    assert {plan.phase for seed in range(30) for plan in plans(seed)} == set(PHASES)


def test_a_crawl_whose_writer_is_killed_ends_with_a_sentence_and_exit_6(site: Site, home: Home) -> None:
    with Crawl(home, site, IDS, "discover=none", **SLOW) as crawl:
        code, alive = crawl.wait_and_kill("writer", 0.2, home.journal)
        assert alive
        assert code == 6
        assert crawl.said.splitlines()[-1].endswith("What was committed is safe. (exit 6)")


def test_what_a_killed_crawl_left_in_its_spool_the_next_one_commits(site: Site, home: Home) -> None:
    with Crawl(home, site, IDS, "discover=none", **SLOW) as crawl:
        code, alive = crawl.wait_and_kill("both", 1.0, home.journal)
        assert (code, alive) == (-9, True)
    assert home.left_in_spool()
    finish(home, site)


def test_a_terminated_crawl_commits_what_it_has_and_exits_with_3(site: Site, home: Home) -> None:
    with Crawl(home, site, IDS, "discover=none", **SLOW) as crawl:
        crawl.wait_for_step(home.journal)
        crawl.terminate()
        assert crawl.wait() == 3, crawl.said
    assert home.left_in_spool() == []
    assert verify(home)[0] == 0
    finish(home, site)


def test_an_archive_goes_on_when_its_full_disk_has_room_again(site: Site, home: Home) -> None:
    order = Order(journal=str(home.journal.path), act="full", point="write", nth=30, role="writer")
    with Crawl(home, site, IDS, "discover=none", order=order) as crawl:
        assert crawl.wait() == 6
        assert "No space left" in crawl.said.splitlines()[-1]
    home.journal.full.unlink()
    finish(home, site)


@pytest.mark.parametrize("shared", [20, 10, 0])
def test_two_crawls_of_one_archive_at_one_time_both_commit(shared: int, site: Site, home: Home) -> None:
    small = {"SEGMENT_BYTES": "10000", "SEGMENT_SECONDS": "1"} | SLOW
    with (
        Crawl(home, site, ids(ASKED[:20]), "discover=none", **small) as one,
        Crawl(home, site, ids(ASKED[20 - shared :]), "discover=none", **small) as other,
    ):
        codes = {one.wait(), other.wait()}
        # 3: the other one holds some of its ids
        assert codes <= ({0, 3} if shared else {0}), one.said + other.said
    finish(home, site)
    workers = {commit["worker"] for commit in commits(home.archive) if holds_records(commit)}
    assert shared or len(workers) == 2


def test_a_commit_that_a_crawl_went_by_outlives_a_power_cut(site: Site, home: Home) -> None:
    # killed when commit 2 has its name (the 8th link), but its folder is not synced
    end_at(home, site, "link", 8, after=True)
    assert len(commits(home.archive)) == 2
    end_at(home, site, "recover/release", 1, after=False)  # the spool of commit 2 is gone
    cut(home.journal, home.disk, Random(0), kinder=False)
    finish(home, site)


def test_an_archive_whose_folder_a_killed_crawl_made_outlives_a_power_cut(site: Site, home: Home) -> None:
    end_at(home, site, "folder", 3, after=False)  # its own name is to be synced
    assert list(home.archive.iterdir()) == []
    with Crawl(home, site, IDS, "discover=none") as crawl:
        assert crawl.wait() == 0, crawl.said
    log = commits(home.archive)
    cut(home.journal, home.disk, Random(0), kinder=False)
    finish(home, site)
    assert commits(home.archive) == log


def test_a_disk_that_does_not_sync_is_found_out(site: Site, home: Home) -> None:
    with Crawl(home, site, IDS, "discover=none", DISK="tests.crash.disk.ForgetfulDisk") as crawl:
        assert crawl.wait() == 0, crawl.said
    cut(home.journal, home.disk, Random(0), kinder=False)
    with pytest.raises(AssertionError):
        judge(home.archive, ASKED, site)


def end_at(home: Home, site: Site, point: str, nth: int, *, after: bool) -> None:
    """A crawl that dies, with its writer, at a point of its own."""
    journal = str(home.journal.path)
    order = Order(journal=journal, act="die", point=point, nth=nth, role="crawl", both=True, after=after)
    with Crawl(home, site, IDS, "discover=none", order=order) as crawl:
        assert crawl.wait() == -9, crawl.said
    home.wait_for_writers()


def finish(home: Home, site: Site) -> None:
    """A crawl to the end, and the judges."""
    with Crawl(home, site, IDS, "discover=none") as crawl:
        assert crawl.wait() == 0, crawl.said
    assert home.left_in_spool() == []
    judge(home.archive, ASKED, site)
    code, said = verify(home)
    assert code == 0, said


def ids(some: list[int]) -> str:
    return "ids=" + ",".join(map(str, some))


def holds_records(commit: dict[str, Any]) -> bool:
    return any(file["kind"] == "warc" for file in commit["files"])
