"""Whole crawls through the command line: what becomes of each id, and what a user is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.crawling import CHECKOUT, SCRAPY, Archive, House, Ran, run, scrapy
from tests.site import FAULTS, SEED_ID, SHOWN, Logged, Site, fault_id, id_of, running_site, seed_ids

ARTICLES = 60
TAKEN = (*FAULTS.values(), SEED_ID, *seed_ids(), *map(id_of, range(ARTICLES)))
SCHEMA = json.loads((CHECKOUT / "docs" / "article.schema.json").read_text())

# What becomes of each fault that does not show its article in the end.
EXPECTED = {
    "gone": {"status_404": "http_404", "status_410": "http_410"},
    "not_article": {
        "status_204": "empty",
        "soft_404": "soft_404",
        "parked": "parked",
        "home_page": "home_page",
        "other_article_shown": f"shows:{id_of(0)}",
        "js_shell": "js_shell",
        "empty_body": "empty",
        "pdf": "non_html",
        "json": "non_html",
        "redirect_other_301": f"redirected_to:{id_of(0)}",
        "redirect_other_302": f"redirected_to:{id_of(0)}",
        "redirect_slash": "redirected_home",
        "redirect_loop": f"redirected_to:{fault_id('redirect_loop_back')}",
        "redirect_loop_back": f"redirected_to:{fault_id('redirect_loop')}",
        "redirect_robots": "redirected_away",
        "redirect_elsewhere": "redirected_away",
    },
    "refused": {
        "status_401": "http_401",
        "status_403_block": "http_403",
        "block_page_200": "block_page",
        "redirect_loopback": "ssrf_blocked",
        "redirect_private": "ssrf_blocked",
        "redirect_metadata": "ssrf_blocked",
    },
    "failed": {
        "status_500": "http_500",
        "status_503_forever": "http_503",
        "status_304_unasked": "not_modified_unasked",
        "redirect_https": "tls_error",  # this site has no TLS
        "redirect_self": "redirect_loop",
        "redirect_no_location": "bad_redirect",
        "redirect_mailto": "bad_redirect",
        "redirect_bad_ipv6": "bad_redirect",
        "redirect_injection": "bad_redirect",
        "body_cut": "dataloss",
        "chunked_cut": "dataloss",
        "chunked_no_end": "dataloss",
        "chunked_bad_size": "protocol_error",
        "length_unequal": "protocol_error",
        "gzip_cut": "truncated",
        "gzip_bomb": "bomb",
        "br_claimed": "unknown_coding",
        "header_huge": "header_too_large",
        "headers_many": "header_too_large",
        "status_garbage": "protocol_error",
        "status_icy": "protocol_error",
        "status_line_only": "dataloss",
        "head_cut": "dataloss",
        "empty_reply": "empty_reply",
        "http09": "protocol_error",
        "endless": "too_large",
    },
}
ABSENT = {name: (outcome, reason) for outcome, all in EXPECTED.items() for name, reason in all.items()}
WHOLE = sorted((SHOWN | {"length_negative"}) - ABSENT.keys())  # that one is read to the connection's end


@dataclass(frozen=True, slots=True)
class Crawled:
    house: House
    ran: Ran
    preview: list[dict[str, Any]]
    seen: list[Logged]
    archive: Archive
    items: dict[int, dict[str, Any]]
    takes: dict[int, list[dict[str, Any]]]

    def outcome(self, id: int) -> dict[str, Any]:
        """The one outcome of an id that was taken once."""
        (take,) = self.takes[id]
        return take


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    """All faults, the seed in all markups, and some articles."""
    folder = tmp_path_factory.mktemp("crawled")
    with running_site(folder, articles=ARTICLES) as site:
        house, preview = House(folder, site), folder / "preview.jsonl"
        ran = house.crawl(TAKEN, "-O", str(preview))
        shown = [json.loads(line) for line in preview.read_text().splitlines()]
        archive = house.archive
        yield Crawled(house, ran, shown, site.exchanges(), archive, archive.items(), archive.takes())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose articles lead to each other, for crawls that each have an archive of their own."""
    with running_site(tmp_path_factory.mktemp("small"), articles=25) as site:
        yield site


