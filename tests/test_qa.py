"""`scrapy qa`: what a reader would miss is counted, and nothing is asked of anybody."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.qa.view import View, alike, judged
from tests.crawling import House
from tests.site import SEED_ID, Site, id_of
from tests.site.dressed import DRESSED_ID

ARTICLES = 40
IDS = [SEED_ID, *map(id_of, range(4)), DRESSED_ID]
ITEM = {"id": "7", "url": "http://anapress.net/a/7", "captured_at": "2020-03-03T08:08:00.000Z"}
ITEM |= {"title": "عنوان", "paragraphs": ["فقرة أولى طويلة", "فقرة ثانية"]}

# Scores


def test_a_text_that_is_seen_is_whole_however_it_is_set() -> None:
    assert alike(["عنوان", "فقرة أولى طويلة"], "القائمة\nعنــوان\n\nفقرة  أُولى طويلة\nإعلان") == 1


def test_of_a_text_that_is_seen_in_part_the_part_counts() -> None:
    assert alike(["one two three four"], "menu\none two four\nfooter") == pytest.approx(6 / 7, abs=0.01)
    assert alike(["one two", "three four"], "one two") == 0.5
    assert alike(["one two"], "") == 0


@given(st.lists(st.text()), st.text())
def test_a_score_is_a_share(wanted: list[str], seen: str) -> None:
    assert 0 <= alike(wanted, seen) <= 1
    assert alike(wanted, "\n".join(wanted)) == 1


def test_what_the_site_itself_did_not_have_is_no_fault_of_the_archive() -> None:
    view = View(
        text="عنوان\nفقرة أولى طويلة\nفقرة ثانية",
        pictures={"/there": True, "/gone": False, "/never": False},
        requests={"/there": 200, "/gone": 404, "/never": None, "/moved": 301},
    )
    found = judged(ITEM, view)
    assert (found.text, found.pictures, found.requests) == (1, 0.5, 0.75)
    assert found.unanswered == ("/never",)
    assert found.resources == {"good": 3, "bad": 1}


def test_what_is_left_out_is_not_missed() -> None:
    requests = {"/there": 200, "/excluded": None, "/never": None}
    view = View(pictures={"/there": True, "/excluded": False}, requests=requests)
    found = judged(ITEM, view, lambda url: url == "/excluded")
    assert (found.pictures, found.requests, found.unanswered) == (1, 0.5, ("/never",))


def test_a_page_that_was_not_seen_has_no_text() -> None:
    view = View(text="عنوان\nفقرة", pictures={}, requests={}, trouble="not seen in 45 seconds")
    assert judged(ITEM, view).text == 0


# The command


@pytest.fixture(scope="module")
def filled(site: Site, tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("house"), site)
    assert house.crawl(IDS, "-adiscover=none", "-arequisites=1").code == 0
    return house


@pytest.fixture
def house(filled: House, tmp_path: Path) -> House:
    """A copy of it, to do anything with."""
    shutil.copytree(filled.folder, tmp_path / "house")
    return House(tmp_path / "house", filled.site)


def reports(house: House) -> list[Any]:
    return [json.loads(path.read_bytes()) for path in sorted(house.archive.folder.glob("runs/qa-*.json"))]


def test_an_archive_with_all_that_its_pages_need_passes(house: House) -> None:
    asked = len(house.site.exchanges())
    ran = house.scrapy("qa")
    assert ran.code == 0, ran.said
    (report,) = reports(house)
    found = {int(each["id"]): each for each in report["articles"]}
    assert found.keys() == house.archive.items().keys()
    for id, each in found.items():
        assert (each["text"], each["outside"], each["trouble"]) == (1, [], None)
        if id != DRESSED_ID:
            assert (each["pictures"], each["requests"], each["unanswered"]) == (1, 1, [])
    missing = found[DRESSED_ID]["unanswered"]
    assert "http://cdn.example.org/js/counter.js" in missing
    assert "http://anapress.net/img/none/at/all.png" not in missing, "the archive has its 404"
    assert len(house.site.exchanges()) == asked
    assert "mean of 6" in ran.out
    assert "0 strays" in house.scrapy("verify").out


def test_pages_without_their_pictures_do_not(site: Site, tmp_path: Path) -> None:
    house = House(tmp_path, site)
    assert house.crawl([SEED_ID], "-adiscover=none", "-arequisites=0").code == 0
    ran = house.scrapy("qa")
    assert (ran.code, ran.last) == (4, "pictures and requests: less than 0.9 (exit 4)")
    assert "not in the archive: http://anapress.net/" in ran.out
    (report,) = reports(house)
    assert report["scores"]["text"] == 1
    assert report["scores"]["pictures"] == 0
    assert house.scrapy("qa", "--threshold", "0").code == 0


def test_a_seed_draws_the_same_sample_again_and_no_excluded_article(house: House) -> None:
    house.scrapy("ids", "exclude", str(SEED_ID), "--why", "asked for it")
    for _ in range(2):
        assert house.scrapy("qa", "--sample", "2", "--seed", "3", "--threshold", "0").code == 0
    first, second = ([each["id"] for each in report["articles"]] for report in reports(house))
    assert first == second
    assert len(first) == 2
    assert house.scrapy("qa", "--threshold", "0").code == 0
    assert str(SEED_ID) not in {each["id"] for report in reports(house) for each in report["articles"]}


def test_what_is_lost_from_the_archive_is_missed(house: House) -> None:
    """A page whose record can't be read any more is not seen."""
    (warc,) = house.archive.files("warc")
    item = house.archive.items()[SEED_ID]
    data = bytearray(warc.read_bytes())
    start = item["record"]["offset"]
    data[start : start + 200] = bytes(200)
    warc.write_bytes(data)
    assert house.scrapy("qa").code == 4
    (report,) = reports(house)
    (found,) = [each for each in report["articles"] if each["id"] == str(SEED_ID)]
    assert found["text"] < 0.2


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--sample", "0"], "--sample"),
        (["--sample", "many"], "--sample"),
        (["--seed", "-1"], "--seed"),
        (["--threshold", "2"], "--threshold"),
        (["--threshold", "nan"], "--threshold"),
        (["news"], "no arguments"),
        (["-sCHROMIUM=/none"], "CHROMIUM"),
        (["-sCHROMIUM=/bin/false"], "/bin/false"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_a_sentence(house: House, arguments: list[str], word: str) -> None:
    ran = house.scrapy("qa", *arguments)
    assert (ran.code, len(ran.said.splitlines()), word in ran.said) == (2, 1, True), ran.said
    assert not reports(house)
