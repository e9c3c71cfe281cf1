"""Any page with a title and a text: the text is where much is said, soon after the title."""

from __future__ import annotations

from crawler.items import Article, Extractor, Page
from crawler.layouts.article import article
from crawler.layouts.density import after_title
from crawler.layouts.document import Document
from crawler.layouts.metadata import Metadata
from crawler.layouts.title import title

EXTRACTOR = Extractor(layout="generic", version=1)


def fits(page: Document) -> bool:
    """Whether it shows anything at all."""
    return bool(page.blocks)


def read(page: Page, shown: Document, told: Metadata) -> Article:
    """The article whose text is the first long one after its title."""
    headline = title(shown, told.titles, before=None)
    start = headline.blocks[0] + 1 if headline.blocks else 0
    region = after_title(shown, start, besides=headline.blocks)
    return article(page, shown, told, headline, region, EXTRACTOR)
