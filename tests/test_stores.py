"""One contract for every store: what the archive's files may rely on."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from crawler.disk import Disk
from crawler.errors import StoreError, WrongUse
from crawler.stores import Store, open_store
from tests.s3 import Endpoint
from tests.s3.access import access_to


class TwoDisks(Disk):
    """Spool and archive lie on different file systems: no link between them."""

    def link(self, source: Path, target: Path) -> None:
        if source.parent != target.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        super().link(source, target)


class Full(Disk):
    """Nothing more fits."""

    def open(self, path: Path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


KINDS: dict[str, Callable[[Path], Store]] = {
    "folder": lambda home: open_store(str(home / "archive"), Disk()),
    "file url": lambda home: open_store(f"file://{home / 'archive'}", Disk()),
    "another disk": lambda home: open_store(str(home / "archive"), TwoDisks()),
}


def in_s3(endpoint: Endpoint, home: Path) -> Store:
    access = access_to(endpoint, home)
    return open_store(f"s3://{endpoint.bucket()}/some/where", Disk(), access)


@pytest.fixture(params=[*KINDS, "s3"])
def store(request, tmp_path) -> Store:
    if request.param == "s3":
        return in_s3(request.getfixturevalue("s3"), tmp_path)
    return KINDS[request.param](tmp_path)


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "spooled"
    path.write_bytes(b"sealed" * 1000)
    return path


def content(store: Store, key: str) -> bytes | None:
    if (stream := store.read(key)) is None:
        return None
    with stream:
        return stream.read()


def test_what_was_put_is_there_whole(store, file) -> None:
    store.put(file, "warcs/a.warc.gz")
    assert content(store, "warcs/a.warc.gz") == file.read_bytes()


def test_an_empty_file_is_kept_as_one(store, tmp_path) -> None:
    (tmp_path / "empty").touch()
    store.put(tmp_path / "empty", "items/empty")
    assert content(store, "items/empty") == b""


def test_an_object_can_be_read_from_any_place_on(store, file) -> None:
    store.put(file, "warcs/a.warc.gz")
    with store.read("warcs/a.warc.gz") as stream:
        for place in (3000, 1, 5999, 6000, 0):
            assert (stream.seek(place), stream.read(12)) == (place, file.read_bytes()[place : place + 12])
        assert stream.tell() == 12


def test_the_store_is_tried_before_it_is_trusted_and_nothing_is_left_of_that(store) -> None:
    store.preflight()
    assert list(store.list()) == []


def test_another_process_can_open_the_same_store(store, file) -> None:
    store.put(file, "warcs/a.warc.gz")
    assert content(pickle.loads(pickle.dumps(store)), "warcs/a.warc.gz") == file.read_bytes()


def test_what_was_put_outlives_the_spools_copy(store, file) -> None:
    store.put(file, "warcs/a.warc.gz")
    file.unlink()
    assert content(store, "warcs/a.warc.gz") == b"sealed" * 1000


def test_put_again_is_the_same_and_leaves_nothing_beside_it(store, file) -> None:
    store.put(file, "warcs/a.warc.gz")
    store.put(file, "warcs/a.warc.gz")
    assert list(store.list()) == [("warcs/a.warc.gz", 6000)]


def test_create_keeps_the_object_if_the_key_is_free(store) -> None:
    assert store.create("commits/1.json", b"first")
    assert content(store, "commits/1.json") == b"first"


def test_create_never_writes_over_another_object(store) -> None:
    store.create("commits/1.json", b"first")
    assert not store.create("commits/1.json", b"second")
    assert content(store, "commits/1.json") == b"first"


def test_create_leaves_nothing_beside_the_object(store) -> None:
    store.create("commits/1.json", b"first")
    store.create("commits/1.json", b"second")
    assert list(store.list()) == [("commits/1.json", 5)]


def test_what_is_not_there_reads_as_none(store) -> None:
    assert store.read("commits/1.json") is None
    assert list(store.list()) == []


def test_list_names_all_keys_that_start_so_sorted_as_strings(store) -> None:
    for key in ("items/b", "items/a", "items-old", "items/a-1", "outcomes/a"):
        store.create(key, b"x")
    assert [key for key, _ in store.list("items")] == ["items-old", "items/a", "items/a-1", "items/b"]
    assert list(store.list("items/b")) == [("items/b", 1)]


def test_what_was_removed_is_gone_and_may_be_removed_again(store, file) -> None:
    store.put(file, "items/a")
    store.remove("items/a")
    store.remove("items/a")
    assert store.read("items/a") is None


def test_an_object_is_not_there_before_it_is_whole(tmp_path, file) -> None:
    """Whoever dies on the way leaves no half object under the key."""

    class Dies(TwoDisks):
        def rename(self, source: Path, target: Path) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    store = open_store(str(tmp_path / "archive"), Dies())
    with pytest.raises(StoreError, match="was not stored"):
        store.put(file, "warcs/a.warc.gz")
    assert store.read("warcs/a.warc.gz") is None


def test_two_writers_of_one_key_do_not_meet_in_one_part_file(tmp_path) -> None:
    """Not even two in containers, where each is process 1."""
    made: list[bool] = []

    class Interrupted(Disk):
        def link(self, source: Path, target: Path) -> None:
            if not made:
                made.append(open_store(str(tmp_path / "archive"), Disk()).create("commits/1.json", b"theirs"))
            super().link(source, target)

    store = open_store(str(tmp_path / "archive"), Interrupted())
    assert not store.create("commits/1.json", b"ours")
    assert made == [True]
    assert content(store, "commits/1.json") == b"theirs"


def test_a_full_disk_is_a_store_error(tmp_path, file) -> None:
    store = open_store(str(tmp_path / "archive"), Full())
    with pytest.raises(StoreError, match="No space left"):
        store.create("commits/1.json", b"first")


def test_what_does_not_fit_takes_no_room(tmp_path, file) -> None:
    class Short(TwoDisks):
        def sync(self, file: BinaryIO) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = open_store(str(tmp_path / "archive"), Short())
    with pytest.raises(StoreError, match="No space left"):
        store.put(file, "merged/1.cdxj")
    with pytest.raises(StoreError, match="No space left"):
        store.create("commits/1.json", b"first")
    assert not list(store.list())


def test_a_folder_in_place_of_an_object_is_a_store_error(tmp_path) -> None:
    (tmp_path / "archive/commits/1.json").mkdir(parents=True)
    with pytest.raises(StoreError, match="can't be read"):
        open_store(str(tmp_path / "archive"), Disk()).read("commits/1.json")


def test_the_ledger_beside_the_files_is_none_of_them(tmp_path) -> None:
    store = open_store(str(tmp_path / "archive"), Disk())
    store.create("archive.json", b"{}")
    for name in ("ledger.db", "ledger.db-wal"):
        (Path(store.url) / name).write_bytes(b"")
    assert [key for key, _ in store.list()] == ["archive.json"]


@pytest.mark.parametrize("url", ["gs://bucket/prefix", "ftp://host/archive"])
def test_a_place_that_is_no_store_is_refused_with_a_sentence(url) -> None:
    with pytest.raises(WrongUse, match="is no place for an archive"):
        open_store(url, Disk())