@pytest.fixture
def house(small: Site, tmp_path: Path) -> House:
    return House(tmp_path, small)


# What becomes of an id


def test_every_fault_has_its_place_in_these_tables() -> None:
    assert FAULTS.keys() == {*WHOLE, *ABSENT}


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_a_fault_ends_as_what_it_is(crawled: Crawled, name: str) -> None:
    take = crawled.outcome(FAULTS[name])
    assert (take["outcome"], take["reason"]) == ABSENT[name]
    assert FAULTS[name] not in crawled.items


@pytest.mark.parametrize("name", WHOLE)
def test_an_odd_answer_still_gives_its_article(crawled: Crawled, name: str) -> None:
    assert crawled.outcome(FAULTS[name])["outcome"] == "article"


@pytest.mark.parametrize("name", ["status_503_forever", "body_cut"])
def test_attempts_count_what_was_asked(crawled: Crawled, name: str) -> None:
    assert crawled.outcome(FAULTS[name])["attempts"] == crawled.house.site.fetches(FAULTS[name]) == 3


@pytest.mark.parametrize("name", ["status_503_then_ok", "status_429_then_ok"])
def test_an_answer_that_asks_for_a_pause_costs_no_attempt(crawled: Crawled, name: str) -> None:
    assert crawled.house.site.fetches(FAULTS[name]) == 3
    assert crawled.outcome(FAULTS[name])["attempts"] == 1


def test_an_id_that_was_asked_for_has_one_outcome(crawled: Crawled) -> None:
    takes = crawled.takes
    assert takes.keys() == set(TAKEN)
    assert {len(each) for each in takes.values()} == {1}


def test_a_private_address_is_never_connected_to(crawled: Crawled) -> None:
    hosts = {
        line for logged in crawled.seen for line in logged.request.split(b"\r\n") if line[:5] == b"Host:"
    }
    assert hosts == {b"Host: anapress.net", b"Host: www.anapress.net"}


# What the articles say


def test_every_article_says_what_its_page_says(crawled: Crawled) -> None:
    told = {id: crawled.house.site.truth(id) for id in crawled.items}
    wrong = {
        id: [key for key, value in _said(crawled.items[id], truth).items() if truth[key] != value]
        for id, truth in told.items()
        if truth is not None
    }
    assert len(wrong) > ARTICLES
    assert not {id: keys for id, keys in wrong.items() if keys}


def _said(item: dict[str, Any], truth: dict[str, Any]) -> dict[str, Any]:
    """What a line says, in the words of the truth."""
    said = {key: item[key] for key in ("title", "published_time", "published_at", "author", "section")}
    said["paragraphs"] = item["paragraphs"]
    if truth["nonce"]:  # one paragraph more, another at every fetch
        said["paragraphs"] = [each for each in item["paragraphs"] if each in truth["paragraphs"]]
        said["nonce"] = len(item["paragraphs"]) == len(said["paragraphs"]) + 1
    if truth["views"] is not None:
        said["views"] = item["views"]
    return said | {"related": [int(each["id"]) for each in item["related"]]}


def test_of_ids_with_one_text_one_gives_the_line_and_the_others_name_it(crawled: Crawled) -> None:
    texts: dict[int, list[int]] = {}
    for id in crawled.takes:
        if (truth := crawled.house.site.truth(id)) and (first := truth["duplicate_of"]) in TAKEN:
            texts.setdefault(first, [first]).append(id)
    assert len(texts) > 1
    for ids in texts.values():
        takes = [crawled.outcome(id) for id in ids]
        (line,) = [take["id"] for take in takes if take["outcome"] == "article"]
        others = [take for take in takes if take["id"] != line]
        assert all(take["outcome"] == "duplicate" for take in others)
        assert all(take["duplicate_of"] == {"id": line, "version": 1} for take in others)
        assert crawled.items.keys() & set(ids) == {int(line)}


def test_every_committed_line_is_what_the_schema_says(crawled: Crawled) -> None:
    validator = Draft202012Validator(SCHEMA)
    lines = [json.loads(line) for line in crawled.archive.lines("items")]
    assert not [(line["id"], fault.message) for line in lines for fault in validator.iter_errors(line)]


