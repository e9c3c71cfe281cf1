"""Answers to a client that may hold the page already (RFC 9110, 13), rightly and oddly."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import replace

from tests.site.answers import Visit, error
from tests.site.markups import html_of
from tests.site.replies import DATE, HTML, Reply, head, whole

_IF_NONE_MATCH = re.compile(rb"\nif-none-match: *([^\r\n]*)", re.IGNORECASE)
_IF_MODIFIED = re.compile(rb"\nif-modified-since: *([^\r\n]*)", re.IGNORECASE)


def unless_held(
    body: bytes, request: bytes, *, etag: str | None = None, date: str | None = None, kind: str = HTML
) -> Reply:
    """The body with these validators, or only them to who holds it."""
    lines = ([f"ETag: {etag}"] if etag else []) + ([f"Last-Modified: {date}"] if date else [])
    if is_held(request, etag, date):
        return Reply(response=head("304 Not Modified", *lines))
    return Reply(response=whole(body, *lines, kind=kind))


def is_held(request: bytes, etag: str | None, date: str | None) -> bool:
    """Tags are compared weakly; a date counts only where no tag is sent (RFC 9110, 13.2.2)."""
    if tags := _IF_NONE_MATCH.search(request):
        held = [tag.strip().removeprefix("W/") for tag in tags[1].decode("latin-1").split(",")]
        return etag is not None and ("*" in held or etag.removeprefix("W/") in held)
    since = _IF_MODIFIED.search(request)
    return since is not None and date is not None and since[1] == date.encode()


def tag_of(body: bytes) -> str:
    return f'"{zlib.crc32(body):08x}-{len(body):x}"'


# The faults: held_ and the function's name


def weak(visit: Visit) -> Reply:
    return unless_held(visit.page, visit.request, etag=f"W/{tag_of(visit.page)}")


def dated(visit: Visit) -> Reply:
    return unless_held(visit.page, visit.request, date=DATE)


def ignored(visit: Visit) -> Reply:
    """Validators are given, and what is asked with them is not heard."""
    return unless_held(visit.page, b"", etag=tag_of(visit.page), date=DATE)


def renamed(visit: Visit) -> Reply:
    """The server was set up anew after the first fetch: the same page has another tag."""
    return unless_held(visit.page, visit.request, etag='"old"' if visit.count == 1 else '"new"')


def renewed(visit: Visit) -> Reply:
    """The tag of the 304 is another than that of the page, as of a server that compresses."""
    if is_held(visit.request, '"x"', None):
        return Reply(response=head("304 Not Modified", 'ETag: W/"x"'))
    return unless_held(visit.page, visit.request, etag='"x"')


def edited(visit: Visit) -> Reply:
    """At the second fetch its last paragraph is missing; then it is there again."""
    page = shortened(visit) if visit.count == 2 else visit.page
    return unless_held(page, visit.request, etag=tag_of(page))


def shortened(visit: Visit) -> bytes:
    article = visit.world.article(visit.id)
    assert article is not None
    return html_of(visit.world, replace(article, paragraphs=article.paragraphs[:-1]), count=0).encode()


def busy(visit: Visit) -> Reply:
    """Every second fetch is refused."""
    if visit.count % 2 == 0:
        return Reply(response=whole(error(visit), status="503 Service Unavailable"))
    return unless_held(visit.page, visit.request, etag=tag_of(visit.page))


def moved(visit: Visit) -> Reply:
    """The page, and its tag, are on another host."""
    if b"\nHost: www." not in visit.request:
        location = f"Location: http://www.anapress.net/a/{visit.id}"
        return Reply(response=whole(b"<a>moved</a>", location, status="301 Moved Permanently"))
    return unless_held(visit.page, visit.request, etag=tag_of(visit.page))


def malformed(visit: Visit) -> Reply:
    return unless_held(visit.page, visit.request, etag="no-quotes", date="yesterday")


HELD: dict[str, Callable[[Visit], Reply]] = {
    f"held_{answer.__name__}": answer
    for answer in (weak, dated, ignored, renamed, renewed, edited, busy, moved, malformed)
}
