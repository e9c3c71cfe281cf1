"""Whole crawls from archive services: what becomes of each capture, and what the services are asked."""

from __future__ import annotations

import io
import json
import subprocess
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import fastwarc
import pytest
import warcio

from tests.crawling import CHECKOUT, SCRAPY, House, Ran, Record
from tests.services import CommonCrawl, Crawl, Held, Wayback, held_pages, running
from tests.services.listening import Running
from tests.site import id_of, truth

ARTICLES = 25
IDS = [id for id in map(id_of, range(12)) if not (truth(id) or {})["nonce"]][:8]  # those change each time
AT = "20160102030405"
AS_FAST = {
    "WAYBACK_INDEX_SECONDS": 0,
    "WAYBACK_SECONDS": 0,
    "COMMONCRAWL_INDEX_SECONDS": 0,
    "COMMONCRAWL_SECONDS": 0,
    "SERVICE_PAUSE_SECONDS": 0.2,
}


@contextmanager
def machine(held: list[Held], **ways: Any) -> Iterator[Running]:
    service = Wayback(held, **ways)
    with running(service) as run:
        service.base = run.url
        yield run


def wayback(house: House, run: Running, ids: list[int] | None, *arguments: str, **settings: object) -> Ran:
    return house.crawl(ids, "-asource=wayback", *arguments, **{**AS_FAST, "WAYBACK_URL": run.url, **settings})


def derived(item: dict[str, Any]) -> dict[str, Any]:
    apart = ("source", "captured_at", "version", "record", "capture", "views")
    return {name: value for name, value in item.items() if name not in apart}


def test_the_wayback_machine_gives_the_same_items_as_the_site(house: House, tmp_path: Path) -> None:
    assert house.crawl(IDS, "-adiscover=none").code == 0
    other = House(tmp_path / "other", house.site)
    with machine(list(held_pages(IDS, articles=ARTICLES))) as run:
        ran = wayback(other, run, IDS, "-adiscover=none")
    assert ran.code == 0, ran.said
    live, ours = house.archive.items(), other.archive.items()
    assert {id: derived(item) for id, item in ours.items()} == {
        id: derived(item) for id, item in live.items()
    }
    assert {item["source"] for item in ours.values()} == {"wayback"}
    assert ours[IDS[0]]["captured_at"] == "2016-01-02T03:04:05.000Z"
    verified = other.scrapy("verify")
    assert verified.code == 0, verified.out


def records(house: House, url: str) -> list[Record]:
    return [one for one in house.archive.records() if one.headers.get("WARC-Target-URI") == url]


def test_a_capture_is_kept_as_it_was_played_and_beside_it_restored_and_marked_so(house: House) -> None:
    (page,) = held_pages(IDS[:1], articles=ARTICLES)
    with machine([page]) as run:
        assert wayback(house, run, IDS[:1], "-adiscover=none").code == 0
    played = f"{run.url}/web/{page.at}id_/{page.url}"
    exact, request = records(house, played)
    assert (exact.type, request.type) == ("response", "request")
    assert b"\r\nmemento-datetime: Sat, 02 Jan 2016 03:04:05 GMT\r\n" in exact.block
    (restored,) = records(house, page.url)
    assert restored.type == "response"
    assert restored.headers["WARC-Date"] == "2016-01-02T03:04:05.000Z"
    assert restored.headers["WARC-Source-URI"] == played
    assert restored.headers["WARC-Creation-Date"] == exact.headers["WARC-Date"]
    assert restored.headers["WARC-Restored-From"] == exact.id
    head, _, body = restored.block.partition(b"\r\n\r\n")
    assert body == page.body
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"server: nginx",
        b"Content-Type: text/html; charset=utf-8",
        b"x-archive-orig-content-length: -1",
        b"x-archive-orig-transfer-encoding: chunked",
        b"Content-Length: %d" % len(body),
    ]
    (item,) = house.archive.items().values()
    assert item["record"]["record_id"] == restored.id


def test_what_a_service_gave_is_never_a_revisit(house: House) -> None:
    same = [Held(url=f"http://anapress.net/a/{id}", at=AT, body=b"<html>the same</html>") for id in IDS[:3]]
    with machine(same) as run:
        wayback(house, run, IDS[:3])
    assert "revisit" not in {one.type for one in house.archive.records()}
    assert house.scrapy("verify").code == 0