def test_the_schema_wants_every_key_and_no_other() -> None:
    def objects(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            yield from [node] if node.get("type") == "object" else []
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from objects(child)

    Draft202012Validator.check_schema(SCHEMA)
    for described in objects(SCHEMA):
        assert described["required"] == list(described["properties"])
        assert described["additionalProperties"] is False


def test_a_line_is_canonical_json_with_its_keys_in_the_order_of_the_schema(crawled: Crawled) -> None:
    for line in crawled.archive.lines("items"):
        item = json.loads(line)
        assert list(item) == list(SCHEMA["properties"])
        assert json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode() == line


def test_a_line_names_the_record_that_holds_its_payload(crawled: Crawled) -> None:
    at = {(record.path.name, record.offset): record for record in crawled.archive.records()}
    for item in crawled.items.values():
        place = item["record"]
        record = at[Path(place["warc"]).name, place["offset"]]
        assert (record.id, record.type) == (place["record_id"], "response")
        assert record.headers["WARC-Payload-Digest"] == place["payload_digest"]


def test_a_feed_shows_the_articles_as_they_were_read(crawled: Crawled) -> None:
    takes = crawled.takes.items()
    read = {str(id) for id, (take,) in takes if take["outcome"] in {"article", "duplicate"}}
    assert {item["id"] for item in crawled.preview} == read
    lines = {str(id): item for id, item in crawled.items.items()}
    decided = ("version", "record", "capture")
    for item in crawled.preview:
        if line := lines.get(item["id"]):
            assert item == {key: value for key, value in line.items() if key not in decided}


# What strangers say of it


def test_warcio_complains_of_nothing_but_payloads_in_chunks(crawled: Crawled) -> None:
    """It judges a payload digest over the chunks' framing too; WARC 1.1, 6.3.2 has it without (docs/DATA.md)."""
    ran = run(str(SCRAPY.with_name("warcio")), "check", *map(str, crawled.archive.files("warc")))
    said = [line.strip() for line in ran.out.splitlines() if not line.startswith("/")]
    named = {line.split()[3]: complaint for line, complaint in zip(said[::2], said[1::2], strict=True)}
    chunked = {
        record.id
        for record in crawled.archive.records()
        if record.type == "response" and b"\r\nTransfer-Encoding: chunked\r\n" in record.block
    }
    assert named.keys() <= chunked
    assert all(complaint.startswith("payload digest failed") for complaint in named.values())


def test_fastwarc_reads_every_record(crawled: Crawled) -> None:
    from fastwarc.warc import ArchiveIterator

    read = []
    for path in crawled.archive.files("warc"):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, parse_http=False):
                assert record.verify_block_digest()
                read.append(record.record_id)
    assert read == [record.id for record in crawled.archive.records()]


def test_verify_finds_the_archive_sound(crawled: Crawled) -> None:
    ran = crawled.house.scrapy("verify")
    assert (ran.code, ran.out[:6]) == (0, "sound:"), ran.out


# Which ids are taken


def test_links_are_found_and_the_next_crawl_takes_them_all(house: House) -> None:
    first = house.crawl([id_of(0)])
    assert (first.code, house.archive.takes().keys()) == (0, {id_of(0)}), "only what was asked for"
    assert house.crawl().code == 0
    assert house.archive.takes().keys() == {*map(id_of, range(25))}
    found = {line["found"] for line in map(json.loads, house.archive.lines("outcomes"))}
    assert found == {"list", "link"}


def test_a_crawl_with_nothing_left_asks_for_nothing(house: House) -> None:
    house.crawl([id_of(0)], "-adiscover=none")
    before, seen = house.archive.tree(), len(house.site.exchanges())
    again = house.crawl()
    assert (again.code, again.last.startswith("Done: 0 takes; 0 ids")) == (0, True)
    assert house.archive.tree() == before
    assert len(house.site.exchanges()) == seen


