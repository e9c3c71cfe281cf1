"""A page's bytes as text: BOM, header, <meta> and what the bytes themselves show."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = (
    (re.compile(rb"(?:[\t\n\r ]\0)*<\0"), "utf-16-le"),
    (re.compile(rb"(?:\0[\t\n\r ])*\0<"), "utf-16-be"),
)
_IN_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_IN_META = re.compile(rb"<meta\b[^>]*?\bcharset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_PRESCAN = 4096  # HTML asks for a <meta> in the first 1024 bytes; old pages start with scripts

# Python knows codecs that are none of a text (zlib), slow by design (punycode) or unsafe to trust.
_KNOWN = re.compile(
    r"cp125[0-8]|iso8859-\d+|koi8-[ru]|mac-arabic|cp(?:437|720|864|866)|gb\w+|big5\w*|shift_jis|euc_\w+"
)
_ARABIC = ("cp1256", "iso8859-6")
_NAMES = {"cp1256": "windows-1256", "iso8859-6": "iso-8859-6"}


def decoded(body: bytes, content_type: str) -> tuple[str, str]:
    """The page's text without NULs, and the encoding that it turned out to have; never raises."""
    text, codec = _decoded(body, content_type)
    return text.replace("\0", ""), _NAMES.get(codec, codec)


def _decoded(body: bytes, content_type: str) -> tuple[str, str]:
    for bom, codec in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(codec, "replace"), codec
    if wide := _wide(body):
        return body.decode(wide, "replace"), wide
    if (text := _utf_8(body)) is not None:
        return text, "utf-8"
    for codec in (*_detected(body), *_declared(body, content_type)):
        if (text := _strict(body, codec)) is not None:
            return text, codec
    return body.decode("cp1256", "replace"), "cp1256"


def _wide(body: bytes) -> str | None:
    """UTF-16 without a BOM: its first tag begins with two bytes, one of them NUL."""
    return next((codec for start, codec in _WIDE if start.match(body)), None)


def _utf_8(body: bytes) -> str | None:
    """The body as UTF-8 where it is that, whatever was declared: no other text looks like it by chance.

    Broken bytes among more good ones (a cut page, binary at the end) are replaced: in Arabic of another
    charset hardly any are good.
    """
    try:
        return body.decode()
    except UnicodeDecodeError:
        text = body.decode("utf-8", "replace")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return text if text.count("\ufffd") * 2 < beyond_ascii else None


def _detected(body: bytes) -> Iterator[str]:
    """The Arabic charset that these bytes are plainly in, none where there is no Arabic.

    "ال" begins every third word: C7 E1 in windows-1256, C7 E4 in ISO-8859-6. Each decodes the
    other's letters to some text without an error, so neither strictness nor a label can decide.
    """
    windows, iso = body.count(b"\xc7\xe1"), body.count(b"\xc7\xe4")
    high = len(body) - len(body.decode("ascii", "ignore"))
    if max(windows, iso) * 60 > high:
        yield from _ARABIC if windows >= iso else _ARABIC[::-1]


def _declared(body: bytes, content_type: str) -> Iterator[str]:
    """The codecs that header and <meta> name, in this order, if they name any."""
    in_meta = _IN_META.search(body, 0, _PRESCAN)
    in_header = _IN_HEADER.search(content_type)
    for label in (in_header and in_header[1], in_meta and in_meta[1].decode()):
        try:
            codec = codecs.lookup(label or "").name
        except LookupError:
            continue
        if _KNOWN.fullmatch(codec):
            yield codec


def _strict(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except UnicodeDecodeError:
        return None
