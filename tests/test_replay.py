"""What `scrapy replay` shows: each capture as it was, a list to find it by, and nothing that is left out."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from surt import surt
from warcio.archiveiterator import ArchiveIterator

from crawler.replay import ranges
from crawler.replay.folder import passing_folder
from crawler.replay.page import page
from crawler.replay.search import HITS, ROWS, SCHEMA, Place, Shelf
from crawler.replay.serving import broken
from tests.crawling import House, Record, scrapy
from tests.replaying import Replay, children, parent, replaying
from tests.s3 import Endpoint
from tests.s3.access import settings_of
from tests.services import held_pages
from tests.services.files import packed, plain, record, warcinfo
from tests.site import FAULTS, SEED_ID, Site, id_of

ARTICLES = 60
EARLY, LATE = [id_of(n) for n in range(30)], [id_of(n) for n in range(30, ARTICLES)]
ODD = (
    "gzip",
    "gzip_chunked",
    "chunked_odd",
    "chunked_lf",
    "cp1256_meta",
    "headers_odd_case",
    "header_folded",
    "header_no_colon",
    "redirect_other_302",
)
SAME = ("status_404", "soft_404")  # one body
OUT = id_of(3)


@pytest.fixture(scope="module")
def house(site: Site, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two runs over the same pages: what had not changed is a revisit, in another segment."""
    house = House(tmp_path_factory.mktemp("house"), site)
    ids = [*EARLY, *LATE, SEED_ID, *(FAULTS[name] for name in (*ODD, *SAME))]
    assert house.crawl(ids, "-adiscover=none").code == 0
    assert house.crawl(ids, "-adiscover=none", "-arefresh=0").code == 0
    return house


@pytest.fixture(scope="module")
def replay(house: House) -> Iterator[Replay]:
    with replaying(house.settings()) as replay:
        yield replay


def url(id: int) -> str:
    return f"http://anapress.net/a/{id}"


class Capture(NamedTuple):
    """What a reader asks for, and should see."""

    url: str
    moment: str  #: to the second: no reader knows it better
    status: int


def capture_of(record: Record) -> Capture:
    moment = "".join(filter(str.isdigit, record.headers["WARC-Date"]))[:14]
    return Capture(record.headers["WARC-Target-URI"], moment, int(record.block.split()[1]))


def alone(house: House) -> Iterator[tuple[Capture, bytes]]:
    """Captures and their bodies, of URLs that were captured once in that second, by warcio."""
    records = {
        record.id: record for record in house.archive.records() if record.type in ("response", "revisit")
    }
    moments = Counter((surt(capture.url), capture.moment) for capture in map(capture_of, records.values()))
    for path in house.archive.files("warc"):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                if record.rec_type == "response":
                    capture = capture_of(records[record.rec_headers["WARC-Record-ID"]])
                    if moments[surt(capture.url), capture.moment] == 1:
                        yield capture, record.content_stream().read()


@pytest.mark.parametrize("pack", [packed, lambda *records: b"".join(records)], ids=["gzip", "plain"])
def test_a_file_of_others_that_was_cut_is_told(tmp_path: Path, pack: Callable[..., bytes]) -> None:
    one = next(held_pages(EARLY[:1], articles=ARTICLES))
    file, data = tmp_path / "x.warc", pack(warcinfo(), record(one, plain(one)))
    file.write_bytes(data)
    assert broken(file) == ""
    file.write_bytes(data[:-300])
    assert broken(file).startswith(f"{file}, offset ")


# Captures


def test_every_response_is_given_as_it_was(house: House, replay: Replay) -> None:
    """Chunked, compressed, in windows-1256: the status that it had, and its body."""
    for capture, body in alone(house):
        given = replay.page(capture.url, moment=capture.moment)
        assert given.status == capture.status, capture
        assert capture.status == 302 or given.body == body, capture


def test_a_revisit_shows_what_its_original_holds_in_another_segment_or_of_another_url(
    house: House, replay: Replay
) -> None:
    records = house.archive.records()
    wholes = {record.id: record for record in records}
    revisits = [(one, wholes[one.headers["WARC-Refers-To"]]) for one in records if one.type == "revisit"]
    shown = [(one, whole) for one, whole in revisits if capture_of(one).status not in (302, 304)]
    assert any(one.path != whole.path for one, whole in shown)
    assert any(capture_of(one).url != capture_of(whole).url for one, whole in shown)
    for one, whole in shown:
        given, original = (
            replay.page(capture.url, moment=capture.moment) for capture in map(capture_of, (one, whole))
        )
        assert given.status == capture_of(one).status
        assert given.body == original.body != b""