def test_an_id_that_is_settled_is_not_taken_again_unless_its_capture_is_too_old(house: House) -> None:
    for arguments in ((), (), ("-arefresh=7d",), ("-arefresh=0",)):
        assert house.crawl([id_of(0)], "-adiscover=none", *arguments).code == 0
    assert [take["outcome"] for take in house.archive.takes()[id_of(0)]] == ["article", "unchanged"]


def test_without_discovery_no_link_becomes_an_id(house: House) -> None:
    house.crawl([id_of(0)], "-adiscover=none")
    assert {json.loads(line)["id"] for line in house.archive.lines("outcomes")} == {str(id_of(0))}


def test_ids_come_from_a_file_of_ids_and_urls(house: House, tmp_path: Path) -> None:
    listed = tmp_path / "ids.txt"
    listed.write_text(f"# two\n{id_of(3)}\nhttp://anapress.net/a/{id_of(4)}\n{id_of(3)}\n")
    assert house.crawl(str(listed)).code == 0
    assert house.archive.takes().keys() == {id_of(3), id_of(4)}


def test_what_is_taken_again_is_unchanged_or_a_new_version(house: House) -> None:
    static, nonce = id_of(3), id_of(4)
    house.crawl([static, nonce], "-adiscover=none")
    house.scrapy("ids", "requeue", "--outcome", "article")
    assert house.crawl(None, "-adiscover=none").code == 0
    takes = house.archive.takes()
    assert [(take["outcome"], take["version"]) for take in takes[static]] == [
        ("article", 1),
        ("unchanged", 1),
    ]
    assert [(take["outcome"], take["version"]) for take in takes[nonce]] == [("article", 1), ("changed", 2)]
    again = takes[static][1]["record"]
    (record,) = [record for record in house.archive.records() if record.id == again["record_id"]]
    assert (record.type, record.headers["WARC-Refers-To"]) == (
        "revisit",
        takes[static][0]["record"]["record_id"],
    )
    assert [json.loads(line)["version"] for line in house.archive.lines("items")] == [1, 1, 2]


# How it ends


def test_a_crawl_that_settled_all_exits_0_and_says_so(house: House) -> None:
    ran = house.crawl([id_of(0), FAULTS["status_404"]], "-adiscover=none")
    assert (ran.code, ran.last[-8:]) == (0, "(exit 0)")
    assert ran.last.startswith("Done: 2 takes (1 article, 1 gone); 0 ids")


def test_the_last_line_counts_what_the_commit_decided(house: House) -> None:
    """That a text is another id's is known only then."""
    ran = house.crawl([SEED_ID, seed_ids()[1]], "-adiscover=none")
    assert ran.last.startswith("Done: 2 takes (1 article, 1 duplicate); 0 ids"), ran.said
    (path,) = (house.archive.folder / "runs").iterdir()
    run = json.loads(path.read_bytes())
    assert run["outcomes"] == {"article": 1, "duplicate": 1}
    assert run["reason"] == ran.last.removesuffix(" (exit 0)")


def test_the_last_line_says_how_many_of_the_asked_for_ids_were_settled_already(house: House) -> None:
    house.crawl(map(id_of, (0, 1)), "-adiscover=none")
    asked = [*map(id_of, (0, 1, 2))]
    ran = house.crawl(asked, "-adiscover=none")
    assert ran.last.startswith("Done: 1 take (1 article), 2 ids settled already; 0 ids"), ran.said
    ran = house.crawl(asked, "-adiscover=none", "-arefresh=0")
    assert ran.last.startswith("Done: 3 takes (3 unchanged); 0 ids"), ran.said
    ran = house.crawl(asked, "-adiscover=none", "-arefresh=1d")
    assert ran.last.startswith("Done: 0 takes, 3 ids settled already; 0 ids"), ran.said


def test_a_crawl_with_failed_ids_exits_4_and_says_how_to_take_them_again(crawled: Crawled) -> None:
    assert crawled.ran.code == 4
    assert "`scrapy ids requeue --outcome failed`" in crawled.ran.last


