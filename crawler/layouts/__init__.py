"""Page to Article: the layouts that we know, and the choice between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from crawler.errors import LayoutUnknown
from crawler.items import Absent, Article, Outcome, Page
from crawler.layouts import generic, v1
from crawler.layouts.absence import marked, unlike, unread
from crawler.layouts.charset import decoded
from crawler.layouts.document import NO_BODY, Document, document
from crawler.layouts.metadata import Metadata, metadata
from crawler.layouts.nesting import refuse_crowds
from crawler.requisites import of_page

__all__ = ["LAYOUTS", "Layout", "LayoutUnknown", "Reading", "extract", "read", "reading"]


class Layout(NamedTuple):
    """One generation of the site's pages."""

    fits: Callable[[Document], bool]
    read: Callable[[Page, Document, Metadata], Article]


LAYOUTS = (Layout(v1.fits, v1.read), Layout(generic.fits, generic.read))
"""The first that fits reads the page. A released layout is never edited: verify makes its lines again."""


class Reading(NamedTuple):
    """What a page comes to, and the URLs that it needs to be shown."""

    result: Article | Absent
    requisites: tuple[str, ...] = ()


def read(page: Page, status: int, *, tags: int | None = None) -> Article | Absent:
    """What a response with this status and page comes to: a pure function of its arguments.

    A page of more tags is not read: a limit of work, for one of time would not be the same twice.
    """
    return reading(page, status, tags=tags).result


def reading(page: Page, status: int, *, tags: int | None = None, requisites: bool = False) -> Reading:
    """The same, with what the page needs if that is asked for: it is parsed once for both."""
    text, _ = decoded(page.body, page.content_type)
    if absent := unread(status, page.content_type, text):
        return Reading(absent)
    needed: tuple[str, ...] = ()
    try:
        if tags is not None:
            refuse_crowds(text, tags)
        shown = document(text)
        if absent := unlike(shown, text, page.id):
            return Reading(absent)
        needed = of_page(shown.tree, page.url) if requisites else ()
        return Reading(_article(page, shown), needed)
    except LayoutUnknown as unknown:
        if str(unknown) == NO_BODY and (absent := marked(text)):  # frames around somebody else's page
            return Reading(absent)
        # it may be an article; a person has to look, or a new layout
        return Reading(Absent(outcome=Outcome.FAILED, reason=f"layout_unknown:{unknown}"), needed)


def extract(page: Page) -> Article:
    """The article on a page that is known to hold one; LayoutUnknown says why no layout fits."""
    text, _ = decoded(page.body, page.content_type)
    return _article(page, document(text))


def _article(page: Page, shown: Document) -> Article:
    layout = next((layout for layout in LAYOUTS if layout.fits(shown)), None)
    if layout is None:
        raise LayoutUnknown("no_text")
    return layout.read(page, shown, metadata(shown.tree, asked=page.id, captured_at=page.captured_at))
