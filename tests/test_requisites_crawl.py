"""Whole crawls of pages that need something to be shown, and what the archive has of it then."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tests.crawling import CHECKOUT, SCRAPY, House, Ran, Record, run, scrapy
from tests.site import DRESSED_ID, FAULTS, Site, id_of
from tests.site.dressed import BIG, MISSING, OTHER_HOST, THERE, TIRED_HOST

ARTICLES = 25
ON = "-arequisites=1"
ALONE = "-adiscover=none"
LIMIT = 1 << 20
HOME = "http://anapress.net"


@dataclass(frozen=True, slots=True)
class Crawled:
    house: House
    ran: Ran
    told: dict[str, Any]

    def records(self, path: str, *types: str) -> list[Record]:
        """Those of a path of the site."""
        return [
            record
            for record in self.house.archive.records()
            if record.headers.get("WARC-Target-URI") == HOME + path and record.type in types
        ]


@pytest.fixture(scope="module")
def crawled(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    """The page that needs everything, with the default that a user has."""
    house = House(tmp_path_factory.mktemp("crawled"), site)
    words = (f"-aids={DRESSED_ID}", ALONE, *house.settings(REQUISITE_BYTES=LIMIT))
    return Crawled(house, scrapy("crawl", "anapress", *words), requisites(house))


def requisites(house: House) -> dict[str, Any]:
    """What the newest run's file says of them."""
    newest = max((house.archive.folder / "runs").iterdir())
    return dict(json.loads(newest.read_bytes())["requisites"])


def asked(house: House, since: int = 0) -> list[str]:
    """The paths that the site was asked for, in their order."""
    return [logged.target for logged in house.site.exchanges()[since:]]


# What is taken


@pytest.mark.parametrize("path", THERE)
def test_what_the_page_needs_is_in_the_archive(crawled: Crawled, path: str) -> None:
    (record,) = crawled.records(path, "response", "revisit")
    assert record.type == "revisit" or "WARC-Truncated" not in record.headers


def test_it_does_not_change_what_becomes_of_the_id(crawled: Crawled) -> None:
    (take,) = crawled.house.archive.takes()[DRESSED_ID]
    assert (crawled.ran.code, take["outcome"]) == (0, "article"), crawled.ran.said


def test_what_is_missing_is_listed_with_its_page_and_the_reason(crawled: Crawled) -> None:
    listed = {each["url"]: (each["page"], each["reason"]) for each in crawled.told["listed"]}
    wanted = {HOME + path: (str(DRESSED_ID), reason) for path, reason in MISSING.items()}
    assert listed == wanted | {f"{HOME}/media/big.mp4": (str(DRESSED_ID), "too_large")}
    assert crawled.told["missing"] == {reason: 1 for _, reason in listed.values()}
    assert crawled.told["unlisted"] == 0


def test_what_is_too_large_is_stored_truncated(crawled: Crawled) -> None:
    (record,) = crawled.records("/media/big.mp4", "response")
    assert record.headers["WARC-Truncated"] == "length"
    assert b"film" in record.block
    assert len(record.block) < BIG


def test_other_hosts_are_told_of_and_not_asked(crawled: Crawled) -> None:
    assert crawled.told["elsewhere"] == {OTHER_HOST: 2, TIRED_HOST: 1}
    assert f"-a requisites_hosts={OTHER_HOST},{TIRED_HOST} takes them, too" in crawled.ran.said


def test_a_missing_picture_is_asked_for_as_often_as_a_page(crawled: Crawled) -> None:
    assert len(crawled.records("/busy/picture.png", "response", "revisit")) == 3


def test_the_summary_counts_them(crawled: Crawled) -> None:
    (line,) = [line for line in crawled.ran.said.splitlines() if line.startswith("needed")]
    taken = crawled.told["taken"]
    assert (
        line
        == f"needed    {taken} requisites; missing: {', '.join(f'1 {why}' for why in sorted(crawled.told['missing']))}"
    )


def test_strangers_read_all_of_it(crawled: Crawled) -> None:
    files = [str(path) for path in crawled.house.archive.files("warc")]
    assert run(str(SCRAPY.with_name("warcio")), "check", *files).code == 0
    for path in files:
        with Path(path).open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.any_type, parse_http=False):
                assert record.verify_block_digest()
    assert crawled.house.scrapy("verify").code == 0


