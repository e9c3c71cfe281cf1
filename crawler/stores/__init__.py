"""Where an archive's files are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from crawler.disk import Disk
from crawler.errors import WrongUse


class Store(Protocol):
    """Keeps an archive's files under keys such as `warcs/x.warc.gz`."""

    url: str

    def put(self, file: Path, key: str) -> None:
        """Keep a sealed file under key: afterwards it is there whole, and lasts, or StoreError."""

    def create(self, key: str, data: bytes) -> bool:
        """Keep data under key unless the key is taken: whether it was. Never half, never over another."""

    def keep(self, key: str) -> None:
        """Make an object last that is there: who put it may have been killed before it did."""

    def read(self, key: str) -> BinaryIO | None:
        """The object, to be read and closed; None if there is none."""

    def list(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """All keys that start so, with their sizes, sorted."""

    def remove(self, key: str) -> None:
        """Drop an object that no commit names."""


def open_store(url: str, disk: Disk) -> Store:
    """The store at url: a folder's path, or file:///FOLDER."""
    from crawler.stores.local import LocalStore

    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(parts.path), disk)
    if parts.scheme == "s3":
        raise WrongUse(f"ARCHIVE_URL is {url!r}: this release keeps archives in a folder only")
    if "://" in url:
        raise WrongUse(f"ARCHIVE_URL is {url!r}: give a folder")
    return LocalStore(Path(url), disk)
