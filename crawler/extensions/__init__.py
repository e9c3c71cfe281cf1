"""What lives as long as a crawl."""

from __future__ import annotations

from typing import TypeVar

from scrapy.crawler import Crawler

T = TypeVar("T")


def extension(crawler: Crawler, kind: type[T]) -> T:
    """The crawl's extension of that kind, once all of them are made: not in another one's `from_crawler`."""
    found = crawler.get_extension(kind)
    assert found is not None, f"settings.EXTENSIONS names no {kind.__name__}"
    return found
