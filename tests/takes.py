"""Exchanges, articles and takes, as small as they can be: for tests of the rooms below the crawl."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

from crawler.fingerprint import content_hash
from crawler.items import Absent, Article, ArticleId, End, Exchange, Extractor, Lease, Outcome, Take
from crawler.site import url_of
from crawler.validators import Validators
from crawler.warc import warc_date

BEGAN = datetime(2026, 11, 23, 9, 46, 54, 123000, UTC)
LONG = "word " * 60  #: enough letters to be another id's duplicate


def new_ids(start: int = 1) -> Iterator[UUID]:
    return (UUID(int=number) for number in count(start))


def exchange(
    url: str,
    body: bytes,
    *,
    id: UUID,
    status: str = "200 OK",
    end: End = End.COMPLETE,
    began: datetime = BEGAN,
    asked: Validators = Validators(),  # noqa: B008 -- it is frozen
) -> Exchange:
    path, lines = url.partition("anapress.net")[2], {"Host": "anapress.net", **asked.headers}
    request = "\r\n".join((f"GET {path} HTTP/1.1", *map(": ".join, lines.items()), "", ""))
    return Exchange(
        id=id,
        url=url,
        began=began,
        request=request.encode(),
        head=f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode(),
        body=body,
        end=end,
        ip="127.0.0.1",
    )


def article(id: int, text: str, *, captured_at: str = warc_date(BEGAN)) -> Article:
    return Article(
        id=str(id),
        url=url_of(ArticleId(id)),
        title="title",
        text=text,
        paragraphs=(text,),
        published_at=None,
        published_time=None,
        author=None,
        section=None,
        tags=(),
        views=None,
        images=(),
        related=(),
        language="ar",
        content_hash=content_hash("title", text),
        captured_at=captured_at,
        source="live",
        extractor=Extractor(layout="test", version=1),
    )


def absent(outcome: Outcome, reason: str = "") -> Absent:
    return Absent(outcome=outcome, reason=reason or f"status_{outcome}")


def take(
    id: int,
    number: int,
    result: Article | Absent | None,
    capture: Exchange | None = None,
    *,
    found: tuple[int, ...] = (),
    etag: str | None = None,
) -> Take:
    return Take(
        lease=Lease(id=ArticleId(id), take=number),
        url=url_of(ArticleId(id)),
        result=result,
        capture=capture.id if capture else None,
        captured_at=warc_date(capture.began) if capture else None,
        status=(200 if result else 304) if capture else None,
        attempts=1,
        found=tuple(map(ArticleId, found)),
        etag=etag,
    )
