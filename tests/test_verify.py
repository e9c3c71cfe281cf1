"""The audit finds what is wrong: seeded corruptions of a good archive, each of which it names."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from crawler.audit import audit
from crawler.disk import Disk
from crawler.errors import CrawlerError
from crawler.stores import open_store
from tests.crawling import Archive, House, records
from tests.site import FAULTS, SEED_ID, id_of, running_site, seed_ids

SEEDS = 200
CHUNK = 10
IDS = (
    SEED_ID,
    seed_ids()[1],  # a duplicate
    id_of(2),
    id_of(3),  # static: a revisit when it is taken again
    id_of(4),  # another text at every fetch
    id_of(6),  # gzip
    *(
        FAULTS[name]
        for name in ("chunked_odd", "status_404", "status_503_forever", "redirect_www", "body_cut")
    ),
)


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Several commits and segments, revisits, duplicates, a requeue, a changed text, an id that is left."""
    folder = tmp_path_factory.mktemp("good")
    with running_site(folder, articles=8) as site:
        house = House(folder, site)
        assert house.crawl(IDS, "-adiscover=none", SEGMENT_BYTES=30_000).code == 4
        assert house.scrapy("ids", "requeue", "--outcome", "article").code == 0
        assert house.crawl(None, "-adiscover=none").code == 0
        assert house.scrapy("ids", "add", "7,8").code == 0
    return house.archive


# Corruptions: each changes a copy at random, and says which files it touched


@dataclass(frozen=True, slots=True)
class Copy:
    archive: Archive
    random: Random

    @property
    def folder(self) -> Path:
        return self.archive.folder

    def named(self) -> list[Path]:
        """Every file that the log names, and the log."""
        files = [file["path"] for commit in self.archive.commits() for file in commit["files"]]
        return [*(self.folder / path for path in files), *sorted((self.folder / "commits").iterdir())]

    def any(self, *kinds: str) -> Path:
        """One of the files of these kinds; of all named files without any."""
        if not kinds:
            return self.random.choice(self.named())
        return self.random.choice([file for kind in kinds for file in self.archive.files(kind)])

    def lines(self, path: Path) -> list[bytes]:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines(keepends=True)

    def rewrite(self, path: Path, lines: list[bytes], *, adjusted: bool) -> None:
        """The file with these lines, and its commit's sums too if they are adjusted."""
        data = b"".join(lines)
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
        if adjusted:
            told = (
                Counter(json.loads(line)["outcome"] for line in lines) if "outcomes" in path.parts else None
            )
            self.adjust(path, len(lines), told)

    def adjust(self, path: Path, count: int, counts: dict[str, int] | None = None) -> None:
        """Make the commit that names the file say what the file is now."""
        for log in sorted((self.folder / "commits").iterdir()):
            commit = json.loads(log.read_bytes())
            for file in commit["files"]:
                if self.folder / file["path"] == path:
                    data = path.read_bytes()
                    file["bytes"], file["sha256"] = len(data), hashlib.sha256(data).hexdigest()
                    file["records" if file["kind"] == "warc" else "lines"] = count
                    write(log, commit | ({"counts": counts} if counts else {}))


def write(path: Path, value: object) -> None:
    path.write_bytes(canonical(value))


def canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def at(path: Path, data: bytes, random: Random) -> int:
    """A byte of the file; in a commit none of its time, which nothing else in the archive tells."""
    while True:
        place = random.randrange(len(data))
        start = data.find(b'"at":"') if path.suffix == ".json" else -1
        if start < 0 or not start + 6 <= place < start + 30:
            return place


def flip(copy: Copy) -> list[Path]:
    path = copy.any()
    data = bytearray(path.read_bytes())
    data[at(path, data, copy.random)] ^= 1 << copy.random.randrange(8)
    path.write_bytes(data)
    return [path]


def drop_file(copy: Copy) -> list[Path]:
    path = copy.any("warc", "index", "items", "outcomes")
    path.unlink()
    return [path]


def drop_commit(copy: Copy) -> list[Path]:
    path = copy.random.choice(sorted((copy.folder / "commits").iterdir()))
    commit = json.loads(path.read_bytes())
    path.unlink()
    return [path, *(copy.folder / file["path"] for file in commit["files"])]  # the last one leaves strays


def truncate(copy: Copy) -> list[Path]:
    path = copy.any()
    path.write_bytes(path.read_bytes()[: copy.random.randrange(path.stat().st_size)])
    return [path]


