"""The WARC files of an archive by ranges, wherever it lies: what pywb reads its records from."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, BinaryIO

from crawler.errors import StoreError

RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})")
CHUNK = 1 << 16
Opened = Callable[[str], BinaryIO | None]
"""A file by its name; None if the archive has none such."""


@contextmanager
def serving(opened: Opened) -> Iterator[str]:
    """Serve the files while the block runs, at this URL: on the loopback, under a name beyond guessing."""
    token = secrets.token_urlsafe(16)
    with _Server(("127.0.0.1", 0), partial(_Range, f"/{token}/", opened)) as server:
        Thread(target=server.serve_forever, name="ranges", daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{token}/"
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A record that was cut: pywb sees that its length is not the one that was promised."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):  # else pywb has left
            sys.stderr.write(f"A record can't be read: {error}\n")


class _Range(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, prefix: str, opened: Opened, *rest: Any) -> None:
        self._prefix, self._opened = prefix, opened
        super().__init__(*rest)

    def do_GET(self) -> None:
        asked = RANGE.fullmatch(self.headers.get("Range", ""))
        if not self.path.startswith(self._prefix) or not asked:
            self.send_error(HTTPStatus.FORBIDDEN)
        elif (stream := self._opened(self.path.removeprefix(self._prefix))) is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            with closing(stream):
                self._give(stream, int(asked[1]), int(asked[2]) + 1)

    def _give(self, stream: BinaryIO, start: int, end: int) -> None:
        stream.seek(start)
        data = stream.read(min(CHUNK, end - start))
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        while data:
            self.wfile.write(data)
            start += len(data)
            data = stream.read(min(CHUNK, end - start))
        if start != end:
            raise StoreError(f"it ends {end - start} bytes before the index says")

    def log_message(self, *_: object) -> None:
        """Not told: a page is many, and pywb asks here for the WARCs of others too."""