def test_without_them_the_page_alone_is_asked_for(house: House) -> None:
    since = len(house.site.exchanges())
    assert house.crawl([DRESSED_ID], "-arequisites=0", ALONE).code == 0
    assert asked(house, since) == ["/robots.txt", f"/a/{DRESSED_ID}"]
    assert requisites(house) == {}


def test_a_page_that_is_no_article_needs_nothing(house: House) -> None:
    since = len(house.site.exchanges())
    house.crawl([FAULTS["home_page"]], ON, ALONE)
    assert asked(house, since) == ["/robots.txt", f"/a/{FAULTS['home_page']}"]


def test_a_host_that_is_named_is_asked_too(house: House) -> None:
    to = f"{house.site.connect_to},{OTHER_HOST}:80:127.0.0.1:{house.site.port}"
    ran = house.crawl([DRESSED_ID], f"-arequisites_hosts={OTHER_HOST}", ON, ALONE, CONNECT_TO=to)
    assert ran.code == 0, ran.said
    urls = {record.headers.get("WARC-Target-URI") for record in house.archive.records()}
    assert {f"http://{OTHER_HOST}/img/elsewhere.png", f"http://{OTHER_HOST}/robots.txt"} <= urls
    assert requisites(house)["elsewhere"] == {TIRED_HOST: 1}


# How often


def test_each_is_taken_once_an_archive(house: House) -> None:
    house.crawl([DRESSED_ID, id_of(0)], ON, ALONE)
    since = len(house.site.exchanges())
    house.scrapy("ids", "requeue", "--outcome", "article")
    assert house.crawl([DRESSED_ID, id_of(0)], ON, ALONE).code == 0
    pages = {"/robots.txt", f"/a/{DRESSED_ID}", f"/a/{id_of(0)}"}
    lacking = {path for path, why in MISSING.items() if why.startswith("http")}
    assert set(asked(house, since)) == pages | lacking


def test_a_new_ledger_knows_which_are_there(house: House) -> None:
    house.crawl([id_of(0)], ON, ALONE)
    house.scrapy("ids", "rebuild")
    since = len(house.site.exchanges())
    house.crawl([id_of(4)], ON, ALONE)  # in the same markup
    new = {f"/img/{id_of(4)}.png"}
    assert {path for path in asked(house, since) if path.startswith(("/css", "/js", "/img"))} <= new


def test_a_page_brings_no_more_than_its_limit(house: House) -> None:
    since = len(house.site.exchanges())
    house.crawl([DRESSED_ID], ON, ALONE, PAGE_REQUISITES=3)
    told = requisites(house)
    brought = {"/css/site.css", "/css/dressed.css", "/icon/site.ico"}  # and that one's own are over it
    assert set(asked(house, since)) == {"/robots.txt", f"/a/{DRESSED_ID}"} | brought
    assert told["missing"]["over_limit"] > 20
    assert sum(told["missing"].values()) == len(told["listed"]) + told["unlisted"]


# Nobody waits for them


def test_articles_go_first(house: House) -> None:
    since = len(house.site.exchanges())
    one = {"CONCURRENT_REQUESTS_PER_DOMAIN": 1, "DOWNLOAD_DELAY": 0.02, "AUTOTHROTTLE_ENABLED": 0}
    assert house.crawl([id_of(n) for n in range(12)], ON, ALONE, **one).code == 0
    paths = asked(house, since)
    last_article = max(at for at, path in enumerate(paths) if path.startswith("/a/"))
    assert last_article < 20, paths  # some may go while the leases still come
    assert len(paths) > 40


