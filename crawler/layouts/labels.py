"""The words by which the site, and sites like it, name the parts of a page that are not its text."""

from __future__ import annotations

import re

from crawler.site import FONT_SIZE

_MARKS = re.compile("[\u0640\u064b-\u0652\u0670\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\u00ad]+")
_EDGES = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_LETTERS = str.maketrans("أإآٱىؤئ", "ااااييي".replace("ييي", "يوي"))
_LONGEST = 40  # characters; what is longer is a sentence


def plain(text: str) -> str:
    """The text as two people would agree to have read it: no harakat, one form of alef, lower case."""
    return _MARKS.sub("", text).translate(_LETTERS).casefold()


def named(text: str) -> str:
    """A label's bare words, without colon, count or brackets; empty for what is too long to be one."""
    return _EDGES.sub("", plain(text)) if len(text) <= _LONGEST else ""


def _labels(phrases: str) -> frozenset[str]:
    return frozenset(named(line.strip()) for line in phrases.strip().splitlines())


OWN_BOX = _labels(
    """
    موضوع ذا صلة
    موضوع ذو صلة
    """
)
"""Over the box that the site puts into its texts; it counts even where no text comes behind it."""

BOX = OWN_BOX | _labels(
    """
    مواضيع ذات صلة
    موضوعات ذات صلة
    مواضيع مشابهة
    مقالات ذات صلة
    أخبار ذات صلة
    روابط ذات صلة
    ذات صلة
    اقرأ أيضاً
    إقرأ أيضاً
    اقرأ المزيد
    شاهد أيضاً
    قد يهمك أيضاً
    قد يعجبك أيضاً
    Related
    Related articles
    Related topics
    Read also
    See also
    """
)
"""Over a box of links to other articles; the text may go on after it."""

END = _labels(
    """
    التعليقات
    تعليقات
    أضف تعليق
    أضف تعليقاً
    أضف تعليقك
    اترك تعليقاً
    تعليقات الزوار
    شارك
    شاركها
    شارك الخبر
    شارك المقال
    شارك على
    الأكثر قراءة
    الأكثر مشاهدة
    الأكثر تعليقاً
    الأكثر تداولاً
    آخر الأخبار
    أحدث الأخبار
    أحدث المقالات
    المزيد
    الوسوم
    كلمات مفتاحية
    الكلمات المفتاحية
    القائمة البريدية
    النشرة البريدية
    تابعنا
    تابعونا
    تابعنا على
    من نحن
    Comments
    Leave a comment
    Share
    Share this
    Most read
    Most viewed
    Latest news
    Tags
    Newsletter
    Follow us
    About us
    """
)
"""Behind the text of an article, whose text then does not go on."""

_RIGHTS = re.compile("(?:جميع|كل) الحقوق محفوظ|all rights reserved|©", re.IGNORECASE)
_RIGHTS_LONGEST = 400

_SIZE = plain(FONT_SIZE)


def is_rights(text: str) -> bool:
    """Whether this is the line about rights in a page's footer."""
    return len(text) <= _RIGHTS_LONGEST and _RIGHTS.search(text) is not None


def is_end(text: str) -> bool:
    """Whether the text of an article is over where this stands."""
    return named(text) in END or is_rights(text)


def is_font_size(text: str) -> bool:
    """Whether this is the label of the font size, which stands before an article's text."""
    return len(text) <= _LONGEST and "خط" in text and plain(text).startswith(_SIZE)
