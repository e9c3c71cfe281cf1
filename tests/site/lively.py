"""Pages that only a browser sees whole, and what they ask for: styles, sockets, streams, workers, traps."""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha1
from zlib import crc32

from tests.site.answers import Visit, redirect_once
from tests.site.held import tag_of, unless_held
from tests.site.ids import fault_id
from tests.site.replies import HTML, After, Reply, chunked, head, whole

_BODY_END = re.compile(rb"(?i)</body>")
_KEY = re.compile(rb"\nsec-websocket-key: *([^\r\n]*)", re.IGNORECASE)
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_GZIP = re.compile(rb"\naccept-encoding:[^\n]*gzip", re.IGNORECASE)
JS, CSS, TEXT = "application/javascript", "text/css", "text/plain"

STYLE = (
    b"@font-face{font-family:q;src:url(/lively/font.woff2)}body{font-family:q;background:url(/lively/moved)}"
)
ALL = """<link rel="stylesheet" href="/lively/style.css"><img src="/img/{id}.png" alt="">
<img src="/lively/eof.svg" alt=""><img loading="lazy" style="margin-top:9000px" src="/img/lazy-{id}.png" alt="">
<script src="/lively/all.js"></script>"""
SCRIPT = b"""
const said = (name) => document.documentElement.dataset[name] = 1
const twice = async () => { for (const _ of [1, 2]) await (await fetch('/lively/tagged')).text() }
fetch('/lively/echo', {method: 'POST', body: 'salaam \\u0633\\u0644\\u0627\\u0645'})
  .then(r => r.text()).then(twice).then(() => said('fetched'))
const events = new EventSource('/lively/events'); events.onmessage = () => said('events')
const socket = new WebSocket(location.origin.replace('http', 'ws') + '/lively/socket')
socket.onopen = () => socket.send('one'); socket.onmessage = () => said('socket')
if (navigator.serviceWorker) navigator.serviceWorker.register('/lively-sw.js')
  .then(() => navigator.serviceWorker.ready).then(() => fetch('/lively/worked'))
"""
WORKER = b"""
self.addEventListener('install', e => self.skipWaiting())
self.addEventListener('activate', e => e.waitUntil(self.clients.claim().then(() => fetch('/lively/by-worker'))))
"""
BUILD = b"""
fetch('/lively/page' + location.pathname).then(r => r.text()).then(t => {
  document.documentElement.innerHTML = t
})
"""


def _with(extra: str) -> Callable[[Visit], Reply]:
    """The id's own article, and this before its body's end."""

    def answer(visit: Visit) -> Reply:
        more = extra.format(id=visit.id, port=visit.port).encode()
        return Reply(response=whole(_BODY_END.sub(lambda end: more + end[0], visit.page)))

    return answer


def _shell(visit: Visit) -> Reply:
    page = '<!doctype html><html lang="ar"><head><meta charset="utf-8"><title>أنا برس</title></head>'
    return Reply(
        response=whole((page + '<body><script src="/lively/build.js"></script></body></html>').encode())
    )


def _trap(script: str) -> Callable[[Visit], Reply]:
    return _with("<script>" + script.replace("{", "{{").replace("}", "}}") + "</script>")


def _secure(visit: Visit) -> Reply:
    """The page with all of it, over https only."""
    return redirect_once("https://anapress.net/a/{id}")(visit) if visit.count == 1 else _with(ALL)(visit)


PAGES: dict[str, Callable[[Visit], Reply]] = {
    "all": _with(ALL),
    "secure": _secure,
    "shell": _shell,
    "alerts": _trap("for(;;) alert(1)"),
    "busy": _trap("for(;;);"),
    "hog": _trap(
        "const a = []; for(;;) a.push(new Uint8Array(1 << 24).fill(1), 'x'.repeat(1 << 20) + Math.random())"
    ),
    "away": _trap("location = 'http://10.0.0.1/a'"),
    "inward": _with(
        '<img src="http://169.254.169.254/latest/meta-data/" alt=""><img src="http://127.0.0.1:{port}/img/x.png" alt="">'
    ),
    "popup": _trap("open('/about'); open('/lively/file.bin')"),
    "download": _with('<iframe src="/lively/file.bin"></iframe>'),
    "forbidden": _with('<img src="/private/x.png" alt="">'),
    "stranger": _with('<img src="http://ads.test/1.png" alt=""><img src="http://ads.test/2.png" alt="">'),
    "cut_image": _with('<img src="/lively/cut" alt="">'),
}
LEFT = {"away"}  #: by its script: the reader sees another page
LIVELY: dict[str, int] = {name: fault_id(f"lively_{name}") for name in PAGES}


