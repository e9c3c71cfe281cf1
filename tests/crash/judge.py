"""The independent reader: judges an archive with nothing of the crawler's, only the standard library and FastWARC."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastwarc.warc import ArchiveIterator, WarcRecordType

from tests.site import Site

BEATEN = ("failed", "refused")  #: an article may come after these, as the next take
TEXTS = ("article", "changed")
SHORT = 200


@dataclass(slots=True)
class Read:
    """What the log of commits names, all of it read."""

    records: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)  # by file and offset
    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)


def judge(archive: Path, asked: list[int], site: Site, *, links: bool = False) -> None:
    """AssertionError if anything that the archive promises is broken."""
    read = _read(archive)
    _ids(read, asked)
    _takes(read)
    _texts(read)
    _refs(read)
    _nonces(read, site)
    if links:
        _links(read, site)


def commits(archive: Path) -> list[dict[str, Any]]:
    """The log, dense."""
    found = sorted((archive / "commits").glob("[0-9]*.json"))
    assert [path.name for path in found] == [f"{n:010d}.json" for n in range(1, len(found) + 1)]
    log = [json.loads(path.read_bytes()) for path in found]
    assert [commit["n"] for commit in log] == list(range(1, len(log) + 1))
    segments = Counter(commit["segment"] for commit in log)
    assert max(segments.values(), default=1) == 1, f"committed twice: {segments.most_common(3)}"
    return log


def _read(archive: Path) -> Read:
    read = Read()
    _gzips([archive / file["path"] for commit in commits(archive) for file in commit["files"]])
    for commit in commits(archive):
        for file in commit["files"]:
            path = archive / file["path"]
            data = path.read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"]), path
            if file["kind"] == "warc":
                assert _warc(read, path, file["path"]) == file["records"], path
        for file in commit["files"]:
            if file["kind"] != "warc":
                _lines(read, archive / file["path"], file, commit)
    return read


def _gzips(paths: list[Path]) -> None:
    packed = [str(path) for path in paths if path.suffix == ".gz"]
    if packed:
        done = subprocess.run(["gzip", "-t", *packed], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def _lines(read: Read, path: Path, file: dict[str, Any], commit: dict[str, Any]) -> None:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert text.endswith(b"\n"), f"{path} is torn"
    lines = text.splitlines()
    assert len(lines) == file["lines"], path
    if file["kind"] == "index":
        _index(read, path, lines)
        return
    entries = [json.loads(line) for line in lines]
    if file["kind"] == "outcomes":
        assert Counter(entry["outcome"] for entry in entries) == commit["counts"], path
        read.outcomes += entries
    else:
        read.items += entries


def _index(read: Read, path: Path, lines: list[bytes]) -> None:
    """Sorted, and a line for each response and revisit at its place."""
    assert lines == sorted(lines), f"{path} is not sorted"
    places = set()
    for line in lines:
        entry = json.loads(line.split(b" ", 2)[2])
        place = (f"warcs/{entry['filename']}", int(entry["offset"]))
        assert read.records[place]["length"] == int(entry["length"]), f"{path}: {line!r}"
        places.add(place)
    warc = f"warcs/{path.stem}.warc.gz"
    shown = {
        place
        for place, record in read.records.items()
        if place[0] == warc and record["type"] in ("response", "revisit")
    }
    assert places == shown, f"{path} is not the index of its WARC"


def _warc(read: Read, path: Path, key: str) -> int:
    """Each record's block digest; a revisit's original comes before it."""
    found = []
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.any_type, parse_http=False):
            assert record.verify_block_digest(), f"{path}: {record.record_id}"
            headers = dict(record.headers)
            found.append(
                {
                    "offset": record.stream_pos,
                    "type": headers["WARC-Type"],
                    "id": headers["WARC-Record-ID"],
                    "url": headers.get("WARC-Target-URI", ""),
                    "payload": headers.get("WARC-Payload-Digest"),
                    "refers": headers.get("WARC-Refers-To"),
                }
            )
    assert found[0]["type"] == "warcinfo", path
    ends = [record["offset"] for record in found[1:]] + [path.stat().st_size]
    for record, end in zip(found, ends, strict=True):
        record["length"] = end - record["offset"]
        assert record["id"] not in read.by_id, f"two records {record['id']}"
        if record["type"] == "revisit":
            original = read.by_id.get(record["refers"])
            assert original is not None, f"{path}: a revisit of nothing before it"
            assert original["type"] == "response", f"{path}: a revisit of a {original['type']}"
            assert original["payload"] == record["payload"], f"{path}: a revisit of another payload"
        read.by_id[record["id"]] = read.records[key, record["offset"]] = record
    return len(found)


def _ids(read: Read, asked: list[int]) -> None:
    settled = {line["id"] for line in read.outcomes if line["outcome"] != "known"}
    lost = {str(id) for id in asked} - settled
    assert not lost, f"never settled: {sorted(lost)}"


def _takes(read: Read) -> None:
    """An id's takes are 1 … k; and no more than one, for nobody asked for more."""
    takes = defaultdict(list)
    known = Counter(line["id"] for line in read.outcomes if line["outcome"] == "known")
    for line in read.outcomes:
        if line["outcome"] != "known":
            takes[line["id"]].append(line)
    for id, lines in takes.items():
        assert [line["take"] for line in lines] == list(range(1, len(lines) + 1)), (id, lines)
        assert all(line["outcome"] in BEATEN for line in lines[:-1]), f"{id} was settled twice: {lines}"
        assert known[id] == 1, f"{id} is known {known[id]} times"