def append(copy: Copy) -> list[Path]:
    path = copy.any()
    path.write_bytes(path.read_bytes() + copy.random.choice([b"\0", b"\n", path.read_bytes()]))
    return [path]


def stray(copy: Copy) -> list[Path]:
    source = copy.any()
    path = source.with_name("x" + source.name)
    shutil.copy(source, path)
    return [path]


def swap_files(copy: Copy) -> list[Path]:
    kind = copy.random.choice(["warc", "index", "items", "outcomes"])
    one, two = copy.random.sample(copy.archive.files(kind), 2)
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)
    return [one, two]


def swap_commits(copy: Copy) -> list[Path]:
    one, two = copy.random.sample(sorted((copy.folder / "commits").iterdir()), 2)
    first, second = (json.loads(path.read_bytes()) for path in (one, two))
    write(one, second | {"n": first["n"]})
    write(two, first | {"n": second["n"]})
    return [one, two]


def repeat_commit(copy: Copy) -> list[Path]:
    logs = sorted((copy.folder / "commits").iterdir())
    path = logs[-1].with_name(f"{len(logs) + 1:010d}.json")
    write(path, json.loads(copy.random.choice(logs).read_bytes()) | {"n": len(logs) + 1})
    return [path]


def lie_in_commit(copy: Copy) -> list[Path]:
    path = copy.random.choice(sorted((copy.folder / "commits").iterdir()))
    commit = json.loads(path.read_bytes())
    file = copy.random.choice(commit["files"])
    key = copy.random.choice(["bytes", "records" if file["kind"] == "warc" else "lines"])
    if copy.random.random() < 0.5:
        file[key] += 1
    else:
        commit["counts"]["article"] = commit["counts"].get("article", 0) + 1
    write(path, commit)
    return [path, copy.folder / file["path"]]


def lines_changed(
    change: Callable[[list[bytes], Random], None],
    *kinds: str,
    adjusted: bool,
    fit: Callable[[list[bytes]], bool] = lambda lines: len(lines) > 1,
) -> Callable[[Copy], list[Path]]:
    """The corruption that changes the lines of a fit file of one of these kinds."""

    def corrupt(copy: Copy) -> list[Path]:
        files = [file for kind in kinds for file in copy.archive.files(kind) if fit(copy.lines(file))]
        path = copy.random.choice(files)
        lines = copy.lines(path)
        change(lines, copy.random)
        copy.rewrite(path, lines, adjusted=adjusted)
        return [path]

    corrupt.__name__ = f"{change.__name__} in {', '.join(kinds)}{', adjusted' if adjusted else ''}"
    return corrupt


def drop(lines: list[bytes], random: Random) -> None:
    del lines[random.randrange(len(lines))]


def repeat(lines: list[bytes], random: Random) -> None:
    lines.insert(random.randrange(len(lines)), random.choice(lines))


def swap(lines: list[bytes], random: Random) -> None:
    one, two = random.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]


def turn_round(lines: list[bytes], random: Random) -> None:
    lines.reverse()


def change(lines: list[bytes], random: Random) -> None:
    """One value of one line, to another one of its kind."""
    number = random.randrange(len(lines))
    line = json.loads(lines[number])
    key = random.choice(list(line))
    lines[number] = canonical(line | {key: other(line[key], random)})


# Of a page that was read; `found`, `attempts`, `source` and the validators are told nowhere else.
TOLD = ("id", "url", "outcome", "status", "captured_at", "record", "take", "content_hash", "version")


def change_take(lines: list[bytes], random: Random) -> None:
    """What an outcome says of a page that was read, to what another one could say."""
    number = random.choice([at for at, line in enumerate(lines) if was_read(line)])
    line = json.loads(lines[number])
    key = random.choice(TOLD)
    outcomes = [outcome for outcome in ("article", "changed", "unchanged") if outcome != line["outcome"]]
    value = random.choice(outcomes) if key == "outcome" else other(line[key], random)
    lines[number] = canonical(line | {key: value})


def was_read(line: bytes) -> bool:
    return json.loads(line)["content_hash"] is not None


def change_letter(lines: list[bytes], random: Random) -> None:
    number = random.randrange(len(lines))
    line = bytearray(lines[number])
    line[random.randrange(len(line) - 1)] ^= 1
    lines[number] = bytes(line)


