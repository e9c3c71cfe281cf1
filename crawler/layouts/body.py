"""The text of an article, in paragraphs, and the boxes that stand in it and are no part of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from crawler.layouts.density import Region
from crawler.layouts.document import HARD, Block, Document
from crawler.layouts.facts import is_fact
from crawler.layouts.labels import BOX, OWN_BOX, is_end, is_font_size, named

_SENTENCE_END = frozenset('.!?؟…:؛"”»)]')
_LISTED = 3  # links in a row that belong to no text
_SOME = 2  # links among teasers that do not begin with one


@dataclass(slots=True)
class Body:
    """What a region says."""

    paragraphs: list[str] = field(default_factory=list)
    boxed: set[int] = field(default_factory=set)  #: blocks of links to other articles, in the text
    first: int = -1  #: the block of the first paragraph
    last: int = -1  #: and behind that of the last


def body(page: Document, region: Region, *, title: str) -> Body:
    """The region's paragraphs in order, without title, facts, boxes, and what comes behind the text."""
    said = Body(last=region.first)
    boxes: list[range] = []
    flat = page.elements[region.homes[0]].first < region.first
    at = region.first
    while at < region.last:
        block = page.blocks[at]
        if said.paragraphs and (is_end(block.text) or (flat and _lists(page, at, region.last))):
            break
        if beyond := _box(page, region, at):
            boxes.append(range(at, beyond))
            at = beyond
            continue
        if not _is_noise(block, title, started=bool(said.paragraphs)):
            _say(said, block, at)
        at += 1
    said.boxed = {block for box in boxes if _is_within(page, said, box) for block in box}
    return said


def _is_within(page: Document, said: Body, box: range) -> bool:
    """Whether a box stands in the text: before its last paragraph, or at its end and named as the site's."""
    last = box.start == said.last and named(page.blocks[box.start].text) in OWN_BOX
    return said.first < box.start < said.last or last


def _say(said: Body, block: Block, at: int) -> None:
    """Adds a paragraph, or goes on with the last one after a mere new line."""
    goes_on = said.last == at and block.breaks < HARD
    if said.paragraphs and goes_on and said.paragraphs[-1][-1] not in _SENTENCE_END:
        said.paragraphs[-1] += f" {block.text}"
    else:
        said.paragraphs.append(block.text)
    said.first = at if said.first < 0 else said.first
    said.last = at + 1


def _is_noise(block: Block, title: str, *, started: bool) -> bool:
    text = block.text
    if started:
        return text == title
    return text == title or is_fact(text) or is_font_size(text) or is_end(text)


def _lists(page: Document, at: int, last: int) -> bool:
    """Whether a list of links begins here."""
    return at + _LISTED <= last and all(page.blocks[one].is_link for one in range(at, at + _LISTED))


def _box(page: Document, region: Region, at: int) -> int:
    """The block behind the box that begins here, 0 where none does."""
    block = page.blocks[at]
    apart = page.elements[block.element].apart and not page.elements[region.homes[0]].apart
    if apart or named(block.text) in BOX:
        return _box_end(page, region, at)
    if beyond := _teasers(page, region, at):
        return beyond
    return at + 1 if block.is_link or (block.linked * 2 >= len(block.text) and _starts_box(block.text)) else 0


def _box_end(page: Document, region: Region, label: int) -> int:
    """A labelled box ends with the element that holds it alone, else with the links behind the label."""
    home = page.home(label)
    if home not in region.homes and page.elements[home].first == label:
        return min(page.elements[home].last, region.last)
    end = label + 1
    while end < region.last and page.blocks[end].is_link:
        end += 1
    return end


def _starts_box(text: str) -> bool:
    return named(re.split("[:：]", text, maxsplit=1)[0]) in BOX


def _teasers(page: Document, region: Region, at: int) -> int:
    """The end of an element whose blocks are headlines with links, and what is said of each; 0 elsewhere."""
    home = region.home_of(page, at)
    child = page.child(at, of=home)
    element = page.elements[child]
    if child == home or element.first != at:
        return 0
    blocks = page.blocks[at : element.last]
    if not blocks[0].is_link and sum(block.is_link for block in blocks) < _SOME:
        return 0
    linked, said = sum(block.linked for block in blocks), sum(len(block.text) for block in blocks)
    return min(element.last, region.last) if linked * 6 >= said else 0
