"""`scrapy index` and `scrapy wacz` as users call them, of an archive of the replica; and what other tools say of it."""

from __future__ import annotations

import gzip
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from math import inf
from pathlib import Path
from typing import Any

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from warcio.archiveiterator import ArchiveIterator

from crawler.disk import Disk
from tests.crawling import SCRAPY, House, Ran, run
from tests.s3 import Endpoint, Fault, cut_answer, error, lose_answer, running_proxy
from tests.s3.access import settings_of
from tests.site import DRESSED_ID, FAULTS, SEED_ID, Site, id_of, seed_ids
from tests.site.dressed import THERE

ARTICLES = 12
STATIC, NONCE, GONE = id_of(3), id_of(4), FAULTS["status_404"]
ODD = [
    FAULTS[name] for name in ("chunked_odd", "gzip_chunked", "redirect_www", "body_cut", "status_503_then_ok")
]
IDS = [SEED_ID, seed_ids()[1], STATIC, NONCE, id_of(6), GONE, *ODD]
PROGRAMS = Path(sys.executable).parent
KEYS = ("url", "mime", "status", "digest", "length", "offset", "filename")


@pytest.fixture(scope="module")
def good(site: Site, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two runs: the second brings revisits, also over segments, and a changed text."""
    house = House(tmp_path_factory.mktemp("good"), site)
    assert house.crawl(IDS, "-adiscover=none", SEGMENT_BYTES=60_000).code == 4
    assert house.crawl([*IDS, id_of(7)], "-adiscover=none", "-arefresh=0").code == 0
    return house


@pytest.fixture
def house(good: House, tmp_path: Path) -> House:
    shutil.copytree(good.folder, tmp_path / "house")
    return House(tmp_path / "house", good.site)


def pack(house: House, *arguments: str, name: str = "all.wacz") -> Path:
    target = house.folder / name
    ran = house.scrapy("wacz", str(target), *arguments)
    assert ran.code == 0, ran.said
    return target


def told(ran: Ran) -> tuple[int, int, bool]:
    """Its exit code, how many lines it said, and whether one of them is a traceback's."""
    return ran.code, len(ran.said.splitlines()), "Traceback" in ran.said


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class Dying(Disk):
    """Dies when the merged index is made and is to be put."""

    def reached(self, step: str) -> None:
        if step == "merge/put":
            os.kill(os.getpid(), signal.SIGKILL)


# The index


def test_the_index_is_made_once_and_kept_current(house: House) -> None:
    newest = len(house.archive.commits())
    assert f"merged/{newest:010d}.cdxj: {newest} new commits merged" in house.scrapy("index").out
    assert f"merged/{newest:010d}.cdxj is current" in house.scrapy("index").out
    assert house.crawl([id_of(8)], "-adiscover=none").code == 0
    assert "new commit" in house.scrapy("index").out
    (older, newer) = sorted((house.archive.folder / "merged").iterdir())
    assert set(older.read_bytes().splitlines()) < set(newer.read_bytes().splitlines())
    assert house.scrapy("verify").out.splitlines()[-1].startswith("sound")


def test_the_index_is_the_one_that_sort_makes(house: House) -> None:
    target = house.folder / "all.cdxj"
    assert house.scrapy("index", "--output", str(target)).code == 0
    right = subprocess.run(
        ["sort", *house.archive.files("index")], env={"LC_ALL": "C"}, capture_output=True, check=True
    ).stdout
    assert target.read_bytes() == right
    assert house.scrapy("index", "-o", "-").out.encode() == right
    assert not (house.archive.folder / "merged").exists()


def test_the_index_agrees_with_cdxj_indexer_line_by_line(house: House) -> None:
    ours = house.scrapy("index", "-o", "-").out.splitlines()
    theirs = run(
        str(PROGRAMS / "cdxj-indexer"), "-s", *map(str, house.archive.files("warc"))
    ).out.splitlines()
    assert [common(line) for line in ours] == [common(line) for line in theirs]
    assert len(ours) > 2 * len(IDS)
    assert '"mime":"warc/revisit"' in "".join(ours)


def common(line: str) -> tuple[str, str, dict[str, str]]:
    """A line's keys that both write; theirs has no mime where there is no type."""
    key, timestamp, rest = line.split(" ", 2)
    fields = json.loads(rest)
    return key, timestamp, {"mime": "unk"} | {name: fields[name] for name in KEYS if name in fields}


def test_an_index_for_others_leaves_excluded_ids_out(house: House) -> None:
    assert house.scrapy("ids", "exclude", str(STATIC), "--why", "test").code == 0
    public = house.scrapy("index", "--output", "-", "--public").out
    every = house.scrapy("index", "--output", "-").out
    assert set(every.splitlines()) - set(public.splitlines()) == {
        line for line in every.splitlines() if str(STATIC) in line.split(" ", 1)[0]
    }
    assert str(STATIC) not in public


def test_a_killed_index_leaves_the_old_one_and_the_next_call_makes_it(house: House) -> None:
    house.scrapy("index")
    (old,) = names(house.archive.folder / "merged")
    house.scrapy("ids", "add", "77")
    assert house.scrapy("index", DISK="tests.test_wacz_command.Dying").code == -signal.SIGKILL
    assert names(house.archive.folder / "merged") == {old}
    assert house.scrapy("index").code == 0
    assert len(names(house.archive.folder / "merged")) == 2
    assert not list((house.folder / "spool").glob("index-*"))


# The WACZ


def test_others_find_it_valid(house: House) -> None:
    first = house.archive.commits()[1]["at"][:10]
    for number, wish in enumerate(([], ["--ids", f"{SEED_ID},{STATIC}"], ["--from", first])):
        wacz = pack(house, *wish, name=f"{number}.wacz")
        ran = run(str(PROGRAMS / "wacz"), "validate", "-f", str(wacz))
        assert (ran.code, "Validation succeeded" in ran.out) == (0, True), ran.out + ran.said


def test_others_read_every_record_of_it(house: House) -> None:
    for number, wish in enumerate(([], ["--ids", ",".join(map(str, ODD[:3]))])):
        with zipfile.ZipFile(pack(house, *wish, name=f"{number}.wacz")) as wacz:
            assert wacz.testzip() is None
            warcs = [wacz.read(name) for name in wacz.namelist() if name.startswith("archive/")]
        for data in warcs:
            theirs = [
                record.rec_headers.get_header("WARC-Record-ID")
                for record in ArchiveIterator(io.BytesIO(data))
            ]
            assert theirs == [record.record_id for record in FastIterator(io.BytesIO(data))]
            assert len(theirs) > 2


def test_cdxj_indexer_makes_the_same_index_of_it(house: House, tmp_path: Path) -> None:
    with zipfile.ZipFile(pack(house, "--ids", f"{SEED_ID},{STATIC},{ODD[0]}")) as wacz:
        wacz.extractall(tmp_path)
    ours = gzip.decompress((tmp_path / "indexes/index.cdx.gz").read_bytes()).decode().splitlines()
    theirs = run(
        str(PROGRAMS / "cdxj-indexer"), "-s", *map(str, sorted((tmp_path / "archive").iterdir()))
    ).out
    shown = [line for line in theirs.splitlines() if '"status": "304"' not in line]
    assert [common(line) for line in ours] == [common(line) for line in shown]


def test_a_wacz_on_stdout_is_the_one_in_the_file(house: House) -> None:
    command = shlex.join([str(SCRAPY), "wacz", "-", *house.settings()])
    ran = run("bash", "-c", f"{command} > {house.folder}/stdout.wacz")
    assert ran.code == 0, ran.said
    assert (house.folder / "stdout.wacz").read_bytes() == pack(house).read_bytes()


def test_what_a_page_needs_comes_with_it(site: Site, tmp_path: Path) -> None:
    house = House(tmp_path, site)
    assert house.crawl([DRESSED_ID, STATIC], "-adiscover=none", "-arequisites=1").code == 0
    with zipfile.ZipFile(pack(house, "--ids", str(DRESSED_ID))) as wacz:
        lines = gzip.decompress(wacz.read("indexes/index.cdx.gz")).splitlines()
    urls = {json.loads(line.split(b" ", 2)[2])["url"].partition("anapress.net")[2] for line in lines}
    assert {f"/a/{DRESSED_ID}", *THERE} <= urls
    assert f"/a/{STATIC}" not in urls


def test_ids_may_come_in_a_list(house: House) -> None:
    (house.folder / "ids.txt").write_text(f"# two\n{SEED_ID}\nhttp://anapress.net/a/{STATIC}\n")
    with zipfile.ZipFile(pack(house, "--ids", str(house.folder / "ids.txt"))) as wacz:
        lines = wacz.read("pages/pages.jsonl").splitlines()[1:]
    assert {json.loads(line)["url"].rpartition("/")[2] for line in lines} == {str(SEED_ID), str(STATIC)}


def test_it_says_what_it_made_and_how_many_ids_are_left_out(house: House) -> None:
    house.scrapy("ids", "exclude", str(STATIC), "--why", "test")
    ran = house.scrapy("wacz", str(house.folder / "all.wacz"))
    assert "pages" in ran.said.splitlines()[-2]
    assert ran.last == "1 id left out, as exclusions.jsonl says"


# Mistakes and failures


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "takes one file"),
        (["{}/a.wacz", "{}/b.wacz"], "takes one file"),
        (["{}/a.wacz", "--ids", "x"], "no id"),
        (["{}/a.wacz", "--ids", ""], "list of ids is empty"),
        (["{}/a.wacz", "--ids", "1,2,3,4,5,6"], "no record of 6 of these ids: 1, 2, 3, 4, 5 …"),
        (["{}/a.wacz", "--from", "yesterday"], "--from yesterday: give a date"),
        (["{}/a.wacz", "--to", "2026-13"], "--to 2026-13: give a date"),
        (["{}/a.wacz", "--from", "2026-12", "--to", "2026-11-30"], "later than"),
        (["{}/a.wacz", "--to", "1999"], "holds nothing of that"),
        (["{}/none/a.wacz"], "can't be written"),
        (["{}"], "is there already"),
        (["{}/taken.wacz"], "is there already"),
        (["s3://bucket/"], "names no object"),
    ],
)
def test_a_mistake_is_a_sentence_and_leaves_nothing(house: House, arguments: list[str], says: str) -> None:
    (house.folder / "taken.wacz").write_bytes(b"mine")
    before = names(house.folder)
    ran = house.scrapy("wacz", *(each.format(house.folder) for each in arguments))
    assert told(ran) == (2, 1, False), ran.said
    assert says in ran.last
    assert names(house.folder) == before
    assert (house.folder / "taken.wacz").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["x"], "takes no 'x'"),
        (["--public"], "--public needs --output"),
        (["--output", "{}"], "is no file"),
        (["--output", "{}/none/x"], "can't be written"),
    ],
)
def test_a_mistake_with_the_index_is_a_sentence(house: House, arguments: list[str], says: str) -> None:
    ran = house.scrapy("index", *(each.format(house.folder) for each in arguments))
    assert told(ran) == (2, 1, False), ran.said
    assert says in ran.last


