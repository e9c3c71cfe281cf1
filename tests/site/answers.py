"""The makers of answers: every way to answer wrongly, oddly or not at all.

The numbers in brackets are those of the list of faults that the crawler is built against.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from tests.site.dressed import BODY, HEAD
from tests.site.ids import id_of
from tests.site.markups import html_of
from tests.site.pages import MISSING, notice
from tests.site.replies import HTML, After, Reply, head, whole
from tests.site.world import World

MB = 1 << 20
BOMB = 200 * MB
ENDLESS = 1024 * MB  #: no disk should fill because a client forgot its limit
PLAIN = "text/html"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a fault's id."""

    id: int
    count: int  #: 1 for the first
    port: int  #: ours
    world: World
    request: bytes

    @property
    def text(self) -> str:
        """The page of the id's own article, which is a whole and static one."""
        return html(self.world, self.id)

    @property
    def page(self) -> bytes:
        return self.text.encode()


def html(world: World, article_id: int) -> str:
    article = world.article(article_id)
    assert article is not None
    return html_of(world, article, count=0)


# What the answer says


def says(status: str, body: Callable[[Visit], bytes], *lines: str) -> Callable[[Visit], Reply]:
    return lambda visit: Reply(response=whole(body(visit), *lines, status=status))


def parked(_: Visit) -> bytes:
    return (
        b"<!DOCTYPE html><html><head><title>anapress.net - This domain is for sale</title></head><body>"
        b"<h1>anapress.net</h1><p>This domain may be for sale. Buy this domain.</p>"
        b"<ul><li>Related searches:</li><li>News</li><li>Insurance</li></ul><script src=/park.js></script></body></html>"
    )


def block(_: Visit) -> bytes:
    return (
        b"<html><head><title>Access denied</title></head><body><h1>Sorry, you have been blocked</h1>"
        b"<p>You are unable to access anapress.net. Please enable cookies. Ray ID: 56e1c0ffee</p></body></html>"
    )


def missing(_: Visit) -> bytes:
    return notice(MISSING)


def error(_: Visit) -> bytes:
    return b"<html><body><h1>Service unavailable</h1></body></html>"


def shell(_: Visit) -> bytes:
    return '<!doctype html><html><head><title>أنا برس</title></head><body><div id="app"></div><script src="/js/site.js"></script></body></html>'.encode()


def of_kind(kind: str, body: bytes) -> Callable[[Visit], Reply]:
    return lambda _: Reply(response=whole(body, kind=kind))


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
JSON = json.dumps({"error": "api moved", "items": []}).encode()


def then_ok(status: str, *lines: str, times: int = 2) -> Callable[[Visit], Reply]:
    """Refuses so many times, then shows the article."""
    refusal = whole(error(Visit(0, 0, 0, World(), b"")), *lines, status=status)
    return lambda visit: Reply(response=refusal if visit.count <= times else whole(visit.page))


def dressed(visit: Visit) -> Reply:
    """The id's article, which needs everything that a page can need to be shown."""
    page = visit.text.replace("</head>", f"{HEAD}</head>").replace("</body>", f"{BODY}</body>")
    return Reply(response=whole(page.encode()))


# Where it points [40-42, 16]


def redirect(location: str, status: str = "302 Found") -> Callable[[Visit], Reply]:
    """A redirect; {id} is the visited one, {other} an article, {port} ours."""

    def answer(visit: Visit) -> Reply:
        target = location.format(id=visit.id, other=id_of(0), port=visit.port)
        return Reply(response=whole(b"<a>moved</a>", f"Location: {target}", status=status))

    return answer


def redirect_to_host(host: str) -> Callable[[Visit], Reply]:
    """The article has moved to this host, and is there."""
    there = re.compile(rb"\nhost: *" + re.escape(host.encode()) + rb"\r?\n", re.IGNORECASE)

    def answer(visit: Visit) -> Reply:
        if there.search(visit.request):
            return Reply(response=whole(visit.page))
        return redirect(f"http://{host}/a/{{id}}", "301 Moved Permanently")(visit)

    return answer


def redirect_once(location: str) -> Callable[[Visit], Reply]:
    """The first fetch is sent away, the next ones get the article."""
    away = redirect(location, "301 Moved Permanently")
    return lambda visit: away(visit) if visit.count == 1 else Reply(response=whole(visit.page))


# How the body is framed [1-8]


def framed(
    frame: Callable[[bytes], bytes], *lines: str, cut: bool = False, close: bool = False
) -> Callable[[Visit], Reply]:
    """The article behind a head with these lines, its body made by `frame`."""
    after = After.CLOSE if cut or close else After.KEEP
    start = head("200 OK", f"Content-Type: {HTML}", *lines)
    return lambda visit: Reply(response=start + frame(visit.page), cut=cut, after=after)


CHUNKED = "Transfer-Encoding: chunked"
ODD = (1, 7, 4096, 333, 2, 10_000)


def short_body(visit: Visit) -> Reply:
    start = head("200 OK", f"Content-Type: {HTML}", f"Content-Length: {len(visit.page) + 5000}")
    return Reply(response=start + visit.page, cut=True, after=After.CLOSE)


