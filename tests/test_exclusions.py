"""Ids that are left out: no line of theirs is ever lost, misread or passed over."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.disk import Disk
from crawler.errors import Damaged, StoreError
from crawler.exclusions import KEY, Exclusion, append, carry, excluded, merged, parse, read
from crawler.stores import Store, open_store
from tests.crawling import House
from tests.s3 import Endpoint, Fault, delay, running_proxy
from tests.s3.access import access_to
from tests.site import FAULTS, SEED_ID, Site, id_of, seed_ids

ARTICLES = 6
OUT = Exclusion(id="7", excluded=True, who="editor", at="2026-11-23T09:46:54.123Z", why="asked for it")
IN = replace(OUT, excluded=False, at="2026-11-24T00:00:00.000Z", why="حُلّت المسألة")
OTHER = replace(OUT, id="8", who="another")
LINE = b'{"id":"7","excluded":true,"who":"editor","at":"2026-11-23T09:46:54.123Z","why":"asked for it"}'

ids = st.integers(1, 2**63 - 1).map(str)
texts = st.text(st.characters(exclude_categories=["Cs"]))
decisions = st.builds(Exclusion, id=ids, excluded=st.booleans(), who=texts, at=texts, why=texts)
few = st.lists(
    st.builds(replace, st.just(OUT), id=st.sampled_from("1234"), excluded=st.booleans(), who=texts)
)


# The format


def test_a_line_is_canonical_json_of_who_when_and_why() -> None:
    assert str(OUT).encode() == LINE


@given(st.lists(decisions))
def test_what_was_written_is_read_back(given: list[Exclusion]) -> None:
    assert parse(b"".join(str(each).encode() + b"\n" for each in given)) == given


def test_the_last_line_of_an_id_holds() -> None:
    assert excluded([OUT, OTHER]) == {7, 8}
    assert excluded([OUT, OTHER, IN]) == {8}
    assert excluded([OUT, IN, OUT]) == {7}


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"7",
        b"null",
        b"# 7",
        LINE[:-1],
        LINE + b"\r",
        LINE + b" ",
        LINE.replace(b":", b": ", 1),
        LINE.replace(b'"7"', b"7"),
        LINE.replace(b'"7"', b'"07"'),
        LINE.replace(b'"7"', b'"0"'),
        LINE.replace(b'"7"', b'"9223372036854775808"'),
        LINE.replace(b'"7"', '"٧"'.encode()),
        LINE.replace(b'"7"', b'"http://anapress.net/a/7"'),
        LINE.replace(b"true", b'"true"'),
        LINE.replace(b"true", b"1"),
        LINE.replace(b"true", b"null"),
        LINE.replace(b'"editor"', b"null"),
        LINE.replace(b',"why":"asked for it"', b""),
        LINE.replace(b"{", b'{"id":"8",'),
        LINE.replace(b"}", b',"more":1}'),
        LINE.replace(b"editor", b"\xff"),
    ],
    ids=repr,
)
def test_a_line_that_is_none_is_damage_and_its_number_is_named(wrong: bytes) -> None:
    with pytest.raises(Damaged, match=r"^exclusions\.jsonl: line 2 can't be read"):
        parse(LINE + b"\n" + wrong + b"\n" + LINE + b"\n")


def test_a_torn_last_line_is_damage() -> None:
    with pytest.raises(Damaged, match="line 2 has no end"):
        parse(LINE + b"\n" + LINE)


# Two files become one


@given(few, few)
def test_merged_files_keep_every_line_of_both(ours: list[Exclusion], theirs: list[Exclusion]) -> None:
    assert set(merged(ours, theirs)) == {*ours, *theirs}


@given(few, few)
def test_who_is_left_out_by_one_file_and_not_named_by_the_other_stays_out(ours, theirs) -> None:
    """And if both speak of it, whoever leaves it out by a line that the other lacks is heard."""
    told = {each.id for each in ours}
    assert {id for id in excluded(theirs) if str(id) not in told} <= excluded(merged(ours, theirs))
    assert excluded(ours) <= excluded(merged(ours, theirs))
    own = [each for each in theirs if each not in ours]
    assert excluded(own) <= excluded(merged(ours, theirs))


@given(few, few)
def test_merged_again_nothing_changes(ours: list[Exclusion], theirs: list[Exclusion]) -> None:
    once = merged(ours, theirs)
    assert merged(ours, once) == once


@given(few, few)
def test_a_file_that_was_copied_and_has_grown_is_copied_as_it_is(old, new) -> None:
    assert merged([*old, *new], old) == [*old, *new]


def test_an_undoing_of_ones_own_stays_undone() -> None:
    assert excluded(merged([OTHER], [OUT, IN])) == {8}


# In a store


class Meddled(Disk):
    """A disk on which somebody else writes the file in between."""

    def __init__(self, store: Store, home: Path, theirs: Sequence[Exclusion], times: int) -> None:
        self._store, self._home, self._theirs, self._times = store, home, theirs, times
        self._there = read(store)

    def reached(self, step: str) -> None:
        if step == "exclusions/put" and self._times:
            self._times -= 1
            write(self._store, self._home, [*self._there, *self._theirs])

    def after(self, _seconds: float) -> None:
        """They had read before we wrote, and write now: our lines are gone."""
        if self._times:
            self._times -= 1
            write(self._store, self._home, [*self._there, *self._theirs])


def write(store: Store, home: Path, lines: Sequence[Exclusion]) -> None:
    file = home / "theirs"
    file.unlink(missing_ok=True)
    file.write_bytes(b"".join(str(each).encode() + b"\n" for each in lines))
    store.put(file, KEY)


def at_once(_seconds: float) -> None: ...


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(str(tmp_path / "archive"), Disk())
    store.create("archive.json", b"{}\n")
    return store


def test_a_store_without_the_file_leaves_nobody_out(store: Store) -> None:
    assert read(store) == []


def test_lines_are_added_and_none_is_removed(store: Store, tmp_path: Path) -> None:
    for line in (OUT, OTHER, IN):
        append([line], store, tmp_path, Disk(), at_once)
    assert read(store) == [OUT, OTHER, IN]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive"]


def test_an_archives_lines_are_carried_into_another(store: Store, tmp_path: Path) -> None:
    append([OTHER], store, tmp_path, Disk(), at_once)
    carry([OUT], store, tmp_path, Disk(), at_once)
    assert read(store) == [OUT, OTHER]


def test_what_another_writes_between_our_look_and_our_put_is_written_again_by_it(store, tmp_path) -> None:
    """We can't see its lines any more; it looks after a while, and finds that they are gone."""
    append([OUT], store, tmp_path, Meddled(store, tmp_path, [OTHER], times=1), at_once)
    append([OTHER], store, tmp_path, Disk(), at_once)  # its second look
    assert read(store) == [OUT, OTHER]


