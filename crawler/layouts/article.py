"""An article put together from the parts of its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from crawler.errors import LayoutUnknown
from crawler.fingerprint import content_hash
from crawler.items import Article, Extractor, Image, Page, Related
from crawler.layouts.body import Body, body
from crawler.layouts.density import Region
from crawler.layouts.document import Document, Picture
from crawler.layouts.facts import published_time, views
from crawler.layouts.labels import plain
from crawler.layouts.metadata import Metadata
from crawler.layouts.title import Title
from crawler.site import article_id, url_of


def article(
    page: Page, shown: Document, told: Metadata, title: Title, region: Region | None, extractor: Extractor
) -> Article:
    """The article whose text lies in this region; LayoutUnknown where nothing is said there."""
    said = body(shown, region, title=title.text) if region else Body()
    if not said.paragraphs:
        raise LayoutUnknown("no_text")
    text = "\n\n".join(said.paragraphs)
    around = _around(said, title)
    return Article(
        id=str(page.id),
        url=page.url,
        title=title.text,
        text=text,
        paragraphs=tuple(said.paragraphs),
        published_at=told.published_at,
        published_time=published_time(shown, around, besides=title.blocks),
        author=told.author,
        section=told.section,
        tags=told.tags,
        views=views(shown, around),
        images=tuple(_images(page.url, shown, told, said, _Lead(plain(title.text), around))),
        related=tuple(_related(page, shown, said)),
        language=_language(text),
        content_hash=content_hash(title.text, text),
        captured_at=page.captured_at,
        source=page.source,
        extractor=extractor,
    )


def _around(said: Body, title: Title) -> range:
    """The blocks between the title, where it stands first, and the text; a few above an unseen title."""
    above = [at for at in title.blocks if at < said.first]
    return range(above[0] if above else max(0, said.first - 8), said.first)


def _related(page: Page, shown: Document, said: Body) -> Iterator[Related]:
    """The other articles that boxes in the text link to, each once."""
    seen = {page.id}
    for link in shown.links:
        found = article_id(_absolute(page.url, link.href) or "") if link.block in said.boxed else None
        if found is not None and found not in seen and (text := link.title):
            seen.add(found)
            yield Related(id=str(found), url=url_of(found), title=text)


class _Lead(NamedTuple):
    """The picture above a text: it is called as the article is."""

    title: str
    around: range


def _images(base: str, shown: Document, told: Metadata, said: Body, lead: _Lead) -> Iterator[Image]:
    """The pictures that the metadata name, the one above the text, and those in it."""
    alts: dict[str, str] = {}
    for image in told.images:
        if url := _absolute(base, image.url):
            alts[url] = image.alt or _alt(base, shown, url)
    for picture in shown.pictures:
        if _is_ours(picture, said, lead) and (url := _absolute(base, picture.source)):
            alts[url] = alts.get(url) or picture.alt
    return (Image(url=url, alt=alt) for url, alt in alts.items())


def _is_ours(picture: Picture, said: Body, lead: _Lead) -> bool:
    if picture.linked or not lead.around.start <= picture.block < said.last:
        return False
    within = picture.block >= said.first and picture.block not in said.boxed
    return within or plain(picture.alt) == lead.title


def _alt(base: str, shown: Document, url: str) -> str:
    """What the page shows in place of this picture, empty where it does not show it."""
    name = url.rpartition("/")[2]
    same = (one for one in shown.pictures if name in one.source and _absolute(base, one.source) == url)
    return next((one.alt for one in same), "")


def _absolute(base: str, url: str) -> str | None:
    """An http or https URL in full, None of any other."""
    try:
        whole = urljoin(base, url.strip())
        parts = urlsplit(whole)
    except ValueError:  # a bad IPv6 address
        return None
    return whole if parts.scheme in ("http", "https") and parts.netloc else None


_ARABIC_LEADS = b"\xd8\xd9\xda\xdb"  # UTF-8 of U+0600 to U+06FF
_NOT_LATIN = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))


def _language(text: str) -> str:
    """By the share of Arabic letters."""
    encoded = text.encode()
    arabic = len(encoded) - len(encoded.translate(None, _ARABIC_LEADS))
    latin = len(encoded.translate(None, _NOT_LATIN))
    if not arabic + latin:
        return "und"
    return "ar" if arabic >= latin else "en"