def test_a_304_shows_the_page_that_it_speaks_of(house: House, replay: Replay) -> None:
    records = house.archive.records()
    wholes = {record.id: record for record in records}
    unchanged = [
        record for record in records if record.type == "revisit" and capture_of(record).status == 304
    ]
    assert unchanged
    for one in unchanged:
        page = wholes[one.headers["WARC-Refers-To"]]
        given = replay.page(capture_of(one).url, moment=capture_of(one).moment)
        original = replay.page(capture_of(page).url, moment=capture_of(page).moment)
        assert given.body == original.body
        assert given.headers["memento-datetime"] == original.headers["memento-datetime"]
        assert given.status == 200


def test_a_redirect_leads_on_inside_the_archive(replay: Replay) -> None:
    given = replay.page(url(FAULTS["redirect_other_302"]), "mp_")
    target = urlsplit(given.headers["location"])
    assert (given.status, f"{target.scheme}://{target.netloc}/") in ((302, ":///"), (302, replay.url))
    assert target.path.endswith("http://anapress.net/a/100000000000000")
    assert replay.get(target.path).status == 200


def test_what_was_not_captured_is_not_found(replay: Replay) -> None:
    assert replay.page(url(7)).status == 404
    assert replay.page("http://example.org/").status == 404


# The list


def test_the_list_has_every_article_once_the_newest_first(house: House, replay: Replay) -> None:
    items = house.archive.items()
    first = replay.ids()
    moments = [items[id]["published_at"] or items[id]["captured_at"] for id in first]
    assert moments == sorted(moments, reverse=True)
    last = f"{moments[-1]} {first[-1]}"
    assert sorted([*first, *replay.ids(before=last)]) == sorted(items)
    assert 'rel="next"' in replay.list()
    assert 'rel="next"' not in replay.list(before=last)


def test_the_list_begins_before_a_day(house: House, replay: Replay) -> None:
    days = sorted(
        item["published_at"][:10] for item in house.archive.items().values() if item["published_at"]
    )
    found = replay.ids(before=days[10])
    assert 0 < len(found) <= 10
    assert all(house.archive.items()[id]["published_at"] < days[10] for id in found)


@pytest.mark.parametrize("words", ["تدمر", "تـدمــر", "تَدْمُر", "  تدمر   ", "مجزرة تدمر"])
def test_a_search_finds_words_however_they_are_written(replay: Replay, words: str) -> None:
    assert SEED_ID in replay.ids(q=words)


def test_a_search_finds_a_word_inside_another_and_all_of_several(replay: Replay) -> None:
    assert SEED_ID in replay.ids(q="دمر")
    assert SEED_ID not in replay.ids(q="تدمر xyzzy")


def test_a_search_says_how_many_it_found_on_each_page(house: House, replay: Replay) -> None:
    few, all = len(replay.ids(q="تدمر")), len(house.archive.items())
    assert 0 < few < ROWS < all
    assert f"عدد النتائج: {few} من {all}،" in replay.list(q="تدمر")
    for before in ("", "2"):
        assert f"عدد النتائج: {all} من {all}،" in replay.list(q="ا", before=before)
    assert "عدد النتائج" not in replay.list(q=" ")