def test_lines_that_another_writer_overwrote_are_written_again(store: Store, tmp_path: Path) -> None:
    disk = Meddled(store, tmp_path, [OTHER], times=3)
    append([OUT], store, tmp_path, disk, disk.after)
    assert read(store) == [OTHER, OUT]


def test_two_who_write_at_once_into_a_slow_store_both_get_their_lines_in(s3: Endpoint, tmp_path) -> None:
    bucket = s3.bucket()
    with running_proxy(s3) as proxy, ThreadPoolExecutor(2) as people:
        proxy.faults.add(Fault(delay(1.5), method="PUT", times=inf))  # longer than SETTLING

        def exclude(line: Exclusion, folder: Path) -> None:
            folder.mkdir()
            access = access_to(proxy.endpoint, folder)
            append([line], open_store(f"s3://{bucket}", Disk(), access), folder, Disk())

        first = people.submit(exclude, OUT, tmp_path / "one")
        while not any(seen.method == "PUT" for seen in proxy.requests):
            time.sleep(0.01)
        time.sleep(1.2)  # the other reads now, and its put comes after the first one's second
        exclude(OTHER, tmp_path / "other")
        first.result()
    assert set(read(open_store(f"s3://{bucket}", Disk(), access_to(s3, tmp_path)))) == {OUT, OTHER}


