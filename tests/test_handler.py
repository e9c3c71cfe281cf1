import asyncio
import gzip
import ipaddress
import ssl
import zlib
from collections.abc import Coroutine
from typing import Any

import pytest
import trustme
import uvloop
from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import HtmlResponse, JsonResponse, Response, TextResponse
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector

from crawler.errors import WrongUse
from crawler.items import End, Exchange
from crawler.wire.handler import WireHandler
from tests.raw import Answer, Raw, raw_server

HTML = "<html><body>خبر</body></html>".encode() * 20


def saying(body: bytes, *lines: str, status: str = "200 OK") -> Answer:
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}", "", ""])
    return Answer([head.encode(), body])


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    def go(test: Coroutine[Any, Any, Any]) -> Any:
        return (uvloop.run if request.param == "uvloop" else asyncio.run)(asyncio.wait_for(test, 20))

    return go


@pytest.fixture
def handler_of(tmp_path):
    def made(server: Raw | None = None, **settings: Any) -> WireHandler:
        mine = {"SPOOL_DIR": str(tmp_path)}
        if server:
            mine["CONNECT_TO"] = f"::127.0.0.1:{server.port}"
        crawler = Crawler(Spider, {**mine, **settings})
        crawler.stats = MemoryStatsCollector(crawler)
        return WireHandler.from_crawler(crawler)

    return made


@pytest.fixture
def download(run, handler_of):
    """The response that the handler makes of an answer, and the request that it was for."""

    def go(answer: Answer, request: Request | None = None, **settings: Any) -> Response:
        request = request or Request("http://odd.test/")

        async def ask() -> Response:
            async with raw_server({"/": answer}) as server:
                handler = handler_of(server, **settings)
                try:
                    return await handler.download_request(request)
                finally:
                    await handler.close()

        return run(ask())

    return go


def test_a_page_comes_as_scrapy_would_give_it(download):
    request = Request("http://odd.test/", headers={"User-Agent": "x"})
    response = download(
        saying(HTML, "Content-Type: text/html; charset=utf-8", "set-COOKIE: a=1", "Set-Cookie: b=2"), request
    )
    assert type(response) is HtmlResponse
    assert (response.url, response.status, response.body, response.flags) == (request.url, 200, HTML, [])
    assert response.headers.getlist("Set-Cookie") == [b"a=1", b"b=2"]
    assert response.ip_address == ipaddress.ip_address("127.0.0.1")
    assert response.protocol == "HTTP/1.1"
    assert response.certificate is None
    assert request.meta["download_latency"] > 0
    (exchange,) = request.meta["exchanges"]
    assert exchange.request == b"GET / HTTP/1.1\r\nHost: odd.test\r\nUser-Agent: x\r\n\r\n"
    assert (exchange.end, exchange.body) == (End.COMPLETE, HTML)


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(HTML), "gzip"),
        (zlib.compress(HTML), "deflate"),
        (gzip.compress(zlib.compress(HTML)), "deflate, gzip"),
        (HTML, "gzip"),
    ],
)
def test_the_body_is_decoded_and_the_exchange_is_not(download, body, coding):
    request = Request("http://odd.test/")
    response = download(saying(body, "Content-Type: text/html", f"Content-Encoding: {coding}"), request)
    assert (type(response), response.body, response.flags) == (HtmlResponse, HTML, [])
    assert b"Content-Encoding" not in response.headers
    assert request.meta["exchanges"][0].body == body


@pytest.mark.parametrize(
    ("body", "coding", "flag"),
    [
        (HTML, "br", "unread:unknown_coding"),
        (gzip.compress(bytes(10 << 20)), "gzip", "unread:bomb"),
        (gzip.compress(bytes(100_000)), "gzip", "unread:bomb"),
        (bytes(60_000), "identity", "unread:large"),
    ],
)
def test_a_body_that_is_not_read_is_empty_and_flagged_yet_kept(download, body, coding, flag):
    request = Request("http://odd.test/")
    response = download(
        saying(body, f"Content-Encoding: {coding}"),
        request,
        DECODED_BYTES=50_000,
        PAGE_BYTES=50_000,
    )
    assert (response.body, response.flags) == (b"", [flag])
    assert request.meta["exchanges"][0].body == body


