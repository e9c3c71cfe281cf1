"""A WACZ holds what was wished for and what belongs to it, byte for byte, and nothing that is hidden."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawler import cdxj, commits, merge, package
from crawler.choice import Wish
from crawler.disk import Disk
from crawler.errors import Damaged, WrongUse
from crawler.exclusions import KEY, Exclusion
from crawler.hidden import Hidden
from crawler.items import ArticleId
from crawler.site import FONT_SIZE
from crawler.stores import open_store
from crawler.wacz import Contents, write
from tests.keeping import Keeper, keeping
from tests.takes import LONG

SITE = "http://anapress.net"
ROBOTS, HOME = f"{SITE}/robots.txt", f"{SITE}/"
ONE, TWO, THREE, FOUR = (f"{SITE}/a/{id}" for id in (1, 2, 3, 4))
PICTURE, OTHER_PICTURE, STYLE = f"{SITE}/i/a.png", f"{SITE}/i/b.png", f"{SITE}/s.css"
IMPORTED, FONT, SAME_PICTURE = f"{SITE}/t.css", f"{SITE}/f.woff2", f"{SITE}/i/same.png"
MOVED, NEW_PLACE = f"{SITE}/moved.png", f"{SITE}/i/moved.png"
AT = datetime(2026, 12, 1, tzinfo=UTC)
HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"


def page(title: str, text: str, *parts: str) -> str:
    pictures = "".join(f'<img src="{part}">' for part in parts)
    return (
        f'<html lang="ar"><head><title>{title}</title><link rel="stylesheet" href="/s.css"></head><body>'
        f'<a href="/">home</a><a href="/a/2">two</a><h1>{title}</h1>'
        f"<article><p>{FONT_SIZE}</p><p>{text}</p>{pictures}<p>{LONG}</p></article></body></html>"
    )


FIRST = page("الأول", f"نص المقال الأول {LONG}", "/i/a.png")
CHANGED = page("الأول", f"نص آخر للمقال الأول {LONG}", "/i/a.png")
SECOND = page("الثاني", f"نص المقال الثاني {LONG}", "/i/b.png", "/i/same.png", "/moved.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    """Three segments: articles with their parts, a picture that repeats another's bytes, articles again."""
    with keeping(tmp_path_factory.mktemp("made")) as keeper:
        keeper.fetch(ROBOTS, b"User-agent: *", "text/plain")
        keeper.take(1, FIRST)
        keeper.fetch(PICTURE, b"picture", "image/png", interim=HINTS)
        keeper.fetch(STYLE, b"@import '/t.css'; body { background: url(/none.png) }", "text/css")
        keeper.fetch(HOME, page("home", "links").encode(), "text/html")
        keeper.commit()
        keeper.take(2, SECOND, on="2026-11-24")
        keeper.fetch(IMPORTED, b"@font-face { src: url(f.woff2) }", "text/css", on="2026-11-24")
        keeper.fetch(FONT, b"font", "font/woff2", on="2026-11-24")
        keeper.fetch(OTHER_PICTURE, b"other picture", "image/png", on="2026-11-24")
        keeper.fetch(SAME_PICTURE, b"picture", "image/png", on="2026-11-24")  # a revisit, of another URL
        keeper.fetch(MOVED, b"", status=f"301 Moved\r\nLocation: {NEW_PLACE}", on="2026-11-24")
        keeper.fetch(NEW_PLACE, b"it moved", "image/png", on="2026-11-24")
        keeper.commit()
        keeper.take(1, FIRST, on="2026-11-25")  # a revisit, of another segment
        keeper.take(3, FIRST, on="2026-11-25")  # again, of another id: a duplicate
        keeper.take(1, CHANGED, on="2026-11-26")
        keeper.commit()
        yield keeper


