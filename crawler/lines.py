"""The lines of the archive's JSONL files: items and outcomes, in canonical JSON (DESIGN part 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from msgspec import MsgspecError, Raw, Struct
from msgspec.json import Decoder, Encoder

from crawler.errors import Damaged
from crawler.items import Article, ArticleId, Outcome, RecordRef

T = TypeVar("T")
_encode = Encoder().encode


def canonical(value: object) -> str:
    """Value (plain, or frozen data) as JSON of one form: keys in the schema's order, UTF-8, no spaces."""
    return _encode(value).decode()


def strictly(read: Callable[[bytes], T], line: bytes) -> T:
    """What the line says; ValueError if it says more, or less, or not in the one form."""
    try:
        value = read(line)
    except MsgspecError as error:
        raise ValueError(str(error)) from error
    if _encode(value) != line:
        raise ValueError("it is not canonical JSON with these keys alone")
    return value


def derived(article: Article) -> Raw:
    """The part of an item line that its record and extractor alone decide, as a JSON object."""
    return Raw(_encode(article))


def item_line(article: Raw, *, version: int, record: RecordRef, capture: RecordRef | None) -> bytes:
    """An article's line: what was derived, then what the commit decided."""
    decided = _encode({"version": version, "record": record, "capture": capture})
    return bytes(article)[:-1] + b"," + decided[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The id and version whose text another id repeats."""

    id: str
    version: int


class OutcomeLine(Struct, frozen=True, kw_only=True):  # a million of them are read at a start
    """What became of an id in one take, and where the proof lies; the fields are the line's, in its order."""

    id: str
    url: str
    outcome: Outcome
    reason: str | None = None
    status: int | None = None
    captured_at: str | None = None
    record: RecordRef | None = None
    duplicate_of: Original | None = None
    take: int = 0
    attempts: int = 0
    content_hash: str | None = None
    version: int | None = None
    source: str | None = None
    found: str | None = None
    etag: str | None = None
    last_modified: str | None = None

    @property
    def article_id(self) -> ArticleId:
        if not (self.id.isascii() and self.id.isdigit()):
            raise Damaged(f"{self.id[:80]!r} is no id")
        return ArticleId(int(self.id))

    def __str__(self) -> str:
        """The line in the file, without its end."""
        return canonical(self)

    @staticmethod
    def parse(line: bytes) -> OutcomeLine:
        """The line read back; Damaged if it is not one, or not in its one form."""
        try:
            return strictly(_outcome_line, line)
        except ValueError as error:
            raise Damaged(f"an outcome line can't be read: {error}") from error


_outcome_line = Decoder(OutcomeLine).decode


def lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of an open file without their ends; Damaged if the last one is torn."""
    for line in stream:
        if not line.endswith(b"\n"):
            raise Damaged("the last line has no end")
        yield line[:-1]
