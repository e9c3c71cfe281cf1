"""An object of S3 as a file to read: streamed, seekable, and read on where a connection was cut."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import closing
from typing import Protocol, cast

from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError
from urllib3.exceptions import HTTPError

from crawler.errors import StoreError
from crawler.stores.ranged import Ranged

WINDOW = 8 << 20  #: bytes asked for at once: a long read is not one long connection
BUFFER = 64 << 10
ATTEMPTS = 6
CUT = (HTTPClientError, IncompleteReadError, ResponseStreamingError, HTTPError, OSError)


class Body(Protocol):
    """What a GET gives."""

    def read(self, amt: int) -> bytes: ...
    def close(self) -> None: ...


Fetch = Callable[[int, int], Body]
"""The bytes from start to end (exclusive) of one version of the object, as they come."""


class ObjectStream(Ranged):
    """Reads an object of a known size window by window."""

    def __init__(self, fetch: Fetch, size: int, first: Body | None = None) -> None:
        super().__init__(size)
        self._fetch = fetch
        self._body, self._body_at, self._body_end = first, 0, min(WINDOW, size)
        self._attempts = 0

    def close(self) -> None:
        self._drop()
        super().close()

    def _read(self, wanted: int) -> bytes:
        while True:
            try:
                data = self._window().read(min(wanted, self._body_end - self._at))
                if not data:
                    raise OSError("the answer ended early")
            except CUT as error:
                self._drop()
                self._attempts += 1
                if self._attempts >= ATTEMPTS:
                    raise StoreError(f"byte {self._at} on: {error}") from error
                time.sleep(0.1 * 2**self._attempts)
            else:
                self._attempts = 0
                self._body_at += len(data)
                return data

    def _window(self) -> Body:
        """The answer that stands at our position: this one, read forward, or a new one."""
        if self._body is not None and self._body_at <= self._at < self._body_end:
            while self._body_at < self._at:
                skipped = self._body.read(min(BUFFER, self._at - self._body_at))
                if not skipped:
                    raise OSError("the answer ended early")
                self._body_at += len(skipped)
            return self._body
        self._drop()
        end = min(self._at + WINDOW, self._size)
        self._body, self._body_at, self._body_end = self._fetch(self._at, end), self._at, end
        return self._body

    def _drop(self) -> None:
        if self._body is not None:
            with closing(self._body):
                self._body = None


def buffered(stream: ObjectStream) -> io.BufferedReader:
    return io.BufferedReader(cast("io.RawIOBase", stream), BUFFER)