def _texts(read: Read) -> None:
    own = Counter((item["id"], item["content_hash"]) for item in read.items)
    shared = Counter(item["content_hash"] for item in read.items if _letters(item) >= SHORT)
    for texts in (own, shared):
        assert max(texts.values(), default=1) == 1, f"a text twice: {texts.most_common(1)}"
    lines = [(line["id"], line["version"]) for line in read.outcomes if line["outcome"] in TEXTS]
    assert sorted(lines) == sorted((item["id"], item["version"]) for item in read.items)
    items = {(item["id"], item["version"]): item for item in read.items}
    for line in read.outcomes:
        if original := line["duplicate_of"]:
            item = items[original["id"], original["version"]]
            assert item["content_hash"] == line["content_hash"], f"{line} is no duplicate"


def _letters(item: dict[str, Any]) -> int:
    """At most as many as the crawler counts after its normalisation: a text near the limit is left out."""
    return sum(character.isalpha() for character in item["text"])


def _refs(read: Read) -> None:
    """Each line's record lies where the line says."""
    for line in read.outcomes:
        if line["record"]:
            record = _at(read, line["record"])
            assert record["type"] in ("response", "revisit"), line
            assert f"/a/{line['id']}" in record["url"] or line["outcome"] in ("not_article", "failed"), line
    for item in read.items:
        record = _at(read, item["record"])
        assert record["type"] == "response", item["id"]
        if item["capture"]:
            capture = _at(read, item["capture"])
            assert (capture["type"], capture["refers"]) == ("revisit", record["id"]), item["id"]
        else:
            assert f"/a/{item['id']}" in record["url"], item["id"]


def _at(read: Read, ref: dict[str, Any]) -> dict[str, Any]:
    record = read.records.get((ref["warc"], ref["offset"]))
    assert record is not None, f"no record at {ref}"
    there = (record["length"], record["id"], record["payload"])
    assert there == (ref["length"], ref["record_id"], ref["payload_digest"]), ref
    return record


def _nonces(read: Read, site: Site) -> None:
    """Pages that differ at each fetch tell a take that was settled twice."""
    takes = Counter(line["id"] for line in read.outcomes if line["outcome"] != "known")
    for id, count in takes.items():
        page = site.truth(int(id))
        if page and page["nonce"]:
            assert count == 1, f"{id} was taken {count} times"
            assert site.fetches(int(id)) >= 1


def _links(read: Read, site: Site) -> None:
    """What a kept article links to is known, and was taken in the end."""
    settled = {line["id"] for line in read.outcomes if line["outcome"] != "known"}
    for item in read.items:
        page = site.truth(int(item["id"]))
        assert page is not None, item["id"]
        lost = {str(id) for id in (*page["related"], *page["links"])} - settled
        assert not lost, f"linked from {item['id']}, never settled: {lost}"
