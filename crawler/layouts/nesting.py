"""Markup that would take its parser minutes, found before it is parsed."""

from __future__ import annotations

import re
from collections import Counter

from crawler.errors import LayoutUnknown

# lexbor needs time in the square of the depth of <div> and <ul> (200,000 deep: minutes), of one
# tag's attributes (100,000: 17 s) and of the options of a <select> (40,000: 4 s); up to these sizes
# all are under 0.2 s, so most pages skip the rest.
_FEW_TAGS = 8_000
_SMALL = 150_000

_DEEPEST = 512  # where Blink stops nesting too
_ATTRIBUTES = re.compile(r"<[a-zA-Z][^\s<>]*+(?:\s++[^\s<>=]++(?:=[^\s<>]*+)?+){2000}")

_OPTION = re.compile("<option", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_CLOSED_BY_OTHERS = frozenset(
    "area base br col embed hr img input link meta param source track wbr"  # void
    " p li dt dd tr td th tbody thead tfoot option optgroup colgroup rp rt".split()
)


def refuse_monsters(text: str) -> None:
    """Raises LayoutUnknown for markup so deep or so wide that parsing it is an attack on our time."""
    if len(text) > _SMALL and _ATTRIBUTES.search(text):
        raise LayoutUnknown("too_many_attributes")
    if text.count("<") > _FEW_TAGS:
        if _too_deep(text):
            raise LayoutUnknown("too_deep")
        if len(_OPTION.findall(text)) > _FEW_TAGS:
            raise LayoutUnknown("too_many_options")


def refuse_crowds(text: str, tags: int) -> None:
    """Raises LayoutUnknown for markup of more tags than these."""
    if len(text) > tags and text.count("<") > tags:
        raise LayoutUnknown("too_many_tags")


def _too_deep(text: str) -> bool:
    open_tags: Counter[str] = Counter()
    depth = 0
    for slash, written in _TAG.findall(text):
        tag = written.lower()
        if tag in _CLOSED_BY_OTHERS or (slash and not open_tags[tag]):
            continue
        step = -1 if slash else 1
        open_tags[tag] += step
        depth += step
        if depth > _DEEPEST:
            return True
    return False
