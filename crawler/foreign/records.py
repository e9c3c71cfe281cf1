"""The records of one file: warcio reads their headers; we bound them, and go on behind what is broken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecordLoader

from crawler.errors import Damaged
from crawler.foreign.frames import Frame, Packing
from crawler.site import article_id

HEADER_BYTES = 64 << 10
BLOCK_BYTES = 16 << 20  #: of a page, in memory
PAGES = ("response", "revisit")
SIGN = b"\nWARC/"  #: where a record may begin in a file that is not packed

BROKEN = (Damaged, ArchiveLoadFailed, ValueError, EOFError, LookupError, AttributeError)
"""What warcio, or our limits, find wrong with a record."""
LOADER = ArcWarcRecordLoader()


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a record lies: its frame, and how many of the frame's plain bytes are before it."""

    offset: int
    skip: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A response or revisit of an article's URL, as it lies in the file."""

    spot: Spot
    headers: Mapping[str, str]  #: the first of each, their names in lower case
    url: str
    text: bytes  #: of its header
    block: bytes
    member: bytes | None = None  #: its gzip member, if that holds nothing else


@dataclass(frozen=True, slots=True)
class Bad:
    """What can't be read, where, and why."""

    offset: int
    why: str
    url: str = ""  #: whose page it was, where that can be read


class Torn(Damaged):
    """The page of an article, of which the header can be read and the rest can't."""

    def __init__(self, message: str, url: str) -> None:
        super().__init__(message)
        self.url = url


def scan(file: BinaryIO) -> Iterator[Found | Bad | None]:
    """All of a file's pages of articles, and what is broken; None for each record that is neither."""
    try:
        packing = Packing(file)
    except Damaged as error:
        yield Bad(0, str(error))
        return
    offset: int | None = packing.first
    lost = False  # until there is a record again, what looks like one and is none is not told
    while offset is not None and not packing.ends(offset):
        text = _Text(packing.frame(offset))
        try:
            while text.goes_on():
                found = _record(text, packed=bool(packing.magic))
                lost = False
                yield found
            offset = text.frame.end
        except BROKEN as error:
            at = offset if packing.magic else offset + text.began
            url = error.url if isinstance(error, Torn) else ""
            yield None if lost else Bad(at, _said(error), url)
            lost = True
            offset = _behind(packing, offset, text.began)


def read(file: BinaryIO, spot: Spot) -> Found:
    """The page there; Damaged if there is none."""
    try:
        packing = Packing(file)
        text = _Text(packing.frame(spot.offset))
        text.skip(spot.skip)
        found = _record(text, packed=bool(packing.magic)) if text.goes_on() else None
        if found is None:
            raise Damaged("no page is there")
        alone = packing.is_gzip and not spot.skip and not text.goes_on()
    except BROKEN as error:
        raise Damaged(f"offset {spot.offset}: {_said(error)}") from error
    if not alone or (length := text.frame.end - spot.offset) > BLOCK_BYTES + HEADER_BYTES:
        return found
    file.seek(spot.offset)
    return replace(found, member=file.read(length))


class _Text:
    """A frame's plain bytes as warcio reads them: by lines and by pieces."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.began = 0  #: where its newest record began
        self._at = 0
        self._ahead = b""
        self._header: list[bytes] = []
        self._room = 0

    def goes_on(self) -> bool:
        """Whether there is one more record; what is blank before it is passed over."""
        while True:
            blank = len(self._ahead) - len(self._ahead.lstrip(b"\r\n"))
            self._take(blank)
            if self._ahead:
                self.began, self._header, self._room = self._at, [], HEADER_BYTES
                return True
            if not self._more():
                return False

    @property
    def header(self) -> bytes:
        """All lines since the record began."""
        return b"".join(self._header)

    def readline(self) -> bytes:
        while (end := self._ahead.find(b"\n") + 1) == 0 and len(self._ahead) < self._room and self._more():
            pass
        line = self._take(end or len(self._ahead))
        self._room -= len(line)
        if self._room <= 0:
            raise Damaged(f"its header has more than {HEADER_BYTES} bytes")
        self._header.append(line)
        return line

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        """So many bytes; Damaged if there are fewer."""
        pieces = []
        while size > 0:
            if not self._ahead and not self._more():
                raise Damaged(f"{size} bytes of it are missing")
            pieces.append(self._take(min(size, len(self._ahead))))
            size -= len(pieces[-1])
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        """Pass over so many, never many of them in memory."""
        while size > 0:
            size -= len(self.read(min(size, HEADER_BYTES)))

    def _take(self, size: int) -> bytes:
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        self._at += size
        return taken

    def _more(self) -> bool:
        piece = self.frame.read()
        self._ahead += piece
        return bool(piece)


def _record(text: _Text, *, packed: bool) -> Found | None:
    """The record that begins there, if it is a page of an article."""
    read = LOADER.parse_record_stream(text, no_record_parse=True)
    headers: dict[str, str] = {}
    for name, value in read.rec_headers.headers:
        headers.setdefault(name.lower(), value)
    if not (said := headers.get("content-length", "")).strip().isdecimal():
        raise Damaged(f"its Content-Length is {said[:20]!r}")
    length, url = int(read.length), headers.get("warc-target-uri", "").strip("<>").strip()
    if read.rec_type not in PAGES or article_id(url) is None:
        text.skip(length)
        return None
    if length > BLOCK_BYTES:
        raise Torn(f"its block has {length} bytes, we read {BLOCK_BYTES} at most", url)
    spot = Spot(text.frame.start, text.began) if packed else Spot(text.frame.start + text.began)
    header = text.header
    try:
        return Found(spot=spot, headers=headers, url=url, text=header, block=text.read(length))
    except Damaged as error:
        raise Torn(str(error), url) from error


def _behind(packing: Packing, offset: int, began: int) -> int | None:
    """Where to go on behind what is broken."""
    if packing.magic:
        return packing.after(offset, packing.magic)
    sign = packing.after(offset + began, SIGN)
    return None if sign is None else sign + 1


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
