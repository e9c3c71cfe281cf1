"""A page that needs every kind of thing to be shown, and what lies there: styles, fonts, pictures, some missing."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.site.ids import fault_id

DRESSED_ID = fault_id("dressed")  #: no fault, but it has an article as those have
DEEPEST = 9  #: styles that each import the next
BIG = 3 << 20
OTHER_HOST = "cdn.example.org"
TIRED_HOST = "tired.example.org"

HEAD = f"""
<link rel="stylesheet" href="/css/dressed.css"><link rel="shortcut icon" href="/icon/site.ico">
<link rel="apple-touch-icon" href="/icon/touch.png"><link rel="manifest" href="/manifest.json">
<link rel="preload" as="font" href="/font/preloaded.woff2"><link rel="canonical" href="/about">
<script src="/js/dressed.js"></script><script src="http://{OTHER_HOST}/js/counter.js"></script>
<style>.a {{ background: url("/img/in-style.png") }} /* url(/img/in-comment.png) */</style>
"""
BODY = f"""
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-src="/img/lazy.png" alt="">
<img src="/img/small.png" srcset="/img/small.png 1x, /img/large.png 2x" alt="">
<picture><source srcset="/img/wide.png" media="(min-width: 600px)"><img data-original="/img/narrow.png" alt=""></picture>
<img data-srcset="/img/set-1.png 300w, /img/set-2.png 600w" data-lazy="/img/lazier.png" alt="">
<div style="background-image: url('/img/in-attribute.png')"></div><table background="/img/table.png"><tr><td></table>
<video src="/media/big.mp4" poster="/img/poster.png"></video>
<img src="/img/none/at/all.png" alt=""><img src="/busy/picture.png" alt=""><img src="/private/secret.png" alt="">
<img src="/moved/here.png" alt=""><img src="/moved/round.png" alt="">
<img src="http://{OTHER_HOST}/img/elsewhere.png" alt=""><img src="http://[::1/bad.png" alt=""><img src="ftp://anapress.net/x" alt="">
<img src="http://{TIRED_HOST}/tired/picture.png" alt=""><a href="/section/news">أخبار</a><iframe src="/about"></iframe>
"""
THERE = (  #: what a crawl brings, in any order
    *("/css/dressed.css", "/icon/site.ico", "/icon/touch.png", "/manifest.json", "/font/preloaded.woff2"),
    *("/js/dressed.js", "/img/in-style.png", "/img/lazy.png", "/img/small.png", "/img/large.png"),
    *("/img/wide.png", "/img/narrow.png", "/img/set-1.png", "/img/set-2.png", "/img/lazier.png"),
    *("/img/in-attribute.png", "/img/table.png", "/img/poster.png", "/font/site.woff2", "/img/paper.png"),
    *("/moved/here.png", "/img/moved.png"),
    *(f"/css/deep/{at}.css" for at in range(1, 6)),
)
MISSING = {  #: and what it does not, with everything at its default
    "/img/none/at/all.png": "http_404",
    "/busy/picture.png": "http_503",
    "/private/secret.png": "robots",
    "/css/deep/6.css": "too_deep",
}


def _style() -> tuple[str, bytes]:
    css = """@charset "utf-8"; @import "deep/1.css";
    @font-face { font-family: x; src: url(/font/site.woff2) format("woff2") } body { background: url(../img/paper.png) }"""
    return "text/css", css.encode()


def _deep(at: str) -> tuple[str, bytes]:
    onward = f"@import url({int(at) + 1}.css);" if int(at) < DEEPEST else ""
    return "text/css; charset=utf-8", f"{onward} .deep-{at} {{ margin: {at}px }}".encode()


def _moved(name: str) -> tuple[str, bytes, str, tuple[str, ...]]:
    target = "/moved/round.png" if name == "round" else "/img/moved.png"
    return "text/html", b"<a>moved</a>", "302 Found", (f"Location: {target}",)


DRESSES: tuple[tuple[str, Callable[..., tuple[object, ...]]], ...] = (
    (r"/css/dressed\.css", _style),
    (r"/css/deep/([1-9])\.css", _deep),
    (r"/js/dressed\.js", lambda: ("application/javascript", b"var dressed = 1")),
    (r"/font/([a-z]+)\.woff2", lambda name: ("font/woff2", b"wOF2 " + name.encode())),
    (r"/icon/([a-z]+)\.(?:ico|png)", lambda name: ("image/x-icon", b"\0\0\1\0 " + name.encode())),
    (r"/manifest\.json", lambda: ("application/json", json.dumps({"name": "anapress"}).encode())),
    (r"/media/big\.mp4", lambda: ("video/mp4", b"film" * (BIG // 4))),
    (r"/busy/.*", lambda: ("text/html", b"busy", "503 Service Unavailable")),
    (r"/tired/.*", lambda: ("text/html", b"later", "429 Too Many Requests", ("Retry-After: 99999",))),
    (r"/moved/([a-z]+)\.png", _moved),
)
"""Paths, and what lies there: its type, its bytes, and its status and more lines where it is not there."""
