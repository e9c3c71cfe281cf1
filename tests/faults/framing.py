"""Cases 1 to 16: where a message ends, and how its head is written."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.case import TRIES, Article, Case, Kept, head
from tests.raw import Answer

CHUNKED = "Transfer-Encoding: chunked"
CLOSE = "Connection: close"


def chunked(_: Article, framed: bytes, *lines: str) -> bytes:
    return head(CHUNKED, *lines) + framed


def chunks(
    body: bytes, size: int = 500, *, end: bytes = b"\r\n", note: bytes = b"", trailer: bytes = b""
) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    framed = [b"%X%b%b%b%b" % (len(piece), note, end, piece, end) for piece in pieces]
    return b"".join(framed) + b"0" + end + trailer + end


def short(article: Article) -> bytes:
    return head(f"Content-Length: {len(article.page) + 99}") + article.page


def length(value: str, *more: str) -> Callable[[Article], bytes]:
    """The page behind this Content-Length, in which {} is the right one, then the end."""
    return lambda article: (
        head(*(f"Content-Length: {one.format(len(article.page))}" for one in (value, *more)), CLOSE)
        + article.page
    )


def lines(
    *given: bytes, end: bytes = b"\r\n", status: bytes = b"HTTP/1.1 200 OK"
) -> Callable[[Article], Answer]:
    """The page behind a head with these lines."""

    def answer(article: Article) -> Answer:
        plain = (b"Content-Type: text/html", b"Content-Length: %d" % len(article.page))
        return Answer([end.join((status, *given, *plain, b"", b"")) + article.page])

    return answer


LOST = {"becomes": "failed dataloss", "kept": Kept.DISCONNECT, "asked": TRIES}
BROKEN = {"becomes": "failed protocol_error", "kept": Kept.UNSPECIFIED, "asked": TRIES}
HEADLESS = {"becomes": "failed dataloss", "kept": Kept.REQUEST, "asked": TRIES}
NO_HTTP = {"becomes": "failed protocol_error", "kept": Kept.REQUEST, "asked": TRIES}
NO_REPLY = {"becomes": "failed empty_reply", "kept": Kept.REQUEST, "asked": TRIES}
TOO_MUCH_HEAD = {"becomes": "failed header_too_large", "kept": Kept.REQUEST}

FRAMING = (
    Case(1, "the connection closes before Content-Length is reached", short, **LOST),
    Case(1, "the connection is reset before that", lambda a: Answer([short(a)], "reset"), **LOST),
    Case(
        2,
        "more than Content-Length says",
        lambda a: a.whole() + b"HTTP/1.1 200 OK\r\n\r\nforged",
        kept=Kept.MESSAGE,
        odd="surplus",
    ),
    Case(3, "no last chunk", lambda a: chunked(a, chunks(a.page)[:-5]), **LOST),
    Case(3, "the end within a chunk", lambda a: chunked(a, chunks(a.page)[:-99]), **LOST),
    Case(4, "a chunk size that is no number", lambda a: chunked(a, b"5\r\nhello\r\nzz\r\nhello"), **BROKEN),
    Case(
        4,
        "a chunk that is longer than it says",
        lambda a: chunked(a, b"5\r\nhello there\r\n0\r\n\r\n"),
        **BROKEN,
    ),
    Case(4, "a negative chunk size", lambda a: chunked(a, b"-5\r\nhello\r\n"), **BROKEN),
    Case(4, "a chunk size beyond 64 bits", lambda a: chunked(a, b"F" * 17 + b"\r\nhello\r\n"), **BROKEN),
    Case(5, "chunks with LF alone", lambda a: chunked(a, chunks(a.page, end=b"\n"))),
    Case(5, "chunk extensions", lambda a: chunked(a, chunks(a.page, note=b';a="b c"; d'))),
    Case(
        5,
        "trailers",
        lambda a: chunked(a, chunks(a.page, trailer=b"X-Sum: 1\r\nX-Two: 2\r\n"), "Trailer: X-Sum"),
    ),
    Case(5, "chunks of one byte", lambda a: chunked(a, chunks(a.page, 1))),
    Case(
        5,
        "a size with zeros before it",
        lambda a: chunked(a, b"000%x\r\n%b\r\n00\r\n\r\n" % (len(a.page), a.page)),
    ),
    Case(
        6,
        "Content-Length and chunks",
        lambda a: chunked(a, chunks(a.page), "Content-Length: 10"),
        odd="two_framings",
    ),
    Case(7, "Content-Length twice", length("{}", "{}"), odd="repeated_length"),
    Case(7, "Content-Length as a list of equals", length("{0}, {0}"), odd="repeated_length"),
    Case(
        7,
        "two lengths that differ",
        length("{}", "17"),
        becomes="failed protocol_error",
        kept=Kept.UNSPECIFIED,
        asked=TRIES,
    ),
    Case(8, "a negative Content-Length", length("-5"), odd="bad_length"),
    Case(8, "a Content-Length of letters", length("many"), odd="bad_length"),
    Case(8, "a Content-Length with a sign", length("+{}"), odd="bad_length"),
    Case(8, "a Content-Length in hex", length("0x10"), odd="bad_length"),
    Case(9, "nothing, then the end", lambda _: b"", **NO_REPLY),
    Case(9, "nothing, then a reset", lambda _: Answer([], "reset"), **NO_REPLY),
    Case(10, "a status line only", lambda _: b"HTTP/1.1 200 OK\r\n", **HEADLESS),
    Case(10, "the end within the head", lambda _: b"HTTP/1.1 200 OK\r\nContent-Type: te", **HEADLESS),
    Case(10, "a line end only", lambda _: b"\r\n", **HEADLESS),
    Case(11, "HTTP/0.9", lambda a: a.page, **NO_HTTP),
    Case(11, "garbage", lambda _: b"\x16\x03\x01 what is this\r\n\r\n", **NO_HTTP),
    Case(11, "HTTP/11.1", lines(status=b"HTTP/11.1 200 OK"), **NO_HTTP),
    Case(11, "a status of one digit", lines(status=b"HTTP/1.1 2 OK"), **NO_HTTP),
    Case(11, "a status of four digits", lines(status=b"HTTP/1.1 2000 OK"), **NO_HTTP),
    Case(11, "ICY", lines(status=b"ICY 200 OK"), **NO_HTTP),
    Case(11, "no reason phrase", lines(status=b"HTTP/1.1 200")),
    Case(12, "a header line without colon", lines(b"hello there"), odd="odd_head"),
    Case(12, "a header without name", lines(b": value"), odd="odd_head"),
    Case(12, "a folded header", lines(b"X-Folded: one", b"\ttwo", b"  three"), odd="odd_head"),
    Case(12, "a CR within a header", lines(b"X-Bare: one\rSet-Cookie: two"), odd="odd_head"),
    Case(12, "LF alone", lines(end=b"\n"), odd="odd_head"),
    Case(12, "NUL in a header", lines(b"X-Nul: a\0b")),
    Case(13, "Latin-1 in a header", lines(b"X-Latin: caf\xe9")),
    Case(13, "UTF-8 in a header's name and value", lines("X-أنا: برس".encode())),
    Case(13, "bytes of no charset", lines(b"X-Any: \xff\xfe\xc7\x81")),
    Case(14, "a header of 1 MB", lambda _: b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20), **TOO_MUCH_HEAD),
    Case(
        14,
        "5,000 headers",
        lambda a: b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n" + a.page,
        **TOO_MUCH_HEAD,
    ),
    Case(
        14,
        "a head without end",
        lambda _: Answer([b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n" * 9000] * 300]),
        **TOO_MUCH_HEAD,
    ),
    Case(
        14,
        "interim heads without end",
        lambda _: Answer([b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 900] * 100),
        **TOO_MUCH_HEAD,
    ),
    Case(15, "Set-Cookie twice", lines(b"Set-Cookie: a=1", b"set-cookie: b=2", b"Set-Cookie: a=1")),
    Case(
        16,
        "CR and a header in Location",
        lambda a: a.moved("http://anapress.net/a/{}\rX-Forged: yes"),
        "failed bad_redirect",
        odd="odd_head",
    ),
    Case(
        16,
        "a space in Location",
        lambda a: a.moved("http://anapress.net/a/{} HTTP/1.1"),
        "failed bad_redirect",
    ),
    Case(16, "a tab in Location", lambda a: a.moved("http://anapress.net/\t/a/{}"), "failed bad_redirect"),
    Case(
        16,
        "CR and LF, percent-encoded, and Arabic in Location",
        lambda a: [a.moved("/a/{}?x=%0d%0aWARC-Type:%20أ"), Answer([a.whole()])],
        asked=2,
        attempts=1,
    ),
)
