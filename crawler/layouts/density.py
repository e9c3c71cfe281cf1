"""Where the text of an article lies: told by how much is said there, and how little of it is links."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from crawler.layouts.document import Document
from crawler.layouts.facts import is_fact
from crawler.layouts.labels import BOX, is_end, is_font_size, named

_SENTENCE = 40  # characters of a block that says something
_ENOUGH = 4  # the text is no less than this part of the longest text on the page


@dataclass(frozen=True, slots=True)
class Region:
    """The blocks from `first` up to `last`, each inside of one of these elements."""

    homes: tuple[int, ...]
    first: int
    last: int

    def home_of(self, page: Document, block: int) -> int:
        """The one of the homes that holds this block."""
        at = bisect_right(self.homes, block, key=lambda home: page.elements[home].first)
        return self.homes[max(at - 1, 0)]


def after_label(page: Document, start: int) -> Region | None:
    """The text whose beginning is known: the place of the first that is said from `start` on."""
    first = next((at for at in _until_label(page, start) if _says(page, at)), None)
    if first is None:
        first = next((at for at in _until_label(page, start) if _is_wordy(page, at)), None)
    return None if first is None else _region(page, page.home(first), start)


def after_title(page: Document, start: int, *, besides: tuple[int, ...]) -> Region | None:
    """The text whose beginning is not known: of the places that say much, the nearest after `start`."""
    said: dict[int, int] = {}
    for at in range(start, len(page.blocks)):
        if _says(page, at) and at not in besides and not is_end(page.blocks[at].text):
            home = page.home(at)
            said[home] = said.get(home, 0) + len(page.blocks[at].text)
    enough = max(said.values(), default=0) / _ENOUGH
    nearest = next((home for home, much in said.items() if much >= enough), None)
    return None if nearest is None else _region(page, nearest, start)


def _until_label(page: Document, start: int) -> Iterator[int]:
    for at in range(start, len(page.blocks)):
        text = page.blocks[at].text
        if is_end(text) or named(text) in BOX:
            return
        yield at


def _says(page: Document, at: int) -> bool:
    block = page.blocks[at]
    return len(block.text) >= _SENTENCE and block.linked * 3 < len(block.text) and not _is_apart(page, at)


def _is_wordy(page: Document, at: int) -> bool:
    block = page.blocks[at]
    return (
        " " in block.text and not block.is_link and not is_fact(block.text) and not is_font_size(block.text)
    )


def _is_apart(page: Document, at: int) -> bool:
    return page.elements[page.blocks[at].element].apart


def _region(page: Document, home: int, start: int) -> Region:
    """The home's blocks from start on, and those of its next siblings that go on with the text."""
    homes = [home]
    parent, last = page.elements[home].parent, page.elements[home].last
    while home and last < page.elements[parent].last and page.blocks[last].element != parent:
        sibling = page.child(last, of=parent)
        blocks = range(last, page.elements[sibling].last)
        if not all(_says(page, at) and not is_end(page.blocks[at].text) for at in blocks):
            break
        homes.append(sibling)
        last = blocks.stop
    return Region(tuple(homes), max(start, page.elements[homes[0]].first), last)