def test_what_is_excluded_is_told_as_such(house: House) -> None:
    assert house.scrapy("ids", "exclude", str(STATIC), "--why", "test").code == 0
    ran = house.scrapy("wacz", f"{house.folder}/a.wacz", "--ids", str(STATIC))
    assert (ran.code, ran.last) == (2, "All of that is excluded: no WACZ was made. (exit 2)")


def test_an_archive_without_captures_is_told(house: House, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    assert house.scrapy("ids", "add", "-", stdin=b"7", ARCHIVE_URL=empty).code == 0
    ran = house.scrapy("wacz", f"{house.folder}/a.wacz", ARCHIVE_URL=empty)
    assert (ran.code, "has no captures yet" in ran.last) == (2, True), ran.said


@pytest.mark.parametrize("command", [["index"], ["wacz", "x.wacz"]])
def test_where_there_is_no_archive_that_is_told(house: House, command: list[str]) -> None:
    ran = house.scrapy(*command, ARCHIVE_URL=house.folder / "none")
    assert told(ran) == (2, 1, False), ran.said
    assert "there is no archive" in ran.last


@pytest.mark.parametrize("command", [["index"], ["wacz", "{}/x.wacz"], ["index", "-o", "{}/x.cdxj"]])
def test_a_full_disk_is_a_failure_and_leaves_no_half_file(house: House, command: list[str]) -> None:
    before = names(house.folder)
    words = [str(SCRAPY), *(each.format(house.folder) for each in command), *house.settings()]
    ran = run("bash", "-c", f"ulimit -f 8 && exec {shlex.join(words)}")
    assert told(ran) == (6, 1, False), ran.said
    assert names(house.folder) == before
    assert not list(house.archive.folder.glob("merged/*"))


def test_a_full_disk_behind_stdout_is_told(house: House) -> None:
    ran = run("bash", "-c", f"{shlex.join([str(SCRAPY), 'wacz', '-', *house.settings()])} > /dev/full")
    assert told(ran) == (6, 1, False), ran.said


def test_a_damaged_archive_is_told_and_leaves_nothing(house: House) -> None:
    warc = house.archive.files("warc")[0]
    warc.write_bytes(warc.read_bytes()[:-7])
    ran = house.scrapy("wacz", str(house.folder / "x.wacz"))
    assert told(ran) == (6, 1, False), ran.said
    assert warc.name in ran.last
    assert not [name for name in names(house.folder) if "x.wacz" in name]


# S3


@pytest.fixture
def copied(house: House, s3: Endpoint) -> dict[str, Any]:
    """The settings that lead to a copy in a bucket."""
    settings = {
        **settings_of(s3),
        "ARCHIVE_URL": f"s3://{s3.bucket()}/news",
        "SPOOL_DIR": house.folder / "disk",
    }
    assert house.scrapy("copy", str(house.archive.folder), settings["ARCHIVE_URL"], **settings).code == 0
    return settings


def objects(s3: Endpoint, settings: dict[str, Any], prefix: str) -> dict[str, bytes]:
    client, bucket = s3.client(), settings["ARCHIVE_URL"].split("/")[2]
    found = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {each["Key"]: client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found}


def begun(s3: Endpoint, settings: dict[str, Any]) -> list[Any]:
    """Uploads that nobody ended."""
    bucket = settings["ARCHIVE_URL"].split("/")[2]
    return s3.client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def test_the_index_of_a_bucket_is_that_of_a_folder(
    house: House, s3: Endpoint, copied: dict[str, Any]
) -> None:
    assert house.scrapy("index").code == 0
    assert house.scrapy("index", **copied).code == 0
    assert "is current" in house.scrapy("index", **copied).out
    (here,) = (house.archive.folder / "merged").iterdir()
    target = f"{copied['ARCHIVE_URL'].rpartition('/')[0]}/out/all.cdxj"
    assert house.scrapy("index", "--output", target, **copied).code == 0
    assert objects(s3, copied, "out/") == {"out/all.cdxj": here.read_bytes()}
    assert objects(s3, copied, "news/merged/") == {f"news/merged/{here.name}": here.read_bytes()}


def test_a_wacz_goes_from_bucket_to_bucket_and_is_the_same(
    house: House, s3: Endpoint, copied: dict[str, Any]
) -> None:
    right = pack(house).read_bytes()
    target = f"{copied['ARCHIVE_URL'].rpartition('/')[0]}/out/all.wacz"
    ran = house.scrapy("wacz", target, **copied)
    assert ran.code == 0, ran.said
    assert objects(s3, copied, "out/") == {"out/all.wacz": right}
    again = house.scrapy("wacz", target, **copied)
    assert (again.code, "is there already" in again.last) == (2, True)


def test_a_bucket_that_is_not_there_is_the_one_that_was_given(house: House, copied: dict[str, Any]) -> None:
    ran = house.scrapy("wacz", "s3://no-such-bucket-here/all.wacz", **copied)
    assert (ran.code, "s3://no-such-bucket-here: " in ran.last, "ARCHIVE_URL" in ran.said) == (2, True, False)


@pytest.mark.parametrize(
    "act", [error("InternalError"), lose_answer(), cut_answer(20)], ids=lambda act: act.name
)
def test_an_upload_gets_through_what_passes(house: House, s3: Endpoint, copied: dict[str, Any], act) -> None:
    right = pack(house).read_bytes()
    target = f"{copied['ARCHIVE_URL'].rpartition('/')[0]}/out/all.wacz"
    with running_proxy(s3) as proxy:
        proxy.faults.add(*(Fault(act, method=method, path="all.wacz") for method in ("POST", "PUT", "HEAD")))
        ran = house.scrapy("wacz", target, **copied | {"AWS_ENDPOINT_URL": proxy.endpoint.url})
    assert ran.code == 0, ran.said
    assert objects(s3, copied, "out/") == {"out/all.wacz": right}


def test_an_upload_that_fails_leaves_nothing(house: House, s3: Endpoint, copied: dict[str, Any]) -> None:
    target = f"{copied['ARCHIVE_URL'].rpartition('/')[0]}/out/all.wacz"
    with running_proxy(s3) as proxy:
        proxy.faults.add(Fault(error("InternalError"), method="PUT", path="all.wacz", times=inf))
        ran = house.scrapy(
            "wacz", target, **copied | {"AWS_ENDPOINT_URL": proxy.endpoint.url, "S3_ATTEMPTS": 2}
        )
    assert told(ran) == (6, 1, False), ran.said
    assert not objects(s3, copied, "out/")
    assert not begun(s3, copied)
