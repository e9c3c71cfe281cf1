"""An object of S3 as a file to read: streamed, seekable, and read on where a connection was cut."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Protocol, cast

from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError
from urllib3.exceptions import HTTPError

from crawler.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]

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


class ObjectStream(io.RawIOBase):
    """Reads an object of a known size window by window."""

    def __init__(self, fetch: Fetch, size: int, first: Body | None = None) -> None:
        self._fetch, self._size = fetch, size
        self._at = 0
        self._body, self._body_at, self._body_end = first, 0, min(WINDOW, size)
        self._attempts = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size - self._at)
        if wanted <= 0:
            return 0
        data = self._read(wanted)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

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