def three(**changed: Any) -> list[Held]:
    """Three captures of one id, each with a text of its own; keyword arguments change the second."""
    first, second, third = held_pages([IDS[0], IDS[1], IDS[2]], articles=ARTICLES)
    url = first.url
    return [
        first,
        replace(
            second,
            url=url,
            at="20170102030405",
            body=second.body.replace(str(IDS[1]).encode(), str(IDS[0]).encode()),
            **changed,
        ),
        replace(
            third,
            url=url,
            at="20180102030405",
            body=third.body.replace(str(IDS[2]).encode(), str(IDS[0]).encode()),
        ),
    ]


@pytest.mark.parametrize(
    ("which", "years"),
    [("first", ["2016"]), ("last", ["2018"]), ("best", ["2018"]), ("all", ["2016", "2017", "2018"])],
)
def test_captures_says_which_are_taken(house: House, which: str, years: list[str]) -> None:
    with machine(three()) as run:
        ran = wayback(house, run, [IDS[0]], f"-acaptures={which}", "-adiscover=none")
    assert ran.code == 0, ran.said
    takes = house.archive.takes()[IDS[0]]
    assert [take["captured_at"][:4] for take in takes] == years
    assert [take["take"] for take in takes] == list(range(1, len(years) + 1))
    assert [take["outcome"] for take in takes] == ["article", "changed", "changed"][: len(years)]
    assert house.scrapy("verify").code == 0


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("gone", ("failed", "not_played", 404)),
        ("excluded", ("refused", "excluded", 200)),
        ("error", ("failed", "playback_error", 503)),
        ("denied", ("refused", "excluded", 403)),
        ("gzip", ("article", None, 200)),
        ("double_gzip", ("article", None, 200)),
        ("hidden_gzip", ("article", "digest_mismatch", 200)),
    ],
)
def test_each_way_to_play_a_capture_is_told_apart(house: House, way: str, told: tuple[str, str, int]) -> None:
    with machine(list(held_pages(IDS[:1], articles=ARTICLES)), play={AT: way}) as run:
        wayback(house, run, IDS[:1])
    (take,) = house.archive.takes()[IDS[0]]
    assert (take["outcome"], take["reason"], take["status"]) == told
    assert house.scrapy("verify").code == 0


def test_a_capture_that_the_machine_plays_at_another_time_is_taken_as_of_that_time(house: House) -> None:
    with machine(three(), play={"20180102030405": "moved"}) as run:
        wayback(house, run, [IDS[0]], "-acaptures=all", "-adiscover=none")
    takes = house.archive.takes()[IDS[0]]
    assert [take["captured_at"][:4] for take in takes] == ["2016", "2017"]  # none is taken twice


def test_a_404_of_the_site_is_gone_and_one_of_the_machine_is_not(house: House) -> None:
    urls = [f"http://anapress.net/a/{id}" for id in IDS[:2]]
    gone = [Held(url=url, at=AT, body=b"<html>no such page</html>", status=404) for url in urls[:1]]
    with machine(gone) as run:
        wayback(house, run, IDS[:2])
    takes = house.archive.takes()
    assert [(take["outcome"], take["reason"]) for id in IDS[:2] for take in takes[id]] == [
        ("gone", "http_404"),
        ("gone", "not_archived"),
    ]
    (record,) = records(house, urls[0])
    assert takes[IDS[0]][0]["record"]["record_id"] == record.id


@pytest.mark.parametrize("play", [{}, {AT: "schemeless"}], ids=["whole", "schemeless"])
def test_an_archived_redirect_that_stays_with_the_article_is_followed(
    house: House, play: dict[str, str]
) -> None:
    (page,) = held_pages(IDS[:1], articles=ARTICLES)
    at = "20160102030406"
    moved = Held(url=page.url, at=AT, body=b"", status=301, location=f"{page.url}?from=old")
    target = replace(page, url=f"{page.url}?from=old", at=AT)
    with machine([moved, target], play=play) as run:
        ran = wayback(house, run, IDS[:1], "-adiscover=none")
    (take,) = house.archive.takes()[IDS[0]]
    assert (take["outcome"], take["url"], at[:4]) == ("article", target.url, "2016"), ran.said
    assert house.scrapy("verify").code == 0


