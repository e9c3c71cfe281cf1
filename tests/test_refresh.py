"""Articles taken again and again: a server that says that nothing changed is believed only where it can be proved."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from surt import surt
from warcio.archiveiterator import ArchiveIterator

from tests.crawling import CHECKOUT, SCRAPY, SECONDS, House, Ran, Record
from tests.faults.case import Article
from tests.script import page, says, scripted
from tests.site import FAULTS, Logged, id_of, running_site
from tests.site.held import HELD
from tests.site.replies import DATE

STATIC, FIRST, SECOND = id_of(3), id_of(7), id_of(10)  # the last one is static too, with the text of FIRST
PAGES = {name: FAULTS[name] for name in HELD} | {"static": STATIC, "second": SECOND}
TIMES = 4
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"

WHOLE, REVISIT, SAME = "whole", "revisit", "304"
# What each page's takes come to and rest on, and the versions that they show.
TAKES: dict[str, tuple[str, str, str]] = {
    "static": ("article unchanged unchanged unchanged", "whole 304 304 304", "1 1 1 1"),
    "held_weak": ("article unchanged unchanged unchanged", "whole 304 304 304", "1 1 1 1"),
    "held_dated": ("article unchanged unchanged unchanged", "whole 304 304 304", "1 1 1 1"),
    "held_renewed": ("article unchanged unchanged unchanged", "whole 304 304 304", "1 1 1 1"),
    "held_busy": ("article unchanged unchanged unchanged", "whole 304 304 304", "1 1 1 1"),
    "held_ignored": ("article unchanged unchanged unchanged", "whole revisit revisit revisit", "1 1 1 1"),
    "held_renamed": ("article unchanged unchanged unchanged", "whole revisit 304 304", "1 1 1 1"),
    "held_edited": ("article changed changed unchanged", "whole whole revisit 304", "1 2 1 1"),
    "held_moved": ("article unchanged unchanged unchanged", "whole revisit revisit revisit", "1 1 1 1"),
    "held_malformed": ("article unchanged unchanged unchanged", "whole revisit revisit revisit", "1 1 1 1"),
    "second": ("duplicate unchanged unchanged unchanged", "whole 304 304 304", "- - - -"),
}
NEVER_ASKED = ("held_moved", "held_malformed")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """All pages, taken so many times."""

    house: House
    ran: list[Ran]
    verified: list[Ran]
    seen: list[Logged]
    takes: dict[int, list[dict[str, Any]]]
    records: dict[str, Record]

    def record(self, take: dict[str, Any]) -> Record:
        return self.records[take["record"]["record_id"]]

    def revisits(self) -> Iterator[tuple[dict[str, Any], Record]]:
        """The takes that rest on a 304, and their records."""
        for takes in self.takes.values():
            yield from ((take, self.record(take)) for take in takes if take["status"] == 304)

    def asked(self, id: int) -> list[bytes]:
        """The conditional lines of each request for the id."""
        heads = [logged.request for logged in self.seen if logged.article_id == id]
        return [b"|".join(re.findall(rb"\r\n(If-[^\r]*)", head)) for head in heads]


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refreshed]:
    folder = tmp_path_factory.mktemp("refreshed")
    with running_site(folder, articles=12) as site:
        house = House(folder, site)
        house.crawl([FIRST], "-adiscover=none")
        ran, verified = [], []
        for _ in range(TIMES):
            ran.append(house.crawl(PAGES.values(), "-adiscover=none", "-arefresh=0"))
            verified.append(house.scrapy("verify"))
        archive = house.archive
        records = {record.id: record for record in archive.records()}
        yield Refreshed(house, ran, verified, site.exchanges(), archive.takes(), records)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A site of its own, whose counts begin anew."""
    with running_site(tmp_path, articles=40) as site:
        yield House(tmp_path, site)


# What becomes of each page


def test_every_page_is_in_the_table(refreshed: Refreshed) -> None:
    assert PAGES.keys() == TAKES.keys()
    assert refreshed.takes.keys() == {FIRST, *PAGES.values()}
    assert [ran.code for ran in refreshed.ran] == [0] * TIMES


@pytest.mark.parametrize("name", TAKES)
def test_a_take_has_one_outcome_and_rests_on_the_record_of_what_came(refreshed: Refreshed, name: str) -> None:
    takes = refreshed.takes[PAGES[name]]
    outcomes, rests, versions = (each.split() for each in TAKES[name])
    assert [take["take"] for take in takes] == [1, 2, 3, 4]
    assert [take["outcome"] for take in takes] == outcomes
    assert [rest_of(take, refreshed.record(take)) for take in takes] == rests
    assert [str(take["version"] or "-") for take in takes] == versions


def rest_of(take: dict[str, Any], record: Record) -> str:
    if record.type == "response":
        return WHOLE
    return SAME if record.headers["WARC-Profile"] == NOT_MODIFIED else REVISIT


@pytest.mark.parametrize("name", TAKES)
def test_what_is_unchanged_makes_no_line(refreshed: Refreshed, name: str) -> None:
    lines = [
        line
        for line in map(json.loads, refreshed.house.archive.lines("items"))
        if int(line["id"]) == PAGES[name]
    ]
    assert len(lines) == {"held_edited": 2, "second": 0}.get(name, 1)


