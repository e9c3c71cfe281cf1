"""A file of the web, brought here piece by piece through the door that every page comes through."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http.request import NO_CALLBACK

from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.listing import Unlistable
from crawler.foreign.web import Piece, Unfetched, fill, shown
from crawler.sources.reasons import absence_of


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
    assert crawler.engine is not None
    request = Request(
        url,
        headers={"Accept-Encoding": "identity", "Range": span},
        meta={"dont_obey_robotstxt": True},  # it is the operator who names it, not a page
        callback=NO_CALLBACK,
        dont_filter=True,
    )
    try:
        answer = await crawler.engine.download_async(request)
    except Exception as error:
        if (absent := absence_of(error)) is None:
            raise
        raise Unfetched(f"{shown(url)} can't be fetched ({absent.reason})") from error
    finally:
        for exchange in request.meta.get("exchanges", ()):  # nobody keeps it: the archive is not open yet
            if isinstance(exchange.body, Path):
                exchange.body.unlink(missing_ok=True)
    get = answer.headers.get
    return Piece(
        status=answer.status,
        body=answer.body,
        whole=not answer.flags,
        location=get("Location"),
        span=get("Content-Range"),
        marks=(get("ETag"), get("Last-Modified")),
    )
