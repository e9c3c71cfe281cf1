"""Cases 17 to 21: content codings."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import lru_cache

from tests.faults.case import TRIES, Article, Case
from tests.raw import Answer

MB = 1 << 20


def coded(coding: str, code: Callable[[bytes], bytes]) -> Callable[[Article], Answer]:
    return lambda article: Answer([article.whole(f"Content-Encoding: {coding}", body=code(article.page))])


def zipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def half(body: bytes) -> bytes:
    return zipped(body)[:-40]


def twice(body: bytes) -> bytes:
    return zipped(zlib.compress(zipped(body)))


@lru_cache(maxsize=2)
def bomb(wbits: int) -> bytes:
    """400 MB of blanks in 400 KB: each piece stands alone, so it is made once."""
    stream = zlib.compressobj(9, zlib.DEFLATED, wbits)
    start = stream.compress(b"<p>") + stream.flush(zlib.Z_FULL_FLUSH)
    piece = stream.compress(b" " * MB) + stream.flush(zlib.Z_FULL_FLUSH)
    return start + piece * 400 + stream.flush()


BROTLI = b"\x8b\x03\x80hello world\x03"
ZSTD = b"\x28\xb5\x2f\xfd\x24\x0bY\0\0hello world\x68\x69\x1e\xb2"
UNKNOWN = "failed unknown_coding"

CODING = (
    Case(17, "a plain body that calls itself gzip", coded("gzip", lambda body: body), odd="false_coding"),
    Case(18, "gzip cut short", coded("gzip", half), "failed truncated", asked=TRIES),
    Case(
        18,
        "gzip without its footer",
        coded("gzip", lambda body: zipped(body)[:-8]),
        "failed truncated",
        asked=TRIES,
    ),
    Case(
        18,
        "gzip with a wrong checksum",
        coded("gzip", lambda body: zipped(body)[:-8] + b"\0" * 8),
        "failed corrupt",
        asked=TRIES,
    ),
    Case(18, "gzip with bytes behind it", coded("gzip", lambda body: zipped(body) + b"\0\0\0\0")),
    Case(18, "gzip in two members", coded("gzip", lambda body: zipped(body[:99]) + zipped(body[99:]))),
    Case(
        18,
        "gzip cut short, and whole at the second time",
        lambda a: [coded("gzip", half)(a), coded("gzip", zipped)(a)],
        asked=TRIES,
    ),
    Case(19, "gzip, deflate, gzip", coded("gzip, deflate, gzip", twice)),
    Case(19, "deflate without its frame", coded("deflate", lambda body: zlib.compress(body)[2:-4])),
    Case(19, "a coding that nobody knows", coded("sdch", lambda body: body), UNKNOWN),
    Case(19, "six codings", coded("gzip, gzip, gzip, gzip, gzip, gzip", lambda body: body), "failed bomb"),
    Case(20, "br, not asked for", coded("br", lambda _: BROTLI), UNKNOWN),
    Case(20, "zstd, not asked for", coded("zstd", lambda _: ZSTD), UNKNOWN),
    Case(21, "a bomb in gzip", coded("gzip", lambda _: bomb(31)), "failed bomb"),
    Case(21, "a bomb in deflate", coded("deflate", lambda _: bomb(15)), "failed bomb"),
    Case(21, "a bomb in gzip in gzip", coded("gzip, gzip", lambda _: zipped(bomb(31))), "failed bomb"),
    Case(21, "3 MB that were 4 KB", coded("gzip", lambda _: zipped(bytes(3 * MB))), "failed bomb"),
    Case(21, "a bomb in br", coded("br", lambda _: BROTLI * 9), UNKNOWN),
    Case(
        21,
        "a bomb in an answer that is no page",
        lambda a: Answer([a.whole("Content-Encoding: gzip", body=bomb(31), status="404 Not Found")]),
        "gone http_404",
    ),
)
