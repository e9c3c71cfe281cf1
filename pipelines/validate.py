"""An article is what its schema says, or the crawl stops before a line could break the promise."""

from __future__ import annotations

from crawler.errors import CrawlerError
from crawler.items import Article, Take


class Validate:
    """Passes what is whole."""

    def process_item(self, item: object) -> object:
        if isinstance(item, Take):
            for take in (item, *item.then):
                if isinstance(take.result, Article):
                    check(take.result)
        return item


def check(article: Article) -> None:
    """CrawlerError if the article lacks what every line has."""
    if not article.title or not article.paragraphs:
        raise CrawlerError(f"article {article.id} has no title or no text")
    if article.text != "\n\n".join(article.paragraphs):
        raise CrawlerError(f"the text of article {article.id} is not its paragraphs")
    if not article.content_hash.startswith("n1:sha256:"):
        raise CrawlerError(f"article {article.id} has no content hash")
