"""Every case of the list of faults that comes over the wire, in one whole crawl (docs/ROBUSTNESS.md)."""

from __future__ import annotations

import json
import re
import sqlite3
from base64 import b32encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

import pytest

from tests.crawling import SCRAPY, Archive, Ran, Record, run, scrapy
from tests.faults import CASES, TRIES, Article, Case, Kept
from tests.faults.redirects import HOPS
from tests.faults.serving import Hosts, serving

FIRST = 1001  #: the id of the first case; the others follow
IDS = {case: FIRST + at for at, case in enumerate(CASES)}
SETTINGS = {
    "DOWNLOAD_DELAY": 0,
    "CONCURRENT_REQUESTS": 16,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
    "RETRY_TIMES": TRIES - 1,
    "REDIRECT_MAX_TIMES": HOPS,
    "DOWNLOAD_MAXSIZE": 13 << 20,
    "PAGE_BYTES": 11 << 20,
    "DOWNLOAD_TIMEOUT": 10,  # this machine may be busy
    "IDLE_SECONDS": 5,
    "CONNECT_SECONDS": 5,
    "ROBOTSTXT_OBEY": 0,
    "LOG_LEVEL": "DEBUG",
    "RESOLVE": "tests.faults.edge.resolve",
}


@dataclass(frozen=True, slots=True)
class Crawled:
    ran: Ran
    hosts: Hosts
    archive: Archive
    records: dict[str, list[Record]]  #: requests and what came, by URL
    items: dict[int, dict[str, Any]]
    takes: dict[int, list[dict[str, Any]]]
    run: dict[str, Any]  #: the run's summary
    peak: int  #: MiB of memory that the crawl's process had at most

    def of(self, case: Case, *types: str) -> list[Record]:
        """The case's records of these types, in their order."""
        asked = re.compile(rf"https?://(?:www\.)?anapress\.net\.?/a/{IDS[case]}(\?.*)?")
        records = (each for url, all in self.records.items() if asked.fullmatch(url) for each in all)
        return sorted((each for each in records if each.type in types), key=lambda each: each.offset)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    folder = tmp_path_factory.mktemp("faults")
    with serving({id: case.at(id) for case, id in IDS.items()}, folder) as hosts:
        settings = {**SETTINGS, "ARCHIVE_URL": folder / "archive", "CONNECT_TO": hosts.connect_to}
        ids = f"-aids={','.join(map(str, IDS.values()))}"
        given = [f"-s{name}={value}" for name, value in settings.items()]
        environment = {"SSL_CERT_FILE": str(folder / "ca.pem"), "TEST_EDGE_LOG": str(folder / "edge.log")}
        ran = scrapy(
            "crawl", "anapress", "-arequisites=0", ids, "-adiscover=none", *given, environment=environment
        )
    archive = Archive(folder / "archive")
    records: dict[str, list[Record]] = {}
    for record in archive.records():
        records.setdefault(record.headers.get("WARC-Target-URI", ""), []).append(record)
    peak = int((folder / "edge.log").read_text().rpartition("peak ")[2])
    (summary,) = (folder / "archive" / "runs").glob("*.json")
    return Crawled(
        ran, hosts, archive, records, archive.items(), archive.takes(), json.loads(summary.read_bytes()), peak
    )


def each(cases: Iterator[Case]) -> Any:
    given = [
        pytest.param(one, id=f"{one.number}: {one.comes}", marks=pytest.mark.fault(one.number))
        for one in cases
    ]
    return pytest.mark.parametrize("case", given)


# The archive


@each(iter(CASES))
def test_the_archive_holds_what_came_byte_for_byte(crawled: Crawled, case: Case) -> None:
    asked, kept = crawled.hosts.asked(IDS[case]), crawled.of(case, "response", "revisit")
    # a request on a kept connection that closes without a byte goes once more on a fresh one
    assert case.asked <= len(asked) <= case.asked * (2 if case.becomes == "failed empty_reply" else 1)
    assert sorted(one.request for one in asked) == sorted(
        record.block for record in crawled.of(case, "request")
    )
    if case.kept is Kept.REQUEST:
        assert not kept
        return
    assert len(kept) == len(asked)
    for one, record in zip(asked, kept, strict=True):
        assert _is_kept(case.kept, one.sent, record)


def _is_kept(kept: Kept, sent: bytes, record: Record) -> bool:
    block = record.block
    if record.type == "revisit":  # the payload is the last one's; the head is its own
        return sent.startswith(block) and block.endswith(b"\r\n\r\n")
    if record.headers.get("WARC-Truncated", "") != kept.value.partition("`")[2].rstrip("`"):
        return False
    if kept in (Kept.WHOLE, Kept.HOP, Kept.DISCONNECT):
        return sent == block
    return sent.startswith(block) and b"\r\n\r\n" in block


