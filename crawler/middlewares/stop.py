"""No new fetch once a run is ending."""

from __future__ import annotations

from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest

from crawler.extensions import extension
from crawler.extensions.archivist import Archivist
from crawler.extensions.course import ENDING


class Stop:
    """Nearest the wire but for the archive: also what waited for robots.txt, or is to be tried again."""

    def __init__(self, archivist: Archivist) -> None:
        self._archivist = archivist

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(extension(crawler, Archivist))

    def process_request(self, request: Request) -> None:  # noqa: ARG002
        if self._archivist.course.over:
            raise IgnoreRequest(ENDING)
