"""scrapy-playwright as it comes: shows a file of URLs to Chromium, a context each; pages are thrown away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import scrapy


class BareBrowser(scrapy.Spider):
    """scrapy runspider bench/bare_browser.py -a urls=FILE -a chromium=PATH."""

    name = "bare_browser"

    def __init__(self, urls: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.urls = Path(urls).read_text().split()

    async def start(self) -> AsyncIterator[Any]:
        """Each page in a context of its own, as ours are."""
        for url in self.urls:
            meta = {"playwright": True, "playwright_context": url, "playwright_include_page": True}
            yield scrapy.Request(url, meta=meta)

    async def parse(self, response: Any, **_: Any) -> None:
        """Contexts are closed: what it takes otherwise grows with each page."""
        await response.meta["playwright_page"].context.close()