def lively(path: str, request: bytes, page: Callable[[int], bytes]) -> Reply | None:
    """What these pages ask for; None where it is nothing of theirs."""
    if (found := re.fullmatch(r"/lively/page/a/(\d+)", path)) is not None:
        return Reply(response=whole(page(int(found[1]))))
    answer = _ASKED.get(path)
    return answer(request) if answer else None


def _style(request: bytes) -> Reply:
    coding = ["Content-Encoding: gzip"] if _GZIP.search(request) else []
    body = gzip.compress(STYLE, mtime=0) if coding else STYLE
    start = head("200 oK", f"content-TYPE: {CSS}", "Transfer-Encoding: chunked", *coding)
    return Reply(response=start + chunked(body, (7, 100)))


def _font(_: bytes) -> Reply:
    """No font at all, in chunks with an extension (RFC 9112, 7.1.1): ReplayWeb.page can't read those."""
    start = head("200 OK", "Content-Type: font/woff2", "Transfer-Encoding: chunked")
    return Reply(response=start + chunked(b"wOF2", (3, 1), extension=";a=b"))


def _until_close(_: bytes) -> Reply:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
    return Reply(
        response=head("200 OK", "Content-Type: image/svg+xml", "Connection: close") + svg, after=After.CLOSE
    )


def _echo(request: bytes) -> Reply:
    return Reply(response=whole(request.partition(b"\r\n\r\n")[2], kind=TEXT))


def _tagged(request: bytes) -> Reply:
    return unless_held(b"tagged", request, etag=tag_of(b"tagged"), kind=TEXT)


def _ticks() -> Iterator[bytes]:
    for at in range(5000):
        yield chunked(b"data: %d\n\n" % at).removesuffix(b"0\r\n\r\n")


def _events(_: bytes) -> Reply:
    start = head("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked")
    return Reply(response=start, more=_ticks(), pause=0.05)


def _socket(request: bytes) -> Reply:
    if not (key := _KEY.search(request)):
        return Reply(response=whole(b"", status="426 Upgrade Required"))
    accept = b64encode(sha1(key[1].strip() + _MAGIC).digest()).decode()
    lines = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}")
    return Reply(response=head("101 Switching Protocols", *lines), echo=True)


def _always(body: bytes, kind: str, *lines: str) -> Callable[[bytes], Reply]:
    return lambda _: Reply(response=whole(body, *lines, kind=kind))


FILE = bytes(crc32(bytes([at])) & 255 for at in range(256)) * 4000

_ASKED: dict[str, Callable[[bytes], Reply]] = {
    "/lively/style.css": _style,
    "/lively/font.woff2": _font,
    "/lively/moved": lambda _: Reply(
        response=whole(b"<a>moved</a>", "Location: /img/moved.png", status="302 Found", kind=HTML)
    ),
    "/lively/eof.svg": _until_close,
    "/lively/all.js": _always(SCRIPT, JS),
    "/lively/build.js": _always(BUILD, JS),
    "/lively-sw.js": _always(WORKER, JS),
    "/lively/worked": _always(b"worked", TEXT),
    "/lively/by-worker": _always(b"by the worker", TEXT),
    "/lively/echo": _echo,
    "/lively/tagged": _tagged,
    "/lively/events": _events,
    "/lively/socket": _socket,
    "/lively/file.bin": _always(
        FILE, "application/octet-stream", 'Content-Disposition: attachment; filename="f.bin"'
    ),
    "/lively/cut": lambda _: Reply(
        response=head("200 OK", "Content-Type: image/png", "Content-Length: 999") + b"short",
        cut=True,
        after=After.CLOSE,
    ),
}


def frames(data: bytes) -> bytes:
    """The answer to a client's frame: the same text, or the close that it asked for (RFC 6455, 5.2)."""
    size, mask, text = data[1] & 0x7F, data[2:6], data[6:]
    plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text[:size]))
    return bytes([data[0], len(plain)]) + plain
