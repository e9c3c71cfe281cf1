"""Pages from other people's files: whoever wrote them, however; and what is broken in them."""

from __future__ import annotations

import io
import os
import zipfile
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import Damaged
from crawler.foreign.finds import Finds
from crawler.foreign.records import Bad, Found, read, scan
from tests.crawling import SCRAPY, House, Ran, run
from tests.s3 import Endpoint
from tests.s3.access import settings_of
from tests.services import held_pages, running
from tests.services.files import HABITS, packed, plain, record, warcinfo
from tests.services.held import Held
from tests.services.listening import Answer, Asked
from tests.site import id_of, truth

ARTICLES = 40
TRUTHS = {id: truth(id) or {} for id in map(id_of, range(ARTICLES))}
SHOWN = [id for id, told in TRUTHS.items() if not told["nonce"] and told["duplicate_of"] is None]
IDS = SHOWN[: len(HABITS)]
AWAY = {"CONNECT_TO": "anapress.net:80:127.0.0.1:1,anapress.net:443:127.0.0.1:1"}


def pages(ids: list[int] = IDS, every: int = 1) -> list[Held]:
    return list(held_pages(ids, articles=ARTICLES, every=every))


def warcs(house: House, *files: Path | str, ids: list[int] | None = None, also: tuple[str, ...] = ()) -> Ran:
    given = ",".join(map(str, files))
    return house.crawl(ids, "-asource=warc", f"-awarcs={given}", "-adiscover=none", *also, **AWAY)