@pytest.mark.parametrize(
    "given",
    [
        ["-aid=1"],
        ["-aids=1", "-asource=warc"],
        ["-aids=1", "-acaptures=all"],
        ["-aids=1", "-asource=wayback", "-sWAYBACK_URL=web.archive.org"],
        ["-aids=1", "-asource=wayback", "-sWAYBACK_INDEX_SECONDS=soon"],
        ["-aids=1", "-asource=wayback", "-acaptures=newest"],
        ["-adiscover=everywhere"],
        ["-adiscover=links"],
        ["-adiscover=site", "-sDISCOVER_PAGES=0"],
        ["-adiscover=site", "-sDISCOVER_DEPTH=deep"],
        ["-aids=no-such-file"],
        ["-aids=1,two"],
        ["-aids=1", "-sARCHIVE_URL=s3://bucket/prefix"],
        ["-aids=1", "-sSEGMENT_BYTES=0"],
        ["-aids=1", "-sHEAD_BYTES=abc"],
        ["-aids=1", "-sIDLE_SECONDS=-1"],
        ["-aids=1", "-sIDLE_SECONDS=nan"],
        ["-aids=1", "-sDOWNLOAD_DELAY=inf"],
        ["-aids=1", "-sITEM_PIPELINES={}"],
        ["-aids=1", "-sDOWNLOADER_MIDDLEWARES={}"],
        ["-aids=1", '-sEXTENSIONS={"crawler.extensions.manners.Manners": 5}'],
        ["-aids=1", "-sCONTACT=me@example.org\n"],
        ["-aids=1", "-sUSER_AGENT=a\r\nX: b"],
        ["-aids=1", "-sRETRY_TIMES=2.5"],
        ["-aids=1", "-sRETRY_SECONDS=soon"],
        ["-aids=1", "-sSTOP_AFTER_USELESS=-1"],
        ["-aids=1", "-sDOWNLOAD_MAXSIZE=999999999999"],
        ["-aids=1", "-sDECODED_BYTES=999999999999"],
        ["-aids=1", "-sPAGE_TAGS=0"],
        ["-aids=1", "-sREDIRECT_MAX_TIMES=few"],
        ["-arefresh=999999w"],
        ["-aids=1", "-sCONNECT_TO=anapress.net"],
        ["-aids=1", "-sWIRE_PROXY=ftp://127.0.0.1"],
        ["-aids=1", "-sRESOLVE=nobody.knows"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_told_in_a_sentence_and_touches_nothing(house: House, given: list[str]) -> None:
    seen = len(house.site.exchanges())
    ran = scrapy("crawl", "anapress", *house.settings(), *given)
    assert (ran.code, len(ran.said.splitlines()), ran.last[-8:]) == (2, 1, "(exit 2)"), ran.said
    assert not list(house.folder.iterdir())
    assert len(house.site.exchanges()) == seen


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["list"], "anapress\n"),
        (["check"], ""),
        (["fetch", "http://anapress.net/a/{}"], "<!DOCTYPE html>"),
        (["shell", "-c", "response.status", "http://anapress.net/a/{}"], "200\n"),
        (["parse", "http://anapress.net/a/{}"], "'content_hash': 'n1:sha256:"),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else "",
)
def test_a_look_at_a_page_opens_no_archive(house: House, command: list[str], said: str) -> None:
    ran = house.scrapy(*(word.format(id_of(0)) for word in command))
    assert (ran.code, said in ran.out) == (0, True), (ran.out, ran.said)
    assert not list(house.folder.iterdir())


def test_a_script_of_ones_own_commits_just_the_same(house: House, tmp_path: Path) -> None:
    script = tmp_path / "crawl.py"
    script.write_text(
        "import sys\n"
        "from scrapy.crawler import CrawlerProcess\n"
        "from scrapy.utils.project import get_project_settings\n"
        "settings = get_project_settings()\n"
        "settings.setdict(dict(word[2:].split('=', 1) for word in sys.argv[2:]), priority='cmdline')\n"
        "process = CrawlerProcess(settings)\n"
        "process.crawl('anapress', ids=sys.argv[1], discover='none')\n"
        "process.start()\n"
    )
    ran = run(sys.executable, str(script), str(id_of(0)), *house.settings())
    assert ran.code == 0, ran.said
    assert [take["outcome"] for take in house.archive.takes()[id_of(0)]] == ["article"]
    assert house.scrapy("verify").code == 0
