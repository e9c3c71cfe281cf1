"""A file of the web, brought here piece by piece through the door that every page comes through."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from scrapy import Request
from scrapy.crawler import Crawler

from crawler.extensions import extension
from crawler.extensions.answer import answer_to
from crawler.extensions.archivist import Archivist
from crawler.extensions.listing import Unlistable
from crawler.foreign.web import Piece, Unfetched, fill, shown
from crawler.items import Absent


async def fetch(crawler: Crawler, url: str) -> BinaryIO:
    """The whole file, on this disk while it is open and without a name; Unlistable if it can't be had."""
    housing = extension(crawler, Archivist).housing
    housing.spool.mkdir(parents=True, exist_ok=True)
    file = cast("BinaryIO", tempfile.TemporaryFile(dir=housing.spool))  # noqa: SIM115 -- whoever asked closes it
    try:
        await fill(file, partial(_ask, crawler), url, housing.spool_bytes, "SPOOL_BYTES allows")
    except BaseException as error:
        file.close()
        if isinstance(error, Unfetched):
            raise Unlistable(str(error)) from error
        raise
    return file


async def _ask(crawler: Crawler, url: str, span: str) -> Piece:
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
        raise Unfetched(f"{shown(url)} can't be fetched ({answer.reason})")
    get = answer.headers.get
    return Piece(
        status=answer.status,
        body=answer.body,
        whole=not answer.flags,
        location=get("Location"),
        span=get("Content-Range"),
        marks=(get("ETag"), get("Last-Modified")),
    )