@pytest.mark.parametrize(("size", "flags"), [(1 << 20, []), (8 << 20, ["unread:bomb"])])
def test_a_ratio_is_judged_of_more_than_a_mebibyte(download, size, flags):
    body = gzip.compress(bytes(size))
    response = download(saying(body, "Content-Encoding: gzip"), DECODED_RATIO=100)
    assert (len(response.body), response.flags) == (0 if flags else size, flags)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (gzip.compress(HTML)[:-9], "truncated"),
        (gzip.compress(HTML)[:-8] + b"12345678", "corrupt"),
    ],
)
def test_a_page_whose_coding_broke_off_is_retried_and_kept(download, body, reason):
    request = Request("http://odd.test/")
    with pytest.raises(ResponseDataLossError) as caught:
        download(saying(body, "Content-Encoding: gzip"), request)
    assert isinstance(caught.value, RetryMiddleware(Settings()).exceptions_to_retry)
    assert caught.value.reason == reason
    assert request.meta["exchanges"][0].body == body


def test_what_is_no_page_may_be_coded_as_it_likes(download):
    response = download(saying(b"\x1f\x8bcut", "Content-Encoding: gzip", status="404 Not Found"))
    assert (response.status, response.body) == (404, b"")


def test_the_setting_names_the_resolver(run, handler_of):
    error, _ = failing(run, handler_of(RESOLVE="tests.test_handler.inward"), "http://odd.test/")
    assert error.reason == "ssrf_blocked"


async def inward(host: str, port: int) -> list[str]:
    return ["10.0.0.1"]


def test_a_large_body_lies_in_the_spool(download, tmp_path):
    request = Request("http://odd.test/")
    download(saying(bytes(3 << 20)), request)
    (exchange,) = request.meta["exchanges"]
    assert exchange.body.parent == tmp_path / "bodies"
    assert exchange.body.read_bytes() == bytes(3 << 20)


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        (JsonResponse, ["Content-Type: application/json"]),
        (TextResponse, ["Content-Type: text/plain"]),
        (Response, ["Content-Type: image/png"]),
    ],
)
def test_the_response_class_is_the_one_for_its_type(download, kind, lines):
    assert type(download(saying(b"\x89PNG\x01\x02", *lines))) is kind


def test_a_post_frames_itself_and_the_proxys_password_is_not_the_sites(download):
    headers = {"Content-Length": "99", "Proxy-Authorization": "Basic x", "Transfer-Encoding": "chunked"}
    request = Request("http://odd.test/", method="POST", body=b"a=b", headers=headers)
    download(saying(b"ok"), request)
    assert (
        request.meta["exchanges"][0].request
        == b"POST / HTTP/1.1\r\nHost: odd.test\r\nContent-Length: 3\r\n\r\na=b"
    )


@pytest.mark.parametrize(
    ("answer", "error", "reason", "end", "retried"),
    [
        (
            Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe"], "close"),
            ResponseDataLossError,
            "dataloss",
            End.DISCONNECT,
            True,
        ),
        (Answer([], "close"), DownloadFailedError, "empty_reply", End.DISCONNECT, True),
        (Answer([b"junk"], "hang"), DownloadFailedError, "protocol_error", End.UNSPECIFIED, True),
        (Answer([], "hang"), DownloadTimeoutError, "timeout", End.TIME, True),
        (
            Answer([b"HTTP/1.1 200 OK\r\nX:" + b"x" * 9000], "hang"),
            DownloadCancelledError,
            "header_too_large",
            End.LENGTH,
            False,
        ),
        (
            Answer([b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 90_000], "hang"),
            DownloadCancelledError,
            "too_large",
            End.LENGTH,
            False,
        ),
    ],
)
def test_a_failure_is_one_of_scrapys_and_its_exchange_is_kept(download, answer, error, reason, end, retried):
    request = Request("http://odd.test/", meta={"download_timeout": 0.3})
    with pytest.raises(error) as caught:
        download(answer, request, HEAD_BYTES=8000, DOWNLOAD_MAXSIZE=50_000)
    assert caught.value.__cause__.reason == reason
    assert [exchange.end for exchange in request.meta["exchanges"]] == [end]
    assert isinstance(caught.value, RetryMiddleware(Settings()).exceptions_to_retry) is retried
    assert request.meta["download_latency"] > 0


