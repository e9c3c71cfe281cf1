"""Several workers on one archive: what they share, how they end, what the death of one costs."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.items import ArticleId
from crawler.ledger import open_ledger
from tests.crawling import CHECKOUT, SCRAPY, House
from tests.redisserver import running
from tests.script import BUSY, SILENT, scripted
from tests.services import Crawl, held_pages
from tests.site import SEED_ID, Site, id_of, running_site
from tests.site.dressed import DRESSED_ID
from tests.test_sources import AS_FAST, crawls, machine

ARTICLES = 60
IDS = [id_of(n) for n in range(ARTICLES)]
FINDABLE = [SEED_ID, *IDS]
SECONDS = 130  # no fleet here takes a tenth of it, and pytest has 300 for two such waits


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), articles=ARTICLES) as running:
        yield running


@pytest.fixture(params=["sqlite", "redis", "valkey"])
def house(request, tmp_path: Path, site: Site) -> House:
    return House(tmp_path, site)


@pytest.fixture
def shared(request, house: House) -> dict[str, object]:
    """The settings by which workers share a ledger of this kind."""
    kind = request.node.callspec.params["house"]
    if kind == "sqlite":
        return {"FLEET": 1, "DOWNLOAD_DELAY": 0.02}
    server = request.getfixturevalue("servers")[kind]
    server.empty()
    return {"LEDGER_URL": server.url, "DOWNLOAD_DELAY": 0.02}


def worker(house: House, *arguments: str, **settings: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(SCRAPY), "crawl", "anapress", *arguments, *house.settings(**settings)],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(*workers: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Their exit codes and last words."""
    said = [each.communicate(timeout=SECONDS)[1] for each in workers]
    print(*said, sep="\n")  # which pytest shows where a test fails
    return [
        (each.returncode, (words.splitlines() or [""])[-1]) for each, words in zip(workers, said, strict=True)
    ]


def until(there: Callable[[], object], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)


def added(house: House, **settings: object) -> None:
    assert house.scrapy("ids", "add", ",".join(map(str, IDS)), **settings).code == 0


def died(times: int, ids: Sequence[ArticleId], house: House, **settings: object) -> None:
    """So many workers died while these ids were on their way."""
    url = str(settings.get("LEDGER_URL") or f"sqlite://{house.archive.folder}/ledger.db")
    with closing(open_ledger(url, None, lambda _: 0)) as ledger:
        for n in range(times):
            ledger.lease(f"dead-{n}", len(ids), among=ids)
            for id in ids:
                ledger.flies(id, away=True)
            ledger.release(f"dead-{n}", dead=True)


def fetched(site: Site) -> Counter[int]:
    return Counter(id for each in site.exchanges() if (id := each.article_id) is not None)


def told(house: House) -> list[dict[str, Any]]:
    """What each run left behind."""
    return [json.loads(file.read_bytes()) for file in (house.archive.folder / "runs").iterdir()]


def searches(house: House) -> list[bool]:
    """Whether they came to their end."""
    return [run["search"]["over"] for run in told(house) if run["search"]]


def is_whole(house: House, ids: Sequence[int] = IDS, **settings: object) -> None:
    """Each id has one take, and the archive proves itself."""
    assert {id: len(takes) for id, takes in house.archive.takes().items()} == dict.fromkeys(ids, 1)
    verified = house.scrapy("verify", **settings)
    assert verified.code == 0, verified.out


def test_two_workers_share_the_ids_and_end_together(house, site, shared) -> None:
    added(house, **shared)
    assert [code for code, _ in ended(worker(house, **shared), worker(house, **shared))] == [0, 0]
    is_whole(house, **shared)
    assert fetched(site) == Counter(IDS)


def test_workers_share_a_list_of_ids(house, site, shared) -> None:
    ids = "-aids=" + ",".join(map(str, IDS))
    assert [code for code, _ in ended(worker(house, ids, **shared), worker(house, ids, **shared))] == [0, 0]
    is_whole(house, **shared)
    assert fetched(site) == Counter(IDS)


