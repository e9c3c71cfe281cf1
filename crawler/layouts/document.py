"""A page as its reader sees it: blocks of text in order, links and pictures between them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawler.errors import LayoutUnknown
from crawler.layouts.nesting import refuse_monsters

NO_BODY = "no_body"
HARD = 2  #: breaks between two blocks that are two paragraphs; one break may be a mere new line


class Block(NamedTuple):
    """Text that stands together: what lies between two block boundaries or line breaks."""

    text: str  #: white space folded
    element: int  #: the block element that it is in
    linked: int  #: how many of its characters are links
    breaks: int  #: before it: 1 for a single <br>, else HARD

    @property
    def is_link(self) -> bool:
        """Whether nothing much but links stands here."""
        return self.linked * 5 >= len(self.text) * 4


class Link(NamedTuple):
    """A link, read only when it is asked for: most are those of menus."""

    node: LexborNode
    block: int  #: the block that it is in

    @property
    def href(self) -> str:
        return self.node.attributes.get("href") or ""

    @property
    def title(self) -> str:
        return folded(self.node.text()) or folded(self.node.attributes.get("title") or "")


class Picture(NamedTuple):
    """A picture, read only when it is asked for."""

    node: LexborNode
    block: int  #: the block that it is in, or stands before
    linked: bool

    @property
    def source(self) -> str:
        attributes = self.node.attributes
        return attributes.get("data-src") or attributes.get("src") or ""

    @property
    def alt(self) -> str:
        return folded(self.node.attributes.get("alt") or "")


@dataclass(slots=True)
class Element:
    """A block element: the blocks from `first` up to `last` are its own and its descendants'."""

    parent: int
    first: int
    apart: bool  #: in a <nav>, <aside> or <footer>
    last: int = 0


@dataclass(slots=True)
class Document:
    """A parsed page."""

    tree: LexborHTMLParser
    blocks: list[Block] = field(default_factory=list)
    elements: list[Element] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    def home(self, block: int) -> int:
        """The innermost element that holds this block and another one."""
        at = self.blocks[block].element
        while at and self.elements[at].last - self.elements[at].first < 2:
            at = self.elements[at].parent
        return at

    def child(self, block: int, of: int) -> int:
        """The element through which `of` holds this block: a child of it, or itself."""
        at = self.blocks[block].element
        while at != of and self.elements[at].parent != of:
            at = self.elements[at].parent
        return at


def document(text: str) -> Document:
    """The page in this markup; LayoutUnknown where it has no body, or none that can be parsed in time."""
    refuse_monsters(text)
    tree = LexborHTMLParser(text)
    if (body := tree.body) is None:
        raise LayoutUnknown(NO_BODY)
    return _Walk(Document(tree)).through(body)


def folded(text: str) -> str:
    """The text on one line, without control characters."""
    text = text.strip()
    if "  " not in text and text.isprintable():  # so is most of what stands between two tags
        return text
    text = " ".join(text.split())
    return text if text.isprintable() else " ".join(_CONTROLS.sub("", text).split())


_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]+")  # all but white space

_TEXT, _BLOCK, _APART, _BREAK, _LINK, _PICTURE, _SKIP, _INLINE = range(8)
_BLOCKS = (_BLOCK, _APART)
_LEFT = frozenset((_BLOCK, _APART, _LINK))  # whose end matters too
_ROLES = {
    _BLOCK: "address article blockquote body caption center dd details dialog dir div dl dt fieldset"
    " figcaption figure form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu ol p pre section summary"
    " table tbody td tfoot th thead tr ul marquee",
    _APART: "aside footer nav",
    _BREAK: "br",
    _LINK: "a",
    _PICTURE: "img",
    _SKIP: "script style noscript template iframe svg math select textarea button object video audio canvas"
    " head datalist noframes noembed title",
}


