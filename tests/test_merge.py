"""The merged index is what `LC_ALL=C sort` makes of the committed segments' indexes, and nothing else."""

from __future__ import annotations

import subprocess
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import merge
from crawler.commits import Commit, File, place
from crawler.disk import Disk
from crawler.errors import Damaged
from crawler.stores import Store, open_store


@pytest.fixture
def store(tmp_path) -> Store:
    return open_store(str(tmp_path / "archive"), Disk())


@pytest.fixture
def room(tmp_path) -> Path:
    (folder := tmp_path / "room").mkdir()
    return folder


def commit(store: Store, n: int, *lines: str) -> None:
    """Commit n, of a segment with this index; without lines it names none."""
    segment = f"segment-{n}"
    data = "".join(f"{line}\n" for line in sorted(lines)).encode()
    files: tuple[File, ...] = ()
    if lines:
        path = place("index", segment)
        store.create(path, data)
        sha = sha256(data).hexdigest()
        files = (File(path=path, kind="index", bytes=len(data), sha256=sha, count=len(lines)),)
    made = Commit(n=n, segment=segment, at="", worker="w", files=files, counts={})
    store.create(Commit.key(n), bytes(made))


def taken(index: merge.Merged) -> list[str]:
    return [line.decode().removesuffix("\n") for line in index.lines]


def there(store: Store) -> list[str]:
    return [key for key, _ in store.list(merge.PLACE.folder)]


def test_the_lines_of_all_commits_come_in_the_order_of_their_bytes(store, room) -> None:
    commit(store, 1, "b 2", "a 1", "a 1!")
    commit(store, 2, "ش 1", "a 0", "B 1")
    assert taken(merge.merge(store, room)) == ["B 1", "a 0", "a 1", "a 1!", "b 2", "ش 1"]


def test_the_order_is_that_of_sort(store, room) -> None:
    commit(store, 1, *(f"com,x)/{i}?{i * 7919 % 100}=é{i} {i}" for i in range(300)))
    commit(store, 2, *(f"com,x)/{i}/ {i}" for i in range(300)))
    indexes = sorted((Path(store.url) / "indexes").iterdir())
    right = subprocess.run(["sort", *indexes], env={"LC_ALL": "C"}, capture_output=True, check=True).stdout
    assert b"".join(merge.merge(store, room).lines) == right


@given(lines=st.lists(st.binary(max_size=3).map(lambda line: line + b"\n")), size=st.integers(0, 9))
def test_lines_in_any_order_come_sorted_however_little_fits_in_memory(tmp_path_factory, lines, size) -> None:
    lines = [line for line in lines if line.count(b"\n") == 1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge, "RUN_BYTES", size)
        runs = merge.Runs(tmp_path_factory.mktemp("runs"))
        for line in lines:
            runs.add(line)
        assert list(runs.lines()) == sorted(lines)


def test_what_does_not_fit_in_memory_is_sorted_on_disk(store, room, monkeypatch) -> None:
    monkeypatch.setattr(merge, "RUN_BYTES", 100)
    for n in range(1, 6):
        commit(store, n, *(f"{i * 7919 % 1000:04d} {n}" for i in range(40)))
    lines = taken(merge.merge(store, room))
    assert len(lines) == 200
    assert lines == sorted(lines)
    assert len(list(room.iterdir())) > 5


def test_an_archive_without_commits_has_an_empty_index(store, room) -> None:
    index = merge.merge(store, room)
    assert (index.n, index.new, taken(index)) == (0, 0, [])
    assert merge.keep(store, room, Disk()) is None
    assert not there(store)


def test_a_commit_without_records_counts(store, room) -> None:
    commit(store, 1)
    commit(store, 2, "a 1")
    commit(store, 3)
    assert merge.merge(store, room).n == 3


def test_it_can_be_had_as_of_an_earlier_commit(store, room) -> None:
    for n in (1, 2, 3):
        commit(store, n, f"a {n}")
    assert taken(merge.merge(store, room, last=2)) == ["a 1", "a 2"]
    merge.keep(store, room, Disk())
    assert taken(merge.merge(store, room, last=2)) == ["a 1", "a 2"]


