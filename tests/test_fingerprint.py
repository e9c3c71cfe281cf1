"""The normalisation n1 and the content hash: what they make of a text never changes."""

from __future__ import annotations

import unicodedata
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.fingerprint import content_hash, letters, normalised

TRAPS = "ـًْٰٓٔٱأآىيﷲﷺﻻﹰﹱﱞ\u200b\u200c\u200d\u200e\u200f\u061c\u2066\u2069\ufeff\u00ad\u0301eé ﬁ\u00a0\u2028\u3000\t\n٠۹²½۝۩\u0610\u06d6\u08f0"


@given(st.text() | st.text(alphabet=TRAPS))
@example("e\u200d\u0301")
@example("ﹱ")
@example("ا\u064e\u0653")
@example("ﷺ")
def test_n1_is_idempotent(text):
    assert normalised(normalised(text)) == normalised(text)


@given(st.text(alphabet=TRAPS))
def test_n1_is_nfkc_and_on_one_line(text):
    done = normalised(text)
    assert unicodedata.is_normalized("NFKC", done)
    assert done == " ".join(done.split())


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("مُحَمَّدٌ", "محمد"),
        ("كـــتاب", "كتاب"),
        ("عَمْرٍو هٰذا", "عمرو هذا"),
        ("قال\u06d6 الله\u0610", "قال الله"),
        ("١٢٣ ۴۵۶", "123 456"),
        ("ﻻ ﷲ ﬁ", "لا الله fi"),
        ("\u202bنص\u202c \u2067نص\u2069\u200f", "نص نص"),
        ("كل\u200cمة\ufeff co\u00adop", "كلمة coop"),
        ("  a\u00a0\u2003b\r\n\u2028c ", "a b c"),
        ("ا\u0653", "آ"),
        ("و\u200d\u0654", "ؤ"),
        ("ﹱ", ""),
        ("e\u200d\u0301", "é"),
    ],
)
def test_what_readers_do_not_see_makes_no_difference(text, same):
    assert normalised(text) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [("أحمد", "احمد"), ("على", "علي"), ("مدرسة", "مدرسه"), ("A", "a"), ("a.", "a"), ("۝", ""), ("آ", "ا")],
)
def test_nothing_else_is_taken_away(one, other):
    assert normalised(one) != normalised(other)


def test_letters_are_counted_in_the_normalised_text():
    assert letters("مُدُن ٢٠١٦ … ﷲ a-b") == 9


def test_the_hash_is_that_of_title_newline_text():
    expected = sha256("عنوان\nنص من سطرين 12".encode()).hexdigest()
    assert content_hash(" عُنوان ", "نص من\n\nسطرين ١٢") == f"n1:sha256:{expected}"


def test_a_known_text_keeps_its_hash_for_ever():
    assert (
        content_hash("تنظيم الدولة", "اعترفت وسائل الإعلام")
        == "n1:sha256:4fb04716680bab8b5d898b8b23b30edc18747fd8a67cdee9167327dff92265dc"
    )
