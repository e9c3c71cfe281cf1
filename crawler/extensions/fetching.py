"""A file of the web, brought here piece by piece through the door that every page comes through."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urljoin

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawler.extensions import extension
from crawler.extensions.answer import answer_to
from crawler.extensions.archivist import Archivist
from crawler.extensions.listing import Unlistable
from crawler.items import Absent
from crawler.sources.live import HOPS, REDIRECTS, location_of

PIECE_BYTES = 8 << 20  #: a request; a page's limit is twice that
_RANGE = re.compile(rb"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")


async def fetch(crawler: Crawler, url: str) -> BinaryIO:
    """The whole file, on this disk while it is open and without a name; Unlistable if it can't be had."""
    housing = extension(crawler, Archivist).housing
    housing.spool.mkdir(parents=True, exist_ok=True)
    file = cast("BinaryIO", tempfile.TemporaryFile(dir=housing.spool))  # noqa: SIM115 -- whoever asked closes it
    try:
        await _fill(file, crawler, url, housing.spool_bytes)
    except BaseException:
        file.close()
        raise
    return file


async def _fill(file: BinaryIO, crawler: Crawler, url: str, most: int) -> None:
    at, size, mark = 0, 1, None
    while at < size:
        answer, url = await _piece(crawler, url, at)
        size = _size(url, answer, at)
        found = (size, answer.headers.get("ETag"), answer.headers.get("Last-Modified"))
        if mark not in (None, found):
            raise Unlistable(f"{_shown(url)} can't be fetched: it changed meanwhile")
        if size > most:
            raise Unlistable(f"{_shown(url)} has {size} bytes, SPOOL_BYTES allows {most}")
        file.write(answer.body)
        at, mark = at + len(answer.body), found
    file.flush()


async def _piece(crawler: Crawler, url: str, at: int) -> tuple[Response, str]:
    """What is there from this byte on, and where that was found behind redirects."""
    for _ in range(HOPS):
        answer = await _ask(crawler, url, at)
        if answer.status not in REDIRECTS:
            return answer, url
        url = urljoin(url, location_of(answer))
    raise Unlistable(f"{_shown(url)} can't be fetched: it leads in circles")


async def _ask(crawler: Crawler, url: str, at: int) -> Response:
    span = f"bytes={at}-{at + PIECE_BYTES - 1}"
    request = Request(
        url,
        headers={"Accept-Encoding": "identity", "Range": span},
        meta={"dont_obey_robotstxt": True},  # it is the operator who names it, not a page
        dont_filter=True,
    )
    try:
        answer = await answer_to(crawler, request)
    finally:
        for exchange in request.meta.get("exchanges", ()):  # nobody keeps it: the archive is not open yet
            if isinstance(exchange.body, Path):
                exchange.body.unlink(missing_ok=True)
    if isinstance(answer, Absent):
        raise Unlistable(f"{_shown(url)} can't be fetched ({answer.reason})")
    return answer


def _size(url: str, answer: Response, at: int) -> int:
    """How many bytes the file has; Unlistable if these are not those that were asked for."""
    span = _RANGE.fullmatch(answer.headers.get("Content-Range") or b"")
    if answer.status == 206 and span and int(span[1]) == at and answer.body:
        return int(span[2])
    if answer.status == 200 and at == 0 and not answer.flags:
        return len(answer.body)  # a server without ranges gives all of it, where that is no more than a page
    why = "it is too long for a server without ranges" if answer.status == 200 else f"status {answer.status}"
    raise Unlistable(f"{_shown(url)} can't be fetched: {why}")


def _shown(url: str) -> str:
    """The URL without its query, which may be a signature."""
    return url.partition("?")[0]
