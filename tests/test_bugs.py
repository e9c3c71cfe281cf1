"""A bug of ours is loud, and never what became of an article."""

from __future__ import annotations

import json

import pytest

from tests.crawling import House, Ran
from tests.site import FAULTS, id_of
from tests.stumbling import HANDLER, SPIDERS

ARTICLES = 8
IDS = [id_of(n) for n in range(6)]


def crawl(house: House, stumble: str) -> Ran:
    return house.crawl(
        IDS, "-adiscover=none", STUMBLE=stumble, DOWNLOAD_HANDLERS=json.dumps({"http": HANDLER})
    )


@pytest.mark.parametrize("what", ["bug", "disk"])  # Scrapy would try the second again, as the network's
def test_a_bug_in_the_download_handler_ends_the_crawl_and_settles_nothing(house: House, what: str) -> None:
    ran = crawl(house, f"/a/{IDS[3]}={what}")
    assert (ran.code, f"stumbled over http://anapress.net/a/{IDS[3]}" in ran.last) == (1, True), ran.said
    assert "Traceback" in ran.said
    assert IDS[3] not in house.archive.takes()
    assert {take["outcome"] for takes in house.archive.takes().values() for take in takes} <= {"article"}
    assert house.crawl(None, "-adiscover=none").code == 0, (
        "what was left is taken by a program without the bug"
    )
    assert house.archive.takes().keys() == {*IDS}
    assert house.scrapy("verify").code == 0


def test_a_bug_at_robots_txt_ends_the_crawl_too(house: House) -> None:
    ran = crawl(house, "/robots.txt=bug")
    assert (ran.code, "stumbled over http://anapress.net/robots.txt" in ran.last) == (1, True), ran.said
    assert not house.archive.takes()


def test_a_page_that_our_code_stumbles_over_fails_alone_and_the_run_says_so(house: House) -> None:
    ran = house.crawl(IDS, "-adiscover=none", SPIDER_MODULES=SPIDERS, STUMBLE=IDS[3])
    assert (ran.code, "our own code stumbled (1 pages)" in ran.last) == (1, True), ran.said
    takes = house.archive.takes()
    assert takes.keys() == {*IDS}
    assert (takes[IDS[3]][0]["outcome"], takes[IDS[3]][0]["reason"]) == ("failed", "error:TypeError")


def test_a_bug_of_ours_after_a_failure_of_the_network_settles_nothing(house: House) -> None:
    cut = FAULTS["empty_reply"]
    ran = house.crawl([cut], "-adiscover=none", SPIDER_MODULES=SPIDERS, STUMBLE=cut, RETRY_TIMES=0)
    assert (ran.code, f"stumbled over http://anapress.net/a/{cut}" in ran.last) == (1, True), ran.said
    assert not house.archive.takes()