def test_it_is_kept_under_the_number_of_its_commit(store, room) -> None:
    commit(store, 1, "b 1")
    commit(store, 2, "a 1")
    kept = merge.keep(store, room, Disk())
    assert kept is not None
    assert (kept.n, kept.new) == (2, 2)
    assert there(store) == ["merged/0000000002.cdxj"]
    assert list(merge.kept(store, 2)) == [b"a 1\n", b"b 1\n"]


def test_one_that_is_current_is_left_alone(store, room) -> None:
    commit(store, 1, "b 1")
    merge.keep(store, room, Disk())
    before = (Path(store.url) / merge.key(1)).stat()
    assert merge.keep(store, room, Disk()) is None
    assert (Path(store.url) / merge.key(1)).stat() == before


def test_the_next_one_reads_only_new_segments(store, room) -> None:
    commit(store, 1, "b 1")
    merge.keep(store, room, Disk())
    store.remove(place("index", "segment-1"))
    commit(store, 2, "a 1")
    kept = merge.keep(store, room, Disk())
    assert kept is not None
    assert (kept.n, kept.new) == (2, 1)
    assert list(merge.kept(store, 2)) == [b"a 1\n", b"b 1\n"]


def test_made_afresh_it_is_the_same(store, room) -> None:
    for n in range(1, 6):
        commit(store, n, f"{n * 3 % 5} {n}", f"x {n}")
        merge.keep(store, room, Disk())
    assert list(merge.merge(store, room, afresh=True).lines) == list(merge.kept(store, 5))


def test_the_newest_two_are_kept(store, room) -> None:
    for n in range(1, 5):
        commit(store, n, f"a {n}")
        merge.keep(store, room, Disk())
    assert merge.numbers(store) == [4, 3]


def test_of_two_at_once_neither_harms_the_other(store, tmp_path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    commit(store, 1, "a 1")
    merge.keep(store, folders[0], Disk())
    commit(store, 2, "b 1")
    slow = merge.merge(store, folders[0])
    first = next(slow.lines)
    merge.keep(store, folders[1], Disk())
    assert [first, *slow.lines] == list(merge.kept(store, 2)) == [b"a 1\n", b"b 1\n"]


def test_nothing_stays_in_the_room_but_what_goes_with_it(store, room) -> None:
    commit(store, 1, "a 1")
    merge.keep(store, room, Disk())
    assert not list(room.iterdir())


@pytest.mark.parametrize(
    ("data", "says"), [(b"b 1\na 1\n", "not sorted"), (b"a 1\nb 1", "no end")], ids=["unsorted", "torn"]
)
def test_a_kept_index_that_is_damaged_is_named(store, room, data, says) -> None:
    commit(store, 1, "a 1")
    store.create(merge.key(1), data)
    commit(store, 2, "c 1")
    with pytest.raises(Damaged, match=f"{merge.key(1)}.*{says}"):
        merge.keep(store, room, Disk())
    assert there(store) == [merge.key(1)]


def test_an_index_of_a_commit_that_is_lost_is_no_beginning(store, room) -> None:
    commit(store, 1, "a 1")
    store.create(merge.key(2), b"a 1\nb 1\n")
    with pytest.raises(Damaged, match=r"commits/0000000002\.json is not"):
        merge.merge(store, room)


def test_a_missing_index_is_named(store, room) -> None:
    commit(store, 1, "a 1")
    store.remove(place("index", "segment-1"))
    with pytest.raises(Damaged, match=r"indexes/segment-1\.cdxj is missing"):
        merge.merge(store, room)


def test_memory_does_not_grow_with_the_lines(store, room, monkeypatch) -> None:
    monkeypatch.setattr(merge, "RUN_BYTES", 1 << 20)
    for n in range(1, 21):
        commit(
            store, n, *(f"net,anapress)/a/{i * 7919 % 10**6:06d} {n:014d} {'x' * 400}" for i in range(2000))
        )
    tracemalloc.start()
    try:
        assert sum(1 for _ in merge.merge(store, room).lines) == 40_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 15 << 20  # of 17 MB of lines, with 20 runs of which 1,000 lines each are in memory
