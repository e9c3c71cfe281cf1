"""The normalisation n1 of a text, and the hash by which two articles are the same (DESIGN part 4).

n1 never changes; another normalisation gets another name. It is, in this order:

1. NFKC.
2. These characters go: tatweel (U+0640); harakat (U+064B–0652, U+0656–065F, U+0670); Quranic marks
   (U+0610–061A, U+06D6–06DC, U+06DF–06E4, U+06E7, U+06E8, U+06EA–06ED, U+0898–089F, U+08CA–08E1,
   U+08E3–08FF); direction marks (U+061C, U+200E, U+200F, U+202A–202E, U+2066–2069); zero-width
   characters (U+200B–200D, U+2060, U+FEFF) and the soft hyphen (U+00AD).
3. NFKC again, since a letter and a mark that 2 brought together may be one character.
4. Arabic-Indic digits (U+0660–0669) and extended ones (U+06F0–06F9) become 0 to 9.
5. Each run of white space (what `str.split` splits at) becomes one space; none at either end.

So the madda and hamza above and below stay (U+0653–0655): with their letter they are one character.
It is idempotent. The first NFKC may make marks that 2 must take (U+FE71 is a tatweel and a tanwin),
hence before it; Unicode promises that NFKC of assigned characters never changes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from unicodedata import normalize

_GONE = re.compile(
    "["
    "\u0640"
    "\u064b-\u0652\u0656-\u065f\u0670"
    "\u0610-\u061a\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0898-\u089f\u08ca-\u08e1\u08e3-\u08ff"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\u200b-\u200d\u2060\ufeff\u00ad"
    "]+"
)
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)
_FOREIGN_DIGIT = re.compile("[٠-٩۰-۹]")


@lru_cache(maxsize=16)  # hash and letters of one text are wanted right after each other
def normalised(text: str) -> str:
    """The text in n1: what two texts must have in common to be the same."""
    text = normalize("NFKC", _GONE.sub("", normalize("NFKC", text)))
    if _FOREIGN_DIGIT.search(text):  # translate is slow, and few texts have any
        text = text.translate(_DIGITS)
    return " ".join(text.split())


def letters(text: str) -> int:
    """How many letters the text has in n1 (below 200 it is never another id's duplicate)."""
    return sum(map(str.isalpha, normalised(text)))


def content_hash(title: str, text: str) -> str:
    """What an article is the same by: n1:sha256 over title, a newline, and text, in UTF-8."""
    whole = f"{normalised(title)}\n{normalised(text)}"
    return f"n1:sha256:{sha256(whole.encode()).hexdigest()}"
