"""How long we wait: what a Retry-After says, and how our own pauses grow."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.manners.patience import LONGEST, asked, pause

NOW = datetime(1994, 11, 6, 8, 49, 0, tzinfo=UTC)
WRONG = datetime(2026, 1, 1, tzinfo=UTC)  # our clock, while the server's is right


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"120", 120),
        (b" 0 ", 0),
        (b"999999999999", 999999999999),
        (b"Sun, 06 Nov 1994 08:49:37 GMT", 37),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", 37),
        (b"Sun Nov  6 08:49:37 1994", 37),
        (b"Sun, 06 Nov 1994 08:00:00 GMT", 0),
    ],
)
def test_a_retry_after_is_seconds_or_any_of_the_three_forms_of_a_date(value: bytes, seconds: float) -> None:
    assert asked([value], [], NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"-5",
        b"1.5",
        b"5s",
        b"tomorrow",
        b"Monday",
        b"Sun, 99 Nov 1994 08:49:37 GMT",
        "١٢".encode(),
        b"1" * 5000,
    ],
)
def test_nonsense_asks_for_nothing(value: bytes) -> None:
    assert asked([value], [], NOW) is None


def test_a_date_is_judged_by_the_clock_of_who_sent_it() -> None:
    sent = [b"Sun, 06 Nov 1994 08:49:00 GMT"]
    assert asked([b"Sun, 06 Nov 1994 08:50:00 GMT"], sent, WRONG) == 60
    assert asked([b"Sun, 06 Nov 1994 08:50:00 GMT"], [b"no date"], NOW) == 60


def test_of_several_the_longest_counts() -> None:
    assert asked([b"1", b"nonsense", b"7"], [], NOW) == 7
    assert asked([], [], NOW) is None


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_no_header_is_too_odd(value: bytes, date: bytes) -> None:
    assert (asked([value], [date], NOW) or 0) >= 0


def test_a_pause_may_double_each_time_up_to_a_minute() -> None:
    longest = [pause(n, 2, lambda _, most: most) for n in (1, 2, 3, 4, 5, 6, 7, 5000)]
    assert longest == [2, 4, 8, 16, 32, LONGEST, LONGEST, LONGEST]


def test_a_pause_may_be_as_short_as_nothing() -> None:
    assert pause(3, 2, lambda least, _: least) == 0
