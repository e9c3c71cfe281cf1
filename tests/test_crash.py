"""No kill, full disk or power cut can spoil an archive.

`CRASH_TRIALS=200 pytest -m crash -s tests/test_crash.py` runs more of the trials, `CRASH_SEED=7` one again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.crawl import Crawl, Home, verify
from tests.crash.judge import commits, judge
from tests.crash.plans import PHASES, plans
from tests.crash.trial import ARTICLES, Trial
from tests.site import Site, id_of, running_site

TRIALS = int(os.environ.get("CRASH_TRIALS", "30"))
CHUNKS = 5
SEEDS = [int(seed) for seed in os.environ.get("CRASH_SEED", "").split(",") if seed] or list(range(TRIALS))

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), articles=ARTICLES) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(folder=tmp_path)


@pytest.mark.timeout(60 * TRIALS)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_kill_loses_or_doubles_anything(chunk: int, site: Site, tmp_path: Path) -> None:
    kills: Counter[str] = Counter()
    for seed in SEEDS[chunk::CHUNKS]:
        folder = tmp_path / str(seed)
        folder.mkdir()
        trial = Trial(seed, site, Home(folder=folder))
        try:
            trial.run()
        except AssertionError as error:
            error.add_note(f"Again: CRASH_SEED={seed} pytest -m crash -n0 tests/test_crash.py; see {folder}/log")
            raise
        kills += trial.kills
    print("kills by phase:", ", ".join(f"{phase} {kills[phase]}" for phase in PHASES))
    planned = {plan.phase for seed in SEEDS[chunk::CHUNKS] for plan in plans(seed)}
    assert planned == set(kills), f"no kill in {planned - set(kills)}"


def test_the_trials_plan_a_kill_in_every_phase() -> None:
    assert {plan.phase for seed in range(30) for plan in plans(seed)} == set(PHASES)
