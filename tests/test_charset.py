"""A page's bytes as text, whatever was said of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.layouts.charset import decoded

TEXT = "قال الناطق باسم الدفاع المدني إن الغارات استهدفت السوق الشعبي في المدينة."
HTML = f"<html><head><title>الخبر</title></head><body><p>{TEXT}</p></body></html>"


def meta(charset: str) -> str:
    return HTML.replace(
        "<head>", f'<head><meta http-equiv="Content-Type" content="text/html; charset={charset}">'
    )


@pytest.mark.parametrize("codec", ["utf-8", "windows-1256", "iso-8859-6"])
@pytest.mark.parametrize(
    "header",
    [
        "",
        "text/html",
        "text/html; charset=utf-8",
        "text/html; charset=windows-1256",
        "text/html;charset=ISO-8859-6",
        "text/html; charset=iso-8859-1",
        "text/html; charset=nonsense",
        'text/html; charset="',
    ],
)
@pytest.mark.parametrize("said", ["utf-8", "windows-1256", "iso-8859-6", "none", "utf-16"])
def test_arabic_is_read_right_whatever_header_and_meta_say(codec, header, said):
    html = meta(said)
    assert decoded(html.encode(codec), header) == (html, codec)


@pytest.mark.parametrize(
    ("codec", "named"),
    [("utf-8-sig", "utf-8"), ("utf-16", "utf-16-le"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be")],
)
def test_a_bom_or_the_width_of_the_characters_decides_first(codec, named):
    assert decoded(HTML.encode(codec), "text/html; charset=windows-1256") == (HTML, named)


@pytest.mark.parametrize("label", ["windows-1252", "ISO-8859-1", "cp1252"])
def test_a_text_that_is_not_arabic_is_read_as_it_says(label):
    assert (
        decoded("<p>café à la crème".encode("cp1252"), f"text/html; charset={label}")[0]
        == "<p>café à la crème"
    )


@pytest.mark.parametrize(
    "label", ["hex", "zlib", "punycode", "idna", "unicode_escape", "utf-7", "undefined", "rot13", "x" * 500]
)
def test_a_codec_that_is_none_of_a_text_is_not_used(label):
    text, codec = decoded(b"<p>+ADw- \\u0041 \xe9\xe8", f"text/html; charset={label}")
    assert text.startswith("<p>+ADw- \\u0041 ")
    assert codec == "windows-1256"


def test_nuls_go_and_the_text_behind_them_stays():
    assert decoded(b"<p>a\0b\0\0c", "") == ("<p>abc", "utf-8")


def test_a_few_broken_bytes_do_not_spoil_utf_8():
    body = HTML.encode()
    assert decoded(body + b"\0\xff\xfe", "") == (HTML + "\ufffd\ufffd", "utf-8")
    assert decoded(body[: body.index("المدينة".encode()) + 1], "")[1] == "utf-8"


@given(st.binary(), st.text())
def test_any_bytes_are_read(body, content_type):
    text, codec = decoded(body, content_type)
    assert "\0" not in text
    assert codec


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")))
def test_utf_8_is_always_read_right(text):
    assert decoded(b"<p>" + text.encode(), "") == ("<p>" + text, "utf-8")
