"""What a page, a sitemap or a feed of the site tells: articles, and where more of them may be named."""

from __future__ import annotations

import re

from crawler.discovery.listing import listing
from crawler.discovery.told import Told
from crawler.discovery.xml import ROOTS, named, root_of
from crawler.errors import Undecodable
from crawler.layouts.charset import decoded
from crawler.wire.coding import decode
from crawler.wire.limits import PageLimits

__all__ = ["Told", "tell"]

_GZIP = b"\x1f\x8b"
_URLS = re.compile(rb"\s*https?://\S+\s*(?:\n|\r|\Z)")  # sitemaps.org: a text file, a URL a line
_MARKUP = re.compile(r"[^<]{0,1000}<[a-zA-Z!?/]")


def tell(url: str, body: bytes, content_type: str, *, most_bytes: int, tags: int) -> Told:
    """What the response at url tells; Undecodable, and nothing else, says why it can't be read."""
    if body.startswith(_GZIP):  # a .gz file, which no Content-Encoding has undone
        body = decode(body, "gzip", limit=PageLimits(decoded_bytes=most_bytes).decoded(len(body)))
    if len(body) > most_bytes:
        raise Undecodable("large")
    if root_of(body) in ROOTS:
        return named(body, url)
    if _URLS.match(body):
        return Told.of("sitemap", body.decode("utf-8", "replace").split(), url)
    text, _ = decoded(body, content_type)
    return listing(text, body, url, tags=tags) if _MARKUP.match(text) else Told("page")
