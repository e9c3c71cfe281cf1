"""The title of an article, as the page shows it, and where it stands."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from crawler.errors import LayoutUnknown
from crawler.layouts.document import Document, folded
from crawler.layouts.labels import is_end, is_font_size, plain
from crawler.layouts.metadata import without_site

_SPLIT = re.compile(r"\s+[|–—-]+\s+|\s*[|»«]\s*")
_CUT = re.compile(r"\s*(?:\.{3}|…)$")
_SENTENCE = re.compile(r"[^.]\.$")
_SHORTEST = 10  # letters that make a headline; a clock or a counter is shorter
_LONGEST = 300  # characters
_MOST_HEADINGS = 20  # they may lie in each other, and each is read with all that it holds


@dataclass(frozen=True, slots=True)
class Title:
    """The article's title and the blocks that show it outside of links."""

    text: str
    blocks: tuple[int, ...]


def title(page: Document, told: tuple[str, ...], *, before: int | None) -> Title:
    """The title: what the metadata tell if the page shows it, else the headline that the page shows.

    `before` is the block where the text begins, if that is known; LayoutUnknown where there is no title.
    """
    shown = _shown(page)
    text = _told_and_shown(told, shown) or _headline(page, before) or next(iter(told), None)
    if text is None:
        raise LayoutUnknown("no_title")
    return Title(text, tuple(shown.get(text, ())))


def _shown(page: Document) -> dict[str, list[int]]:
    """Where each text stands that is no link."""
    shown: dict[str, list[int]] = {}
    for at, block in enumerate(page.blocks):
        if not block.linked:
            shown.setdefault(block.text, []).append(at)
    return shown


def _told_and_shown(told: tuple[str, ...], shown: dict[str, list[int]]) -> str | None:
    """The first title of the metadata that stands on the page too: whole, or as its beginning."""
    for text in told:
        if text in shown:
            return text
    plainly = {plain(text): text for text in shown} if told else {}
    for text in told:
        for part in (text, *_parts(text)):
            if (found := plainly.get(plain(part))) is not None:
                return found
        if (start := _CUT.sub("", text)) != text and len(start) >= _SHORTEST:
            return next((text for text in shown if text.startswith(start)), None)
    return None


def _parts(text: str) -> list[str]:
    """What is left of a title without its last parts, or its first: the section's name, most often."""
    cuts = list(_SPLIT.finditer(text))
    return [text[: cut.start()] for cut in reversed(cuts)] + [text[cut.end() :] for cut in cuts]


def _headline(page: Document, before: int | None) -> str | None:
    """The text that looks like the title: in <h1>, or standing twice, or just before the text."""
    for node in page.tree.css("h1")[:_MOST_HEADINGS]:
        if text := without_site(folded(node.text())):
            return text
    blocks = page.blocks if before is None else page.blocks[:before]
    candidates = [block.text for block in blocks if not block.linked and _is_headline(block.text)]
    times = Counter(candidates)
    twice = [text for text in candidates if times[text] > 1]
    if before is None:  # nothing says how far the head of the page goes
        return next(iter(twice), None)
    return next(reversed(twice or candidates), None)


def _is_headline(text: str) -> bool:
    wordy = sum(map(str.isalpha, text)) >= _SHORTEST and " " in text
    sentence = len(text) > _LONGEST or _SENTENCE.search(text)
    return wordy and not sentence and "://" not in text and not is_end(text) and not is_font_size(text)
