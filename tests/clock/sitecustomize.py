"""Makes the wall clock wrong in any Python that has this folder on its PYTHONPATH.

The file that WRONG_CLOCK names holds by how many seconds. It is read at every look at the clock, which may
jump so. Monotonic clocks and the kernel's file times stay right.
"""

import datetime as dt
import os
import time
from pathlib import Path

_file, _right, _datetime = Path(os.environ["WRONG_CLOCK"]), time.time, dt.datetime


def _wrong() -> float:
    return _right() + float(_file.read_text())


class _Wrong(_datetime):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> "_Wrong":
        return cls.fromtimestamp(_wrong(), tz)

    @classmethod
    def utcnow(cls) -> "_Wrong":
        return cls.now(dt.UTC).replace(tzinfo=None)


time.time, dt.datetime = _wrong, _Wrong  # type: ignore[misc]