def other(value: Any, random: Random) -> Any:
    """Another value of the same kind."""
    match value:
        case None:
            return 1
        case int():
            return value + 1
        case str() if value.isdigit():
            return str(int(value) + 1)
        case str():
            return value + "x"
        case list():
            return [*value[:-1], other(value[-1], random)] if value else ["x"]
        case dict():
            key = random.choice(list(value))
            return value | {key: other(value[key], random)}
    raise TypeError(value)


def members(change: Callable[[list[bytes], Random], None]) -> Callable[[Copy], list[Path]]:
    """The corruption that changes the members of a WARC, and the commit's sums with them."""

    def corrupt(copy: Copy) -> list[Path]:
        path = copy.any("warc")
        data, offsets = path.read_bytes(), [record.offset for record in records(path)]
        pieces = [data[start:end] for start, end in zip(offsets, [*offsets[1:], len(data)], strict=True)]
        change(pieces, copy.random)
        path.write_bytes(b"".join(pieces))
        copy.adjust(path, len(pieces))
        return [path, path.parent.parent / "indexes" / f"{path.name.removesuffix('.warc.gz')}.cdxj"]

    corrupt.__name__ = f"{change.__name__} a record, adjusted"
    return corrupt


def change_byte(pieces: list[bytes], random: Random) -> None:
    """One bit inside a record, compressed anew."""
    number = random.randrange(len(pieces))
    text = bytearray(gzip.decompress(pieces[number]))
    text[random.randrange(text.index(b"\r\n\r\n") + 4, len(text))] ^= 1 << random.randrange(8)
    pieces[number] = gzip.compress(text, mtime=0)


LINES = ("index", "items", "outcomes")
CORRUPTIONS: tuple[Callable[[Copy], list[Path]], ...] = (
    flip,
    flip,
    drop_file,
    drop_commit,
    truncate,
    append,
    stray,
    swap_files,
    swap_commits,
    repeat_commit,
    lie_in_commit,
    *(lines_changed(do, *LINES, adjusted=False) for do in (drop, repeat, swap, turn_round, change_letter)),
    *(lines_changed(do, "index", "items", adjusted=True) for do in (drop, repeat, swap, turn_round)),
    lines_changed(repeat, "outcomes", adjusted=True),
    lines_changed(change_take, "outcomes", adjusted=True, fit=lambda lines: any(map(was_read, lines))),
    lines_changed(change_letter, "index", adjusted=True),
    lines_changed(change, "items", adjusted=True),
    lines_changed(change, "items", adjusted=True),
    *(members(do) for do in (drop, repeat, swap, change_byte)),
)


def found(archive: Archive) -> list[str]:
    """All that the audit says of the archive."""
    try:
        findings = audit(open_store(str(archive.folder), Disk()))
    except CrawlerError as error:
        return [str(error)]
    return [*map(str, findings.faults), *findings.strays]


def test_the_good_archive_is_sound_and_holds_a_bit_of_everything(good: Archive) -> None:
    assert not found(good)
    outcomes = {take["outcome"] for takes in good.takes().values() for take in takes}
    assert outcomes == {"article", "changed", "unchanged", "duplicate", "gone", "failed"}
    assert any(record.type == "revisit" for record in good.records())
    assert len(good.files("warc")) > 2


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_corruption_is_named(good: Archive, tmp_path: Path, first: int) -> None:
    missed = []
    for seed in range(first, first + CHUNK):
        corrupt, folder = CORRUPTIONS[seed % len(CORRUPTIONS)], tmp_path / str(seed)
        shutil.copytree(good.folder, folder, ignore=shutil.ignore_patterns("ledger.db*"))
        touched = corrupt(Copy(Archive(folder), Random(seed)))
        names = of_one_commit(good, {str(path.relative_to(folder)) for path in touched})
        if not any(name in said for name in names for said in found(Archive(folder))):
            missed.append((seed, corrupt.__name__, touched))
        shutil.rmtree(folder)
    assert not missed


def of_one_commit(good: Archive, touched: set[str]) -> set[str]:
    """The files that share a commit with these, and it: a lie and what it lies about are named together."""
    commits = [
        {f"commits/{commit['n']:010d}.json", *(file["path"] for file in commit["files"])}
        for commit in good.commits()
    ]
    return touched.union(*(files for files in commits if files & touched))


def test_an_archive_that_has_lost_its_card_is_named(good: Archive, tmp_path: Path) -> None:
    shutil.copytree(good.folder, tmp_path / "copy")
    (tmp_path / "copy" / "archive.json").unlink()
    assert "has commits, but no archive.json" in found(Archive(tmp_path / "copy"))[0]
