"""Validators: what a server gives a page so that we can ask whether it is still the same (RFC 9110, 8.8)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

ETAG_BYTES = 256
_ETAG = re.compile(rb'(?:W/)?"[\x21\x23-\x7e]*"')  # RFC 9110, 8.8.3, without its letters beyond ASCII
_DATE = "%a, %d %b %Y %H:%M:%S GMT"  # RFC 9110, 5.6.7: the one form that a server may send
_ASKED = re.compile(rb"\r\n(If-None-Match|If-Modified-Since): ([^\r\n]*)(?=\r\n)")


@dataclass(frozen=True, slots=True)
class Validators:
    """An entity tag, a date of change, both or none: as the server wrote them, for only it can read them."""

    etag: str | None = None
    last_modified: str | None = None

    @classmethod
    def given(cls, etags: Sequence[bytes], dates: Sequence[bytes]) -> Self:
        """Those of a response by its header lines; what is malformed, or said twice, is none."""
        etag = etags[0].decode("ascii") if len(etags) == 1 and _is_etag(etags[0]) else None
        date = dates[0].decode("ascii") if len(dates) == 1 and _is_date(dates[0]) else None
        return cls(etag, date)

    @classmethod
    def asked(cls, request: bytes) -> Self:
        """Those that a request of ours sends."""
        sent = {name: value.decode("latin-1") for name, value in _ASKED.findall(request)}
        return cls(sent.get(b"If-None-Match"), sent.get(b"If-Modified-Since"))

    def __bool__(self) -> bool:
        return self.etag is not None or self.last_modified is not None

    @property
    def headers(self) -> dict[str, str]:
        """What asks for the page unless it is the one that they were given with (RFC 9110, 13.1)."""
        lines = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in lines.items() if value is not None}


def _is_etag(value: bytes) -> bool:
    return len(value) <= ETAG_BYTES and _ETAG.fullmatch(value) is not None


def _is_date(value: bytes) -> bool:
    """Whether it is a date in the very form: read and written again, it is the same."""
    try:
        text = value.decode("ascii")
        return datetime.strptime(text, _DATE).strftime(_DATE) == text  # noqa: DTZ007  # GMT is in the form
    except ValueError:
        return False
