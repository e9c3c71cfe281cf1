"""Common Crawl: an index a crawl, and records read by their range from files of thousands of sites."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from json import loads
from urllib.parse import urlencode
from uuid import uuid5

from scrapy import Request
from scrapy.http import Response

from crawler.errors import Damaged
from crawler.items import Absent, ArticleId, Capture, Copy, Exchange, Lease, Origin, Outcome
from crawler.manners.services import COMMONCRAWL, COMMONCRAWL_INDEX
from crawler.site import article_id
from crawler.sources.archived import (
    Ask,
    Flow,
    Read,
    Unlisted,
    Walk,
    Which,
    listed,
    moment,
    request,
)
from crawler.sources.copies import copies
from crawler.warc import http_head, parsed
from crawler.wire.failure import BadMessage
from crawler.wire.head import parse_head

DAY = 86_400.0  #: for which the list of crawls holds: there is a new one a month
SITE = "anapress.net/a/"
PAGES = 1000  #: of one index
CRAWLS = 1000
RECORD_BYTES = 16 << 20
ARC = (".arc.gz", ".arc")  #: files of before 2013, which are no WARC
SPARE = 64 << 10  #: bytes beyond a range after which an answer is cut: without 206 it is the whole file

_NUMBER = re.compile(r"[0-9]{1,15}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_FILE = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]*(?:/[A-Za-z0-9_=-][A-Za-z0-9._=-]*){0,20}")


def walk(base: str, id: ArticleId | None = None, *, fresh: bool = False) -> Walk:
    """All captures that the indexes list of one article, or of all, the newest crawl first."""
    info = Ask(budget=COMMONCRAWL_INDEX, seconds=DAY, fresh=fresh)
    crawls = yield from listed(f"{base}/collinfo.json", info, _crawls)
    if isinstance(crawls, Absent):
        return crawls
    for crawl in crawls[:CRAWLS]:
        for number in range(PAGES):
            query = {"url": f"{SITE}{'*' if id is None else id}", "output": "json", "page": str(number)}
            ask = Ask(budget=COMMONCRAWL_INDEX, fresh=fresh)
            rows = yield from listed(f"{base}/{crawl}-index?{urlencode(query)}", ask, _page)
            if isinstance(rows, Absent):
                return rows
            if rows is None:  # past the last page, or nothing at all
                break
            yield list(_captures(rows))
    return None


def commoncrawl(lease: Lease, captures: Sequence[Capture], which: Which, *, base: str, read: Read) -> Flow:
    """The article as its captures show it, each a record copied member for member."""

    def asked(capture: Capture) -> Request:
        offset, length, file = capture.place.split(" ", 2)
        start, end = int(offset), int(offset) + int(length) - 1
        at = moment(capture.at)
        assert at is not None
        ask = Ask(
            budget=COMMONCRAWL,
            brings=partial(copied, start=start, end=end),
            capture=(capture.url, f"{at:%Y-%m-%dT%H:%M:%SZ}"),
        )
        return request(f"{base}/{file}", ask, span=f"{start}-{end}", most=int(length) + SPARE)

    return copies(lease, captures, which, source=COMMONCRAWL, read=read, asked=asked, unbrought=_own_word)


def copied(exchange: Exchange, *, start: int, end: int) -> Copy | None:
    """The record that a range is; None unless the answer is that very range, and it a whole response."""
    try:
        head = parse_head(exchange.head)
        span = (head.get(b"Content-Range") or b"").decode("latin-1")
        body = exchange.body if isinstance(exchange.body, bytes) else exchange.body.read_bytes()
        if head.status != 206 or not span.startswith(f"bytes {start}-{end}/") or len(body) != end - start + 1:
            return None
        record = parsed(body)
        if record.type != "response" or "WARC-Target-URI" not in record.headers:
            return None
        http_head(record)
    except (BadMessage, Damaged):
        return None
    origin = Origin(url=exchange.url, at=exchange.began, exchange=exchange.id, span=f"bytes={start}-{end}")
    return Copy(id=uuid5(exchange.id, "copied"), member=body, origin=origin)


def _own_word(capture: Capture, answer: Response) -> Absent:
    """Why a range brought no record."""
    if answer.status == 200:
        reason = "not_206"  # the whole file, or a page of somebody's
    elif answer.status == 206:
        reason = _unread(capture, len(answer.body))
    else:
        reason = f"service_{answer.status}"
    return Absent(outcome=Outcome.FAILED, reason=reason)


def _unread(capture: Capture, received: int) -> str:
    """Why a range is no record that can be copied."""
    _, length, file = capture.place.split(" ", 2)
    if received < int(length):
        return "short_range"
    if file.endswith(ARC):
        return "arc_record"
    return "revisit_unresolved" if "revisit" in capture.mime else "bad_record"


def _crawls(answer: Response) -> list[str]:
    """The names of the crawls, newest first."""
    if answer.status != 200:
        raise Unlisted(f"index_{answer.status}")
    table = loads(answer.body)
    if not isinstance(table, list) or not table:
        raise ValueError("no list of crawls")
    names = [str(crawl.get("id", "")) for crawl in table if isinstance(crawl, dict)]
    return [name for name in names if _NAME.fullmatch(name)]


def _page(answer: Response) -> list[dict[str, str]] | None:
    """The rows of a page, None where there are no more."""
    if answer.status == 404 or (answer.status == 400 and b"First Page is" in answer.body):
        return None
    if answer.status != 200:
        raise Unlisted(f"index_{answer.status}")
    if answer.body and not answer.body.endswith(b"\n"):
        raise ValueError("cut in the middle of a line")
    rows = [loads(line) for line in answer.body.splitlines()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("no object a line")
    return rows


def _captures(rows: Sequence[dict[str, str]]) -> Iterator[Capture]:
    for row in rows:
        at, url, status, length, offset, file = (
            str(row.get(name, "")) for name in ("timestamp", "url", "status", "length", "offset", "filename")
        )
        id = article_id(url)
        if id is None or moment(at) is None or not _FILE.fullmatch(file):
            continue
        if not all(_NUMBER.fullmatch(number) for number in (length, offset)) or int(length) > RECORD_BYTES:
            continue
        yield Capture(
            id=id,
            at=at,
            url=url,
            status=int(status) if re.fullmatch(r"[1-9][0-9]{2}", status) else None,
            mime=str(row.get("mime", "")),
            digest=str(row.get("digest", "")),
            place=f"{offset} {length} {file}",
        )
