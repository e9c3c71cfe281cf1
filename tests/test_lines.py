"""The lines of items and outcomes: one form only, and read back strictly."""

from __future__ import annotations

import io
import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crawler.errors import Damaged
from crawler.items import Article, Outcome
from crawler.lines import Original, OutcomeLine, canonical, derived, item_line, lines_of
from tests import takes
from tests.test_decisions import ref

LINE = OutcomeLine(
    id="1",
    url="http://anapress.net/a/1",
    outcome=Outcome.DUPLICATE,
    status=200,
    captured_at="2026-11-23T09:46:54.123Z",
    record=ref(1),
    duplicate_of=Original(id="2", version=3),
    take=4,
    attempts=2,
    content_hash="n1:sha256:00",
    source="live",
    found="link",
    etag='"x"',
)


def test_canonical_json_has_no_spaces_and_keeps_arabic_as_it_is() -> None:
    assert canonical({"b": "أنا برس", "a": [1, None]}) == '{"b":"أنا برس","a":[1,null]}'


def test_an_item_line_is_the_article_in_its_order_and_then_what_was_decided() -> None:
    line = item_line(derived(takes.article(1, "text")), version=2, record=ref(1), capture=None)
    names = [field.name for field in fields(Article)]
    assert list(json.loads(line)) == [*names, "version", "record", "capture"]


def test_an_item_line_has_one_form() -> None:
    line = item_line(derived(takes.article(1, "نص")), version=2, record=ref(1), capture=ref(2))
    assert canonical(json.loads(line)).encode() == line


@pytest.mark.parametrize("line", [LINE, replace(LINE, record=None, duplicate_of=None, outcome=Outcome.GONE)])
def test_an_outcome_line_reads_back_as_it_was_written(line) -> None:
    assert OutcomeLine.parse(str(line).encode()) == line


@given(st.text(), st.text())
def test_whatever_a_header_says_stays_on_one_line(etag, reason) -> None:
    line = replace(LINE, etag=etag, reason=reason)
    assert len(str(line).encode("utf-8", "surrogatepass").split(b"\n")) == 1
    assert OutcomeLine.parse(str(line).encode()) == line


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        str(LINE).replace('"take"', '"taken"'),
        str(LINE).replace('"duplicate"', '"copied"'),
        str(LINE).replace('"offset"', '"at"'),
        str(LINE)[:-1] + ',"more":1}',
        str(LINE).replace('"status":200', '"status":"200"'),
        str(LINE).replace('"reason":null,', ""),
        str(LINE).replace(":", ": "),
    ],
)
def test_what_is_no_outcome_line_is_damaged(line) -> None:
    with pytest.raises(Damaged):
        OutcomeLine.parse(line.encode())


def test_lines_come_without_their_ends() -> None:
    assert list(lines_of(io.BytesIO(b"one\ntwo\n"))) == [b"one", b"two"]


def test_a_torn_last_line_is_damaged() -> None:
    with pytest.raises(Damaged, match="no end"):
        list(lines_of(io.BytesIO(b"one\ntw")))