def _role_table() -> dict[int, int]:
    make = LexborHTMLParser("").create_node
    table = {make(name).tag_id: role for role, names in _ROLES.items() for name in names.split()}
    text = LexborHTMLParser("<p>x").css("p")[0].first_child
    assert text is not None, "lexbor gives a paragraph its text"
    return {text.tag_id: _TEXT, **table}


_ROLE = _role_table()
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_SHOWN_AS_BLOCK = re.compile(r"display\s*:\s*(?:block|table|flex|grid|list-item)", re.IGNORECASE)


class _Walk:
    """One way through the tree, without recursion, since a page may nest as deep as it likes."""

    def __init__(self, page: Document) -> None:
        self.page = page
        self.styled = _styled(page.tree)
        self.pieces: list[str] = []
        self.linked = 0
        self.breaks = HARD
        self.element = 0  # the innermost open one
        self.in_link = False

    def through(self, body: LexborNode) -> Document:
        self._open(apart=False)
        path: list[tuple[LexborNode, int]] = []
        node = body.first_child
        while True:
            while node is None:
                if not path:
                    self._close()
                    return self.page
                node, role = path.pop()
                if role in _LEFT:
                    self._leave(role)
                node = node.next
            role = _ROLE.get(node.tag_id, _INLINE)
            if role == _TEXT:
                text = node.text_content or ""
                if self.pieces or not text.isspace():  # what stands between two tags is mostly a new line
                    self._say(text)
            else:
                if role != _INLINE or self.styled:
                    role = self._enter(node, role)
                if role != _SKIP and (child := node.first_child) is not None:
                    path.append((node, role))
                    node = child
                    continue
                if role in _LEFT:
                    self._leave(role)
            node = node.next

    def _say(self, text: str) -> None:
        self.pieces.append(text)
        if self.in_link:
            self.linked += len(text.strip())

    def _enter(self, node: LexborNode, role: int) -> int:
        """Begins an element; says as what it is to be taken."""
        if self.styled and (shown := self.styled.get(node.mem_id)) is not None and role != _LINK:
            role = shown
        if role == _BLOCK:
            self._open(apart=False)
        elif role == _LINK:
            self.in_link = True
            self.page.links.append(Link(node, len(self.page.blocks)))
        elif role == _BREAK:
            self._flush()
            self.breaks = min(self.breaks + 1, HARD)
        elif role == _PICTURE:
            self.page.pictures.append(Picture(node, len(self.page.blocks), self.in_link))
        elif role == _APART:
            self._open(apart=True)
        return role

    def _leave(self, role: int) -> None:
        if role == _LINK:
            self.in_link = False
        else:
            self._close()

    def _open(self, *, apart: bool) -> None:
        if self.pieces:
            self._flush()
        self.breaks = HARD
        elements = self.page.elements
        apart = apart or (bool(elements) and elements[self.element].apart)
        elements.append(Element(self.element, len(self.page.blocks), apart))
        self.element = len(elements) - 1

    def _close(self) -> None:
        if self.pieces:
            self._flush()
        self.breaks = HARD
        done = self.page.elements[self.element]
        done.last = len(self.page.blocks)
        self.element = done.parent

    def _flush(self) -> None:
        """Ends the block that was being read, if it says anything."""
        if text := folded("".join(self.pieces)):
            self.page.blocks.append(Block(text, self.element, self.linked, self.breaks))
            self.breaks = 0
        self.pieces.clear()
        self.linked = 0


def _styled(tree: LexborHTMLParser) -> dict[int, int]:
    """What is not shown as its tag says, by its own style or attribute."""
    roles: dict[int, int] = {}
    for node in tree.css('[style*="display" i], [hidden]'):
        style = node.attributes.get("style") or ""
        if "hidden" in node.attributes or _HIDDEN.search(style):
            roles[node.mem_id] = _SKIP
        elif _SHOWN_AS_BLOCK.search(style):
            roles[node.mem_id] = _BLOCK
    return roles
