"""The verbs of the command line, a file each."""

from __future__ import annotations

import sys
from types import TracebackType


def _say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A Ctrl-C is no bug, also where it comes before anything has begun that would answer it."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    sys.stderr.write("Stopped; run it again. (exit 3)\n")
    raise SystemExit(3)


sys.excepthook = _say
