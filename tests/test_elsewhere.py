"""`-a copy=0`: records that are referred to where they lie, in other people's files, and what becomes of those."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from crawler.disk import Disk
from crawler.errors import Damaged
from crawler.foreign.address import Address
from crawler.foreign.files import volumes
from crawler.foreign.records import Spot
from crawler.foreign.web import Piece, Unfetched, fill
from crawler.items import RecordRef
from crawler.wire.request import Target
from tests import test_warcs
from tests.crawling import CHECKOUT, SCRAPY, House, Ran, run
from tests.s3 import Endpoint
from tests.s3.access import settings_of
from tests.services import running
from tests.services.files import HABITS, packed, plain, record, warcinfo
from tests.test_warcs import AWAY, IDS, Shop, derived, pages, revisit, told, warcs

ARTICLES = test_warcs.ARTICLES
LIE = "-acopy=0"
SCHEMA = json.loads((CHECKOUT / "docs" / "article.schema.json").read_text())
GROWING = "GROWING_FILE"  #: in the environment: what the disk below adds to


class Growing(Disk):
    """Somebody writes to a file of theirs just when what was taken from it is sealed."""

    def reached(self, step: str) -> None:
        if step == "seal":
            with Path(os.environ[GROWING]).open("ab") as file:
                file.write(b"more")


def lying(house: House, *files: Path | str, also: tuple[str, ...] = ()) -> Ran:
    ran = warcs(house, *files, also=(LIE, *also))
    assert ran.code == 0, ran.said
    return ran


def three(house: House) -> Path:
    """A file with three articles, taken where it lies."""
    path = house.folder / "x.warc.gz"
    path.write_bytes(packed(warcinfo(), *(record(one, plain(one)) for one in pages(IDS[:3]))))
    lying(house, path)
    return path


def foreign(house: House) -> list[dict[str, Any]]:
    return [file for commit in house.archive.commits() for file in commit.get("foreign", [])]


def sound(house: House, **settings: object) -> bool:
    verified = house.scrapy("verify", **settings)
    assert verified.code == 0, verified.out
    return True


def faults(house: House, **settings: object) -> list[str]:
    verified = house.scrapy("verify", **settings)
    assert verified.code == 1, verified.out + verified.said
    return [line for line in verified.out.splitlines() if line.startswith("FAULT")]


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")  # warcio's writer leaves one open
def test_whoever_wrote_the_file_the_article_is_the_same_as_of_a_copy(house: House) -> None:
    folder = house.folder / "theirs"
    folder.mkdir()
    for (name, write), one in zip(HABITS.items(), pages(), strict=True):
        write(folder / name, one)
    lying(house, folder)
    copied = House(house.folder / "copied", house.site)
    assert warcs(copied, folder).code == 0
    assert derived(house.archive.items()) == derived(copied.archive.items())
    for item in house.archive.items().values():
        Draft202012Validator(SCHEMA).validate(item)
    assert [each.type for each in house.archive.records()] == ["warcinfo"]
    files = {
        path.as_uri(): (len(data := path.read_bytes()), hashlib.sha256(data).hexdigest())
        for path in folder.iterdir()
    }
    assert {file["url"]: (file["bytes"], file["sha256"]) for file in foreign(house)} == files
    assert sound(house)


def test_the_line_says_where_the_record_lies(house: House) -> None:
    path = three(house)
    data = path.read_bytes()
    for id, item in house.archive.items().items():
        place = item["record"]
        assert place["warc"] == path.as_uri()
        member = data[place["offset"] : place["offset"] + place["length"]]
        assert f"WARC-Target-URI: http://anapress.net/a/{id}\r\n".encode() in zipfile.zlib.decompress(
            member, 31
        )
        assert place["segment"] == house.archive.commits()[-1]["segment"]


def test_a_revisit_and_what_it_names_may_lie_in_two_files(house: House) -> None:
    one, later = pages(IDS[:1], every=2)
    whole = record(one, plain(one))
    id = whole.partition(b"WARC-Record-ID: ")[2].partition(b"\r\n")[0].decode()
    (house.folder / "a.warc").write_bytes(revisit(later, f"WARC-Refers-To: {id}"))
    (house.folder / "b #1.warc.gz").write_bytes(packed(warcinfo(), whole))
    lying(house, house.folder / "*.warc*", also=("-acaptures=last",))
    item = house.archive.items()[IDS[0]]
    assert item["record"]["record_id"] == id
    assert item["capture"]["warc"].startswith((house.folder / "a.warc").as_uri())
    assert len(foreign(house)) == 2
    assert sound(house)
    (house.folder / "b #1.warc.gz").write_bytes(packed(whole))
    (fault,) = faults(house)
    assert "b%20%231.warc.gz: it has" in fault


def test_a_revisit_of_what_no_file_has_fails(house: House) -> None:
    (one,) = pages(IDS[:1])
    (house.folder / "x.warc").write_bytes(revisit(one))
    assert warcs(house, house.folder / "x.warc", also=(LIE,)).code == 4
    assert told(house, IDS[0]) == [("failed", "revisit_unresolved")]


def test_a_name_may_have_any_bytes(house: House) -> None:
    (one,) = pages(IDS[:1])
    path = house.folder / os.fsdecode("ملف ".encode() + b"\xff#?;%41.warc")
    path.write_bytes(record(one, plain(one)))
    lying(house, house.folder / "*.warc")
    item = house.archive.items()[IDS[0]]
    assert item["record"]["warc"] == path.as_uri()
    Draft202012Validator(SCHEMA).validate(item)
    assert sound(house)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_record_may_lie_in_a_wacz(house: House, method: int) -> None:
    (one,) = pages(IDS[:1])
    wacz = house.folder / "x.wacz"
    with zipfile.ZipFile(wacz, "w", method) as archive:
        archive.writestr("archive/x.warc.gz", packed(warcinfo(), record(one, plain(one))))
    lying(house, wacz)
    assert house.archive.items()[IDS[0]]["record"]["warc"] == f"{wacz.as_uri()}#in=archive/x.warc.gz"
    assert [file["url"] for file in foreign(house)] == [wacz.as_uri()]
    assert sound(house)


def test_a_record_may_lie_in_s3(house: House, s3: Endpoint) -> None:
    (one,) = pages(IDS[:1])
    bucket, client = s3.bucket(), s3.client()
    client.put_object(Bucket=bucket, Key="theirs/x.warc.gz", Body=packed(warcinfo(), record(one, plain(one))))
    arguments = ("-asource=warc", f"-awarcs=s3://{bucket}/theirs/", "-adiscover=none", LIE)
    ran = house.crawl(None, *arguments, **AWAY, **settings_of(s3))
    assert ran.code == 0, ran.said
    assert sound(house, **settings_of(s3))
    client.delete_object(Bucket=bucket, Key="theirs/x.warc.gz")
    client.close()
    (fault,) = faults(house, **settings_of(s3))
    assert f"s3://{bucket}/theirs/x.warc.gz: it can't be read any more" in fault


def test_a_record_may_lie_in_the_web_but_inside_of_no_private_network(house: House) -> None:
    (one,) = pages(IDS[:1])
    with running(Shop(packed(warcinfo(), record(one, plain(one))))) as shop:
        to = {"CONNECT_TO": f"files.example:80:127.0.0.1:{shop.url.rpartition(':')[2]}"}
        arguments = ("-asource=warc", "-awarcs=http://files.example/x.warc.gz", "-adiscover=none", LIE)
        ran = house.crawl(None, *arguments, **to)
        assert ran.code == 0, ran.said
        assert sound(house, **to, CONTACT="me@example.org")
        assert "(+me@example.org)" in shop.asked[-1].headers["user-agent"]
        asked = len(shop.asked)
        (fault,) = faults(house, CONNECT_TO="", RESOLVE="tests.test_elsewhere.inward")
        assert "http://files.example/x.warc.gz: it can't be read any more" in fault
        assert "which is not a public address" in fault
        assert len(shop.asked) == asked


async def inward(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


# What becomes of the files


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes() + b"more"), "it has "),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"), "its SHA-256 is "),
        (lambda path: path.unlink(), "it can't be read any more"),
        (lambda path: path.rename(path.with_name("y.warc.gz")), "bring it back to where it was"),
    ],
)
def test_a_file_that_is_not_what_it_was_is_one_fault(
    house: House, change: Callable[[Path], object], said: str
) -> None:
    path = three(house)
    change(path)
    (fault,) = faults(house)
    assert fault.startswith(f"FAULT {path.as_uri()}: {said}"[: len(f"FAULT {path.as_uri()}: ")])
    assert said in fault
    assert "commit 2" in fault


def test_a_line_that_names_another_record_of_the_file_is_a_fault(house: House) -> None:
    path = three(house)
    one, two = (item["record"]["offset"] for item in list(house.archive.items().values())[:2])
    (commit,) = [each for each in house.archive.commits() if "foreign" in each]
    falsified(house, commit, f'"offset":{one},'.encode(), f'"offset":{two},'.encode())
    assert any("another record than the line says" in fault for fault in faults(house))
    assert path.exists()


def falsified(house: House, commit: dict[str, Any], right: bytes, wrong: bytes) -> None:
    """Another outcomes file, with sums that are right."""
    (file,) = [file for file in commit["files"] if file["kind"] == "outcomes"]
    path = house.archive.folder / file["path"]
    data = gzip.compress(gzip.decompress(path.read_bytes()).replace(right, wrong))
    path.unlink()
    path.write_bytes(data)
    file["bytes"], file["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    place = house.archive.folder / f"commits/{commit['n']:010d}.json"
    place.unlink()
    place.write_text(json.dumps(commit, separators=(",", ":")) + "\n")


def test_what_was_taken_from_a_file_that_grows_meanwhile_is_left(house: House) -> None:
    path = house.folder / "x.warc.gz"
    path.write_bytes(packed(*(record(one, plain(one)) for one in pages(IDS[:3]))))
    arguments = ("-asource=warc", f"-awarcs={path}", "-adiscover=none", LIE)
    settings = {**AWAY, "DISK": "tests.test_elsewhere.Growing"}
    ran = house.crawl(None, *arguments, environment={GROWING: str(path)}, **settings)
    assert ran.code == 6, ran.said
    assert f"({path.as_uri()}: it has " in ran.last
    assert house.archive.takes() == {}
    lying(house, path)
    assert house.archive.items().keys() == set(IDS[:3])
    assert sound(house)


def test_a_segment_is_full_of_what_it_refers_to_as_of_copies(house: House) -> None:
    path = house.folder / "x.warc.gz"
    path.write_bytes(packed(*(record(one, plain(one)) for one in pages(IDS[:6]))))
    lying(house, path, also=("-sSEGMENT_BYTES=1000",))
    assert len([commit for commit in house.archive.commits() if "foreign" in commit]) > 1
    assert sound(house)


# What is made of an archive whose records lie elsewhere


def test_what_needs_records_of_our_own_says_how_many_it_lacks(house: House) -> None:
    three(house)
    said = "3 captures in files of others (-a copy=0) left out"
    assert said in house.scrapy("index").said
    ran = house.scrapy("qa")
    assert (ran.code, said in ran.said) == (2, True), ran.said
    assert len(house.scrapy("export", "-").out.splitlines()) == 3


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
def test_a_wacz_has_the_records_in_it(house: House) -> None:
    folder = house.folder / "theirs"
    folder.mkdir()
    for (name, write), one in zip(HABITS.items(), pages(), strict=True):
        write(folder / name, one)
    lying(house, folder)
    wacz = house.folder / "all.wacz"
    ran = house.scrapy("wacz", str(wacz))
    assert (ran.code, f"{len(HABITS)} pages, {len(HABITS)} captures" in ran.said) == (0, True), ran.said
    assert run(str(SCRAPY.with_name("wacz")), "validate", "-f", str(wacz)).code == 0
    with zipfile.ZipFile(wacz) as archive:
        assert not [name for name in archive.namelist() if str(folder).encode() in unpacked(archive, name)]
    again = House(house.folder / "again", house.site)
    assert warcs(again, wacz).code == 0
    assert derived(again.archive.items()) == derived(house.archive.items())
    (folder / "old.warc").unlink()
    ran = house.scrapy("wacz", str(house.folder / "more.wacz"))
    assert (ran.code, "old.warc: it can't be read any more" in ran.said) == (6, True), ran.said
    assert not (house.folder / "more.wacz").exists()


def unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    data = archive.read(name)
    return gzip.decompress(data) if name.endswith(".gz") else data


def test_what_is_copied_later_is_the_archives_own(house: House) -> None:
    path = three(house)
    assert warcs(house, path, also=("-arefresh=0",)).code == 0
    assert {tuple(told(house, id)) for id in IDS[:3]} == {(("article", None), ("unchanged", None))}
    assert sum(len(path.read_bytes().splitlines()) for path in house.archive.files("index")) == 3
    assert sound(house)
    assert "left out" not in house.scrapy("index").said
    path.unlink()
    ran = house.scrapy("wacz", str(house.folder / "all.wacz"))
    assert (ran.code, "3 pages, 3 captures" in ran.said) == (0, True), ran.said


def test_a_copy_of_the_archive_rests_on_the_same_files(house: House) -> None:
    three(house)
    there = House(house.folder / "there", house.site)
    assert house.scrapy("copy", str(house.archive.folder), str(there.archive.folder)).code == 0
    assert there.archive.lines("items") == house.archive.lines("items")
    assert sound(there)


# Addresses


def ref(address: Address) -> RecordRef:
    place = {"warc": str(address), "offset": address.spot.offset}
    return RecordRef(segment="", length=1, record_id="", payload_digest=None, **place)


spots = st.builds(Spot, st.integers(0, 1 << 60), st.integers(0, 1 << 60))
urls = st.sampled_from(["file:///a%20b/x.warc.gz", "s3://bucket/%23/x.warc", "https://files.example/x.wacz"])
alone = st.builds(Address, url=urls, spot=spots, inside=st.none() | st.text(min_size=1))


@given(
    st.builds(Address, url=urls, spot=spots, inside=st.none() | st.text(min_size=1), body=st.none() | alone)
)
def test_an_address_is_what_its_reference_says(address: Address) -> None:
    assert Address.of(ref(address)) == address


def test_the_address_of_a_file_of_the_web_is_one_that_can_be_asked_for(tmp_path: Path) -> None:
    given, path = "http://files.example:81/ملف a%41.warc.gz", tmp_path / "x.warc.gz"
    path.write_bytes(packed(warcinfo()))
    with path.open("rb") as file:
        (volume,) = volumes(given, None, {given: file})
    assert volume.url == "http://files.example:81/%D9%85%D9%84%D9%81%20a%41.warc.gz"
    assert Target.parse(volume.url).port == 81


@given(st.text(), st.integers())
def test_what_is_no_address_is_damaged(inside: str, offset: int) -> None:
    wrong = RecordRef(
        segment="", warc=f"file:///x#{inside}", offset=offset, length=1, record_id="", payload_digest=None
    )
    with suppress(Damaged):
        assert Address.of(wrong).spot.offset == offset


# Wrong use


@pytest.mark.parametrize("place", [b"file:///etc/passwd", b"s3://bucket/key", b"data:,x", b"http://[::1"])
def test_a_file_of_the_web_that_leads_out_of_it_is_not_followed(place: bytes) -> None:
    async def ask(url: str, span: str) -> Piece:
        return Piece(status=302, body=b"", whole=True, location=place, span=None, marks=())

    with pytest.raises(Unfetched, match="it leads to '" + re.escape(place.decode())):
        asyncio.run(fill(io.BytesIO(), ask, "https://files.example/x.warc", 1000, ""))


@pytest.mark.parametrize("copy", ["0", "1"])
@pytest.mark.parametrize(
    ("method", "at", "wrong"),
    [
        (zipfile.ZIP_STORED, -1, b"\xff\xff\0\0"),  # the directory says that it lies behind the file's end
        (zipfile.ZIP_LZMA, 60, b"\xff" * 60),
    ],
)
def test_a_wacz_that_lies_ends_the_run_in_a_sentence(
    house: House, method: int, at: int, wrong: bytes, copy: str
) -> None:
    wacz = house.folder / "x.wacz"
    with zipfile.ZipFile(wacz, "w", method) as archive:
        archive.writestr("archive/x.warc", Random(0).randbytes(1000))
    data = bytearray(wacz.read_bytes())
    at = at if at > 0 else data.rfind(b"PK\x01\x02") + 42
    data[at : at + len(wrong)] = wrong
    wacz.write_bytes(data)
    ran = house.crawl(None, "-asource=warc", f"-awarcs={wacz}", f"-acopy={copy}", "-adiscover=none")
    assert (ran.code, "Traceback" in ran.said) == (3, False), ran.said
    assert "x.wacz#archive/x.warc can't be read" in ran.last


def test_an_address_that_may_hold_a_secret_is_not_written_down(house: House) -> None:
    ran = house.crawl(None, "-asource=warc", "-awarcs=https://files.example/x.warc.gz?key=1", LIE)
    assert (ran.code, "may be secret" in ran.last) == (2, True), ran.said
    assert not house.archive.folder.exists()
