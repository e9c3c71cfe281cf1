"""The site itself."""

from __future__ import annotations

from collections.abc import Generator
from typing import cast
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response

from crawler.items import LIVE, Absent, ArticleId, Exchange, Outcome, Page, Resource
from crawler.site import redirect_target, url_of
from crawler.validators import Validators
from crawler.warc import warc_date
from crawler.wire.address import is_inward

HOPS = 10  #: RFC 9110, 15.4 leaves the number to us; browsers stop at 20
READ = (200, 203)
REDIRECTS = (301, 302, 303, 307, 308)

RENDER = "render"  #: in a request's meta: it is for the browser
CAPTURE = "capture"  #: what a rendered page rests on
MADE = "made"  #: what is yet to be kept of it

Answer = Response | Absent
Brought = tuple[Page, int] | Absent | None
"""A page and its status, why there is none, or None: it is the one that the validators were given with."""
Flow = Generator[Request, Answer, Brought]
"""Yields requests, is sent the response to each or why there is none; ends with what that brought."""


def live(
    id: ArticleId,
    url: str | None = None,
    *,
    held: Validators | None = None,
    hops: int = HOPS,
    render: bool = False,
) -> Flow:
    """The article's own URL, and the redirects that stay with the article, so many hops of them.

    With validators it is asked whether that page is still the same: where they were given, no hop later.
    A browser renders the page where it is to.
    """
    url, conditions = url or url_of(id), held.headers if held else {}
    for _ in range(hops + 1):
        answer = yield Request(url, headers=conditions, meta={RENDER: render}, dont_filter=True)
        if isinstance(answer, Absent):
            return answer
        if answer.status == 304:
            return None if conditions else Absent(outcome=Outcome.FAILED, reason="not_modified_unasked")
        if isinstance(led := redirect_target(answer.url, base=url, asked=id), Absent):  # by its script
            return _inward(answer.url) or led
        if answer.status not in REDIRECTS:
            return unreadable(answer) or (page_of(id, answer, source=LIVE), answer.status)
        location = location_of(answer)
        target = redirect_target(location, base=answer.url, asked=id)
        if isinstance(target, Absent):
            return _inward(location) or target
        url, conditions = target, {}
    return Absent(outcome=Outcome.FAILED, reason="redirect_loop")


def _inward(location: str) -> Absent | None:
    """The refusal of a redirect into a network that we do not visit, if its address says so."""
    try:
        host = urlsplit(location.encode("latin-1").decode("utf-8", "replace").strip()).hostname or ""
    except ValueError:  # no URL
        return None
    return Absent(outcome=Outcome.REFUSED, reason="ssrf_blocked") if is_inward(host) else None


def location_of(response: Response) -> str:
    """Where a response says that it leads to; empty if it says nothing."""
    return (response.headers.get("Location") or b"").decode("latin-1")


def unreadable(response: Response) -> Absent | None:
    """Why a page that arrived can't be read, if so; of any other response the status says enough."""
    flag = next((flag for flag in response.flags if flag.startswith("unread:")), None)
    if flag is None or response.status not in READ:
        return None
    return Absent(outcome=Outcome.FAILED, reason=flag.removeprefix("unread:"))


def page_of(id: ArticleId, response: Response, *, source: str) -> Page:
    """The page that a response carries."""
    capture = capture_of(response)
    return Page(
        id=id,
        url=response.url,
        captured_at=warc_date(capture.began) if capture else "",
        body=response.body,
        content_type=(response.headers.get("Content-Type") or b"").decode("latin-1"),
        source=source,
    )


def capture_of(last: Response | Request) -> Exchange | Resource | None:
    """What a response rests on: what a browser made of it, else the exchange that came nearest to it."""
    if (made := last.meta.get(CAPTURE)) is not None:
        return cast("Resource", made)
    exchanges: list[Exchange] = last.meta.get("exchanges", [])
    return exchanges[-1] if exchanges else None