def test_a_search_counts_as_far_as_a_reader_cares(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "articles.db")) as database:
        database.executescript(SCHEMA)
        rows = [(id, 1, "", "", "", "", "", "", "word") for id in range(HITS + 9)]
        database.executemany("INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        database.execute("INSERT INTO shown SELECT id, version, moment FROM articles")
        database.commit()
    hits = Shelf(tmp_path / "articles.db").hits("word")
    assert "أكثر من 1,000 من 1,009" in page([], HITS + 9, "word", Place(), hits)


@pytest.mark.parametrize("words", ["*", "[", "?", "%", "'", '"><script>', "\0", "ا" * 1000])
def test_a_search_for_anything_is_no_more_than_a_search(replay: Replay, words: str) -> None:
    assert "<script>" not in replay.list(q=words)


def test_a_place_that_is_none_is_the_beginning_or_the_end(replay: Replay) -> None:
    for before in ("", "~", "0", "2 x", "9" * 100, "2099-01-01 " + "9" * 30):
        assert replay.get(f"/?before={before.replace(' ', '+')}").status == 200


# What is left out, and what is new


@pytest.fixture(scope="module")
def early(site: Site, tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("early"), site)
    assert house.crawl(EARLY, "-adiscover=none").code == 0
    return house


@pytest.fixture
def growing(early: House, tmp_path: Path) -> House:
    """A copy of it, to do anything with."""
    shutil.copytree(early.folder, tmp_path / "house")
    return House(tmp_path / "house", early.site)


def test_an_excluded_article_is_neither_listed_nor_found_from_now_on(growing: House) -> None:
    with replaying(growing.settings()) as replay:
        assert OUT in replay.ids()
        assert replay.page(url(OUT)).status == 200
        assert growing.scrapy("ids", "exclude", str(OUT), "--why", "asked for it").code == 0
        replay.wait(lambda: OUT not in replay.ids())
        replay.wait(lambda: replay.page(url(OUT)).status == 404)
        for other in (f"https://www.anapress.net/a/{OUT}/", f"http://anapress.net/a/{OUT}?x=1"):
            assert replay.page(other).status == 404
        assert str(OUT) not in replay.get("/anapress/cdx?url=http://anapress.net/a/*&limit=1000").text
        assert len(replay.ids()) == len(growing.archive.items()) - 1
        assert growing.scrapy("ids", "exclude", str(OUT), "--why", "let in", "--undo").code == 0
        replay.wait(lambda: replay.page(url(OUT)).status == 200)


def test_what_is_committed_meanwhile_is_shown(growing: House) -> None:
    with replaying(growing.settings()) as replay:
        assert replay.page(url(LATE[0])).status == 404
        assert growing.crawl(LATE[:5], "-adiscover=none").code == 0
        replay.wait(lambda: LATE[0] in replay.ids())
        replay.wait(lambda: replay.page(url(LATE[0])).status == 200)
        assert replay.page(url(EARLY[0])).status == 200


def test_a_file_that_no_commit_names_is_not_served(growing: House) -> None:
    with replaying(growing.settings()) as replay:
        index = next(growing.archive.folder.glob("indexes/*"))
        stray = index.with_name("anapress-20200101000000-00000000-1.cdxj")
        stray.write_bytes(index.read_bytes().replace(b"net,anapress)/a/", b"net,anapress)/b/"))
        assert growing.crawl(LATE[:1], "-adiscover=none").code == 0
        replay.wait(lambda: LATE[0] in replay.ids())
        assert replay.page("http://anapress.net/b/1").status == 404


# Others' archives


def test_wget_s_warc_replays_beside_ours(growing: House, site: Site, tmp_path: Path) -> None:
    name = tmp_path / "other"
    subprocess.run(
        [
            *("wget", "-q", "-O", os.devnull, f"--warc-file={name}", "--no-warc-keep-log"),
            f"http://{site.host}:{site.port}/about",
        ],
        check=True,
        timeout=60,
    )
    other = f"http://{site.host}:{site.port}/about"
    with replaying(growing.settings(), "--also", f"{name}.warc.gz") as replay:
        assert "مؤسسة إعلامية" in replay.page(other).text
        assert replay.page(url(EARLY[0])).status == 200
        assert growing.crawl(LATE[:1], "-adiscover=none").code == 0
        replay.wait(lambda: replay.page(url(LATE[0])).status == 200)
        assert replay.page(other).status == 200


def test_a_record_that_lies_in_anothers_file_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    """pywb asks us first."""
    with ranges.serving(lambda _: None) as warcs:
        place = urlsplit(warcs)
        connection = HTTPConnection(place.netloc)
        connection.request("GET", f"{place.path}also-0-wget.warc.gz", headers={"Range": "bytes=0-9"})
        assert connection.getresponse().status == 404
        connection.close()
    assert capsys.readouterr().err == ""


def by_others(id: int) -> bytes:
    """A record as older programs write them: WARC/1.0, not compressed, without a digest."""
    block = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nby others"
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{uuid4()}>\r\n"
        f"WARC-Date: 2016-05-04T03:02:01Z\r\nWARC-Target-URI: {url(id)}\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def test_an_excluded_article_is_left_out_of_others_archives_too(growing: House, tmp_path: Path) -> None:
    other = tmp_path / "other.warc"
    other.write_bytes(b"".join(map(by_others, (OUT, LATE[0], LATE[1]))))
    assert growing.scrapy("ids", "exclude", str(OUT), "--why", "asked for it").code == 0
    with replaying(growing.settings(), "--also", str(other)) as replay:
        assert [replay.page(url(id)).status for id in (OUT, LATE[0], LATE[1])] == [404, 200, 200]


# S3


def test_an_archive_in_s3_is_read_where_it_lies(growing: House, s3: Endpoint, tmp_path: Path) -> None:
    bucket = s3.bucket()
    settings = growing.settings(**settings_of(s3))
    assert scrapy("copy", str(growing.archive.folder), f"s3://{bucket}/news", *settings).code == 0
    there = growing.settings(
        **settings_of(s3), ARCHIVE_URL=f"s3://{bucket}/news", SPOOL_DIR=tmp_path / "spool"
    )
    with replaying(there) as replay:
        assert len(replay.ids()) == len(growing.archive.items())
        for id in EARLY[:5]:
            assert replay.page(url(id)).status == 200


# Its end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_clean(growing: House, number: signal.Signals) -> None:
    with replaying(growing.settings()) as replay:
        (child,) = children(replay.process.pid)
        replay.process.send_signal(number)
        said, _ = replay.process.communicate(timeout=60)
        assert (replay.process.returncode, said.strip()) == (0, "Ended.")
        assert not Path(f"/proc/{child}").exists()


def test_pywb_ends_with_us_however_we_end_and_our_folder_with_the_next_replay(
    growing: House, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("tmpdir")
    monkeypatch.setenv("TMPDIR", str(place))
    with replaying(growing.settings()) as replay:
        (child,), (folder,) = children(replay.process.pid), place.iterdir()
        replay.process.kill()
        replay.wait(lambda: parent(Path(f"/proc/{child}/stat")) is None)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with passing_folder():
        assert not folder.exists()


def test_the_folder_of_a_replay_that_lives_or_of_others_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    others = tmp_path / "replay-of-others"
    others.mkdir()
    with passing_folder() as one, passing_folder() as other:
        assert {one, other, others} == set(tmp_path.iterdir())
        assert one.stat().st_mode & 0o077 == 0, "and nobody else may read it"
    assert [*tmp_path.iterdir()] == [others]


def test_it_does_not_go_on_without_pywb(growing: House) -> None:
    with replaying(growing.settings()) as replay:
        (child,) = children(replay.process.pid)
        os.kill(child, signal.SIGKILL)
        said, _ = replay.process.communicate(timeout=60)
        assert (replay.process.returncode, "pywb ended by itself" in said) == (6, True)


# Wrong use


def test_a_taken_port_is_told_in_a_sentence(growing: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = growing.scrapy("replay", "--port", str(taken.getsockname()[1]))
    assert (ran.code, len(ran.said.splitlines()), "--port" in ran.said) == (2, 1, True)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--port", "http"], "http"),
        (["--port", "99999"], "65535"),
        (
            ["--bind", "203.0.113.7"],
            "203.0.113.7 port 8080 can't be listened at (Cannot assign requested address): give another --bind",
        ),
        (["--bind", "no.such.host.invalid"], "give another --bind"),
        (["--also", "none.warc.gz"], "none.warc.gz"),
        (["--also", "README.md"], "README.md"),
        (["news"], "no arguments"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_a_sentence(growing: House, arguments: list[str], word: str) -> None:
    ran = growing.scrapy("replay", *arguments)
    assert (ran.code, len(ran.said.splitlines()), word in ran.said) == (2, 1, True), ran.said


def test_there_must_be_an_archive(tmp_path: Path) -> None:
    ran = scrapy("replay", f"-sARCHIVE_URL={tmp_path / 'none'}")
    assert (ran.code, "there is no archive" in ran.said) == (2, True)