def test_only_what_rests_on_a_304_says_so(refreshed: Refreshed) -> None:
    for takes in refreshed.takes.values():
        assert {take["status"] for take in takes if take["reason"] == "not_modified"} <= {304}
        assert {take["reason"] for take in takes if take["status"] == 304} <= {"not_modified"}


def test_a_304_says_the_text_that_stands_and_whose_it_is(refreshed: Refreshed) -> None:
    takes = refreshed.takes[SECOND]
    assert {take["content_hash"] for take in takes} == {refreshed.takes[FIRST][0]["content_hash"]}
    assert [take["duplicate_of"] for take in takes] == [{"id": str(FIRST), "version": 1}] * TIMES


@pytest.mark.parametrize("at", range(TIMES))
def test_verify_finds_the_archive_sound_after_every_run(refreshed: Refreshed, at: int) -> None:
    ran = refreshed.verified[at]
    assert (ran.code, ran.out[:6]) == (0, "sound:"), ran.out


# What is asked, and with what


@pytest.mark.parametrize("name", [name for name in TAKES if name not in NEVER_ASKED])
def test_the_first_request_has_no_condition_and_every_later_one_has(refreshed: Refreshed, name: str) -> None:
    first, *later = refreshed.asked(PAGES[name])
    assert first == b""
    assert all(later)


@pytest.mark.parametrize("name", NEVER_ASKED)
def test_without_validators_of_its_own_url_a_page_is_asked_for_plainly(
    refreshed: Refreshed, name: str
) -> None:
    assert set(refreshed.asked(PAGES[name])) == {b""}


def test_validators_are_sent_as_they_were_given(refreshed: Refreshed) -> None:
    etag = refreshed.takes[STATIC][0]["etag"].encode()
    assert set(refreshed.asked(STATIC)[1:]) == {
        b"If-None-Match: %b|If-Modified-Since: %b" % (etag, DATE.encode())
    }
    assert set(refreshed.asked(PAGES["held_dated"])[1:]) == {b"If-Modified-Since: " + DATE.encode()}
    assert {line[:18] for line in refreshed.asked(PAGES["held_weak"])[1:]} == {b'If-None-Match: W/"'}


def test_the_newer_validators_of_a_304_are_sent_next(refreshed: Refreshed) -> None:
    assert refreshed.asked(PAGES["held_renewed"]) == [
        b"",
        b'If-None-Match: "x"',
        b'If-None-Match: W/"x"',
        b'If-None-Match: W/"x"',
    ]


def test_a_304_that_repeats_no_validators_leaves_those_that_were_sent(refreshed: Refreshed) -> None:
    takes = refreshed.takes[PAGES["held_dated"]]
    assert [(take["etag"], take["last_modified"]) for take in takes] == [(None, DATE)] * TIMES


def test_a_retry_asks_with_the_same_condition(refreshed: Refreshed) -> None:
    _, *later = refreshed.asked(PAGES["held_busy"])
    assert len(later) == 2 * (TIMES - 1)
    assert len(set(later)) == 1
    assert [take["attempts"] for take in refreshed.takes[PAGES["held_busy"]]] == [1, 2, 2, 2]


def test_the_recorded_request_has_the_condition(refreshed: Refreshed) -> None:
    requests = {
        record.headers.get("WARC-Concurrent-To"): record.block
        for record in refreshed.records.values()
        if record.type == "request"
    }
    seen = Counter(logged.request for logged in refreshed.seen)
    for take, record in refreshed.revisits():
        assert re.search(rb"\r\nIf-(None-Match|Modified-Since): ", requests[record.id])
        assert requests[record.id] in seen, take


# What a stranger reads


def test_every_304_is_a_revisit_that_names_the_first_whole_record_of_its_page(refreshed: Refreshed) -> None:
    for take, record in refreshed.revisits():
        original = refreshed.record(refreshed.takes[int(take["id"])][0])
        assert original.type == "response"
        assert {
            name: record.headers[name]
            for name in record.headers
            if "Refers" in name or name == "WARC-Payload-Digest"
        } == {
            "WARC-Refers-To": original.id,
            "WARC-Refers-To-Target-URI": original.headers["WARC-Target-URI"],
            "WARC-Refers-To-Date": original.headers["WARC-Date"],
            "WARC-Payload-Digest": original.headers["WARC-Payload-Digest"],
        }
        assert record.headers["WARC-Target-URI"] == original.headers["WARC-Target-URI"] == take["url"]
        assert record.block.startswith(b"HTTP/1.1 304 Not Modified\r\n")


def test_replay_finds_the_page_of_every_304_by_url_date_and_digest(refreshed: Refreshed) -> None:
    """As pywb looks it up; the page is then read with warcio."""
    archive, found = refreshed.house.archive, 0
    captures = [line for path in archive.files("index") for line in path.read_text().splitlines()]
    for path in archive.files("warc"):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                if record.rec_headers["WARC-Profile"] == NOT_MODIFIED:
                    original = looked_up(captures, record.rec_headers)
                    assert payload_at(
                        archive.folder / "warcs" / original["filename"], int(original["offset"])
                    )
                    found += 1
    assert found == len(list(refreshed.revisits())) > 0


