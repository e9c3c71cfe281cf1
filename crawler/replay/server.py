"""The program that runs in pywb's environment: the list of articles, and behind it pywb.

    python -m crawler.replay.server SOCKET

in the folder of the holdings, where pywb finds its config.yaml. It listens at the socket that it was given,
says so, and ends when its stdin does: with whoever started it, however that ended.
"""

from __future__ import annotations

from gevent.monkey import patch_all

patch_all()  # before all else, as pywb does

import sys  # noqa: E402
from collections.abc import Callable, Iterable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402
from urllib.parse import parse_qs  # noqa: E402

import gevent  # noqa: E402
from gevent.fileobject import FileObject  # noqa: E402
from gevent.pywsgi import WSGIHandler, WSGIServer  # noqa: E402
from gevent.socket import socket  # noqa: E402
from pywb.apps.frontendapp import FrontEndApp  # noqa: E402
from pywb.utils.geventserver import RequestURIWSGIHandler  # noqa: E402

from crawler.replay import READY  # noqa: E402
from crawler.replay.page import HEADERS, page  # noqa: E402
from crawler.replay.search import FILE, ROWS, Place, Shelf  # noqa: E402

Environ = dict[str, Any]


def front(shelf: Shelf, replay: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """The list at the root, pywb everywhere else."""

    def application(environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/":
            return replay(environ, start_response)
        # in a thread: a search through all texts must not hold up those who read
        body = gevent.get_hub().threadpool.apply(_listed, (shelf, environ.get("QUERY_STRING", "")))
        start_response("200 OK", [*HEADERS, ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return application


def _listed(shelf: Shelf, query: str) -> bytes:
    asked = parse_qs(query, errors="replace", max_num_fields=100)
    words, before = (asked.get(name, [""])[0][:200] for name in ("q", "before"))
    place = Place.parse(before)
    rows, hits = shelf.find(words, place), None
    if words.strip():
        hits = len(rows) if place == Place() and len(rows) < ROWS else shelf.hits(words)
    return page(rows, shelf.count(), words, place, hits).encode()


def main() -> None:
    WSGIHandler.log_request = lambda _: None  # pywb's inner server has no switch for its access log
    listener = socket(fileno=int(sys.argv[1]))
    application = front(Shelf(Path(FILE).absolute()), FrontEndApp())
    server = WSGIServer(listener, application, handler_class=RequestURIWSGIHandler)
    server.start()
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    FileObject(0).read()
    server.stop()


if __name__ == "__main__":
    main()
