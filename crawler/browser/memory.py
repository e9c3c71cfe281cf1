"""The memory of a browser's processes, one a page and some of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def overgrown(group: int, limit: int) -> Iterator[int]:
    """The processes of the group, known by its first one, that hold more bytes than the limit."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):  # it may have ended meanwhile
            # proc(5): behind the name, which may have any letters in it
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == group and int(fields[21]) * _PAGE > limit:
                yield int(stat.parent.name)
