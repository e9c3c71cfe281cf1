"""What a page needs to be shown: its pictures, styles, scripts, fonts and icons (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from string import punctuation
from urllib.parse import quote, urldefrag, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from crawler.site import HOME

MOST = 5000  #: references that are read of one page or style
LONGEST = 2048  #: URL; what is longer is left out

_NEEDY = (
    "img, link, script, source, style, input, video, audio, image, [background], [style*='url' i],"
    " [data-src], [data-original], [data-bg], [data-background]"
)
_ONE = frozenset(
    "src poster background data-src data-original data-lazy data-lazy-src data-bg data-background".split()
)
_SETS = frozenset("srcset imagesrcset data-srcset data-lazy-srcset".split())
_HREF = frozenset(("href", "xlink:href"))
_NONE: frozenset[str] = frozenset()  # what they name is a page of its own
_OF_ITS_OWN = {"link": _HREF, "image": _HREF, "iframe": _NONE, "frame": _NONE, "a": _NONE}
_RELATIONS = frozenset(
    "stylesheet icon apple-touch-icon apple-touch-icon-precomposed mask-icon manifest preload"
    " modulepreload".split()
)

_PATH = re.compile(r'/(?!/)[!"$-\[\]-~]{0,2000}+')  # that needs no joining: without # and backslash
_CANDIDATE = re.compile(r"[\s,]*+(\S++)")
_COMMENT = re.compile(r"/\*(?>.*?(?:\*/|\Z))", re.DOTALL)
_NAMED = re.compile(
    r"""url\(\s*+(?:"([^"\n]*+)"|'([^'\n]*+)'|([^()'"\s]*+))\s*+\)"""
    r"""|@import\s*+(?:"([^"\n]*+)"|'([^'\n]*+)')""",
    re.IGNORECASE,
)
_ESCAPED = re.compile(r"\\(?:([0-9A-Fa-f]{1,6})\s?|(.))")
_WHITE = " \t\r\n\f"
_BREAKS = str.maketrans("", "", "\t\r\n")  # no part of a URL (WHATWG URL, 4.4)


def of_page(tree: LexborHTMLParser, url: str) -> tuple[str, ...]:
    """The absolute http(s) URLs of what the page needs, each once, in its order."""
    return absolute(_references(tree), _base(tree, url))


def of_style(css: str, url: str) -> tuple[str, ...]:
    """The same of a style sheet: what its url() and @import name."""
    return absolute(_named(css), url)


def absolute(values: Iterable[str], base: str) -> tuple[str, ...]:
    """The URLs that these references name on a page at `base`: http and https, without fragments."""
    parts = urlsplit(base)
    root = f"{parts.scheme}://{parts.netloc}"
    found: dict[str, None] = {}
    for value in islice(values, MOST):
        plain = _PATH.fullmatch(value) and "/." not in value
        found[root + value if plain else _joined(value, base)] = None
    found.pop("", None)
    return tuple(found)


def host_of(url: str) -> str:
    """The host that is to be asked for the URL, empty where it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a bad IPv6 address or port
        return ""
    return (parts.hostname or "") if port != 0 else ""


def is_ours(host: str, more: Iterable[str] = ()) -> bool:
    """Whether requisites are taken from there: from the site, the hosts below it, and those below `more`."""
    name = f".{host.removesuffix('.')}"
    return any(name.endswith(f".{each}") for each in (_SITE, *more))


_SITE = urlsplit(HOME).netloc


def _base(tree: LexborHTMLParser, url: str) -> str:
    node = tree.css_first("base[href]")
    href = (node.attributes.get("href") or "") if node is not None else ""
    return _joined(href, url) or url


def _references(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css(_NEEDY):
        if node.tag == "style":
            yield from _named((child.text_content or "") if (child := node.first_child) else "")
            continue
        attributes = node.attributes
        of_its_own = _OF_ITS_OWN.get(node.tag or "", _ONE)
        if node.tag == "link" and not _relates(attributes.get("rel") or ""):
            continue
        for name, value in attributes.items():
            if not value:
                continue
            if name in of_its_own:
                yield value
            elif name in _SETS:
                yield from _candidates(value)
            elif name == "style":
                yield from _named(value)


def _relates(relation: str) -> bool:
    return not _RELATIONS.isdisjoint(relation.lower().split())


def _candidates(srcset: str) -> Iterator[str]:
    """The URLs of a srcset (HTML, 4.8.4.3.10): a comma in a URL's middle is the URL's."""
    at = 0
    while at >= 0 and (found := _CANDIDATE.match(srcset, at)):
        yield found[1].rstrip(",")
        at = found.end() if found[1].endswith(",") else srcset.find(",", found.end())


def _named(css: str) -> Iterator[str]:
    lower = css.lower()
    if "url(" not in lower and "@import" not in lower:
        return
    for found in _NAMED.finditer(_COMMENT.sub(" ", css)):
        value = found[found.lastindex or 0]
        yield _ESCAPED.sub(_unescaped, value) if "\\" in value else value


def _unescaped(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[2]
    return chr(code) if (code := int(found[1], 16)) < 0x110000 else ""


def _joined(value: str, base: str) -> str:
    """The reference as an absolute URL without a fragment; empty where it names nothing to be fetched."""
    value = value[: 2 * LONGEST].strip(_WHITE).translate(_BREAKS)
    if not value or value.startswith("#"):
        return ""
    try:
        url = urldefrag(urljoin(base, value.replace("\\", "/"))).url
        url = quote(url, safe=punctuation)
    except ValueError:  # a bad IPv6 address, half of a surrogate pair
        return ""
    return url if url.startswith(("http://", "https://")) and len(url) <= LONGEST else ""
