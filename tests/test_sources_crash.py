"""Kills of crawls from archives and files: nothing is lost or doubled, and no service is asked again for more than
what was under way.

`SOURCE_TRIALS=20 pytest -m crash tests/test_sources_crash.py` runs more of them, `SOURCE_SEED=7` one again.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from tests.crash.crawl import Crawl, Home, verify
from tests.crash.cut import cut
from tests.crash.disk import Order
from tests.crash.plans import CALLS, OFTEN, RANDOM, STEPS, WRITERS
from tests.crawling import Archive
from tests.services import CommonCrawl, Held, Wayback, held_pages, running
from tests.services import Crawl as Indexed
from tests.services.files import packed, plain, record
from tests.services.listening import Running
from tests.site import Site, id_of, truth

TRIALS = int(os.environ.get("SOURCE_TRIALS", "1"))
SEEDS = [int(seed) for seed in os.environ.get("SOURCE_SEED", "").split(",") if seed] or list(range(TRIALS))
KILLS = 2  #: an id that three workers died of is `failed`
ARTICLES, BEYOND = 12, 24  #: the site's own, and those that only archives have
ALL = [
    id
    for id, told in ((id, truth(id) or {}) for id in map(id_of, range(BEYOND)))
    if not told["nonce"] and told["duplicate_of"] is None
]
POINTS = (*RANDOM, *CALLS, *WRITERS, *STEPS)
FAST = {
    "WAYBACK_INDEX_SECONDS": "0",
    "WAYBACK_SECONDS": "0",
    "COMMONCRAWL_INDEX_SECONDS": "0",
    "COMMONCRAWL_SECONDS": "0",
    "CONCURRENT_REQUESTS": "1",
    "SEGMENT_BYTES": "60000",
}
PAUSE = 0.05  #: seconds that a service takes for an answer: so most kills find a question under way

pytestmark = pytest.mark.crash


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a crawl is told, what it should come to, and who can say what it asked."""

    arguments: tuple[str, ...]
    takes: dict[int, list[int]]
    settings: dict[str, str] = field(default_factory=dict)
    services: tuple[Running, ...] = ()
    at_once: int = 2  #: questions that may be under way: a list for one id, a page for another

    def asked_again(self) -> int:
        """How many of the services' questions were asked before."""
        asked = [(one.target, one.headers.get("range")) for run in self.services for one in run.asked]
        return len(asked) - len(set(asked))


def held(ids: list[int], every: int = 2) -> list[Held]:
    return list(held_pages(ids, articles=BEYOND, every=every))


def wayback(up: ExitStack, folder: Path) -> Source:
    machine = Wayback(held(ALL))
    run = up.enter_context(running(machine))
    machine.base, run.pause = run.url, PAUSE
    return Source(
        arguments=("source=wayback", "captures=all", ids(ALL)),
        takes={id: [1, 2] for id in ALL},
        settings={"WAYBACK_URL": run.url},
        services=(run,),
    )


def commoncrawl(up: ExitStack, folder: Path) -> Source:
    service = CommonCrawl([Indexed("CC-MAIN-2016-05", tuple(held(ALL)))], page=5)
    run = up.enter_context(running(service))
    service.base, run.pause = run.url, PAUSE
    return Source(
        arguments=("source=commoncrawl", "captures=all", ids(ALL)),
        takes={id: [1, 2] for id in ALL},
        settings={"COMMONCRAWL_INDEX_URL": run.url, "COMMONCRAWL_DATA_URL": run.url},
        services=(run,),
    )


def auto(up: ExitStack, folder: Path) -> Source:
    """Of what the site does not have, the machine has a half, and Common Crawl the rest."""
    beyond = [id for id in ALL if id not in map(id_of, range(ARTICLES))]
    machine = Wayback(held(beyond[::2], every=1))
    common = CommonCrawl([Indexed("CC-MAIN-2016-05", tuple(held(beyond[1::2], every=1)))])
    runs = tuple(up.enter_context(running(service)) for service in (machine, common))
    machine.base, common.base = (run.url for run in runs)
    for run in runs:
        run.pause = PAUSE
    return Source(
        arguments=("source=auto", ids(ALL)),
        takes={id: [1] for id in ALL},
        settings={
            "WAYBACK_URL": machine.base,
            "COMMONCRAWL_INDEX_URL": common.base,
            "COMMONCRAWL_DATA_URL": common.base,
        },
        services=runs,
        at_once=3,  # of each archive a list, and a page
    )


def warc(up: ExitStack, folder: Path) -> Source:
    path = folder / "theirs.warc.gz"
    path.write_bytes(packed(*(record(one, plain(one)) for one in held(ALL))))
    return Source(
        arguments=("source=warc", "captures=all", f"warcs={path}"), takes={id: [1, 2] for id in ALL}
    )


def elsewhere(up: ExitStack, folder: Path) -> Source:
    """The same, and nothing is copied."""
    source = warc(up, folder)
    return replace(source, arguments=(*source.arguments, "copy=0"))


SOURCES = {"wayback": wayback, "commoncrawl": commoncrawl, "warc": warc, "elsewhere": elsewhere, "auto": auto}


def ids(some: list[int]) -> str:
    return "ids=" + ",".join(map(str, some))


@pytest.mark.timeout(120 * len(SEEDS) + 120)
@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_kill_loses_nothing_and_asks_again_only_for_what_was_under_way(
    name: str, seed: int, site: Site, tmp_path: Path
) -> None:
    rng, home = Random(f"{name} {seed}"), Home.made(tmp_path)
    with ExitStack() as up:
        source = SOURCES[name](up, tmp_path)
        for kill in range(KILLS):
            point = POINTS[(KILLS * seed + kill) % len(POINTS)]
            end_badly(home, site, source, point, rng)
            again = source.asked_again()
            assert again <= (kill + 1) * source.at_once, point
        with Crawl(home, site, *source.arguments, "discover=none", **FAST, **source.settings) as crawl:
            assert crawl.wait() == 0, crawl.said
        assert source.asked_again() <= KILLS * source.at_once
    takes = Archive(home.archive).takes()
    assert {id: [take["take"] for take in takes[id]] for id in takes} == source.takes
    assert {take["outcome"] for each in takes.values() for take in each} <= {"article", "unchanged"}
    assert home.left_in_spool() == []
    code, said = verify(home)
    assert code == 0, said


def end_badly(home: Home, site: Site, source: Source, point: str, rng: Random) -> None:
    """A crawl that is killed at a random moment, or at a point of its disk; then perhaps the power is cut."""
    settings = FAST | source.settings
    if point in RANDOM:
        with Crawl(home, site, *source.arguments, "discover=none", **settings) as crawl:
            crawl.wait_and_kill(point.partition("/")[2], rng.uniform(0, 2), home.journal)
    else:
        role = "writer" if point in WRITERS else "crawl"
        order = Order(
            journal=str(home.journal.path),
            act="die",
            point=point,
            nth=rng.randint(1, OFTEN.get(point, 2)),
            role=role,
            both=True,
            after=rng.random() < 0.5,
        )
        with Crawl(home, site, *source.arguments, "discover=none", order=order, **settings) as crawl:
            assert crawl.wait() in (-9, 0), crawl.said
    home.wait_for_writers()
    if rng.random() < 0.5:
        cut(home.journal, home.disk, rng)
