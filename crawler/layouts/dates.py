"""Dates and clock times, taken only as they are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,6})\d*)?\s?(?:(Z|z)|([+-]\d\d):?(\d\d))", re.ASCII
)
_FIRST_YEAR = 1995  # before it no news site could publish: an empty field of some software
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)
_CLOCK = re.compile(r"(?<![\d:.])((?:[01]?\d|2[0-3]):[0-5]\d)(?::[0-5]\d)?(?![\d:]|\.\d)", re.ASCII)


def moment(text: str, *, captured_at: str) -> str | None:
    """The ISO 8601 moment that this metadata states in full, None where date or offset is missing.

    Nothing is guessed from a local date, and a moment after the capture is no publication.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    day, minute, second, fraction, zulu, hours, minutes = found.groups()
    offset = "+00:00" if zulu else f"{hours}:{minutes}"
    micro = f".{fraction:0<6}" if fraction and fraction.strip("0") else ""
    try:
        stated = datetime.fromisoformat(f"{day}T{minute}{second or ':00'}{micro}{offset}")
        late = stated > _capture(captured_at) + timedelta(days=1)  # clocks differ, and no more
    except (ValueError, OverflowError):
        return None
    return None if late or stated.year < _FIRST_YEAR else stated.isoformat()


def _capture(captured_at: str) -> datetime:
    try:
        when = datetime.fromisoformat(captured_at)
    except ValueError:  # a page that nobody captured: `scrapy parse`
        return datetime(9000, 1, 1, tzinfo=UTC)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def clock(text: str) -> str | None:
    """The clock time that this text shows, hours and minutes as written, in ASCII digits."""
    found = _CLOCK.search(unified(text)) if ":" in text else None
    return found[1] if found else None


def unified(text: str) -> str:
    """The text with Arabic digits as ASCII ones."""
    return text.translate(_DIGITS)