def lengths(template: str, *, close: bool = False) -> Callable[[Visit], Reply]:
    """A Content-Length line, or two, in which {0} is the true length."""

    def answer(visit: Visit) -> Reply:
        lines = template.format(len(visit.page)).split("|")
        start = head("200 OK", f"Content-Type: {HTML}", *lines)
        return Reply(response=start + visit.page, after=After.CLOSE if close else After.KEEP)

    return answer


def with_surplus(visit: Visit) -> Reply:
    return Reply(response=whole(visit.page), surplus=b"HTTP/1.1 200 OK\r\nsurplus", after=After.CLOSE)


def half(body: bytes) -> bytes:
    return body[: len(body) // 2]


# How it is coded [17-21]


def coded(coding: str, code: Callable[[bytes], bytes]) -> Callable[[Visit], Reply]:
    return lambda visit: Reply(response=whole(code(visit.page), f"Content-Encoding: {coding}"))


def gzipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


@lru_cache(maxsize=1)
def bomb() -> bytes:
    """200 MB of blanks in one gzip member, made without compressing them all."""
    block = b" " * MB
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    piece = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)  # stands alone, so it can be repeated
    checksum = 0
    for _ in range(BOMB // MB):
        checksum = zlib.crc32(block, checksum)
    tail = deflate.flush() + checksum.to_bytes(4, "little") + BOMB.to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + piece * (BOMB // MB) + tail


# How it is written [32-35]


def written(charset: str, *, kind: str = PLAIN, meta: str = "") -> Callable[[Visit], Reply]:
    """The article in a charset, with this Content-Type, and this charset in its <meta>, or none."""

    def answer(visit: Visit) -> Reply:
        text = re.sub(r'(?i)(<meta [^>]*charset="?)utf-8', rf"\g<1>{meta}", visit.text)
        text = text if meta else re.sub(r"(?i)<meta [^>]*charset=[^>]*>", "", text)
        return Reply(response=whole(text.encode(charset, "xmlcharrefreplace"), kind=kind))

    return answer


def nul(visit: Visit) -> Reply:
    """NULs after the title, inside the first paragraph, and before what is no text at all."""
    article = visit.world.article(visit.id)
    assert article is not None
    words = escape(" ".join(article.paragraphs[0].split(" ")[1:5])).encode()
    body = visit.page.replace(b"</title>", b"</title>\0").replace(words, words.replace(b" ", b" \0", 1))
    return Reply(response=whole(body.replace(b"</body>", b"\0\0\xff\xfe</body>")))


# How its head is written [9-15]


def with_head(
    *lines: str, status: str = "200 OK", version: str = "HTTP/1.1", end: str = "\r\n"
) -> Callable[[Visit], Reply]:
    """The article behind a head of these very lines, Latin-1."""

    def answer(visit: Visit) -> Reply:
        length = () if version == "HTTP/1.0" else (f"Content-Length: {len(visit.page)}",)
        start = head(status, f"Content-Type: {HTML}", *length, *lines, version=version, end=end)
        return Reply(response=start + visit.page, after=After.CLOSE if version == "HTTP/1.0" else After.KEEP)

    return answer


def odd_case(visit: Visit) -> Reply:
    page = visit.page
    lines = ["HTTP/1.1 200 oK", "sErVeR:nginx", f"CONTENT-type:  {HTML}  ", "Set-Cookie: a=1", "x-empty:"]
    lines += [f"cOnTeNt-LeNgTh:\t{len(page)}", "set-cookie: b=2; path=/", "Set-Cookie: a=1", "", ""]
    return Reply(response="\r\n".join(lines).encode() + page)


def raw(data: bytes, *, cut: bool) -> Callable[[Visit], Reply]:
    """These bytes, then the end of the connection."""
    return lambda _: Reply(response=data, cut=cut, after=After.CLOSE)


def http09(visit: Visit) -> Reply:
    return Reply(response=visit.page, after=After.CLOSE)


def early_hints(visit: Visit) -> Reply:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </css/site.css>; rel=preload\r\n\r\n"
    return Reply(interim=hints, response=whole(visit.page))


# How long it takes, how much it is [22-25]


def endless_body() -> Iterator[bytes]:
    block = "<p>بلا نهاية</p>\n".encode() * 2500
    for _ in range(ENDLESS // len(block)):
        yield block


def endless(_: Visit) -> Reply:
    return Reply(
        response=head("200 OK", f"Content-Type: {HTML}", "Connection: close"),
        more=endless_body(),
        after=After.CLOSE,
    )


def drip(visit: Visit) -> Reply:
    page, pieces = visit.page, 20
    start = head("200 OK", f"Content-Type: {HTML}", f"Content-Length: {len(page)}")
    step = -(-len(page) // pieces)
    more = tuple(page[at : at + step] for at in range(0, len(page), step))
    return Reply(response=start, more=more, pause=0.02)


def large(visit: Visit) -> Reply:
    filler = b"<!-- " + b"large " * (10 * MB // 6) + b"-->"
    return Reply(response=whole(visit.page.replace(b"</head>", filler + b"</head>")))


# The connection after it


def then(after: After) -> Callable[[Visit], Reply]:
    return lambda visit: Reply(response=whole(visit.page), after=after)
