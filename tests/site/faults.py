"""The table of faults: a name, an id, and the answer that is given there."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from tests.site.answers import (
    CHUNKED,
    JSON,
    MB,
    ODD,
    PDF,
    Visit,
    block,
    bomb,
    coded,
    drip,
    early_hints,
    endless,
    error,
    framed,
    gzipped,
    half,
    html,
    http09,
    large,
    lengths,
    missing,
    nul,
    odd_case,
    of_kind,
    parked,
    raw,
    redirect,
    redirect_once,
    redirect_to_host,
    says,
    shell,
    short_body,
    then,
    then_ok,
    with_head,
    with_surplus,
    written,
)
from tests.site.held import HELD
from tests.site.ids import fault_id, id_of
from tests.site.pages import home
from tests.site.replies import DATE, HTML, After, Reply, chunked, head

_LOOP = ("redirect_loop", "redirect_loop_back")

ANSWERS: dict[str, Callable[[Visit], Reply]] = {
    "status_404": says("404 Not Found", missing),
    "status_410": says("410 Gone", missing),
    "status_401": says("401 Unauthorized", block, "WWW-Authenticate: Basic realm=anapress"),
    "status_403_block": says("403 Forbidden", block),
    "status_500": says("500 Internal Server Error", error),
    "status_503_forever": says("503 Service Unavailable", error),
    "status_429_then_ok": then_ok("429 Too Many Requests", "Retry-After: 1"),
    "status_503_then_ok": then_ok("503 Service Unavailable", "Retry-After: 1"),
    "status_503_date_then_ok": then_ok("503 Service Unavailable", f"Retry-After: {DATE}", times=1),
    "status_500_then_ok": then_ok("500 Internal Server Error", times=1),
    "status_204": lambda _: Reply(response=head("204 No Content")),
    "status_304_unasked": lambda _: Reply(response=head("304 Not Modified", 'ETag: "x"')),
    "soft_404": says("200 OK", missing),
    "parked": says("200 OK", parked),
    "home_page": says("200 OK", lambda visit: home(visit.world).body),
    "block_page_200": says("200 OK", block),
    "other_article_shown": says("200 OK", lambda visit: html(visit.world, id_of(0)).encode()),
    "js_shell": says("200 OK", shell),
    "empty_body": says("200 OK", lambda _: b""),
    "pdf": of_kind("application/pdf", PDF),
    "json": of_kind("application/json", JSON),
    "redirect_other_301": redirect("http://anapress.net/a/{other}", "301 Moved Permanently"),
    "redirect_other_302": redirect("/a/{other}"),
    "redirect_www": redirect_to_host("www.anapress.net"),
    "redirect_https": redirect_once("https://anapress.net/a/{id}"),
    "redirect_slash": redirect("http://anapress.net/", "301 Moved Permanently"),
    "redirect_loop": redirect(f"/a/{fault_id(_LOOP[1])}"),
    "redirect_loop_back": redirect(f"/a/{fault_id(_LOOP[0])}"),
    "redirect_self": redirect("http://anapress.net/a/{id}"),
    "redirect_loopback": redirect("http://127.0.0.1:{port}/a/{other}"),
    "redirect_private": redirect("http://10.0.0.1/a/{other}"),
    "redirect_metadata": redirect("http://169.254.169.254/latest/meta-data/"),
    "redirect_robots": redirect("/private/a/{id}"),
    "redirect_elsewhere": redirect("http://example.com/"),
    "redirect_no_location": says("302 Found", error),
    "redirect_mailto": redirect("mailto:info@anapress.net"),
    "redirect_bad_ipv6": redirect("http://[::1/a/{other}"),
    "redirect_injection": redirect("http://anapress.net/a/{other} \rX-Forged: yes\rWARC/1.1"),
    "body_cut": short_body,
    "body_surplus": with_surplus,
    "chunked_cut": framed(lambda body: chunked(body)[: len(body) // 2], CHUNKED, cut=True),
    "chunked_no_end": framed(lambda body: chunked(body)[: -len(b"0\r\n\r\n")], CHUNKED, cut=True),
    "chunked_bad_size": framed(
        lambda body: b"5\r\n" + body[:5] + b"\r\nzz\r\n" + body[5:], CHUNKED, cut=True
    ),
    "chunked_odd": framed(
        lambda body: chunked(body, ODD, extension=';a="b c"', trailer="X-Sum: 1\r\nX-Two: 2\r\n"),
        CHUNKED,
        "Trailer: X-Sum",
    ),
    "chunked_lf": framed(lambda body: chunked(body, end="\n"), CHUNKED),
    "chunked_and_length": framed(chunked, "Content-Length: 10", CHUNKED, close=True),
    "length_twice": lengths("Content-Length: {0}|Content-Length: {0}"),
    "length_unequal": lengths("Content-Length: {0}|Content-Length: 17", close=True),
    "length_negative": lengths("Content-Length: -5", close=True),
    "gzip": coded("gzip", gzipped),
    "gzip_chunked": framed(lambda body: chunked(gzipped(body), ODD), CHUNKED, "Content-Encoding: gzip"),
    "gzip_false": coded("gzip", lambda body: body),
    "gzip_cut": coded("gzip", lambda body: half(gzipped(body))),
    "gzip_twice": coded("gzip, gzip", lambda body: gzipped(gzipped(body))),
    "gzip_bomb": coded("gzip", lambda _: bomb()),
    "deflate": coded("deflate", zlib.compress),
    "deflate_raw": coded("deflate", lambda body: zlib.compress(body)[2:-4]),
    "br_claimed": coded("br", lambda _: b"\x8b\x03\x80not brotli at all"),
    "cp1256_meta": written("cp1256", meta="windows-1256"),
    "cp1256_header": written("cp1256", kind="text/html; charset=windows-1256"),
    "cp1256_header_says_utf8": written("cp1256", kind=HTML, meta="windows-1256"),
    "utf8_header_says_cp1256": written("utf-8", kind="text/html; charset=windows-1256", meta="utf-8"),
    "cp1256_unsaid": written("cp1256"),
    "utf8_unsaid": written("utf-8"),
    "charset_bogus": written("utf-8", kind="text/html; charset=arabic-ish", meta="none"),
    "utf16_bom": written("utf-16"),
    "nul_bytes": nul,
    "http10_no_length": with_head(version="HTTP/1.0"),
    "headers_odd_case": odd_case,
    "no_reason": with_head(status="200"),
    "header_no_colon": with_head("this line has no colon"),
    "header_folded": with_head("X-Folded: one", "\ttwo", " three"),
    "head_lf_only": with_head(end="\n"),
    "header_8bit": with_head(
        "X-Latin: caf\xe9", "X-Utf8: " + "أنا برس".encode().decode("latin-1"), "X-\xfe: \x01"
    ),
    "header_huge": with_head("X-Huge: " + "h" * MB),
    "headers_many": with_head(*(f"X-{at}: {at}" for at in range(20_000))),
    "status_garbage": raw(b"\x16\x03\x01 what is this\r\nContent-Length: 5\r\n\r\nhello", cut=False),
    "status_icy": raw(b"ICY 200 OK\r\nContent-Type: audio/mpeg\r\n\r\nnoise", cut=False),
    "status_line_only": raw(b"HTTP/1.1 200 OK\r\n", cut=True),
    "head_cut": raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/ht", cut=True),
    "empty_reply": raw(b"", cut=True),
    "http09": http09,
    "early_hints": early_hints,
    "endless": endless,
    "drip": drip,
    "large": large,
    "stale_closed": then(After.CLOSE),
    "stale_doomed": then(After.DOOM),
    **HELD,
}

FAULTS: dict[str, int] = {name: fault_id(name) for name in ANSWERS}

# Under these ids the id's own article is to be had in the end, by a crawler that offers gzip only,
# trusts no false label, and asks again where it is told to; redirect_https needs a site with TLS.
_SHOWN = """
    status_429_then_ok status_503_then_ok status_503_date_then_ok status_500_then_ok redirect_www redirect_https
    body_surplus chunked_odd chunked_lf chunked_and_length length_twice gzip gzip_chunked gzip_false gzip_twice deflate
    deflate_raw cp1256_meta cp1256_header cp1256_header_says_utf8 utf8_header_says_cp1256 cp1256_unsaid utf8_unsaid
    charset_bogus utf16_bom nul_bytes http10_no_length headers_odd_case no_reason header_no_colon header_folded
    head_lf_only header_8bit early_hints drip large stale_closed stale_doomed
"""
SHOWN = frozenset(_SHOWN.split()) | HELD.keys()