def derived(items: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    apart = ("source", "captured_at", "version", "record", "capture", "views")
    return {id: {name: it for name, it in item.items() if name not in apart} for id, item in items.items()}


def told(house: House, id: int) -> list[tuple[str, str | None]]:
    return [(take["outcome"], take["reason"]) for take in house.archive.takes()[id]]


def sound(house: House) -> bool:
    verified = house.scrapy("verify")
    assert verified.code == 0, verified.out
    return True


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")  # warcio's writer leaves one open
def test_whoever_wrote_the_file_the_article_is_the_same(house: House) -> None:
    folder = house.folder / "theirs"
    folder.mkdir()
    for (name, write), one in zip(HABITS.items(), pages(), strict=True):
        write(folder / name, one)
    ran = warcs(house, folder)
    assert ran.code == 0, ran.said
    live = House(house.folder / "live", house.site)
    assert live.crawl(IDS, "-adiscover=none").code == 0
    assert derived(house.archive.items()) == derived(live.archive.items())
    takes = [take for takes in house.archive.takes().values() for take in takes]
    assert {(take["source"], take["found"], take["reason"]) for take in takes} == {("warc", "warc", None)}
    assert {take["captured_at"][:13] for take in takes} == {"2016-01-02T03"}
    assert sound(house)


def test_a_record_that_plain_readers_can_have_is_copied_and_says_where_from(house: House) -> None:
    (one,) = pages(IDS[:1])
    first, member = packed(warcinfo()), packed(record(one, plain(one), version="WARC/1.1"))
    (house.folder / "x.warc.gz").write_bytes(first + member)
    assert warcs(house, house.folder / "x.warc.gz").code == 0
    place = house.archive.items()[IDS[0]]["record"]
    data = (house.archive.folder / place["warc"]).read_bytes()
    assert data[place["offset"] : place["offset"] + place["length"]] == member
    (beside,) = [each for each in house.archive.records() if each.type == "metadata"]
    said = (
        f"copied: the next record, member for member\r\nsource: file:x.warc.gz\r\nrange: bytes={len(first)}-"
    )
    assert beside.block.startswith(said.encode())


def test_a_second_run_takes_nothing_twice(house: House) -> None:
    one, two = pages(IDS[:2])
    path = house.folder / "x.warc"
    path.write_bytes(record(one, plain(one)) + record(two, plain(two)))
    assert warcs(house, path, ids=IDS[:1]).code == 0
    assert warcs(house, path).code == 0
    assert {id: len(takes) for id, takes in house.archive.takes().items()} == dict.fromkeys(IDS[:2], 1)
    before = house.archive.tree()
    ran = warcs(house, path)
    assert (ran.code, house.archive.tree()) == (0, before), ran.said


def test_an_id_that_no_file_has_is_told_so(house: House) -> None:
    (one,) = pages(IDS[:1])
    (house.folder / "x.warc").write_bytes(record(one, plain(one)))
    assert warcs(house, house.folder / "x.warc", ids=IDS[:2]).code == 0
    assert told(house, IDS[1]) == [("gone", "not_archived")]


def test_ids_that_the_files_do_not_have_are_left(house: House) -> None:
    (one,) = pages(IDS[:1])
    (house.folder / "x.warc").write_bytes(record(one, plain(one)))
    assert house.scrapy("ids", "add", str(IDS[5])).code == 0
    assert warcs(house, house.folder / "x.warc").code == 0
    assert house.archive.takes().keys() == {IDS[0]}


# Revisits


def revisit(one: Held, *named: str) -> bytes:
    head = plain(one).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    return record(one, head, *named, kind="revisit")


@pytest.mark.parametrize("by", ["record", "url", "digest"])
def test_a_revisit_shows_what_the_record_that_it_names_has(house: House, by: str) -> None:
    one, later = pages(IDS[:1], every=2)
    digest = f"WARC-Payload-Digest: sha1:{one.digest}"
    whole = record(one, plain(one), digest)
    id = whole.partition(b"WARC-Record-ID: ")[2].partition(b"\r\n")[0].decode()
    named = {
        "record": (f"WARC-Refers-To: {id}",),
        "url": (
            f"WARC-Refers-To-Target-URI: {one.url}",
            f"WARC-Refers-To-Date: {one.moment:%Y-%m-%dT%H:%M:%SZ}",
        ),
        "digest": (digest,),
    }[by]
    (house.folder / "a.warc").write_bytes(revisit(later, *named))
    (house.folder / "b.warc.gz").write_bytes(packed(whole))
    assert warcs(house, house.folder / "*.warc*", also=("-acaptures=all",)).code == 0
    assert told(house, IDS[0]) == [("article", None), ("unchanged", None)]
    days = [take["captured_at"][:10] for take in house.archive.takes()[IDS[0]]]
    assert days == ["2016-01-02", "2016-01-03"]
    assert sound(house)


def test_a_revisit_of_what_no_file_has_fails(house: House) -> None:
    (one,) = pages(IDS[:1])
    (house.folder / "x.warc").write_bytes(revisit(one))
    assert warcs(house, house.folder / "x.warc").code == 4
    assert told(house, IDS[0]) == [("failed", "revisit_unresolved")]


# What is broken


def spoiled(data: bytes) -> bytes:
    half = len(data) // 2
    return data[:half] + bytes(50) + data[half + 50 :]


@pytest.mark.parametrize("pack", [packed, lambda made: made], ids=["gzip", "plain"])
def test_what_is_broken_is_named_and_the_file_goes_on_behind_it(house: House, pack: Any) -> None:
    before, broken, after = (pack(record(one, plain(one))) for one in pages(IDS[:3]))
    path = house.folder / "x.warc"
    path.write_bytes(before + spoiled(broken) + after + after[: len(after) // 2])
    ran = warcs(house, path)
    assert ran.code == 0, ran.said
    assert house.archive.items().keys() == {IDS[0], IDS[2]}
    assert f"{path}, offset {len(before)}: " in ran.said
    assert f"{path}, offset {len(before) + len(broken) + len(after)}: " in ran.said
    assert "2 records of the files can't be read" in ran.said
    assert sound(house)


@pytest.mark.parametrize("pack", [packed, lambda made: made], ids=["gzip", "plain"])
def test_an_id_that_was_asked_for_and_whose_record_is_broken_is_told_so(house: House, pack: Any) -> None:
    (one,) = pages(IDS[:1])
    whole = pack(record(one, plain(one)))
    (house.folder / "x.warc").write_bytes(whole[: len(whole) // 2])
    assert warcs(house, house.folder / "x.warc", ids=IDS[:2]).code == 4
    assert told(house, IDS[0]) == [("failed", "bad_record")]
    assert told(house, IDS[1]) == [("gone", "not_archived")]


@pytest.mark.parametrize(
    "odd",
    [
        lambda made: made.replace(b"Content-Length: ", b"Content-Length: 9", 1),
        lambda made: made.replace(b"Content-Length: ", b"Content-Length: -", 1),
        lambda made: made.replace(b"WARC-Date: 2016", b"WARC-Date: x", 1),
        lambda made: made.replace(b"WARC/1.0\r\n", b"WARC/1.0\r\n" + b"X: y\r\n" * 20_000, 1),
        lambda made: made.replace(b"WARC/1.0\r\n", b"WARC/1.0 " + b"x" * 100_000 + b"\r\n", 1),
        lambda made: made.replace(b"HTTP/1.1 200", b"nothing here", 1),
    ],
)
def test_a_record_that_is_none_is_passed_over(odd: Any) -> None:
    one, two = pages(IDS[:2])
    data = odd(record(one, plain(one))) + record(two, plain(two))
    found = [step for step in scan(io.BytesIO(data)) if isinstance(step, Found)]
    assert found[-1].url == two.url
    assert len(list(scan(io.BytesIO(data)))) == 2


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "", "yesterday"])
def test_a_record_of_no_possible_date_is_told(date: str) -> None:
    (one,) = pages(IDS[:1])
    made = record(one, plain(one)).replace(f"{one.moment:%Y-%m-%dT%H:%M:%SZ}".encode(), date.encode())
    (found,) = scan(io.BytesIO(made))
    with pytest.raises(Damaged, match="date"):
        Finds().note(0, found)


def test_a_page_beyond_our_limit_is_told() -> None:
    one = Held(url="http://anapress.net/a/7", at="20160102030405", body=bytes(17 << 20))
    (bad,) = [step for step in scan(io.BytesIO(record(one, plain(one)))) if isinstance(step, Bad)]
    assert "we read 16777216 at most" in bad.why


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"WARC/1.0\r\n", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18"]),
)
def test_whatever_a_file_holds_it_is_looked_through_to_its_end(data: bytes, start: bytes) -> None:
    file = io.BytesIO(start + data)
    for step in scan(file):
        if isinstance(step, Found):
            read(file, step.spot)


SAMPLE = packed(warcinfo(), *(record(one, plain(one)) for one in pages(IDS[:1])))


@given(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255))
def test_a_file_that_is_changed_anywhere_never_breaks_the_reader(at: int, by: int) -> None:
    file = io.BytesIO(SAMPLE[:at] + bytes([SAMPLE[at] ^ by]) + SAMPLE[at + 1 :])
    for step in scan(file):
        if isinstance(step, Found):
            with suppress(Damaged):
                read(file, step.spot)


# Other programs


def test_what_wget_kept_is_read(house: House) -> None:
    connect = house.site.connect_to.split(",")[0].split(":")
    proxy = f"http://{connect[2]}:{connect[3]}"
    urls = [f"http://anapress.net/a/{id}" for id in IDS[:3]]
    wget = ["wget", "-q", "-O", os.devnull, "--warc-file", str(house.folder / "w"), *urls]
    assert run(*wget, environment={"http_proxy": proxy}).code == 0
    assert warcs(house, house.folder / "w.warc.gz").code == 0
    assert house.archive.items().keys() == set(IDS[:3])
    assert sound(house)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wacz_is_read(house: House, method: int) -> None:
    (one,) = pages(IDS[:1])
    path = house.folder / "x.warc.gz"
    path.write_bytes(packed(warcinfo(), record(one, plain(one))))
    wacz = house.folder / "x.wacz"
    if method == zipfile.ZIP_STORED:
        assert run(str(SCRAPY.with_name("wacz")), "create", "-f", str(path), "-o", str(wacz)).code == 0
    else:
        with zipfile.ZipFile(wacz, "w", method) as archive:
            archive.write(path, "archive/x.warc.gz")
    assert warcs(house, wacz).code == 0
    assert house.archive.items().keys() == {IDS[0]}
    assert sound(house)


def test_our_own_archive_is_a_source_too(house: House) -> None:
    live = House(house.folder / "live", house.site)
    assert live.crawl(IDS[:4], "-adiscover=none").code == 0
    assert warcs(house, live.archive.folder).code == 0
    assert derived(house.archive.items()) == derived(live.archive.items())


@pytest.mark.parametrize("name", ["x.warc.gz", "*.warc.gz", ""])
def test_files_in_s3_are_read(house: House, s3: Endpoint, name: str) -> None:
    (one,) = pages(IDS[:1])
    bucket, client = s3.bucket(), s3.client()
    client.put_object(Bucket=bucket, Key="theirs/x.warc.gz", Body=packed(warcinfo(), record(one, plain(one))))
    client.close()
    arguments = ("-asource=warc", f"-awarcs=s3://{bucket}/theirs/{name}", "-adiscover=none")
    ran = house.crawl(None, *arguments, **AWAY, **settings_of(s3))
    assert ran.code == 0, ran.said
    assert house.archive.items().keys() == {IDS[0]}


# From the web


class Shop:
    """Gives one file, by ranges unless it has none."""

    def __init__(self, data: bytes, *, ranges: bool = True, status: str = "404 Not Found") -> None:
        self.data, self.ranges, self.status = data, ranges, status

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/moved.warc.gz":
            return Answer("302 Found", (("Location", "/x.warc.gz"),))
        if asked.path != "/x.warc.gz":
            return Answer(self.status, (), b"no")
        if not self.ranges:
            return Answer("200 OK", (), self.data)
        start, end = map(int, asked.headers["range"].removeprefix("bytes=").split("-"))
        piece = self.data[start : end + 1]
        span = f"bytes {start}-{start + len(piece) - 1}/{len(self.data)}"
        return Answer("206 Partial Content", (("Content-Range", span), ("ETag", '"1"')), piece)


def from_web(house: House, shop: Shop, path: str) -> Ran:
    with running(shop) as run:
        port = run.url.rpartition(":")[2]
        to = {"CONNECT_TO": f"files.example:80:127.0.0.1:{port}"}
        arguments = ("-asource=warc", f"-awarcs=http://files.example{path}", "-adiscover=none")
        return house.crawl(None, *arguments, **to)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_of_the_web_is_fetched_and_read(house: House, ranges: bool) -> None:
    (one,) = pages(IDS[:1])
    filling = Held(url="http://elsewhere.example/", at=one.at, body=Random(0).randbytes(9 << 20))
    page = record(one, plain(one), version="WARC/1.1")
    data = packed(*([record(filling, plain(filling))] if ranges else []), page)
    ran = from_web(house, Shop(data, ranges=ranges), "/moved.warc.gz?key=secret")
    assert ran.code == 0, ran.said
    assert house.archive.items().keys() == {IDS[0]}
    (beside,) = [each for each in house.archive.records() if "WARC-Source-URI" in each.headers][:1]
    assert beside.headers["WARC-Source-URI"] == "http://files.example/moved.warc.gz"
    assert not [
        path for path in (house.folder / "spool").rglob("*") if path.is_file() and path.stat().st_size > 1000
    ]
    assert sound(house)


def test_a_file_of_the_web_that_can_not_be_had_is_told_and_the_run_exits_3(house: House) -> None:
    ran = from_web(house, Shop(b""), "/nothing.warc.gz")
    assert (ran.code, "nothing.warc.gz can't be fetched: status 404" in ran.said) == (3, True), ran.said
    assert not house.archive.folder.exists()


def test_a_file_inside_of_a_private_network_is_not_fetched(house: House) -> None:
    with running(Shop(b"")) as run:
        ran = house.crawl(None, "-asource=warc", f"-awarcs={run.url}/x.warc.gz")
    assert (ran.code, run.asked) == (3, []), ran.said


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-asource=warc"], "say which with -a warcs="),
        (["-awarcs=x.warc"], "give it with -a source=warc"),
        (["-asource=warc", "-awarcs=nowhere.warc"], "nowhere.warc names no file that can be read"),
        (["-asource=warc", "-awarcs=nowhere*.warc"], "names no file"),
        (["-asource=warc", "-awarcs=ftp://example.org/x.warc.gz"], "no place that we can read from"),
        (["-asource=warc", "-awarcs=README.md"], "no page of an article is in there"),
        (["-asource=warc", "-awarcs=README.md", "-acopy=2"], "give 0 or 1"),
        (["-acopy=0"], "give it with -a source=warc"),
        (["-asource=warc", "-awarcs=README.md", "-aforever=1"], "leave it out"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(house: House, arguments: list[str], said: str) -> None:
    ran = house.crawl(None, *arguments)
    assert (ran.code, "Traceback" in ran.said) == (2, False), ran.said
    assert said in ran.last
    assert not house.archive.folder.exists()
