"""Lists of article ids, as a user gives them: `-a ids=…` and `scrapy ids add`."""

from __future__ import annotations

import gzip
import re
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, cast

from crawler.errors import WrongUse
from crawler.items import ArticleId
from crawler.site import MOST, article_id

FORM = "An id is a number such as 203367206718582, or its URL http://anapress.net/a/203367206718582."
LINE_BYTES = 4096  # the longest URL that anybody lists is far shorter; a file of another kind has no lines
SHOWN = 80  # letters of a wrong line that a message repeats
NUMBER = re.compile(r"(?:\w+://[^/]+/a/)?(\d+)/?")
COMMENT = re.compile(r"(?:^|\s+)#.*")  # a # inside a URL is none
GZIP = b"\x1f\x8b"

Opened = Callable[[str], BinaryIO]
"""Opens the object at an s3:// URL; WrongUse if there is none."""


def read(argument: str, *, stdin: BinaryIO | None, opened: Opened) -> Iterator[ArticleId]:
    """The ids that argument names, in its order: a comma list, a file, an s3:// URL, or `-` for stdin.

    A file is read while its ids are taken, and WrongUse comes where it goes wrong: take all, then use them.
    Python has no stdin (None) where it was closed.
    """
    if argument.startswith("s3://"):
        return _object(opened, argument)
    parts = [part for part in argument.split(",") if part.strip()]
    if not parts:
        raise WrongUse(f"The list of ids is empty. {FORM}")
    if argument == "-":
        if stdin is None:
            raise WrongUse(f"The list of ids is - for stdin, but stdin is closed. {FORM}")
        return _ids(stdin, "stdin")
    if any(_meant_as_id(part) for part in parts):
        return iter([_id(part, "The list of ids") for part in parts])
    return _file(Path(argument))


def distinct(ids: Iterable[ArticleId]) -> Sequence[ArticleId]:
    """Each of the ids once, in their order by number: eight bytes an id, and the ledger is fastest so."""
    given = array("q", ids)
    return cast("Sequence[ArticleId]", array("q", (id for id, _ in groupby(sorted(given)))))


def _meant_as_id(part: str) -> bool:
    return part.strip().isdigit() or "://" in part


def _file(path: Path) -> Iterator[ArticleId]:
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL
        reason = getattr(error, "strerror", None) or error
        raise WrongUse(
            f"{_shown(str(path))} is no id, and no file that can be read: {reason}. {FORM}"
        ) from error
    with file:
        yield from _ids(file, str(path))


def _object(opened: Opened, url: str) -> Iterator[ArticleId]:
    with opened(url) as file:
        yield from _ids(file, url)


def _ids(file: BinaryIO, name: str) -> Iterator[ArticleId]:
    empty = True
    with _plain(file, name) as lines:
        for number, line in enumerate(iter(lambda: lines.readline(LINE_BYTES + 1), b""), start=1):
            if text := _text(line, where := f"{name}, line {number}"):
                empty = False
                yield _id(text, where)
    if empty:
        raise WrongUse(f"{name} lists no id. {FORM}")


@contextmanager
def _plain(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """The file, out of its gzip if it is in one."""
    buffered = BufferedReader(cast("RawIOBase", file))
    try:
        packed = buffered.peek(len(GZIP)).startswith(GZIP)
        yield cast("BinaryIO", gzip.GzipFile(fileobj=buffered)) if packed else buffered
    except (OSError, EOFError, zlib.error) as error:
        raise WrongUse(f"{name} can't be read to its end: {error}") from error
    finally:
        buffered.detach()  # else stdin would be closed with it


def _text(line: bytes, where: str) -> str:
    """What a line says, without its comment."""
    if len(line) > LINE_BYTES:
        raise WrongUse(f"{where} is longer than {LINE_BYTES} bytes: {_shown(_legible(line))}. {FORM}")
    try:
        text = line.decode("utf-8").removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise WrongUse(f"{where} is not UTF-8: {_shown(_legible(line))}. {FORM}") from error
    return COMMENT.sub("", text) if "#" in text else text


def _id(text: str, where: str) -> ArticleId:
    if (named := article_id(text.strip())) is None:
        raise WrongUse(f"{where}: {_shown(text.strip())} is no id{_why_not(text.strip())}. {FORM}")
    return named


def _why_not(text: str) -> str:
    """What is wrong with a number, if that is what it is."""
    if not (number := NUMBER.fullmatch(text)):
        return ""
    if not number[1].isascii():
        return ": its digits must be 0 to 9"
    if not number[1].strip("0"):
        return ": ids begin with 1"
    if number[1].startswith("0"):
        return ": no id begins with a zero"
    return f": the largest is {MOST}" if len(number[1]) > 18 else ""


def _legible(line: bytes) -> str:
    return line[: SHOWN + 1].decode("utf-8", "backslashreplace").rstrip()


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
