"""The container of a WACZ: a zip that is written in one go, with the sum of each file in datapackage.json.

The zip's headers say "the sizes follow" throughout, so it needs no seeking, and comes out the same on a disk,
in a pipe and in S3.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO, Any, Self, cast

from crawler.lines import canonical
from crawler.sink import Sink

VERSION = "1.1.1"
CARD, SEAL = "datapackage.json", "datapackage-digest.json"
OLDEST = datetime(1980, 1, 1, tzinfo=UTC)  #: that a zip can say
LARGE = 1 << 31  #: from here on a file's sizes want eight bytes in the zip


class Package:
    """Takes files one after the other, in a block; `close` writes what says which they are."""

    def __init__(self, sink: Sink, at: datetime) -> None:
        self._zip = zipfile.ZipFile(cast("IO[bytes]", _Flowing(sink)), "w")
        self._at = max(at, OLDEST)
        self._resources: list[Mapping[str, object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._zip.fp = None  # else it would end the zip, when it is forgotten, as if it were whole

    def add(self, path: str, chunks: Iterable[bytes], *, most: int = LARGE, packed: bool = False) -> None:
        """A file of at most so many bytes; WARCs and what is gzipped must not be packed once more."""
        digest, size, info = hashlib.sha256(), 0, self._info(path, packed=packed)
        with self._zip.open(info, "w", force_zip64=most >= LARGE) as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        if most >= LARGE:
            # ReplayWeb.page takes it that no local header has an extra field where the directory has none
            info.extra = struct.pack("<HHQQ", 1, 16, info.file_size, info.compress_size)
        name = PurePosixPath(path).name.lower()
        hash = f"sha256:{digest.hexdigest()}"
        self._resources.append({"name": name, "path": path, "hash": hash, "bytes": size})

    def close(self, about: Mapping[str, object]) -> None:
        """The card with these further fields, its sum, and the zip's own directory."""
        created = self._at.strftime("%Y-%m-%dT%H:%M:%SZ")
        card = {
            "profile": "data-package",
            "wacz_version": VERSION,
            **about,
            "created": created,
            "resources": self._resources,
        }
        data = canonical(card).encode()
        seal = {"path": CARD, "hash": f"sha256:{hashlib.sha256(data).hexdigest()}"}
        for path, content in ((CARD, data), (SEAL, canonical(seal).encode())):
            self._zip.writestr(self._info(path, packed=True), content)
        self._zip.close()

    def _info(self, path: str, *, packed: bool) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(path, self._at.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        info.external_attr = 0o644 << 16
        info.create_system = 3  # whatever machine made it
        return info


class _Flowing:
    """A sink as the file that zipfile wants; without `tell` it takes it for a pipe."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: Any) -> int:
        self._sink.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Its owner does that."""
