"""Records of other people's files where they lie: one way to read them, for a crawl and all after it."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, unquote_to_bytes, urlsplit
from uuid import UUID

from crawler.errors import Damaged, StoreError, WrongUse
from crawler.foreign.address import Address
from crawler.foreign.files import Opener, OpenVolumes, Volume, is_web
from crawler.foreign.pages import brought
from crawler.foreign.records import Found, read
from crawler.items import Copy, Exchange, ForeignFile, Origin, RecordRef
from crawler.warc import Record, as_read

CHUNK = 1 << 20
UNREADABLE = (
    *(OSError, EOFError, KeyError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, LZMAError),
)
"""What a disk, or a zip, says where a whole file can't be read."""
ODD = (ValueError, OverflowError)
"""What comes of an address that nobody of us has written."""
NOBODY = Origin(url="", at=datetime.fromtimestamp(0, UTC))

Bring = Callable[[str, Path, int], None]
"""Fetches a file of the web, of so many bytes at most, to a path; StoreError if it can't be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """A record as its file gives it."""

    made: Copy | Exchange  #: what a crawl that copies would have kept of it
    record: Record  #: how that is read
    ref: RecordRef
    payload: RecordRef  #: where its payload lies: of a revisit in another record


class Elsewhere:
    """Reads other people's files where they lie; keeps a few open.

    What is of the web is read from the folder, once `unlike` has had it brought there.
    """

    def __init__(self, opener: Opener | None, folder: Path, bring: Bring | None = None) -> None:
        self._opener, self._folder, self._bring = opener, folder, bring
        self._open = OpenVolumes()

    def read(self, ref: RecordRef) -> There:
        """What lies at the place; Damaged if that is not what the reference says."""
        address = Address.of(ref)
        try:
            there = self._read(address, ref.segment)
        except (*UNREADABLE, *ODD, WrongUse, StoreError) as error:
            raise Damaged(f"{address.url} can't be read: {error}") from error
        if there.ref != ref:
            raise Damaged(f"offset {ref.offset} of {ref.warc} has another record than the line says")
        return there

    def unlike(self, file: ForeignFile) -> str | None:
        """What became of the file since its records were taken; None if it is what it was."""
        try:
            with self._opened(file.url, file.bytes) as stream:
                if (size := stream.seek(0, 2)) != file.bytes:
                    return f"it has {size} bytes now, it had {file.bytes}"
                stream.seek(0)
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
        except (*ODD, WrongUse, StoreError, OSError) as error:
            return f"it can't be read any more ({error}): bring it back to where it was"
        return None if sha256 == file.sha256 else f"its SHA-256 is {sha256} now, it was {file.sha256}"

    def close(self) -> None:
        self._open.close()

    def _read(self, address: Address, segment: str) -> There:
        found = read(self._file(address), address.spot)
        body = address.body
        if (found.headers["warc-type"] == "revisit") is not bool(body):
            raise Damaged(
                f"offset {address.spot.offset} of {address.url}: a revisit names its payload, no other"
            )
        original = read(self._file(body), body.spot) if body else None
        return there(address, found, original, NOBODY, lambda: UUID(int=0), segment)

    def _file(self, address: Address) -> BinaryIO:
        volume = Volume(address.url, "", address.url, lambda: self._opened(address.url), address.inside)
        return self._open.file(volume)

    def _opened(self, url: str, most: int | None = None) -> BinaryIO:
        if url.startswith("s3://") and self._opener is not None:
            return self._opener.open_object(unquote(url))
        if not is_web(url) and not url.startswith("file:///"):
            raise ValueError("we know no such place")
        path = self._fetched(url, most) if is_web(url) else _path(url)
        if not path.is_file():  # nor what never ends, whatever an archive names
            raise FileNotFoundError(f"there is no file {path}")
        return path.open("rb")

    def _fetched(self, url: str, most: int | None) -> Path:
        path = self._folder / hashlib.sha256(url.encode()).hexdigest()
        if self._bring is not None and most is not None and not path.exists():
            self._bring(url, path, most)
        return path


def _path(url: str) -> Path:
    """Where a file:/// lies, whatever bytes its name has."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(url).path)))


def there(
    address: Address,
    found: Found,
    original: Found | None,
    origin: Origin,
    new_id: Callable[[], UUID],
    segment: str = "",
) -> There:
    """What was found at an address, as everybody reads it; `original`: of a revisit, what its body's has."""
    made = brought(found, original, origin, new_id)
    record = as_read(made)
    ref = replace(address.ref(found, record), segment=segment)
    if original is None or address.body is None:
        return There(made=made, record=record, ref=ref, payload=ref)
    payload = replace(address.body.ref(original, record), segment=segment)
    return There(made=made, record=record, ref=ref, payload=payload)