def test_the_ids_of_a_killed_worker_are_taken_by_the_other(house, site, shared) -> None:
    added(house, **shared)
    dies = worker(house, **shared | {"DOWNLOAD_DELAY": 0.2, "CONCURRENT_REQUESTS_PER_DOMAIN": 1})
    until(lambda: len(fetched(site)) > 3)
    dies.kill()
    lives = worker(house, **shared)
    assert [code for code, _ in ended(lives)] == [0]
    dies.communicate()
    is_whole(house, **shared)


def test_a_standing_worker_waits_for_ids_and_ends_by_a_signal(house, site, shared) -> None:
    stands = worker(house, "-aforever=1", **shared)
    until((house.archive.folder / "archive.json").exists)
    added(house, **shared)
    until(lambda: len(house.archive.takes()) == ARTICLES)
    stands.send_signal(signal.SIGTERM)
    assert [code for code, _ in ended(stands)] == [3]
    is_whole(house, **shared)


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_requisites_that_trickle_in_while_a_worker_waits_are_no_commits_each(house, site) -> None:
    assert house.scrapy("ids", "add", str(DRESSED_ID)).code == 0
    slow = {"DOWNLOAD_DELAY": 2.2, "CONCURRENT_REQUESTS_PER_DOMAIN": 1}
    stands = worker(house, "-aforever=1", "-adiscover=none", **slow)
    until(lambda: len(house.archive.takes()) == 1)
    there = len(site.exchanges())
    until(lambda: len(site.exchanges()) >= there + 4)
    stands.send_signal(signal.SIGTERM)
    assert [code for code, _ in ended(stands)] == [3]
    assert len(house.archive.commits()) <= 3  # of the ids, of the page, and at the end


def test_without_its_server_a_worker_asks_for_nothing_and_goes_on_when_that_is_back(
    tmp_path: Path, site: Site
) -> None:
    house, some = House(tmp_path, site), IDS[:20]
    with running("redis", append="everysec") as server:
        settings = {"LEDGER_URL": server.url, "DOWNLOAD_DELAY": 0.1, "CONCURRENT_REQUESTS_PER_DOMAIN": 1}
        ids = "-aids=" + ",".join(map(str, some))
        waits = worker(house, ids, "-arequisites=0", "-adiscover=none", **settings)
        until(lambda: len(fetched(site)) > 2)
        server.kill()
        before = len(site.exchanges())
        time.sleep(3)  # thirty turns
        assert len(site.exchanges()) <= before + 1  # which was on its way
        server.start()
        assert [code for code, _ in ended(waits)] == [0]
        assert {id: len(takes) for id, takes in house.archive.takes().items()} == dict.fromkeys(some, 1)


def test_an_id_that_three_workers_died_of_fails_and_is_not_fetched(house, site, shared) -> None:
    added(house, **shared)
    deadly = ArticleId(IDS[7])
    died(3, [deadly], house, **shared)
    assert [code for code, _ in ended(worker(house, **shared))] == [4]
    (take,) = house.archive.takes()[deadly]
    assert (take["outcome"], take["reason"]) == ("failed", "workers_died:3")
    assert fetched(site)[deadly] == 0


def test_a_death_counts_against_the_id_that_was_asked_for_and_not_those_behind_it(tmp_path) -> None:
    with scripted({"/a/1": SILENT}) as site:
        house = House(tmp_path, site)
        assert house.scrapy("ids", "add", "1,2,3").code == 0
        died(2, [ArticleId(id) for id in (1, 2, 3)], house)
        dies = worker(house, "-arequisites=0", CONCURRENT_REQUESTS_PER_DOMAIN=1)
        until(lambda: "/a/1" in site.places)
        dies.kill()
        dies.communicate()  # its writer has ended, too
        assert [code for code, _ in ended(worker(house, "-arequisites=0"))] == [4]
    reasons = {id: take["reason"] for id, (take,) in house.archive.takes().items()}
    assert reasons == {1: "workers_died:3", 2: "http_404", 3: "http_404"}


# Requisites that pages share

