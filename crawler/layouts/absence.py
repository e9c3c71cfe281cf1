"""Whether a response holds an article at all, and if not, what it is instead."""

from __future__ import annotations

import re

from crawler.items import Absent, ArticleId, Outcome
from crawler.layouts.document import Document, folded
from crawler.layouts.labels import plain
from crawler.layouts.metadata import page_title, without_site
from crawler.layouts.signs import SIGNS
from crawler.site import FONT_SIZE, HOME, NAMES, article_id

_HTML_TYPES = ("text/html", "application/xhtml+xml")
_VAGUE_TYPES = ("", "text/plain", "application/octet-stream", "application/xml", "text/xml")
_LOOKS_LIKE_HTML = re.compile(
    r"(?>\s*(?:<!--.*?-->|<\?xml[^>]*>))*+\s*<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_OTHER_FORMAT = re.compile(r"%PDF-|GIF8[79]a|PK\x03\x04|[{\[]\s*(?:[\"{\[\]}]|\d)")

_LITTLE = 600  # characters: an article about missing or blocked pages shows more, an error page less
_SHELL = 100  # characters that a page may show without its script
_MARKUP = 100_000  # characters that are looked through for marks
_HOME_LINKS = 5  # articles that a home page links to at least
_GONE = (404, 410)
_REFUSED = (401, 403, 407, 451)
_EMPTY = (204, 205)

_SHORT_LINK = re.compile(r"https?://(?:www\.)?anapress\.net/a/[0-9]{1,19}/?", re.IGNORECASE)


def unread(status: int, content_type: str, text: str) -> Absent | None:
    """Why there is no page to read, if so: by its status, its type, or because it is empty."""
    if status in _GONE:
        return Absent(outcome=Outcome.GONE, reason=f"http_{status}")
    if status in _REFUSED:
        return Absent(outcome=Outcome.REFUSED, reason=f"http_{status}")
    if status in _EMPTY or (status == 200 and not text.strip()):
        return Absent(outcome=Outcome.NOT_ARTICLE, reason="empty")
    if status not in (200, 203):
        return Absent(outcome=Outcome.FAILED, reason=f"http_{status}")
    return None if _is_html(content_type, text) else Absent(outcome=Outcome.NOT_ARTICLE, reason="non_html")


def _is_html(content_type: str, text: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _HTML_TYPES:
        return not _OTHER_FORMAT.match(text)
    return kind in _VAGUE_TYPES and _LOOKS_LIKE_HTML.match(text) is not None


def unlike(page: Document, text: str, asked: ArticleId) -> Absent | None:
    """Why a page that can be read is not the article that was asked for, if so."""
    if (shown := _shown_id(page)) not in (None, asked):
        return Absent(outcome=Outcome.NOT_ARTICLE, reason=f"shows:{shown}")
    if FONT_SIZE in text:
        return None
    return _told_by_signs(page, its_own=shown == asked) or _site_without_article(page, text, asked)


def _shown_id(page: Document) -> ArticleId | None:
    """The article that a page says it is: by its metadata, or by the short link that it shows."""
    for node in page.tree.css('link[rel="canonical" i][href], meta[property="og:url"][content]'):
        attributes = node.attributes
        if (found := article_id(attributes.get("href") or attributes.get("content") or "")) is not None:
            return found
    for block in page.blocks:
        if not block.linked and "/a/" in block.text and (link := _SHORT_LINK.search(block.text[:200])):
            return article_id(link[0])
    return None


def _told_by_signs(page: Document, *, its_own: bool) -> Absent | None:
    """What a page says of itself in its title, or in all of its text where that is little.

    A page that names the article that was asked for and says much is believed only if its title says
    nothing else: a newspaper writes of blocked sites, too.
    """
    said = [plain(block.text) for block in page.blocks if not block.is_link]
    little = sum(map(len, said)) <= _LITTLE
    heading = page.tree.css_first("h1")
    titles = [plain(page_title(page.tree)), plain(folded(heading.text()) if heading else "")]
    words = "\n".join([*titles, *said] if little else () if its_own else titles)
    for sign, phrases in _PHRASES:
        if any(phrase in words for phrase in phrases) or any(_is_all(title, phrases) for title in titles):
            return Absent(outcome=sign.outcome, reason=sign.reason)
    return None


_PHRASES = tuple((sign, tuple(map(plain, sign.arabic + sign.english))) for sign in SIGNS)


def _is_all(title: str, phrases: tuple[str, ...]) -> bool:
    """Whether a title says not much more than one of these."""
    title = without_site(title)
    return any(phrase in title and len(phrase) * 2 >= len(title) for phrase in phrases)


def _site_without_article(page: Document, text: str, asked: ArticleId) -> Absent | None:
    shown = sum(len(block.text) for block in page.blocks)
    if shown < _SHELL and (told := marked(text)):
        return told
    if "<script" in text and (shown < _SHELL or _is_empty_shell(page)):
        return Absent(outcome=Outcome.NOT_ARTICLE, reason="js_shell")
    if not shown:
        return Absent(outcome=Outcome.NOT_ARTICLE, reason="empty")
    if _is_home(page):
        return Absent(outcome=Outcome.NOT_ARTICLE, reason="home_page")
    if str(asked) not in text and not any(name in text for name in NAMES):
        return Absent(outcome=Outcome.NOT_ARTICLE, reason="not_the_site")
    return None


def marked(text: str) -> Absent | None:
    """What the markup of a page that shows nothing says it is."""
    written = text[:_MARKUP].lower()
    for sign in SIGNS:
        if any(mark in written for mark in sign.marks):
            return Absent(outcome=sign.outcome, reason=sign.reason)
    return None


def _is_empty_shell(page: Document) -> bool:
    """Menu and footer around a place that a script would fill."""
    if sum(len(block.text) for block in page.blocks if not block.is_link) > _LITTLE:
        return False
    place = page.tree.css_first("#app, #root, #__next, #__nuxt, #___gatsby, app-root, [ng-app]")
    return place is not None and not place.text().strip()


def _is_home(page: Document) -> bool:
    """Named as the site is, or as its root, and a list of articles."""
    articles = {link.href for link in page.links if re.search(r"/a/[0-9]", link.href)}
    if len(articles) < _HOME_LINKS:
        return False
    canonical = page.tree.css_first('link[rel="canonical" i][href], meta[property="og:url"][content]')
    attributes = canonical.attributes if canonical else {}
    root = (attributes.get("href") or attributes.get("content") or "").rstrip("/") == HOME.rstrip("/")
    return root or not without_site(page_title(page.tree))