class Wacz:
    """A WACZ as a stranger reads it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.zip = zipfile.ZipFile(io.BytesIO(data))
        self.names = self.zip.namelist()

    def read(self, name: str) -> bytes:
        return self.zip.read(name)

    @property
    def warcs(self) -> dict[str, bytes]:
        return {Path(name).name: self.read(name) for name in self.names if name.startswith("archive/")}

    @property
    def index(self) -> list[bytes]:
        return gzip.decompress(self.read("indexes/index.cdx.gz")).splitlines(keepends=True)

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line.split(b" ", 2)[2]) for line in self.index]

    @property
    def pages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read("pages/pages.jsonl").splitlines()][1:]

    @property
    def urls(self) -> set[str]:
        """Of all records that have one."""
        return {url for record in self.records() if (url := record.rec_headers.get_header("WARC-Target-URI"))}

    def records(self) -> Iterator[Any]:
        for data in self.warcs.values():
            yield from ArchiveIterator(io.BytesIO(data))


def packed(keeper: Keeper, tmp_path: Path, **wish: Any) -> Wacz:
    contents = Contents(keeper.store, keeper.log(), Wish(**wish))
    sink = io.BytesIO()
    (folder := tmp_path / "room").mkdir(exist_ok=True)
    write(contents, sink, folder, AT, {"title": "anapress"})
    return Wacz(sink.getvalue())


def ids(*given: int) -> frozenset[ArticleId]:
    return frozenset(map(ArticleId, given))


def exclude(keeper: Keeper, *ids: int) -> Keeper:
    """The same archive with a list of exclusions, elsewhere."""
    lines = [Exclusion(id=str(id), excluded=True, who="w", at="", why="y") for id in ids]
    (Path(keeper.store.url) / KEY).write_text("".join(f"{line}\n" for line in lines))
    return keeper


@pytest.fixture(autouse=True)
def undone(made: Keeper) -> Iterator[None]:
    yield
    (Path(made.store.url) / KEY).unlink(missing_ok=True)


# The whole


def test_the_whole_archive_goes_in_byte_for_byte(made: Keeper, tmp_path: Path) -> None:
    segments = sorted((Path(made.store.url) / "warcs").iterdir())
    assert packed(made, tmp_path).warcs == {path.name: path.read_bytes() for path in segments}


def test_its_index_is_the_merged_one(made: Keeper, tmp_path: Path) -> None:
    wacz = packed(made, tmp_path)
    assert wacz.index == list(merge.merge(made.store, tmp_path).lines)


def test_every_file_has_its_sum_and_size_in_the_card_and_the_card_its_own(
    made: Keeper, tmp_path: Path
) -> None:
    wacz = packed(made, tmp_path)
    card = json.loads(wacz.read("datapackage.json"))
    assert (card["profile"], card["wacz_version"]) == ("data-package", "1.1.1")
    told = {each["path"]: (each["hash"], each["bytes"]) for each in card["resources"]}
    files = {name: wacz.read(name) for name in wacz.names if not name.startswith("datapackage")}
    assert told == {
        name: (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)) for name, data in files.items()
    }
    digest = json.loads(wacz.read("datapackage-digest.json"))
    sha = hashlib.sha256(wacz.read("datapackage.json")).hexdigest()
    assert digest == {"path": "datapackage.json", "hash": f"sha256:{sha}"}


def test_warcs_and_the_index_are_stored_as_they_are(made: Keeper, tmp_path: Path) -> None:
    """A reader in a browser asks for ranges of them."""
    for info in packed(made, tmp_path).zip.infolist():
        if info.filename.endswith(".gz"):
            assert info.compress_type == zipfile.ZIP_STORED


def test_the_same_archive_gives_the_same_bytes(made: Keeper, tmp_path: Path) -> None:
    assert packed(made, tmp_path).data == packed(made, tmp_path).data


def test_the_index_over_the_index_leads_to_each_block(made: Keeper, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("crawler.wacz.BLOCK", 3)
    wacz = packed(made, tmp_path)
    meta, *lines = wacz.read("indexes/index.idx").splitlines()
    assert meta == b'!meta 0 {"format":"cdxj-gzip-1.0","filename":"index.cdx.gz"}'
    data, seen = wacz.read("indexes/index.cdx.gz"), []
    for line in lines:
        key, timestamp, rest = line.split(b" ", 2)
        place = json.loads(rest)
        block = data[place["offset"] : place["offset"] + place["length"]]
        assert place["digest"] == f"sha256:{hashlib.sha256(block).hexdigest()}"
        plain = gzip.decompress(block).splitlines(keepends=True)
        assert plain[0].startswith(b"%b %b " % (key, timestamp))
        assert len(plain) <= 3
        seen += plain
    assert seen == wacz.index
    assert lines == sorted(lines)


def test_a_file_beyond_four_gigabytes_is_told_so_from_its_beginning(
    made: Keeper, tmp_path: Path, monkeypatch
) -> None:
    plain = packed(made, tmp_path)
    monkeypatch.setattr(package, "LARGE", 1)
    large = packed(made, tmp_path)
    assert large.warcs == plain.warcs
    assert large.zip.testzip() is None
    assert len(large.data) > len(plain.data)  # sizes of eight bytes


def test_the_directory_has_an_extra_field_wherever_a_local_header_has_one(
    made: Keeper, tmp_path: Path
) -> None:
    """Else ReplayWeb.page reads from a wrong offset."""
    wacz = packed(made, tmp_path)
    for info in wacz.zip.infolist():
        in_local = int.from_bytes(wacz.data[info.header_offset + 28 : info.header_offset + 30], "little")
        assert bool(in_local) == bool(info.extra)


# The pages


def test_each_text_of_each_id_is_a_page_as_it_was_first_captured(made: Keeper, tmp_path: Path) -> None:
    pages = [(page["url"], page["ts"][:10], page["title"]) for page in packed(made, tmp_path).pages]
    assert pages == [
        (ONE, "2026-11-23", "الأول"),
        (TWO, "2026-11-24", "الثاني"),
        (THREE, "2026-11-25", "الأول"),  # the text of the first
        (ONE, "2026-11-26", "الأول"),
    ]


def test_a_page_has_its_text_and_an_id_of_its_own_and_a_capture_in_the_index(
    made: Keeper, tmp_path: Path
) -> None:
    wacz = packed(made, tmp_path)
    captures = {(entry["url"], entry["date"]) for entry in wacz.entries}
    assert len({page["id"] for page in wacz.pages}) == len(wacz.pages) == 4
    assert {(page["url"], page["ts"]) for page in wacz.pages} <= captures
    assert "نص المقال الثاني" in wacz.pages[1]["text"]
    assert "الثاني".encode() in wacz.read("pages/pages.jsonl")  # and not as \\u0627…


# A choice


def test_an_id_brings_its_captures_and_what_its_pages_need_and_no_more(made: Keeper, tmp_path: Path) -> None:
    wacz = packed(made, tmp_path, ids=ids(2))
    pictures = {OTHER_PICTURE, SAME_PICTURE, PICTURE, MOVED, NEW_PLACE}
    assert wacz.urls == {TWO, STYLE, IMPORTED, FONT, *pictures}
    assert [page["url"] for page in wacz.pages] == [TWO]


def test_a_revisit_brings_the_record_that_it_names(made: Keeper, tmp_path: Path) -> None:
    records = {
        record.rec_headers.get_header("WARC-Record-ID"): record
        for record in packed(made, tmp_path, ids=ids(3)).records()
    }
    revisits = [record for record in records.values() if record.rec_type == "revisit"]
    assert revisits
    for revisit in revisits:
        original = records[revisit.rec_headers.get_header("WARC-Refers-To")]
        assert original.rec_type == "response"


def test_a_time_brings_what_was_captured_then_and_what_that_needs(made: Keeper, tmp_path: Path) -> None:
    wacz = packed(made, tmp_path, since="2026-11-26")
    assert wacz.urls == {ONE, PICTURE, STYLE, IMPORTED, FONT}
    assert [(page["url"], page["ts"][:10]) for page in wacz.pages] == [(ONE, "2026-11-26")]


@pytest.mark.parametrize(
    ("wish", "days"),
    [
        ({"since": "2026-11-25"}, {25, 26}),
        ({"until": "2026-11-24"}, {23, 24}),
        ({"since": "2026-11-24", "until": "2026-11-25"}, {24, 25}),
        ({"since": "2026", "until": "2026"}, {23, 24, 25, 26}),
        ({"since": "2026-11-24T10:08", "until": "2026-11-24T10:08"}, {24}),
    ],
)
def test_days_are_meant_with_their_ends(made: Keeper, tmp_path: Path, wish, days) -> None:
    assert {int(page["ts"][8:10]) for page in packed(made, tmp_path, **wish).pages} == days


def test_chosen_records_are_taken_over_byte_for_byte_with_their_requests(
    made: Keeper, tmp_path: Path
) -> None:
    wacz = packed(made, tmp_path, ids=ids(1))
    for name, data in wacz.warcs.items():
        source = (Path(made.store.url) / "warcs" / name).read_bytes()
        for member in members(data):
            assert member in source
    kinds = [record.rec_type for record in wacz.records()]
    assert kinds.count("request") == kinds.count("response") + kinds.count("revisit")
    assert kinds.count("metadata") == 1  # the hints that came before the picture
    assert kinds.count("warcinfo") == len(wacz.warcs)


def members(data: bytes) -> list[bytes]:
    found = []
    while data:
        member = zlib.decompressobj(wbits=31)
        member.decompress(data)
        found.append(data[: len(data) - len(member.unused_data)])
        data = member.unused_data
    return found


@pytest.mark.parametrize("wish", [{}, {"ids": ids(1)}, {"ids": ids(2, 3)}, {"until": "2026-11-24"}])
@pytest.mark.parametrize("excluded", [(), (1,), (4,)])
def test_every_index_line_leads_to_its_record(made: Keeper, tmp_path: Path, wish, excluded) -> None:
    if wish.get("ids") == ids(*excluded):
        return
    wacz = packed(exclude(made, *excluded), tmp_path, **wish)
    assert wacz.index == sorted(wacz.index)
    for entry in wacz.entries:
        data = wacz.warcs[entry["filename"]]
        at, length = int(entry["offset"]), int(entry["length"])
        (record,) = ArchiveIterator(io.BytesIO(data[at : at + length]))
        assert record.rec_headers.get_header("WARC-Record-ID") == entry["id"]
    indexed = {entry["id"] for entry in wacz.entries}
    captures = [record for record in wacz.records() if record.rec_type in ("response", "revisit")]
    assert {record.rec_headers.get_header("WARC-Record-ID") for record in captures} == indexed


# What is hidden


def test_of_an_excluded_id_there_is_nothing(made: Keeper, tmp_path: Path) -> None:
    wacz = packed(exclude(made, 2), tmp_path)
    assert wacz.urls.isdisjoint({TWO})
    assert TWO not in {page["url"] for page in wacz.pages}
    assert {ONE, THREE, PICTURE, ROBOTS} < wacz.urls


def test_the_pictures_of_an_excluded_article_go_with_it_unless_another_shows_them(
    made: Keeper, tmp_path: Path
) -> None:
    wacz = packed(exclude(made, 2), tmp_path)
    assert wacz.urls.isdisjoint({OTHER_PICTURE, SAME_PICTURE, MOVED})
    assert {PICTURE, STYLE} < wacz.urls  # the first article has that picture


def test_who_shows_the_text_of_an_excluded_id_is_left_out_with_it(made: Keeper, tmp_path: Path) -> None:
    wacz = packed(exclude(made, 1), tmp_path)
    assert wacz.urls.isdisjoint({ONE, THREE})
    assert [page["url"] for page in wacz.pages] == [TWO]


def test_a_revisit_of_what_is_hidden_is_hidden(tmp_path: Path) -> None:
    """Short pages are nobody's duplicates; their bytes may be the same all the same."""
    with keeping(tmp_path) as keeper:
        photo = page("صورة", "نص قصير").replace(LONG, "")
        keeper.take(1, photo)
        keeper.take(2, photo)
        keeper.take(3, SECOND)
        keeper.commit()
        wacz = packed(exclude(keeper, 1), tmp_path)
    assert wacz.urls == {THREE}
    assert [page["url"] for page in wacz.pages] == [THREE]