def test_a_run_that_is_stopped_drops_them_and_says_how_many(house: House) -> None:
    slow = {"DOWNLOAD_DELAY": 2, "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "AUTOTHROTTLE_ENABLED": 0}
    ran = house.crawl([id_of(0)], ON, ALONE, CLOSESPIDER_ITEMCOUNT=1, **slow)
    assert (ran.code, [take["outcome"] for take in house.archive.takes()[id_of(0)]]) == (3, ["article"])
    told = requisites(house)
    assert told["missing"].keys() == {"dropped"}
    assert told["missing"]["dropped"] + told["taken"] >= 25
    assert "dropped" in ran.said


def test_what_a_run_dropped_the_next_one_takes_though_no_id_is_left(house: House) -> None:
    slow = {"DOWNLOAD_DELAY": 2, "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "AUTOTHROTTLE_ENABLED": 0}
    house.crawl([id_of(0)], ON, ALONE, CLOSESPIDER_ITEMCOUNT=1, **slow)
    dropped = {each["url"].removeprefix(HOME) for each in requisites(house)["dropped"]}
    assert "/css/site.css" in dropped
    house.crawl(None, "-arequisites=0")  # wants none, and forgets none
    since = len(house.site.exchanges())
    ran = house.crawl(None, ON)
    assert ran.code == 0, ran.said
    assert set(asked(house, since)) == {"/robots.txt"} | dropped
    assert requisites(house)["missing"] == {}


def test_what_a_killed_run_wanted_the_next_one_takes(house: House) -> None:
    slow = {"DOWNLOAD_DELAY": 2, "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "AUTOTHROTTLE_ENABLED": 0}
    words = ("crawl", "anapress", f"-aids={id_of(0)}", ON, ALONE, *house.settings(**slow))
    with subprocess.Popen([SCRAPY, *words], cwd=CHECKOUT, stderr=subprocess.DEVNULL) as crawl:
        wanted = _wanted(house)
        crawl.kill()
    assert f"{HOME}/css/site.css" in wanted
    assert house.crawl(None, "-arequisites=0").code == 0  # recovers the takes, wants none, and forgets none
    assert house.crawl(None, ON).code == 0
    held = {record.headers.get("WARC-Target-URI") for record in house.archive.records()}
    assert wanted <= held
    assert not list((house.folder / "spool").glob("*.needs"))


def _wanted(house: House) -> set[str]:
    """What the run that goes on has on its list, once it has an article's."""
    while True:
        for file in (house.folder / "spool").glob("*.needs"):
            return {need["url"] for need in json.loads(file.read_bytes())["needs"]}
        time.sleep(0.1)


def test_a_host_of_requisites_that_is_away_ends_no_run(house: House) -> None:
    to = f"{house.site.connect_to},{OTHER_HOST}:80:127.0.0.1:1"
    words = ([DRESSED_ID], f"-arequisites_hosts={OTHER_HOST}", ON, ALONE)
    ran = house.crawl(*words, CONNECT_TO=to, STOP_AFTER_MISSES=2, STOP_AFTER_USELESS=1)
    assert ran.code == 0, ran.said
    listed = {each["url"]: each["reason"] for each in requisites(house)["listed"]}
    assert listed[f"http://{OTHER_HOST}/img/elsewhere.png"] == "connect_failed"


def test_a_host_of_requisites_that_wants_to_be_left_alone_is_and_the_run_goes_on(house: House) -> None:
    to = f"{house.site.connect_to},{TIRED_HOST}:80:127.0.0.1:{house.site.port}"
    ran = house.crawl([DRESSED_ID], f"-arequisites_hosts={TIRED_HOST}", ON, ALONE, CONNECT_TO=to)
    assert ran.code == 0, ran.said
    reasons = [each["reason"] for each in requisites(house)["listed"] if TIRED_HOST in each["url"]]
    assert reasons == ["host_left"]
    assert asked(house).count("/tired/picture.png") == 1


FEW = """
import sys
from scrapy.crawler import CrawlerProcess
from scrapy.utils.project import get_project_settings
settings = get_project_settings()
from crawler import needs
needs.MOST = 5
settings.setdict(dict(word[2:].split("=", 1) for word in sys.argv[2:]), priority="cmdline")
process = CrawlerProcess(settings)
process.crawl("anapress", ids=sys.argv[1], discover="none")
process.start()
"""


def test_no_id_is_begun_while_many_wait_and_all_are_taken_in_the_end(house: House, tmp_path: Path) -> None:
    script, ids = tmp_path / "few.py", [id_of(n) for n in range(16)]
    script.write_text(FEW)
    since = len(house.site.exchanges())
    given = house.settings(CONCURRENT_REQUESTS=2, CONCURRENT_REQUESTS_PER_DOMAIN=1)
    command = [sys.executable, str(script), ",".join(map(str, ids)), *given]
    assert subprocess.run(command, cwd=CHECKOUT, check=False, timeout=120).returncode == 0
    paths = asked(house, since)
    articles = [at for at, path in enumerate(paths) if path.startswith("/a/")]
    assert len(articles) == 16
    assert paths.index("/css/site.css") < articles[8]
    assert {f"/img/{id}.png" for id in ids} <= set(paths)
