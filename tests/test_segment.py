"""A segment and its journal: whatever a crash leaves behind the last checkpoint never happened."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import pytest

from crawler import cdxj, warc
from crawler.disk import Disk
from crawler.drafts import Draft
from crawler.errors import Damaged
from crawler.items import Exchange, Outcome
from crawler.segment import Sealed, Segment, sealed, segment_name
from crawler.spool import Spool
from tests import takes

NAME = "anapress-20261123094654-000000aa-00001"


class Quick(Disk):
    """Syncs nothing: nobody cuts the power here."""

    def sync(self, file: BinaryIO) -> None:
        file.flush()

    def sync_folder(self, folder: Path) -> None:
        pass

    def truncate(self, path: Path, length: int) -> None:
        os.truncate(path, length)


def opened(root: Path) -> Spool:
    return Spool.claim(root, "000000aa", UUID(int=5), Quick())


@pytest.fixture
def spool(tmp_path) -> Iterator[Spool]:
    spool = opened(tmp_path)
    yield spool
    os.close(spool.lock)


def begin(spool: Spool) -> Segment:
    ids = takes.new_ids(1000)
    return Segment(
        spool, NAME, Quick(), new_id=lambda: next(ids), opened=takes.BEGAN, about={"software": "test"}
    )


def fetch(segment: Segment, id: int) -> Exchange:
    """One page written, and its take drafted."""
    page = takes.exchange(f"http://anapress.net/a/{id}", f"page {id}".encode(), id=UUID(int=id))
    ref, _ = segment.add(page, warc.measure(page), None)
    segment.draft(Draft.of(takes.take(id, 1, takes.absent(Outcome.GONE), page), ref, ref))
    return page


def three_pages(spool: Spool) -> tuple[int, int, int, int]:
    """Two pages, a checkpoint, a third page and its checkpoint; lengths of both files at each."""
    segment = begin(spool)
    fetch(segment, 3)
    fetch(segment, 1)
    segment.checkpoint()
    first = sizes(spool)
    fetch(segment, 2)
    segment.checkpoint()
    segment.close()
    return *first, *sizes(spool)


def sizes(spool: Spool) -> tuple[int, int]:
    return spool.path(NAME, "warc.gz").stat().st_size, spool.path(NAME, "journal").stat().st_size


def urls(segment: Sealed) -> list[str]:
    """Of the responses and revisits that count, read from the WARC itself."""
    with segment.warc.open("rb") as stream:
        records = list(warc.members(stream))
    assert len(records) == segment.records
    return [record.headers["WARC-Target-URI"][-1] for record in records if record.type == "response"]


def test_a_sealed_segment_holds_all_that_was_added(spool) -> None:
    three_pages(spool)
    segment = sealed(spool, NAME, Quick())
    assert urls(segment) == ["3", "1", "2"]
    assert (segment.records, segment.drafts, segment.empty) == (7, 3, False)


def test_its_index_is_sorted_by_bytes_and_names_each_record(spool) -> None:
    three_pages(spool)
    segment = sealed(spool, NAME, Quick())
    lines = segment.index.read_bytes().splitlines()
    assert lines == sorted(lines)
    with segment.warc.open("rb") as stream:
        for line in lines:
            entry = cdxj.parse(line)
            assert warc.read_member(stream, entry.offset).id == entry.id


def test_nothing_counts_before_its_checkpoint(spool) -> None:
    segment = begin(spool)
    fetch(segment, 1)
    segment.checkpoint()
    fetch(segment, 2)
    assert not segment.clean
    segment.close()
    assert urls(sealed(spool, NAME, Quick())) == ["1"]


def test_a_journal_torn_at_any_byte_recovers_to_the_last_whole_checkpoint(spool, tmp_path) -> None:
    _, first, _, last = three_pages(spool)
    for length in range(first, last + 1):
        copy = copied(spool, tmp_path / str(length))
        os.truncate(copy.path(NAME, "journal"), length)
        assert urls(sealed(copy, NAME, Quick())) == (["3", "1", "2"] if length == last else ["3", "1"])
        os.close(copy.lock)


def test_a_warc_torn_at_any_byte_behind_the_checkpoint_recovers_to_it(spool, tmp_path) -> None:
    segment = begin(spool)
    fetch(segment, 3)
    segment.checkpoint()
    first = sizes(spool)[0]
    fetch(segment, 1)
    segment.close()
    for length in range(first, sizes(spool)[0] + 1):
        copy = copied(spool, tmp_path / str(length))
        os.truncate(copy.path(NAME, "warc.gz"), length)
        assert urls(sealed(copy, NAME, Quick())) == ["3"]
        os.close(copy.lock)


@pytest.mark.parametrize("torn", [b"\0" * 100, b"{", b'{"index": "', b"[]\n", b"\xff\xfe\n", b"null\n"])
def test_whatever_stands_behind_the_last_checkpoint_is_cut_off(spool, torn) -> None:
    """A power cut may leave zeros where a file grew and its bytes did not arrive."""
    three_pages(spool)
    whole = sizes(spool)
    for kind in ("warc.gz", "journal"):
        with spool.path(NAME, kind).open("ab") as file:
            file.write(torn)
    assert urls(sealed(spool, NAME, Quick())) == ["3", "1", "2"]
    assert sizes(spool) == whole


def test_a_checkpoint_whose_lines_did_not_all_arrive_does_not_count(spool) -> None:
    """Its own line may be on the disk before those that it speaks of."""
    _, first, _, _ = three_pages(spool)
    journal = spool.path(NAME, "journal")
    block = journal.read_bytes()[first:].splitlines(keepends=True)
    os.truncate(journal, first)
    with journal.open("ab") as file:
        file.writelines(block[1:])
    assert urls(sealed(spool, NAME, Quick())) == ["3", "1"]


def test_recovery_may_be_repeated(spool) -> None:
    three_pages(spool)
    once = sealed(spool, NAME, Quick())
    index = once.index.read_bytes()
    assert sealed(spool, NAME, Quick()) == once
    assert once.index.read_bytes() == index


def test_a_warc_that_lost_what_a_checkpoint_counted_is_damaged(spool) -> None:
    three_pages(spool)
    os.truncate(spool.path(NAME, "warc.gz"), 100)
    with pytest.raises(Damaged, match="its journal counts"):
        sealed(spool, NAME, Quick())


def test_a_segment_that_a_crash_left_without_a_page_is_empty(spool) -> None:
    begin(spool).close()
    segment = sealed(spool, NAME, Quick())
    assert segment.empty
    assert [kind for kind, *_ in segment.sealed()] == ["warc"]


def test_a_segment_without_a_journal_never_happened(spool) -> None:
    spool.path(NAME, "warc.gz").write_bytes(b"half a warcinfo")
    assert sealed(spool, NAME, Quick()).empty


def test_what_is_sealed_is_named_for_the_archive_with_its_counts(spool) -> None:
    three_pages(spool)
    files = [(kind, key, count) for kind, _, key, count in sealed(spool, NAME, Quick()).sealed()]
    assert files == [("warc", f"warcs/{NAME}.warc.gz", 7), ("index", f"indexes/{NAME}.cdxj", 3)]


def test_the_journal_is_json_a_line_each(spool) -> None:
    three_pages(spool)
    entries = [json.loads(line) for line in spool.path(NAME, "journal").read_bytes().splitlines()]
    kinds = [next(iter(entry)) for entry in entries]
    pages = ["index", "draft"]
    assert kinds == ["checkpoint", *pages, *pages, "checkpoint", *pages, "checkpoint"]


def test_an_exchange_without_a_response_leaves_its_request_and_no_index_line(spool) -> None:
    segment = begin(spool)
    asked = takes.exchange("http://anapress.net/a/1", b"", id=UUID(int=1))
    silent = Exchange(
        **{name: getattr(asked, name) for name in Exchange.__dataclass_fields__} | {"head": b""}
    )
    assert segment.add(silent, warc.measure(silent), None) == (None, None)
    segment.seal()
    made = sealed(spool, NAME, Quick())
    with made.warc.open("rb") as stream:
        assert [record.type for record in warc.members(stream)] == ["warcinfo", "request"]
    assert made.index.read_bytes() == b""


def test_every_member_of_the_warc_stands_alone(spool) -> None:
    three_pages(spool)
    segment = sealed(spool, NAME, Quick())
    content = segment.warc.read_bytes()
    for line in segment.index.read_text().splitlines():
        entry = cdxj.parse(line.encode())
        member = io.BytesIO(content[entry.offset : entry.offset + entry.length])
        assert [record.id for record in warc.members(member)] == [entry.id]


def test_a_segments_name_sorts_by_time_and_says_whose_it_is() -> None:
    assert segment_name(takes.BEGAN, "000000aa", 1) == NAME


def copied(spool: Spool, root: Path) -> Spool:
    copy = opened(root)
    for kind in ("warc.gz", "journal"):
        shutil.copy(spool.path(NAME, kind), copy.folder)
    return copy