def test_an_archived_redirect_to_another_article_says_so(house: House) -> None:
    moved = Held(
        url=f"http://anapress.net/a/{IDS[0]}",
        at=AT,
        body=b"moved",
        status=301,
        location=f"http://anapress.net/a/{IDS[1]}",
    )
    with machine([moved]) as run:
        wayback(house, run, IDS[:1])
    (take,) = house.archive.takes()[IDS[0]]
    assert (take["outcome"], take["reason"]) == ("not_article", f"redirected_to:{IDS[1]}")


def test_a_redirect_that_the_machine_plays_again_and_again_is_a_loop(house: House) -> None:
    url = f"http://anapress.net/a/{IDS[0]}"
    moved = Held(url=url, at=AT, body=b"", status=301, location=f"http://www.anapress.net/a/{IDS[0]}")
    with machine([moved]) as run:
        wayback(house, run, IDS[:1])
    (take,) = house.archive.takes()[IDS[0]]
    assert (take["outcome"], take["reason"]) == ("failed", "redirect_loop")


def test_the_best_capture_is_the_newest_that_shows_the_article(house: House) -> None:
    first, second, third = three()
    parked = b"<html><title>anapress.net</title><body>This domain is for sale. Buy this domain.</body></html>"
    with machine([first, second, replace(third, body=parked)]) as run:
        wayback(house, run, [IDS[0]], "-adiscover=none")
    (take,) = house.archive.takes()[IDS[0]]
    assert (take["outcome"], take["captured_at"][:4]) == ("article", "2016")


def test_a_row_of_a_revisit_is_taken_as_it_plays(house: House) -> None:
    with machine([replace(page, revisit=True) for page in held_pages(IDS[:1], articles=ARTICLES)]) as run:
        wayback(house, run, IDS[:1], "-adiscover=none")
    assert [take["outcome"] for take in house.archive.takes()[IDS[0]]] == ["article"]


@pytest.mark.parametrize("trap", ["empty_page", "repeating_key", "double_rows", "bad_rows"])
def test_an_odd_list_is_read(house: House, trap: str) -> None:
    ids = [id_of(n) for n in range(ARTICLES)]
    with machine(list(held_pages(ids, articles=ARTICLES)), traps=(trap,), page=10) as run:
        ran = wayback(house, run, ids, "-adiscover=none")
    assert ran.code == 0, ran.said
    reasons = [take["reason"] for takes in house.archive.takes().values() for take in takes]
    assert reasons.count("not_archived") == (10 if trap == "empty_page" else 0)  # that has no rows at first


@pytest.mark.parametrize("trap", ["html_error", "cut"])
def test_a_list_that_cannot_be_read_settles_nothing(house: House, trap: str) -> None:
    with machine(list(held_pages(IDS, articles=ARTICLES)), traps=(trap,)) as run:
        ran = wayback(house, run, IDS[:2], RETRY_TIMES=0)
    assert ran.code == 3, ran.said
    assert "the list of wayback can't be had" in ran.last
    assert not house.archive.takes()


def test_a_site_that_the_machine_excludes_settles_nothing(house: House) -> None:
    with machine([], blocked=True) as run:
        ran = wayback(house, run, IDS[:2])
    assert (ran.code, "index_blocked" in ran.last) == (3, True), ran.said


def test_what_was_captured_years_ago_is_not_the_latest_text_for_being_taken_later(house: House) -> None:
    assert house.crawl(IDS[:1], "-adiscover=none").code == 0
    shown = house.archive.items()[IDS[0]]["text"]
    old, *_ = held_pages(IDS[1:2], articles=ARTICLES)
    ours = old.body.replace(str(IDS[1]).encode(), str(IDS[0]).encode())
    with machine([replace(old, url=f"http://anapress.net/a/{IDS[0]}", body=ours)]) as run:
        wayback(house, run, IDS[:1], "-adiscover=none", "-arefresh=0")
    assert [take["outcome"] for take in house.archive.takes()[IDS[0]]] == ["article", "changed"]
    house.scrapy("export", str(house.folder / "corpus.jsonl"))
    assert json.loads((house.folder / "corpus.jsonl").read_text())["text"] == shown