def test_every_digest_is_right(crawled: Crawled) -> None:
    for record in (one for all in crawled.records.values() for one in all):
        digest = f"sha1:{b32encode(sha1(record.block).digest()).decode()}"
        assert record.headers["WARC-Block-Digest"] == digest


def test_no_answer_forges_a_record_or_breaks_a_line_of_one(crawled: Crawled) -> None:
    for url, records in crawled.records.items():
        assert re.fullmatch(r"[!-~]*", url)
        for record in records:
            assert record.headers.keys() <= HEADERS


HEADERS = {
    *("WARC-Type", "WARC-Record-ID", "WARC-Date", "Content-Type", "Content-Length", "WARC-Block-Digest"),
    *("WARC-Payload-Digest", "WARC-Target-URI", "WARC-Concurrent-To", "WARC-IP-Address", "WARC-Truncated"),
    *("WARC-Profile", "WARC-Refers-To", "WARC-Refers-To-Target-URI", "WARC-Refers-To-Date", "WARC-Filename"),
    *("WARC-Warcinfo-ID", "WARC-Identified-Payload-Type"),
}


# The items


@each(case for case in CASES if case.becomes == "article")
def test_the_article_is_read_as_its_site_wrote_it(crawled: Crawled, case: Case) -> None:
    item, article = crawled.items[IDS[case]], Article(IDS[case])
    assert (item["title"], tuple(item["paragraphs"][:2])) == (article.title, article.paragraphs)
    if case.facts:
        assert (item["published_at"], item["published_time"]) == case.facts


@each(case for case in CASES if case.becomes != "article")
def test_what_gave_no_article_gave_no_item(crawled: Crawled, case: Case) -> None:
    assert IDS[case] not in crawled.items


# The ledger


@each(iter(CASES))
def test_the_id_is_settled_by_one_take(crawled: Crawled, case: Case) -> None:
    (take,) = crawled.takes[IDS[case]]
    outcome, _, reason = case.becomes.partition(" ")
    assert (take["outcome"], take["reason"] or "") == (outcome, reason)
    assert (take["take"], take["attempts"]) == (1, case.attempts or case.asked)
    with sqlite3.connect(crawled.archive.folder / "ledger.db") as ledger:
        row = ledger.execute(
            "SELECT todo, holder, takes, outcome, reason FROM ids WHERE id = ?", [IDS[case]]
        ).fetchone()
    assert row == (0, None, 1, outcome, reason or None)


def test_no_id_is_left(crawled: Crawled) -> None:
    assert crawled.takes.keys() == set(IDS.values())
    assert (crawled.ran.code, crawled.run["left"]) == (4, 0), crawled.ran.last


# The log


@each(case for case in CASES if case.becomes != "article")
def test_the_log_says_why(crawled: Crawled, case: Case) -> None:
    assert f"Dropped: {IDS[case]}: {case.becomes.partition(' ')[2]}\n" in crawled.ran.said


@each(case for case in CASES if case.odd)
def test_what_was_odd_is_said(crawled: Crawled, case: Case) -> None:
    assert f"/a/{IDS[case]}: {case.odd}\n" in crawled.ran.said


@each(case for case in CASES if case.becomes == "article" and not case.odd)
def test_nothing_else_is_called_odd(crawled: Crawled, case: Case) -> None:
    assert not re.search(rf"/a/{IDS[case]}: \w+\n", crawled.ran.said)


def test_the_summary_counts_every_reason(crawled: Crawled) -> None:
    reasons = Counter(case.becomes for case in CASES if case.becomes != "article")
    counted = {
        f"{outcome} {reason}": count
        for outcome, whys in crawled.run["reasons"].items()
        for reason, count in whys.items()
    }
    assert counted == reasons


def test_nothing_that_comes_is_a_bug_of_ours(crawled: Crawled) -> None:
    assert "Traceback" not in crawled.ran.said
    assert not [line for line in crawled.ran.said.splitlines() if " ERROR: " in line or " CRITICAL: " in line]


@pytest.mark.fault(14)
@pytest.mark.fault(21)
@pytest.mark.fault(22)
@pytest.mark.fault(25)
def test_no_case_takes_the_crawl_more_memory_than_a_few_large_pages(crawled: Crawled) -> None:
    assert crawled.peak < 600  # one page of PAGE_BYTES may take 400 MB to parse


# What others say


def test_verify_finds_the_archive_sound(crawled: Crawled) -> None:
    ran = scrapy("verify", f"-sARCHIVE_URL={crawled.archive.folder}")
    assert (ran.code, ran.out[:6]) == (0, "sound:"), ran.out


def test_warcio_complains_of_nothing_but_payloads_in_chunks(crawled: Crawled) -> None:
    ran = run(str(SCRAPY.with_name("warcio")), "check", *map(str, crawled.archive.files("warc")))
    said = [line.strip() for line in ran.out.splitlines() if not line.startswith("/")]
    assert all("payload digest failed" in line for line in said[1::2]), ran.out
