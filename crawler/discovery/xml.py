"""Sitemaps (sitemaps.org) and feeds (RSS, RDF, Atom): XML from strangers, read up to where it breaks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pyexpat import ExpatError, ParserCreate
from typing import Any, NoReturn

from crawler.discovery.told import LONGEST, Told

ROOTS = {"sitemapindex": "sitemap", "urlset": "sitemap", "rss": "feed", "feed": "feed", "rdf": "feed"}
_SPEAKING = {  # elements whose text is an address, by what they stand in; any other is of pictures or people
    ("url", "loc"),
    ("item", "link"),
    ("item", "guid"),
    ("item", "origlink"),  # FeedBurner's, whose own links count readers
    ("entry", "id"),
    ("entry", "origlink"),
}
_DEEPEST = 64  # elements; sitemaps and feeds have five
_PIECE = 1 << 16

_HEAD = 16_384
_ROOT = re.compile(
    rb"(?>\s+|<\?[^>]*>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[[^\]]*\][^>]*)?>)*+<(?:[\w.-]+:)?([\w.-]+)",
    re.DOTALL | re.IGNORECASE,
)


class _Refused(Exception):
    """XML that we read no further."""


def root_of(body: bytes) -> str:
    """The local name of the first element in lower case, empty where there is none near the beginning."""
    found = _ROOT.match(_plain(body[:_HEAD]))
    return found[1].decode("latin-1").lower() if found else ""


def named(body: bytes, url: str) -> Told:
    """What a sitemap or a feed names. Where it is cut or broken, what stands before that counts.

    A document type with declarations of its own is refused whole: entities are all that they are good for.
    """
    reader = _Reader()
    cut = ""
    try:
        _parse(reader, body)
    except _Refused as error:
        cut = str(error)
    except (ExpatError, ValueError, LookupError):  # LookupError: an encoding that nobody knows
        cut = "truncated"
    return Told.of(ROOTS.get(root_of(body), "sitemap"), reader.articles, url, reader.maps, cut)


def _parse(reader: _Reader, body: bytes) -> None:
    parser = ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.say
    parser.StartDoctypeDeclHandler = _doctype
    parser.EntityDeclHandler = _entity
    body = body.lstrip()  # as some programs write it; XML wants its declaration first
    for at in range(0, len(body), _PIECE):
        parser.Parse(body[at : at + _PIECE], False)  # noqa: FBT003
    parser.Parse(b"", True)  # noqa: FBT003


def _doctype(name: str, system: str | None, public: str | None, has_subset: bool) -> None:  # noqa: ARG001, FBT001
    if has_subset:
        raise _Refused("doctype_refused")


def _entity(*_: object) -> NoReturn:
    raise _Refused("doctype_refused")


class _Reader:
    """Collects the addresses, element by element."""

    def __init__(self) -> None:
        self.articles: list[str] = []
        self.maps: list[str] = []
        self._path: list[str] = []
        self._said: list[str] = []
        self._takes: Callable[[str], Any] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2].lower()
        within = self._path[-1] if self._path else ""
        self._path.append(local)
        if len(self._path) > _DEEPEST:
            raise _Refused("too_deep")
        self._said.clear()
        self._takes = self._place(within, local)
        if local == "link" and (href := attributes.get("href")):
            self._linked(within, attributes.get("rel", "alternate"), href)

    def _place(self, within: str, local: str) -> Callable[[str], Any] | None:
        if (within, local) == ("sitemap", "loc"):
            return self.maps.append
        return self.articles.append if (within, local) in _SPEAKING else None

    def _linked(self, within: str, rel: str, href: str) -> None:
        if within in ("entry", "item") and rel == "alternate":
            self.articles.append(href)
        elif within in ("feed", "channel") and rel in ("next", "prev-archive"):  # RFC 5005
            self.maps.append(href)

    def say(self, text: str) -> None:
        if self._takes is not None and len(self._said) < LONGEST:
            self._said.append(text[: LONGEST + 1])

    def end(self, name: str) -> None:  # noqa: ARG002
        self._path.pop()
        if self._takes is not None:
            self._takes("".join(self._said)[: LONGEST + 1])
        self._takes = None


def _plain(start: bytes) -> bytes:
    """The beginning of a document without its byte order mark, UTF-16 as ASCII."""
    return (
        start.removeprefix(b"\xef\xbb\xbf")
        .removeprefix(b"\xff\xfe")
        .removeprefix(b"\xfe\xff")
        .replace(b"\0", b"")
    )
