"""The files that `-a warcs=…` names: local, in S3 or fetched; in folders, by globs, and inside of WACZ."""

from __future__ import annotations

import glob
import io
import os
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol, cast
from urllib.parse import quote, urlsplit

from crawler.errors import WrongUse
from crawler.stores import Store
from crawler.stores.ranged import Ranged

FILES = 100_000  #: of one list, and of one WACZ
OPEN = 16  #: files that are kept open
FORM = "Give files, folders or globs of WARC, ARC or WACZ files: a comma list, local, s3://… or https://…"
_NAME = re.compile(r".+\.(?:w?arc(?:\.gz|\.zst)?|wacz)", re.IGNORECASE)
_INNER = re.compile(r"archive/.+\.w?arc(?:\.gz|\.zst)?", re.IGNORECASE)
_PATH = "".join(map(chr, range(0x21, 0x7F)))  #: what a URL's path has as it is: the crawl asks for it so
_MAGIC = re.compile(r"[*?\[]")
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a zip: the lengths of name and extra field stand at 26


class Opener(Protocol):
    """Opens what lies in S3."""

    def open_store(self, url: str | None = None) -> Store: ...

    def open_object(self, url: str) -> BinaryIO: ...


@dataclass(frozen=True, slots=True)
class Volume:
    """One file of records: what it is called, and how it is opened; `inside`: of a WACZ."""

    name: str
    source: str  #: as records of ours say where theirs came from: no path of this machine
    url: str  #: where it lies, to be found again
    opened: Callable[[], BinaryIO]
    inside: str | None = None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The file, to be read from any place on."""
        with self.opened() as file:
            yield file if self.inside is None else _part(file, self.inside)


class OpenVolumes:
    """Files that are read now here, now there: a few are kept open."""

    def __init__(self) -> None:
        self._files: OrderedDict[tuple[str, str | None], tuple[BinaryIO, ExitStack]] = OrderedDict()

    def file(self, volume: Volume) -> BinaryIO:
        """The volume, open until others are wanted more."""
        place = volume.url, volume.inside
        if place not in self._files:
            if len(self._files) >= OPEN:
                self._files.popitem(last=False)[1][1].close()
            stack = ExitStack()
            self._files[place] = (stack.enter_context(volume.open()), stack)
        return self._files[place][0]

    def close(self) -> None:
        while self._files:
            self._files.popitem()[1][1].close()


def names(given: str) -> list[str]:
    """What the list names: a path with a comma in it is one."""
    return [given] if Path(given).exists() else [part.strip() for part in given.split(",") if part.strip()]


def is_web(name: str) -> bool:
    """Whether it is to be fetched first."""
    return name.startswith(("https://", "http://"))


def tells_more(name: str) -> bool:
    """Whether a URL has a part that may be a secret."""
    parts = urlsplit(name)
    return bool(parts.query) or "@" in parts.netloc


def volumes(given: str, opener: Opener, fetched: Mapping[str, BinaryIO]) -> list[Volume]:
    """The files in their order, each once; WrongUse where a name stands for none."""
    found: dict[str, Volume] = {}
    for name in names(given):
        if not (files := [_web(name, fetched[name])] if name in fetched else list(_files(name, opener))):
            raise WrongUse(f"-a warcs: {name} names no file that can be read. {FORM}")
        for volume in files:
            found.update((each.name, each) for each in _unpacked(volume))
        if len(found) > FILES:
            raise WrongUse(f"-a warcs: {name} has more than {FILES} files: give some of them.")
    if not found:
        raise WrongUse(f"-a warcs= names no file. {FORM}")
    return list(found.values())


def _files(name: str, opener: Opener) -> Iterator[Volume]:
    if name.startswith("s3://"):
        yield from _objects(name, opener)
    elif "://" in name:
        raise WrongUse(f"-a warcs: {name} is no place that we can read from. {FORM}")
    else:
        yield from _local(name)


def _web(url: str, file: BinaryIO) -> Volume:
    """Its name is without what may be a secret."""
    parts = urlsplit(url)
    name = f"{parts.scheme}://{parts.hostname}{parts.path}"
    place = f"{parts.scheme}://{parts.netloc}{quote(parts.path, safe=_PATH)}"
    return Volume(name, name, place, lambda: cast("BinaryIO", io.BufferedReader(_Unnamed(file), 1 << 16)))


def _local(name: str) -> Iterator[Volume]:
    path = Path(name)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if _NAME.fullmatch(file.name) and file.is_file())
    elif path.is_file() or not _MAGIC.search(name):
        found = [path] if path.is_file() else []
    else:
        named = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 -- a Path's has no absolute patterns
        found = [Path(file) for file in named if Path(file).is_file()]
    for file in found:
        yield Volume(str(file), f"file:{file.name}", file.absolute().as_uri(), partial(_opened, file))


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def _objects(name: str, opener: Opener) -> Iterator[Volume]:
    """One object, all below a prefix that ends with a slash, or those that a glob names."""
    place, _, last = name.rpartition("/")
    if place.count("/") < 2:
        raise WrongUse(f"-a warcs: {name} names no object: give s3://BUCKET/KEY, or s3://BUCKET/PREFIX/.")
    urls = [name]
    if not last or _MAGIC.search(last):
        keys = (key for key, _ in opener.open_store(place).list())
        fits = (lambda key: fnmatchcase(key, last)) if last else _NAME.fullmatch
        urls = [f"{place}/{key}" for key in keys if fits(key)]
    for url in urls:
        yield Volume(url, url, quote(url, safe=":/"), partial(opener.open_object, url))


def _unpacked(volume: Volume) -> Iterator[Volume]:
    """The files of records in a WACZ; any other file is one itself."""
    if not volume.name.lower().endswith(".wacz"):
        with _readable(volume):
            yield volume
        return
    with _readable(volume) as file:
        try:
            names = [name for name in zipfile.ZipFile(file).namelist() if _INNER.fullmatch(name)]
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise WrongUse(f"-a warcs: {volume.name} is no WACZ file that can be read: {error}.") from error
    for inner in sorted(names)[: FILES + 1]:
        inside = f"#{inner}"
        yield replace(volume, name=volume.name + inside, source=volume.source + inside, inside=inner)


@contextmanager
def _readable(volume: Volume) -> Iterator[BinaryIO]:
    try:
        file = volume.opened()
    except OSError as error:
        raise WrongUse(f"-a warcs: {volume.name} can't be read: {error.strerror or error}.") from error
    with file:
        yield file


def _part(file: BinaryIO, inner: str) -> BinaryIO:
    """A zip's member; one that is stored as it is, as WACZ wants it, can be read from any place on."""
    archive = zipfile.ZipFile(file)
    info = archive.getinfo(inner)
    if info.compress_type != zipfile.ZIP_STORED:
        return cast("BinaryIO", archive.open(info))
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size:
        raise zipfile.BadZipFile(f"the WACZ file ends before {inner}")
    name, extra = _LOCAL_HEADER.unpack(header)
    start = info.header_offset + _LOCAL_HEADER.size + name + extra
    return cast("BinaryIO", io.BufferedReader(_Part(file, start, info.file_size), 1 << 16))


class _Part(Ranged):
    """A stretch of another file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__(size)
        self._file, self._start = file, start

    def _read(self, wanted: int) -> bytes:
        self._file.seek(self._start + self._at)
        if not (data := self._file.read(wanted)):
            raise OSError("the WACZ file ends inside of it")
        return data


class _Unnamed(Ranged):
    """An open file without a name, read by whoever asks at a place of his own."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(os.fstat(file.fileno()).st_size)
        self._file = file

    def _read(self, wanted: int) -> bytes:
        return os.pread(self._file.fileno(), wanted, self._at)
