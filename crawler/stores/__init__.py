"""Where an archive's files are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from crawler.disk import Disk
from crawler.errors import WrongUse
from crawler.stores.access import S3Access


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

    def preflight(self) -> None:
        """Try all of that on a probe; StoreRefused says what is to be mended."""


def open_store(url: str, disk: Disk, access: S3Access | None = None) -> Store:
    """The store at url: a folder's path, file:///FOLDER, or s3://BUCKET/PREFIX; not asked yet."""
    scheme = urlsplit(url).scheme if "://" in url else "file"
    if scheme == "file":
        from crawler.stores.local import LocalStore

        return LocalStore(_folder(Path(url.removeprefix("file://"))), disk)
    if scheme == "s3":
        from crawler.stores.s3 import S3Store

        if access is None:
            raise WrongUse(f"{url} can't be opened: nobody said how S3 is reached.")
        return S3Store(url, access, disk)
    raise WrongUse(f"{url!r} is no place for an archive: give a folder, or s3://BUCKET/PREFIX.")


def _folder(path: Path) -> Path:
    """The path, if it is a folder or one can be made there."""
    there = next(part for part in (path.absolute(), *path.absolute().parents) if part.exists())
    if not there.is_dir():
        raise WrongUse(f"{path} is no place for an archive: {there} is no folder.")
    return path