def test_a_page_of_which_a_browser_made_an_excluded_text_is_hidden_with_all_that_was_made_of_it(
    tmp_path: Path,
) -> None:
    """Its outcome rests on the DOM; of the answer that brought it there is none."""
    with keeping(tmp_path) as keeper:
        keeper.take(1, FIRST)
        keeper.show(3, f"<!doctype html>{FIRST}", FIRST)
        keeper.take(2, SECOND)
        keeper.show(4, CHANGED, CHANGED)
        keeper.commit()
        exclude(keeper, 1)
        wacz = packed(keeper, tmp_path)
        hidden = Hidden.of(keeper.store, keeper.log())
        (commit,) = keeper.log()
        lines = [line for line in commits.lines(keeper.store, commit, "index") if not hidden.line(line)]
    shown = {TWO, FOUR, f"urn:dom:{FOUR}", f"urn:text:{FOUR}"}
    assert wacz.urls == shown
    assert {cdxj.parse(line).url for line in lines} == shown
    assert {page["url"] for page in wacz.pages} == {TWO, FOUR}


def test_an_excluded_id_that_is_asked_for_is_not_given(made: Keeper, tmp_path: Path) -> None:
    wacz = packed(exclude(made, 2), tmp_path, ids=ids(1, 2))
    assert TWO not in wacz.urls
    assert ONE in wacz.urls
    with pytest.raises(WrongUse, match="nothing of that"):
        packed(exclude(made, 2), tmp_path, ids=ids(2))