def test_other_tools_read_what_the_archives_gave(house: House) -> None:
    pages = list(held_pages(IDS[:2], articles=ARTICLES))
    with machine(pages[:1]) as run, crawls(Crawl("CC-MAIN-2016-05", tuple(pages[1:]))) as common:
        wayback(house, run, IDS[:1], "-adiscover=none")
        commoncrawl(house, common, IDS[1:2])
    bodies: dict[str, list[bytes]] = {"warcio": [], "fastwarc": []}
    for path in house.archive.files("warc"):
        with path.open("rb") as file:
            for record in warcio.ArchiveIterator(file):
                if record.rec_type == "response" and "/a/" in record.rec_headers["WARC-Target-URI"][:24]:
                    bodies["warcio"].append(record.content_stream().read())
        with path.open("rb") as file:
            for record in fastwarc.ArchiveIterator(file, record_types=fastwarc.WarcRecordType.response):
                if "/a/" in (record.headers["WARC-Target-URI"] or "")[:24]:
                    bodies["fastwarc"].append(record.reader.read())
    assert bodies == {key: [page.body for page in pages] for key in bodies}


def test_a_wacz_of_some_ids_has_their_restored_and_copied_records(house: House) -> None:
    pages = list(held_pages(IDS[:4], articles=ARTICLES))
    with machine(pages[:2]) as run, crawls(Crawl("CC-MAIN-2016-05", tuple(pages[2:]))) as common:
        wayback(house, run, IDS[:2], "-adiscover=none")
        commoncrawl(house, common, IDS[2:4])
    some, less = house.folder / "some.wacz", house.folder / "less.wacz"
    ran = house.scrapy("wacz", str(some), "--ids", f"{IDS[0]},{IDS[2]}")
    wanted = {page.url: page.body for page in (pages[0], pages[2])}
    assert (ran.code, _articles(some)) == (0, wanted), ran.said
    house.scrapy("ids", "exclude", str(IDS[0]), str(IDS[2]), "--why", "asked", "--who", "test")
    ran = house.scrapy("wacz", str(less))
    assert (ran.code, set(_articles(less))) == (0, {pages[1].url, pages[3].url}), ran.said
    urls = [url for url, _ in _responses(less)]
    assert not [url for url in urls if str(IDS[0]) in url or "/crawl-data/" in url]


def _articles(wacz: Path) -> dict[str, bytes]:
    """The responses under the site's own URLs."""
    return {url: body for url, body in _responses(wacz) if url.startswith("http://anapress.net/")}