def test_lines_that_do_not_stay_are_no_success(store: Store, tmp_path: Path) -> None:
    disk = Meddled(store, tmp_path, [OTHER], times=100)
    with pytest.raises(StoreError, match=r"exclusions.jsonl is being written by others .* Try again"):
        append([OUT], store, tmp_path, disk, disk.after)


def test_nothing_is_added_to_a_file_that_can_not_be_read(store: Store, tmp_path: Path) -> None:
    store.create(KEY, b"7\n")
    with pytest.raises(Damaged, match="line 1"):
        append([OUT], store, tmp_path, Disk(), at_once)
    assert (tmp_path / "archive" / KEY).read_bytes() == b"7\n"


# The command line


STATIC, SEED, SEED_TWIN = id_of(3), SEED_ID, seed_ids()[1]


@pytest.fixture(scope="module")
def filled(site: Site, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Four articles, and an id that shows the text of another."""
    house = House(tmp_path_factory.mktemp("filled"), site)
    assert house.crawl([SEED, id_of(2), STATIC, id_of(5)], "-adiscover=none").code == 0
    assert house.crawl([SEED_TWIN], "-adiscover=none").code == 0
    assert house.archive.takes()[SEED_TWIN][-1]["outcome"] == "duplicate"
    return house


@pytest.fixture
def house(filled: House, tmp_path: Path) -> House:
    shutil.copytree(filled.folder, tmp_path / "house")
    return House(tmp_path / "house", filled.site)


def lines(house: House) -> list[dict[str, object]]:
    return [json.loads(line) for line in (house.archive.folder / KEY).read_bytes().splitlines()]


def corpus(house: House) -> list[bytes]:
    return house.scrapy("export", "-").out.encode().splitlines()


def test_an_excluded_article_is_left_out_of_the_export_which_says_so(house: House) -> None:
    before = corpus(house)
    assert house.scrapy("ids", "exclude", str(STATIC), "--why", "asked for it").code == 0
    packed = house.folder / "all.jsonl.gz"
    ran = house.scrapy("export", str(packed))
    assert ran.out == f"3 articles in {packed}\n"
    assert ran.last == "1 articles are left out, as exclusions.jsonl says"
    after = gzip.decompress(packed.read_bytes()).splitlines()
    assert after == [line for line in before if json.loads(line)["id"] != str(STATIC)]


def test_an_undone_exclusion_is_exported_again_and_both_lines_stay(house: House) -> None:
    before = corpus(house)
    house.scrapy("ids", "exclude", str(STATIC), "--why", "asked for it", "--who", "A")
    ran = house.scrapy("ids", "exclude", str(STATIC), "--why", "a mistake", "--who", "B", "--undo")
    assert ran.out == "1 ids are let into exports, replay and WACZ; 0 are unknown here\n"
    assert corpus(house) == before
    assert [(line["excluded"], line["who"], line["why"]) for line in lines(house)] == [
        (True, "A", "asked for it"),
        (False, "B", "a mistake"),
    ]


def test_ids_are_excluded_as_they_are_added_known_or_not(house: House) -> None:
    url = f"http://anapress.net/a/{STATIC}"
    ran = house.scrapy("ids", "exclude", "-", "5", "--why", "w", stdin=f"{url}\n6 # why\n".encode())
    assert ran.out == "3 ids are left out of exports, replay and WACZ; 2 are unknown here\n"
    assert [line["id"] for line in lines(house)] == ["5", "6", str(STATIC)]


def test_an_id_that_shows_the_text_of_another_is_told(house: House) -> None:
    ran = house.scrapy("ids", "exclude", str(SEED_TWIN), "--why", "w")
    assert ran.out.splitlines()[1:] == [
        f"  {SEED_TWIN} shows the text of {SEED}: it stays in exports as long as {SEED} does"
    ]
    assert any(json.loads(line)["id"] == str(SEED) for line in corpus(house))


def test_a_text_that_is_excluded_does_not_come_back_under_the_id_that_repeats_it(house: House) -> None:
    house.scrapy("ids", "exclude", str(SEED), "--why", "w")
    assert {json.loads(line)["id"] for line in corpus(house)} == {str(id_of(n)) for n in (2, 3, 5)}


def test_a_revisit_of_what_is_left_out_is_in_no_public_index(house: House) -> None:
    """Two ids have one page: it is stored once, under the first."""
    first, second = FAULTS["status_404"], FAULTS["soft_404"]
    for id in (first, second):
        house.crawl([id], "-adiscover=none")
    assert indexed(house, second) == ["warc/revisit"]
    house.scrapy("ids", "exclude", str(first), "--why", "w")
    assert indexed(house, second) == []
    assert indexed(house, STATIC) == ["text/html"]


def indexed(house: House, id: int) -> list[str]:
    """The types of an id's lines in the public index."""
    out = house.scrapy("index", "--public", "-o", "-").out
    return [json.loads(line.split(" ", 2)[2])["mime"] for line in out.splitlines() if f"/a/{id}" in line]


def test_who_excludes_is_the_contact_unless_somebody_is_named(house: House) -> None:
    house.scrapy("ids", "exclude", "5", "--why", "w", CONTACT="me@example.org")
    house.scrapy("ids", "exclude", "5", "--why", "w", "--who", "رنا", CONTACT="me@example.org")
    house.scrapy("ids", "exclude", "5", "--why", "w")
    who = [line["who"] for line in lines(house)]
    assert who[:2] == ["me@example.org", "رنا"]
    assert who[2]


def test_status_counts_who_is_left_out(house: House) -> None:
    assert "left out" not in house.scrapy("ids", "status").out
    house.scrapy("ids", "exclude", f"5,{STATIC}", "--why", "w")
    assert house.scrapy("ids", "status").out.splitlines()[-1] == "2 are left out of exports, replay and WACZ"


@pytest.mark.parametrize(
    "words", [["5"], ["5", "--why", " "], ["--why", "w"], ["five", "--why", "w"]], ids=" ".join
)
def test_an_exclusion_without_its_reason_or_ids_is_told_in_a_sentence(house: House, words: list[str]) -> None:
    ran = house.scrapy("ids", "exclude", *words)
    assert (ran.code, len(ran.said.splitlines()), "Traceback" in ran.said) == (2, 1, False)
    assert not (house.archive.folder / KEY).exists()


def test_nobody_is_excluded_from_an_archive_that_is_not_there(site: Site, tmp_path: Path) -> None:
    ran = House(tmp_path, site).scrapy("ids", "exclude", "5", "--why", "w")
    assert (ran.code, ran.said.startswith("there is no archive at")) == (2, True)
    assert not list(tmp_path.iterdir())


def test_a_file_that_can_not_be_read_stops_the_export_and_is_a_fault(house: House) -> None:
    (house.archive.folder / KEY).write_bytes(str(OUT).encode() + b"\n5\n")
    target = house.folder / "all.jsonl"
    ran = house.scrapy("export", str(target))
    assert (ran.code, ran.said.startswith("exclusions.jsonl: line 2 can't be read")) == (6, True)
    assert not target.exists()
    verified = house.scrapy("verify")
    assert verified.code == 1
    assert verified.out.startswith("FAULT exclusions.jsonl: line 2 can't be read")


def test_a_file_that_can_be_read_is_sound_and_no_stray(house: House) -> None:
    house.scrapy("ids", "exclude", "5", "--why", "w")
    ran = house.scrapy("verify")
    assert (ran.code, ran.out.startswith("sound")) == (0, True)


def test_an_excluded_id_is_still_crawled(house: House) -> None:
    house.scrapy("ids", "exclude", str(id_of(4)), "--why", "w")
    assert house.crawl([id_of(4)], "-adiscover=none").code == 0
    assert house.archive.takes()[id_of(4)][-1]["outcome"] == "article"
    assert str(id_of(4)) not in {json.loads(line)["id"] for line in corpus(house)}
