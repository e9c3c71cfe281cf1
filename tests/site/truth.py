"""The gold values: what is true of the page under an id."""

from __future__ import annotations

from typing import Any

from tests.site.dressed import DRESSED_ID
from tests.site.faults import FAULTS, SHOWN
from tests.site.ids import is_fault
from tests.site.lively import LEFT, LIVELY
from tests.site.world import ARTICLES, World

_SHOWN_IDS = frozenset(FAULTS[name] for name in SHOWN) | {LIVELY[name] for name in LIVELY.keys() - LEFT}


def truth(article_id: int, *, articles: int = ARTICLES, seed_era: int = 0) -> dict[str, Any] | None:
    """What a reader of the page should find, None where the id gives no article of its own.

    `views` is None where it changes at every fetch; a page with a `nonce` has one more paragraph,
    a new one at every fetch; `related` is the box between the paragraphs, `links` those after them.
    `duplicate_of` is the id that has the same text by right; photo pages share theirs too, but are
    too short to be anybody's duplicate. What the markup states nowhere is None.
    """
    if is_fault(article_id) and article_id not in _SHOWN_IDS and article_id != DRESSED_ID:
        return None
    article = World(articles, seed_era).article(article_id)
    if article is None:
        return None
    stated = article.era == 2 and article.dated
    return {
        "id": article.id,
        "era": article.era,
        "title": article.title,
        "paragraphs": list(article.paragraphs),
        "published_time": article.time,
        "published_at": article.published.isoformat() if stated else None,
        "author": article.author if stated else None,
        "section": article.section[1] if stated else None,
        "views": None if article.counting else article.views,
        "image": f"http://anapress.net/img/{article.id}.png",
        "related": [article.box],
        "links": list(article.others),
        "static": article.static,
        "nonce": article.nonce,
        "photo": article.photo,
        "duplicate_of": article.duplicate_of,
    }
