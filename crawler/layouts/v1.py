"""The site's own page, in whatever markup: "حجم الخط:" stands before the text.

Seen on article 203367206718582.
"""

from __future__ import annotations

from crawler.items import Article, Extractor, Page
from crawler.layouts.article import article
from crawler.layouts.density import after_label
from crawler.layouts.document import Document
from crawler.layouts.labels import is_font_size
from crawler.layouts.metadata import Metadata
from crawler.layouts.title import title

EXTRACTOR = Extractor(layout="v1", version=1)


def fits(page: Document) -> bool:
    """Whether the label of the font size is shown."""
    return _label(page) is not None


def read(page: Page, shown: Document, told: Metadata) -> Article:
    """The article that begins behind the label."""
    label = _label(page=shown)
    assert label is not None, "it fits"
    region = after_label(shown, label + 1)
    return article(page, shown, told, title(shown, told.titles, before=label), region, EXTRACTOR)


def _label(page: Document) -> int | None:
    return next((at for at, block in enumerate(page.blocks) if is_font_size(block.text)), None)
