"""How long we wait: as we are asked to, and by ourselves after what failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

ASKS = (429, 503)  #: statuses whose Retry-After we follow
LONGEST = 60.0  #: seconds that a pause of our own may take

_SECONDS = re.compile(rb"[0-9]{1,12}")
_DATE = re.compile(rb"[A-Z][a-z]+,? [0-9A-Za-z :-]+")


def asked(values: Sequence[bytes], dates: Sequence[bytes], now: datetime) -> float | None:
    """The seconds that a Retry-After asks for (RFC 9110, 10.2.3), None where none of its values says so.

    A date is judged by the Date that came with it, so that no wrong clock of ours makes us early or late.
    """
    now = next(filter(None, map(_moment, dates)), now)
    waits = [wait for wait in (_wait(value.strip(), now) for value in values) if wait is not None]
    return max(waits, default=None)


def pause(failures: int, first: float, uniform: Callable[[float, float], float]) -> float:
    """The seconds to wait after so many failures in a row: from none up to what doubles each time."""
    return uniform(0, min(first * 2 ** min(failures - 1, 30), LONGEST))


def _wait(value: bytes, now: datetime) -> float | None:
    if _SECONDS.fullmatch(value):
        return float(value)
    until = _moment(value)
    return None if until is None else max((until - now).total_seconds(), 0.0)


def _moment(value: bytes) -> datetime | None:
    """The moment of any of HTTP's three forms of a date (RFC 9110, 5.6.7)."""
    value = value.strip()
    if not _DATE.fullmatch(value):
        return None
    try:
        moment = parsedate_to_datetime(value.decode("ascii"))
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
