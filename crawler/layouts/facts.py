"""The small things around a title: the view counter and the clock time."""

from __future__ import annotations

import re

from crawler.layouts.dates import clock, unified
from crawler.layouts.document import Document

_SHORT = 160  # characters: a line of facts, no sentence of the text
_NUMBER = r"(\d{1,3}(?:[,.٬،\s]\d{3})+|\d+)"
_WORD = r"(?:مشاهدات|مشاهدة|مشاهده|المشاهدات|views?)"
_BEFORE = re.compile(rf"(?<![\d:/.]){_NUMBER}\s*{_WORD}(?!\w)", re.IGNORECASE)
_BEHIND = re.compile(rf"(?:عدد\s+)?{_WORD}\s*[:：]?\s*{_NUMBER}(?![\d:/])", re.IGNORECASE)
_WORD_ALONE = re.compile(rf"\W*(?:عدد\s+)?{_WORD}\W*", re.IGNORECASE)
_NUMBER_ALONE = re.compile(rf"\W*{_NUMBER}\W*")
_URL_ALONE = re.compile(r"(?:https?://)?(?:www\.)?\S+\.\S+/a/\d+/?")


def views(page: Document, around: range) -> int | None:
    """The number beside "مشاهدة" in these blocks."""
    for at in around:
        text = page.blocks[at].text
        if len(text) <= _SHORT and ("شاهد" in text or "iew" in text or "IEW" in text):
            found = (
                _BEFORE.search(unified(text)) or _BEHIND.search(unified(text)) or _beside(page, at, around)
            )
            if found:
                return int(re.sub(r"\D", "", found[1]))
    return None


def _beside(page: Document, at: int, around: range) -> re.Match[str] | None:
    """The number that stands alone next to the word that stands alone; before it, first."""
    if _WORD_ALONE.fullmatch(page.blocks[at].text):
        for beside in (at - 1, at + 1):
            if beside in around and (found := _NUMBER_ALONE.fullmatch(unified(page.blocks[beside].text))):
                return found
    return None


def published_time(page: Document, around: range, *, besides: tuple[int, ...]) -> str | None:
    """The first clock time in these blocks, the title's own left out."""
    shown = (page.blocks[at] for at in around if at not in besides)
    times = (clock(block.text) for block in shown if block.linked < len(block.text) <= _SHORT)
    return next(filter(None, times), None)


def is_fact(text: str) -> bool:
    """Whether a line says nothing but such things: a counter, a time, the article's short link."""
    if len(text) > _SHORT:
        return False
    rest = _URL_ALONE.sub(" ", _BEFORE.sub(" ", _BEHIND.sub(" ", unified(text))))
    return bool(_WORD_ALONE.fullmatch(rest)) or not re.search(r"[^\W\d_]", rest)