def failing(run, handler: WireHandler, url: str) -> tuple[Exception, list[Exchange]]:
    request = Request(url)

    async def ask() -> None:
        await handler.download_request(request)

    with pytest.raises(Exception) as caught:  # noqa: PT011, RUF100
        run(ask())
    return caught.value, request.meta["exchanges"]


def test_a_silent_host_is_left_after_idle_seconds(run, handler_of):
    async def ask() -> Exception:
        async with raw_server({"/": Answer([], "hang")}) as server:
            with pytest.raises(DownloadTimeoutError) as caught:
                await handler_of(server, IDLE_SECONDS=0.1).download_request(Request("http://odd.test/"))
            return caught.value

    assert run(ask()).__cause__.reason == "idle"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/", "http://2130706433/"]
)
def test_an_address_we_do_not_visit_is_refused_for_good(run, handler_of, url):
    error, exchanges = failing(run, handler_of(), url)
    assert isinstance(error, IgnoreRequest)
    assert error.reason == "ssrf_blocked"
    assert exchanges == []


def test_a_url_we_do_not_ask_for_is_refused_for_good(run, handler_of):
    error, exchanges = failing(run, handler_of(), "http://user:secret@odd.test/")
    assert isinstance(error, IgnoreRequest)
    assert (error.reason, exchanges) == ("bad_request", [])


@pytest.mark.parametrize(
    ("to", "kind", "reason"),
    [
        ("127.0.0.1", DownloadConnectionRefusedError, "connect_failed"),
        ("no..name", CannotResolveHostError, "dns"),
    ],
)
def test_a_host_that_is_not_there_is_retried(run, handler_of, to, kind, reason):
    async def free() -> int:
        async with raw_server({}) as server:
            return server.port

    error, exchanges = failing(run, handler_of(CONNECT_TO=f"::{to}:{run(free())}"), "http://odd.test/")
    assert type(error) is kind
    assert (error.__cause__.reason, exchanges) == (reason, [])
    assert isinstance(error, RetryMiddleware(Settings()).exceptions_to_retry)


def test_the_environments_proxy_is_ignored(download, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert download(saying(b"ok")).body == b"ok"


def test_the_setting_names_the_proxy(run, handler_of):
    async def ask() -> list[bytes]:
        async with raw_server({"http://203.0.114.1/": saying(b"ok")}) as proxy:
            handler = handler_of(WIRE_PROXY=f"http://127.0.0.1:{proxy.port}")
            await handler.download_request(Request("http://203.0.114.1/"))
            await handler.close()
            return [logged.request for logged in proxy.log]

    assert run(ask()) == [b"GET http://203.0.114.1/ HTTP/1.1\r\nHost: 203.0.114.1\r\n\r\n"]


@pytest.mark.parametrize(
    "setting",
    [{"CONNECT_TO": "nowhere"}, {"WIRE_PROXY": "socks5://127.0.0.1:1"}, {"RESOLVE": "nobody.knows"}],
)
def test_a_setting_that_can_not_be_read_is_the_users_mistake(handler_of, setting):
    with pytest.raises(WrongUse):
        handler_of(**setting)


def test_tls_is_verified_and_the_certificate_handed_over(run, handler_of, monkeypatch, tmp_path):
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("odd.test").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def ask() -> Response:
        async with raw_server({"/": saying(b"ok")}, tls) as server:
            with pytest.raises(DownloadCancelledError) as caught:  # a certificate does not get better
                await handler_of(server).download_request(Request("https://odd.test/"))
            assert caught.value.__cause__.reason == "tls_error"
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            handler = handler_of(server)
            response = await handler.download_request(Request("https://odd.test/"))
            await handler.close()
            return response

    response = run(ask())
    assert response.body == b"ok"
    assert b"odd.test" in response.certificate