def looked_up(captures: list[str], headers: Any) -> dict[str, str]:
    """The one capture, no revisit, of that URL at that time."""
    second = re.sub(r"\D", "", headers["WARC-Refers-To-Date"])[:14]
    key = f"{surt(headers['WARC-Refers-To-Target-URI'])} {second} "
    entries = [json.loads(line.split(" ", 2)[2]) for line in captures if line.startswith(key)]
    (entry,) = [entry for entry in entries if entry["mime"] != "warc/revisit" and entry["status"] == "200"]
    assert entry["digest"] == headers["WARC-Payload-Digest"]
    return entry


def payload_at(path: Path, offset: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(offset)
        return next(iter(ArchiveIterator(stream))).content_stream().read()


# Other ways to a second take


def test_a_refresh_in_between_leaves_what_is_young_enough(house: House) -> None:
    for arguments in ((), ("-arefresh=7d",), ("-arefresh=0",)):
        assert house.crawl([STATIC], "-adiscover=none", *arguments).code == 0
    assert [take["status"] for take in house.archive.takes()[STATIC]] == [200, 304]
    assert house.site.fetches(STATIC) == 2


def test_a_requeued_id_is_asked_for_with_its_validators(house: House) -> None:
    house.crawl([STATIC], "-adiscover=none")
    house.scrapy("ids", "requeue", "--outcome", "article")
    assert house.crawl(None, "-adiscover=none").code == 0
    assert [take["status"] for take in house.archive.takes()[STATIC]] == [200, 304]
    assert house.scrapy("verify").code == 0


def test_a_ledger_made_anew_has_the_same_validators(house: House) -> None:
    house.crawl([STATIC], "-adiscover=none")
    house.crawl(None, "-adiscover=none", "-arefresh=0")
    assert house.scrapy("ids", "rebuild").code == 0
    house.crawl(None, "-adiscover=none", "-arefresh=0")
    assert [take["status"] for take in house.archive.takes()[STATIC]] == [200, 304, 304]


def test_the_connection_goes_on_after_a_304(house: House) -> None:
    for _ in range(2):
        house.crawl([STATIC, id_of(10)], "-adiscover=none", "-arefresh=0", CONCURRENT_REQUESTS=1)
    one, two = house.site.exchanges()[-2:]
    assert one.response[:13] == two.response[:13] == b"HTTP/1.1 304 "
    assert one.connection == two.connection


def test_a_refresh_that_was_killed_goes_on_and_every_take_is_unchanged(house: House) -> None:
    ids = [id_of(n) for n in (3, 10, 17, 24, 31, 38)]
    assert house.crawl(ids, "-adiscover=none").code == 0
    kill_at_the_second_304(house)
    assert house.crawl(None, "-adiscover=none", "-arefresh=0").code == 0
    for takes in house.archive.takes().values():
        assert [take["take"] for take in takes] == [*range(1, len(takes) + 1)]
        assert {take["reason"] for take in takes[1:]} == {"not_modified"}
    assert len(house.archive.items()) == len(ids)
    verified = house.scrapy("verify")
    assert verified.code == 0, verified.out


def kill_at_the_second_304(house: House) -> None:
    """Crawl and writer at once, with kill -9."""
    settings = house.settings(DOWNLOAD_DELAY=0.2, CONCURRENT_REQUESTS_PER_DOMAIN=1)
    command = [
        str(SCRAPY),
        "crawl",
        "anapress",
        "-arequisites=0",
        "-adiscover=none",
        "-arefresh=0",
        *settings,
    ]
    with subprocess.Popen(command, cwd=CHECKOUT, start_new_session=True) as crawl:
        while sum(logged.response.startswith(b"HTTP/1.1 304 ") for logged in house.site.exchanges()) < 2:
            assert crawl.poll() is None
        os.killpg(crawl.pid, signal.SIGKILL)
        assert crawl.wait(SECONDS) == -signal.SIGKILL


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_page_that_gets_validators_only_once_its_bytes_are_there_is_asked_for_with_them(
    kind, request, tmp_path
) -> None:
    shared = {}
    if kind == "redis":
        server = request.getfixturevalue("servers")[kind]
        server.empty()
        shared = {"LEDGER_URL": server.url}
    body = Article(7).page
    with scripted(
        {"/a/7": [page(body), page(body, 'ETag: "1"'), says("304 Not Modified", 'ETag: "1"')]}
    ) as site:
        house = House(tmp_path, site)
        for _ in range(3):
            assert house.crawl([7], "-adiscover=none", "-arefresh=0", **shared).code == 0
        asked = [b'\r\nIf-None-Match: "1"\r\n' in each.head for each in site.asked if each.target == "/a/7"]
    assert asked == [False, False, True]
    assert [take["status"] for take in house.archive.takes()[7]] == [200, 200, 304]
