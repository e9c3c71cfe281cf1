"""An article made again from its records alone: what makes a line traceable (DESIGN part 5)."""

from __future__ import annotations

from crawler.errors import Damaged, Undecodable
from crawler.items import DOM, Absent, Article, ArticleId, Page
from crawler.layouts import read
from crawler.warc import Record, http_head, payload
from crawler.wire.coding import decode

DECODED_BYTES = 64 << 20  #: of a body once decompressed; the crawl's own limit is DECODED_BYTES


def page(id: ArticleId, capture: Record, whole: Record, source: str) -> tuple[Page, int]:
    """The page that a capture brought, and its status; `whole` is the record that holds its payload.

    Of what a browser made of a page, that is all: only what came with status 200 is rendered.
    """
    if capture.type == "resource":
        return _rendered(id, capture, source), 200
    head = http_head(capture)
    coding = b",".join(head.all(b"Content-Encoding")).decode("latin-1")
    try:
        body = decode(payload(whole), coding, limit=DECODED_BYTES)
        url, date = capture.headers["WARC-Target-URI"], capture.headers["WARC-Date"]
    except (Undecodable, KeyError) as error:
        raise Damaged(f"offset {capture.offset}: no page can be made of it: {error}") from error
    kind = (head.get(b"Content-Type") or b"").decode("latin-1")
    return Page(id=id, url=url, captured_at=date, body=body, content_type=kind, source=source), head.status


def _rendered(id: ArticleId, capture: Record, source: str) -> Page:
    try:
        url, kind = capture.headers["WARC-Target-URI"], capture.headers["Content-Type"]
    except KeyError as error:
        raise Damaged(f"offset {capture.offset}: the record's header lacks {error}") from error
    if not url.startswith(DOM):
        raise Damaged(f"offset {capture.offset}: {url} is no page")
    return Page(
        id=id,
        url=url.removeprefix(DOM),
        captured_at=capture.headers["WARC-Date"],
        body=capture.block,
        content_type=kind,
        source=source,
    )


def article(id: ArticleId, capture: Record, whole: Record, source: str) -> Article | Absent:
    """What the layouts read from these records."""
    made, status = page(id, capture, whole, source)
    return read(made, status)