def test_where_all_is_hidden_there_is_no_wacz(tmp_path: Path) -> None:
    with keeping(tmp_path) as keeper:
        keeper.take(1, FIRST)
        keeper.commit()
        with pytest.raises(WrongUse, match="excluded"):
            packed(exclude(keeper, 1), tmp_path)


# What goes wrong


def test_ids_that_the_archive_has_no_record_of_are_named(made: Keeper, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no record of 2 of these ids: 4, 77"):
        packed(made, tmp_path, ids=ids(1, 77, 4))


def test_a_time_of_which_there_is_nothing_is_told(made: Keeper, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="nothing of that"):
        packed(made, tmp_path, since="2027")


@pytest.mark.parametrize("harm", ["change", "cut", "lose"])
def test_a_segment_that_is_not_what_its_commit_says_ends_it_and_is_named(tmp_path: Path, harm: str) -> None:
    with keeping(tmp_path) as keeper:
        keeper.take(1, FIRST)
        commit = keeper.commit()
        path = Path(keeper.store.url) / commit.file("warc").path
        data = path.read_bytes()
        path.unlink()
        if harm != "lose":
            path.write_bytes(data[:-1] if harm == "cut" else data[:40] + b"\0" + data[41:])
        for wish in ({}, {"ids": ids(1)}):
            with pytest.raises(Damaged, match=path.name):
                packed(keeper, tmp_path, **wish)


def test_what_was_begun_does_not_look_whole(made: Keeper, tmp_path: Path, monkeypatch) -> None:
    def broken(*_: object) -> Iterator[bytes]:
        raise Damaged("no pages")
        yield b""

    monkeypatch.setattr("crawler.wacz.page_list", broken)
    sink = io.BytesIO()
    with pytest.raises(Damaged):
        write(Contents(made.store, made.log(), Wish()), sink, tmp_path, AT, {})
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(sink.getvalue()))


def test_an_archive_that_is_read_only_gives_its_wacz(made: Keeper, tmp_path: Path) -> None:
    assert open_store(made.store.url, Disk()).read("merged/0000000003.cdxj") is None
    before = sorted(Path(made.store.url).rglob("*"))
    packed(made, tmp_path)
    assert sorted(Path(made.store.url).rglob("*")) == before
