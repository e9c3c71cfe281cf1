"""Which validators are kept and sent again: the well-formed ones, to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.validators import ETAG_BYTES, Validators
from crawler.wire.request import request_head

DATE = b"Tue, 03 Mar 2020 08:08:00 GMT"


@pytest.mark.parametrize(
    "etag", [b'"x"', b'W/"x"', b'""', b'"a,b/c=\'"', b'"' + b"x" * (ETAG_BYTES - 2) + b'"']
)
def test_an_entity_tag_is_kept_as_it_was_given(etag) -> None:
    assert Validators.given([etag], []) == Validators(etag.decode())


@pytest.mark.parametrize(
    "etag",
    [
        b"x",
        b'"x',
        b'w/"x"',
        b'W/ "x"',
        b'"a b"',
        b'"a"b"',
        b'"a\r\nX-Forged: 1"',
        b'"\x7f"',
        '"ش"'.encode(),
        b'"a", "b"',
        b"*",
        b"",
        b'"' + b"x" * ETAG_BYTES + b'"',
    ],
    ids=repr,
)
def test_what_is_no_entity_tag_is_not_kept(etag) -> None:
    assert not Validators.given([etag], [])


def test_a_date_is_kept_as_it_was_given() -> None:
    assert Validators.given([], [DATE]) == Validators(None, DATE.decode())


@pytest.mark.parametrize(
    "date",
    [
        b"2020-03-03",
        b"Mon, 03 Mar 2020 08:08:00 GMT",
        b"Tue, 3 Mar 2020 08:08:00 GMT",
        b"Tue, 03 Mar 2020 08:08:00 +0000",
        b"Tue, 03  Mar 2020 08:08:00 GMT",
        b"Sun, 30 Feb 2020 08:08:00 GMT",
        b"Tuesday, 03-Mar-20 08:08:00 GMT",
        b"Tue, 03 Mar 2020 08:08:00 GMT\r\nX-Forged: 1",
        "Tue, ٠٣ Mar 2020 08:08:00 GMT".encode(),
        b"0",
        b"",
    ],
    ids=repr,
)
def test_what_is_no_date_of_the_one_form_is_not_kept(date) -> None:
    assert not Validators.given([], [date])


def test_what_is_said_twice_is_not_kept() -> None:
    assert not Validators.given([b'"x"', b'"x"'], [DATE, DATE])


@pytest.mark.parametrize("held", [Validators(), Validators('W/"x"'), Validators(None, DATE.decode())])
def test_what_a_request_sends_is_read_back_from_its_bytes(held) -> None:
    assert Validators.asked(_request(held)) == held


@given(
    etags=st.lists(st.binary(max_size=20).map(lambda tag: b'"' + tag + b'"'), max_size=2),
    dates=st.lists(st.binary()),
)
def test_whatever_is_kept_can_be_asked_with_and_comes_back(etags, dates) -> None:
    held = Validators.given(etags, dates)
    assert Validators.asked(_request(held)) == held
    assert held.etag is None or held.etag.encode() in etags


def _request(held: Validators) -> bytes:
    headers = [(name.encode(), value.encode()) for name, value in held.headers.items()]
    return request_head("GET", "/a/7", "anapress.net", headers)