STYLE = "/css/site.css"  # of every page
ITS_URL = f"http://anapress.net{STYLE}"
ONE, ANOTHER = (f"-aids={id}" for id in IDS[:2])
both = pytest.mark.parametrize("house", ["sqlite", "redis"], indirect=True)
LATE = {"DOWNLOAD_DELAY": 1, "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "AUTOTHROTTLE_ENABLED": 0}


def asked(site: Site, path: str) -> int:
    return [each.target for each in site.exchanges()].count(path)


def wanted(disk: Path) -> set[str]:
    """What a worker there has on its list."""
    lists = [json.loads(file.read_bytes()) for file in disk.glob("*.needs")]
    return {need["url"] for each in lists for need in each["needs"]}


def lacked(house: House) -> Counter[str]:
    """What runs did not get of what their pages need, by reason."""
    return sum((Counter(run["requisites"].get("missing", {})) for run in told(house)), Counter())


def there(house: House) -> set[str | None]:
    return {record.headers.get("WARC-Target-URI") for record in house.archive.records()}


@both
def test_what_the_pages_of_several_workers_need_is_taken_once_in_all(house, site, shared) -> None:
    added(house, **shared)
    few = shared | {"CONCURRENT_REQUESTS": 4}  # so that each has some of the ids
    fleet = [worker(house, "-adiscover=none", **few) for _ in range(3)]
    assert [code for code, _ in ended(*fleet)] == [0, 0, 0]
    assert max(Counter(each.target for each in site.exchanges()).values()) == 1
    assert not lacked(house)
    assert ITS_URL in there(house)
    is_whole(house, **shared)


@both
def test_what_a_killed_worker_had_claimed_comes_all_the_same(house, site, shared) -> None:
    mine, lost = house.folder / "disk", house.folder / "lost"
    settings = shared | {"LEASE_SECONDS": 4}
    dies = worker(house, ONE, SPOOL_DIR=lost, **settings | LATE)
    until(house.archive.takes)  # it holds nothing but claims
    lives = worker(house, ANOTHER, SPOOL_DIR=mine, **settings)
    until(lambda: ITS_URL in wanted(mine))
    shares = wanted(mine)
    dies.kill()
    dies.communicate()
    assert [code for code, _ in ended(lives)] == [0]
    assert shares <= there(house)
    assert not lacked(house)


@both
def test_a_worker_that_waits_for_ids_commits_what_others_wait_for(house, site, shared) -> None:
    stands = worker(house, "-aforever=1", "-adiscover=none", **shared)
    until((house.archive.folder / "archive.json").exists)
    assert house.scrapy("ids", "add", str(IDS[0]), **shared).code == 0
    until(lambda: asked(site, STYLE))
    assert [code for code, _ in ended(worker(house, ANOTHER, "-adiscover=none", **shared))] == [0]
    stands.send_signal(signal.SIGTERM)
    assert [code for code, _ in ended(stands)] == [3]
    assert asked(site, STYLE) == 1
    assert not lacked(house)


@both
def test_who_ends_before_the_others_leaves_to_them_what_they_have_claimed(house, site, shared) -> None:
    many = f"-aids={','.join(map(str, IDS[2:]))}"
    goes_on = worker(house, many, "-adiscover=none", **shared | LATE)
    until(lambda: ITS_URL in wanted(house.folder / "spool"))
    assert [code for code, _ in ended(worker(house, ANOTHER, "-adiscover=none", **shared))] == [0]
    assert (goes_on.poll(), lacked(house).keys()) == (None, {"dropped"})
    dropped = wanted(house.folder / "spool")
    goes_on.send_signal(signal.SIGTERM)
    assert [code for code, _ in ended(goes_on)] == [3]
    assert [code for code, _ in ended(worker(house, "-adiscover=none", **shared))] == [0]
    assert asked(site, STYLE) == 1
    assert ITS_URL in dropped <= there(house)


# The search for ids

SLOWLY = {"DOWNLOAD_DELAY": 3}  # so a search lasts until another worker is there, on a busy machine too


def test_one_worker_searches_for_all(house, site, shared) -> None:
    fleet = [worker(house, "-arequisites=0", **shared) for _ in range(3)]
    assert [code for code, _ in ended(*fleet)] == [0, 0, 0]
    assert max(Counter(each.target for each in site.exchanges()).values()) == 1
    assert searches(house) == [True]
    is_whole(house, FINDABLE, **shared)


def test_the_search_of_a_killed_worker_goes_on_in_another(house, site, shared) -> None:
    dies = worker(house, "-arequisites=0", **shared | SLOWLY)
    until(lambda: len(site.exchanges()) > 2)
    lives = worker(house, "-arequisites=0", **shared)
    until(lambda: len(list(house.folder.glob("spool/*/lock"))) == 2)
    dies.kill()
    dies.communicate()
    assert [code for code, _ in ended(lives)] == [0]
    assert searches(house) == [True]
    is_whole(house, FINDABLE, **shared)


@pytest.mark.parametrize("emptied", [False, True], ids=["", "and the server was emptied"])
@pytest.mark.parametrize("house", ["redis"], indirect=True)
def test_so_it_does_in_one_on_another_machine(emptied, house, site, shared, servers) -> None:
    settings = shared | {"LEASE_SECONDS": 4}
    dies = worker(house, "-arequisites=0", SPOOL_DIR=house.folder / "lost", **settings | SLOWLY)
    until(lambda: list(house.archive.folder.glob("commits/*.json")))  # else who knows no ids would search
    if emptied:
        servers["redis"].empty()
        with servers["redis"].client() as client:
            until(lambda: client.hget("anapress:searches", "site"))
    dies.kill()
    dies.communicate()
    assert [code for code, _ in ended(worker(house, "-arequisites=0", **settings))] == [0]
    assert searches(house) == [True]
    is_whole(house, FINDABLE, **settings)


def test_a_search_that_waits_for_another_run_is_waited_for_by_none(tmp_path) -> None:
    with scripted({"/robots.txt": BUSY}) as site:
        house = House(tmp_path, site)
        fleet = [worker(house, FLEET=1, RETRY_TIMES=0) for _ in range(2)]
        assert [code for code, _ in ended(*fleet)] == [3, 3]
    assert searches(house) == [False, False]


@pytest.mark.parametrize("house", ["sqlite", "redis"], indirect=True)
def test_one_worker_reads_the_lists_of_archives_for_all(house, shared) -> None:
    played = list(held_pages(IDS, articles=ARTICLES))
    with machine(played, page=10) as run, crawls(Crawl("CC-MAIN-2016-05", tuple(played[:2]))) as common:
        services = {
            **AS_FAST,
            "WAYBACK_SECONDS": 0.1,
            "CONCURRENT_REQUESTS": 2,  # so that not all are leased before others look
            "WAYBACK_URL": run.url,
            "COMMONCRAWL_INDEX_URL": common.url,
        }
        both = "-asource=wayback", "-arequisites=0"
        fleet = [worker(house, *both, **shared, **services) for _ in range(2)]
        assert [code for code, _ in ended(*fleet)] == [0, 0]
        lists = [each.target for each in run.asked if each.path == "/cdx/search/cdx"]
    assert len(lists) == len(set(lists)) > 1
    is_whole(house, **shared)


def test_who_joins_a_fleet_that_has_searched_does_not_and_who_comes_later_does(house, site, shared) -> None:
    asked = "-arequisites=0", "-adiscover=site"
    stands = worker(house, *asked, "-aforever=1", **shared)
    until(lambda: len(house.archive.takes()) == len(FINDABLE))
    assert [code for code, _ in ended(worker(house, *asked, "-aids=1", **shared))] == [0]
    assert [each.target for each in site.exchanges()].count("/sitemap.xml") == 1
    stands.send_signal(signal.SIGTERM)
    assert [code for code, _ in ended(stands)] == [3]
    assert [code for code, _ in ended(worker(house, *asked, **shared))] == [0]
    assert [each.target for each in site.exchanges()].count("/sitemap.xml") == 2