def _responses(wacz: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(wacz) as opened:
        warcs = [opened.read(name) for name in opened.namelist() if name.startswith("archive/")]
    return [
        (record.rec_headers["WARC-Target-URI"], record.content_stream().read())
        for data in warcs
        for record in warcio.ArchiveIterator(io.BytesIO(data))
        if record.rec_type == "response"
    ]


# What the services are asked


def test_a_second_run_asks_nothing_twice(house: House) -> None:
    with machine(list(held_pages(IDS, articles=ARTICLES))) as run:
        assert wayback(house, run, IDS, "-adiscover=none").code == 0
        asked = len(run.asked)
        house.scrapy("ids", "requeue", "--outcome", "article")
        ran = wayback(house, run, IDS, "-adiscover=none")
        assert (ran.code, len(run.asked)) == (0, asked), ran.said
    assert {take["outcome"] for id in IDS for take in house.archive.takes()[id][1:]} == {"unchanged"}
    assert house.scrapy("verify").code == 0


def test_a_service_that_says_429_is_left_alone_and_then_asked_again(house: House) -> None:
    with machine(list(held_pages(IDS, articles=ARTICLES))) as run:
        run.limit, run.patience = 3, 20
        ran = wayback(house, run, IDS[:4], "-adiscover=none", STOP_AFTER_WAITS=3)
    assert (ran.code, "asked us to wait 3 times in a row" in ran.last) == (3, True), ran.said
    assert run.asked[-1].at - run.asked[3].at >= 0.5  # 0.2 s, and then 0.4


def test_a_service_that_takes_no_connection_any_more_ends_the_run(house: House) -> None:
    with machine(list(held_pages(IDS, articles=ARTICLES))) as run:
        run.limit, run.patience = 3, 1
        ran = wayback(house, run, IDS[:4], "-adiscover=none", STOP_AFTER_MISSES=2)
    assert (ran.code, "could not be reached" in ran.last) == (3, True), ran.said
    assert house.scrapy("verify").code == 0


def test_the_list_is_asked_one_at_a_time_and_no_sooner_than_it_may_be(house: House) -> None:
    with machine(list(held_pages(IDS, articles=ARTICLES))) as run:
        run.pause = 0.05
        ran = wayback(house, run, IDS[:4], "-adiscover=none", WAYBACK_INDEX_SECONDS=0.5)
    assert ran.code == 0, ran.said
    times = [asked.at for asked in run.asked if asked.path == "/cdx/search/cdx"]
    assert len(times) == 4
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.25  # one may be slow on its way


def test_a_service_is_asked_for_bytes_as_they_are_and_told_who_asks(house: House) -> None:
    with machine(list(held_pages(IDS[:1], articles=ARTICLES))) as run:
        wayback(house, run, IDS[:1], CONTACT="me@example.org")
    assert {asked.headers["accept-encoding"] for asked in run.asked} == {"identity"}
    assert all(asked.headers["user-agent"].endswith("(+me@example.org)") for asked in run.asked)
    assert not [path for path in run.paths() if "robots.txt" in path]


def test_many_ids_are_looked_up_in_one_walk(house: House) -> None:
    ids = [id_of(n) for n in range(ARTICLES)]
    with machine(list(held_pages(ids, articles=ARTICLES)), page=10) as run:
        ran = wayback(house, run, ids, "-adiscover=none")
    assert ran.code == 0, ran.said
    lists = [asked for asked in run.asked if asked.path == "/cdx/search/cdx"]
    assert len(lists) == 3
    assert {asked.get("matchType") for asked in lists} == {"prefix"}


# Common Crawl


@contextmanager
def crawls(*held: Crawl, **ways: Any) -> Iterator[Running]:
    service = CommonCrawl(held, **ways)
    with running(service) as run:
        service.base = run.url
        yield run


def commoncrawl(house: House, run: Running, ids: list[int], *arguments: str, **settings: object) -> Ran:
    urls = {"COMMONCRAWL_INDEX_URL": run.url, "COMMONCRAWL_DATA_URL": run.url}
    arguments = ("-asource=commoncrawl", "-adiscover=none", *arguments)
    return house.crawl(ids, *arguments, **{**AS_FAST, **urls, **settings})


NOTHING = Crawl("CC-MAIN-2016-05", ())


def two_crawls() -> tuple[Crawl, Crawl]:
    older, newer = (
        held_pages(IDS, articles=ARTICLES),
        held_pages(IDS[:4], articles=ARTICLES, at="20200102030405"),
    )
    return Crawl("CC-MAIN-2016-05", tuple(older)), Crawl("CC-MAIN-2020-05", tuple(newer))


def test_common_crawl_gives_the_records_of_its_files_member_for_member(house: House) -> None:
    older, newer = two_crawls()
    with crawls(older, newer) as run:
        ran = commoncrawl(house, run, IDS)
        assert ran.code == 0, ran.said
        spans = [asked for asked in run.asked if asked.path.startswith("/crawl-data/")]
    items = house.archive.items()
    live = House(house.folder / "live", house.site)
    assert live.crawl(IDS, "-adiscover=none").code == 0
    assert {id: derived(item) for id, item in items.items()} == {
        id: derived(item) for id, item in live.archive.items().items()
    }
    assert {items[id]["captured_at"][:4] for id in IDS[:4]} == {"2020"}
    assert {items[id]["source"] for id in IDS} == {"commoncrawl"}
    assert len(spans) == len(IDS)
    members = {*older.members(), *newer.members()}
    for item in items.values():
        place = item["record"]
        data = (house.archive.folder / place["warc"]).read_bytes()
        assert data[place["offset"] : place["offset"] + place["length"]] in members
    verified = house.scrapy("verify")
    assert verified.code == 0, verified.out


def test_beside_a_copied_record_stands_where_it_came_from(house: House) -> None:
    crawl = two_crawls()[0]
    with crawls(crawl) as run:
        assert commoncrawl(house, run, IDS[:1]).code == 0
    (item,) = house.archive.items().values()
    (path,) = house.archive.files("warc")
    data, offset = path.read_bytes(), 0
    texts: dict[int, bytes] = {}
    while offset < len(data):
        member = zlib.decompressobj(wbits=31)
        texts[offset] = member.decompress(data[offset:])
        offset = len(data) - len(member.unused_data)
    before = texts[max(at for at in texts if at < item["record"]["offset"])]
    assert before.startswith(b"WARC/1.1\r\nWARC-Type: metadata\r\n")
    assert f"WARC-Refers-To: {item['record']['record_id']}".encode() in before
    assert f"source: {run.url}/{crawl.file}\r\nrange: bytes=1000-".encode() in before
    assert sha256(crawl.members()[0]).hexdigest().encode() in before
    assert texts[item["record"]["offset"]].startswith(b"WARC/1.0\r\n")


@pytest.mark.parametrize(
    ("trap", "reason"),
    [("whole_file", "too_large"), ("short_range", "short_range")],
)
def test_it_is_the_very_range_or_it_did_not_happen(house: House, trap: str, reason: str) -> None:
    with crawls(two_crawls()[0], traps=(trap,)) as run:
        ran = commoncrawl(house, run, IDS[:1])
    (take,) = house.archive.takes()[IDS[0]]
    assert (take["outcome"], take["reason"]) == ("failed", reason), ran.said
    assert house.scrapy("verify").code == 0


@pytest.mark.parametrize("trap", ["slow_down", "cut", "html_error", "overloaded"])
def test_a_service_that_stumbles_once_is_asked_again(house: House, trap: str) -> None:
    with crawls(*two_crawls(), traps=(trap,), fail=2) as run:
        ran = commoncrawl(house, run, IDS[:3])
    assert ran.code == 0, ran.said
    assert set(house.archive.items()) == set(IDS[:3])


def test_the_pages_of_an_index_are_walked_to_the_last(house: House) -> None:
    with crawls(two_crawls()[0], page=3) as run:
        ran = commoncrawl(house, run, IDS)
        pages = [asked.get("page") for asked in run.asked if asked.path.endswith("-index")]
    assert ran.code == 0, ran.said
    assert pages == ["0", "1", "2", "3"]


def test_common_crawl_is_asked_nothing_twice(house: House) -> None:
    with crawls(*two_crawls()) as run:
        assert commoncrawl(house, run, IDS).code == 0
        asked = len(run.asked)
        house.scrapy("ids", "requeue", "--outcome", "article")
        assert commoncrawl(house, run, IDS).code == 0
        assert len(run.asked) == asked
    assert house.scrapy("verify").code == 0


def test_an_id_that_no_crawl_has_is_told_so(house: House) -> None:
    with crawls(two_crawls()[0]) as run:
        commoncrawl(house, run, [id_of(20)])
    (take,) = house.archive.takes()[id_of(20)]
    assert (take["outcome"], take["reason"], take["record"]) == ("gone", "not_archived", None)


# All in turn


def test_what_the_site_does_not_give_the_archives_do(house: House) -> None:
    """The site has 25 articles; the machine has one more, Common Crawl another, and one nobody has."""
    beyond = [id_of(n) for n in range(ARTICLES, ARTICLES + 3)]
    played = list(held_pages(beyond[:1], articles=ARTICLES + 3))
    crawl = Crawl("CC-MAIN-2016-05", tuple(held_pages(beyond[1:2], articles=ARTICLES + 3)))
    with machine(played) as wayback, crawls(crawl) as common:
        urls = {
            "WAYBACK_URL": wayback.url,
            "COMMONCRAWL_INDEX_URL": common.url,
            "COMMONCRAWL_DATA_URL": common.url,
        }
        arguments = ("-asource=auto", "-adiscover=none")
        ran = house.crawl([IDS[0], *beyond], *arguments, **{**AS_FAST, **urls})
    assert ran.code == 0, ran.said
    takes = house.archive.takes()
    told = [(take["outcome"], take["source"]) for id in (IDS[0], *beyond) for take in takes[id]]
    assert told == [("article", "live"), ("article", "wayback"), ("article", "commoncrawl"), ("gone", "live")]
    assert house.scrapy("verify").code == 0


def test_a_site_that_is_away_keeps_no_id_from_the_archives(house: House) -> None:
    nowhere = "anapress.net:80:127.0.0.1:9"
    beyond = id_of(ARTICLES)
    with machine(list(held_pages(IDS[:2], articles=ARTICLES))) as wayback, crawls(NOTHING) as common:
        urls = {"WAYBACK_URL": wayback.url, "COMMONCRAWL_INDEX_URL": common.url}
        arguments = ("-asource=auto", "-adiscover=none")
        ran = house.crawl([*IDS[:2], beyond], *arguments, **{**AS_FAST, **urls, "CONNECT_TO": nowhere})
    assert (ran.code, "1 ids wait: its robots.txt can't be had, and no archive has it" in ran.last) == (
        3,
        True,
    )
    assert set(house.archive.items()) == set(IDS[:2])
    assert beyond not in house.archive.takes()


# Finding ids


def test_all_that_both_services_list_is_found_and_looked_up_once(house: House) -> None:
    played, crawled = list(held_pages(IDS[:3], articles=ARTICLES)), held_pages(IDS[2:5], articles=ARTICLES)
    with machine(played, page=2) as run, crawls(Crawl("CC-MAIN-2016-05", tuple(crawled))) as common:
        urls = {"COMMONCRAWL_INDEX_URL": common.url}
        ran = wayback(house, run, None, "-adiscover=cdx", **urls)
        lists = [asked for asked in run.asked if asked.path == "/cdx/search/cdx"]
    assert ran.code == 0, ran.said
    takes = house.archive.takes()
    assert {(takes[id][0]["outcome"], takes[id][0]["found"]) for id in IDS[:3]} == {("article", "cdx")}
    assert {takes[id][0]["reason"] for id in IDS[3:5]} == {"not_archived"}
    assert len(lists) == 2
    assert house.scrapy("verify").code == 0


def test_ids_discover_tells_what_the_lists_have_and_adds_it_if_told_to(house: House) -> None:
    played, crawled = list(held_pages(IDS[:3], articles=ARTICLES)), held_pages(IDS[2:5], articles=ARTICLES)
    with machine(played) as run, crawls(Crawl("CC-MAIN-2016-05", tuple(crawled))) as common:
        urls = {**AS_FAST, "WAYBACK_URL": run.url, "COMMONCRAWL_INDEX_URL": common.url}
        told = house.scrapy("ids", "discover", "cdx", **urls)
        assert (told.code, "not added" in told.last) == (0, True), told.said
        assert house.scrapy("ids", "status").out.startswith("known 0 ")
        added = house.scrapy("ids", "discover", "cdx", "--add", **urls)
    lines = [line.split("\t") for line in told.out.splitlines()]
    assert {(int(id), found, where.split()[0]) for id, found, where in lines} == {
        *((id, "cdx", "wayback") for id in IDS[:3]),
        *((id, "cdx", "commoncrawl") for id in IDS[3:5]),
    }
    assert (added.code, added.out) == (0, ""), added.said
    assert added.last.startswith("5 new ids in the lists of 2 archives, added. ")
    assert house.scrapy("ids", "status").out.startswith("known 5 ")
    assert house.scrapy("verify").code == 0


# What goes wrong


def test_an_archive_that_gives_no_list_leaves_what_it_is_needed_for_and_no_more(house: House) -> None:
    beyond = [id_of(n) for n in range(ARTICLES, ARTICLES + 3)]
    with machine([], blocked=True) as run:
        arguments = ("-asource=auto", "-adiscover=none")
        ran = house.crawl([*beyond, *IDS[:2]], *arguments, **{**AS_FAST, "WAYBACK_URL": run.url})
    assert (ran.code, "3 ids wait: the list of wayback can't be had (index_blocked)" in ran.last) == (3, True)
    assert set(house.archive.items()) == set(IDS[:2])
    assert len(run.asked) == 1


def test_a_signal_while_a_list_is_walked_ends_the_run_well(house: House) -> None:
    with machine(list(held_pages(IDS, articles=ARTICLES))) as run:
        run.pause = 2
        settings = house.settings(**{**AS_FAST, "WAYBACK_URL": run.url})
        command = [str(SCRAPY), "crawl", "anapress", "-asource=wayback", f"-aids={IDS[0]}", *settings]
        crawl = subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True)
        while not run.asked:
            time.sleep(0.05)
        crawl.terminate()
        _, said = crawl.communicate()
    assert (crawl.returncode, "Traceback" in said) == (3, False), said
    assert not house.archive.takes()
