"""Scrapy as it comes: fetches a file of URLs and throws the pages away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import scrapy


class Bare(scrapy.Spider):
    """scrapy runspider bench/bare.py -a urls=FILE, in an old Scrapy too."""

    name = "bare"

    def __init__(self, urls: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_urls = Path(urls).read_text().split()

    def parse(self, response: Any, **_: Any) -> None:
        """Nothing is asked of it."""
