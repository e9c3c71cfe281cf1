"""The recording proxy, asked by hand: nothing but what a browser may ask, each answer as it comes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import async_playwright

from crawler.browser import asking
from crawler.browser.asking import Question, Tunnel
from crawler.browser.authority import Authority
from crawler.browser.chromium import Chromium, context
from crawler.browser.proxy import Port
from crawler.browser.voice import Voice
from crawler.items import End, Exchange
from crawler.wire.address import ConnectTo
from crawler.wire.client import Client
from crawler.wire.failure import Failure
from crawler.wire.relay import Asked
from tests.raw import Answer, Raw, raw_server

HELLO = b"HTTP/1.1 200 oK\r\ncontent-LENGTH: 5\r\n\r\nhello"
GET = b"GET http://site.test/x HTTP/1.1\r\nhOsT: site.test\r\nProxy-Connection: keep-alive\r\nX-B: 1\r\nX-A: 2\r\n\r\n"
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SENT = b"GET /x HTTP/1.1\r\nhOsT: site.test\r\nX-B: 1\r\nX-A: 2\r\n\r\n"


@dataclass
class Proxy:
    """A port, the host behind it, and what was kept of what passed."""

    port: Port
    raw: Raw
    spki: Authority
    kept: list[Exchange] = field(default_factory=list)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port.number)
        yield reader, writer
        writer.close()


@asynccontextmanager
async def proxy(answer: Answer, folder: Path, *, fit: bool = True) -> AsyncIterator[Proxy]:
    async with raw_server(lambda peer: peer.answer(lambda _: answer)) as raw:
        client = Client(
            clock=lambda: datetime.now(UTC),
            new_id=uuid4,
            tls=ssl.create_default_context(),
            spool_dir=folder,
            connect_to=ConnectTo.parse(f"site.test::127.0.0.1:{raw.port}"),
        )
        authority, kept = Authority(), []

        async def ask(asked: Asked, voice: Voice) -> None:
            try:
                kept.extend((await client.relay(asked, voice, seconds=20)).exchanges)
            except Failure as failure:
                kept.extend(failure.exchanges)
                raise

        async with Port(ask, lambda *_: fit, authority) as port:
            yield Proxy(port, raw, authority, kept)
        await client.close()


def through(
    answer: Answer, request: bytes, folder: Path, *, fit: bool = True
) -> tuple[bytes, list[Exchange], list[bytes]]:
    """What a client gets until the connection ends, what was kept, and what the host was asked."""

    async def run() -> tuple[bytes, list[Exchange], list[bytes]]:
        async with proxy(answer, folder, fit=fit) as running, running.connected() as (reader, writer):
            writer.write(request)
            got = b""
            with suppress(ConnectionError):
                while data := await asyncio.wait_for(reader.read(1 << 16), 20):
                    got += data
            writer.close()
        return got, running.kept, [logged.request for logged in running.raw.log]

    return asyncio.run(run())


def test_a_request_goes_on_as_the_browser_wrote_it_but_for_what_is_meant_for_a_proxy(tmp_path: Path) -> None:
    got, kept, asked = through(Answer([HELLO], "close"), GET + b"GARBAGE\r\n\r\n", tmp_path)
    assert asked == [SENT]
    assert (kept[0].request, kept[0].head + kept[0].body) == (SENT, HELLO)
    assert got == HELLO + REFUSED


def test_only_gzip_is_asked_for() -> None:
    question = asking.read(
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\naccept-ENCODING: gzip, br, zstd\r\n\r\n", None
    )
    assert isinstance(question, Question)
    assert question.lines == b"Host: a\r\naccept-ENCODING: gzip\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [HELLO[:9], HELLO[9:40], HELLO[40:]],
        [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", HELLO],
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n",
            b"3\r\nllo\r\n0\r\nX: 1\r\n\r\n",
        ],
    ],
    ids=["in pieces", "interim", "chunked"],
)
def test_an_answer_comes_as_it_is_on_the_wire(tmp_path: Path, pieces: list[bytes]) -> None:
    got, kept, _ = through(Answer(pieces, pause=0.05), GET + b"GARBAGE\r\n\r\n", tmp_path)
    assert got == b"".join(pieces) + REFUSED
    assert kept[0].interim + kept[0].head + kept[0].body == b"".join(pieces)


def test_an_answer_without_a_length_ends_with_the_connection(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\n\r\nall there is"
    got, kept, _ = through(Answer([answer], "close"), GET, tmp_path)
    assert (got, kept[0].end) == (answer, End.COMPLETE)


def test_a_cut_answer_never_looks_whole(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"

    async def run() -> End:
        async with (
            proxy(Answer([answer], "close"), tmp_path) as running,
            running.connected() as (reader, writer),
        ):
            writer.write(GET)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(len(answer) + 1)
        return running.kept[0].end

    assert asyncio.run(run()) is End.DISCONNECT


@pytest.mark.parametrize("url", [b"http://127.0.0.1:9/", b"http://10.0.0.1/", b"http://nameless.invalid/"])
def test_where_no_answer_is_to_be_had_the_browser_gets_an_empty_one_and_nothing_is_kept(
    tmp_path: Path, url: bytes
) -> None:
    got, kept, asked = through(Answer([HELLO]), GET.replace(b"http://site.test/x", url), tmp_path)
    assert got == b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert (kept, asked) == ([], [])


def test_an_answer_that_is_not_for_the_browser_is_kept_all_the_same(tmp_path: Path) -> None:
    got, kept, _ = through(Answer([HELLO]), GET, tmp_path, fit=False)
    assert got.startswith(b"HTTP/1.1 502 ")
    assert kept[0].head + kept[0].body == HELLO


def test_a_browser_that_is_slow_makes_the_host_wait(tmp_path: Path) -> None:
    """What lies between them is bounded by buffers, however much the host would send."""
    size = 64 << 20
    pieces = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, *[b"x" * (1 << 20)] * 64]

    async def run() -> tuple[int, int]:
        async with proxy(Answer(pieces), tmp_path) as running, running.connected() as (reader, writer):
            writer.transport.pause_reading()
            writer.write(GET)
            sent = -1
            while not running.raw.log or sent != (sent := len(running.raw.log[0].sent)):  # noqa: ASYNC110
                await asyncio.sleep(0.5)  # until no more of it is taken
            writer.transport.resume_reading()
            got = len(await asyncio.wait_for(reader.readexactly(len(pieces[0]) + size), 60))
        return sent, got

    sent, got = asyncio.run(run())
    assert sent < size // 2
    assert got == size + len(pieces[0])


async def _probed(folder: Path, script: str) -> tuple[list[object], list[bytes]]:
    """What a page's script says, and the datagrams that reached a port of this machine whose number it has."""
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"
    inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inside.bind(("127.0.0.1", 0))
    inside.setblocking(False)
    async with proxy(Answer([page]), folder) as running, async_playwright() as playwright:
        chromium = Chromium.of({"CHROMIUM": "", "BROWSER_SANDBOX": ""})
        # the port of the page is the browser's own, too: nothing here tells them apart
        options = chromium.options(own_port=running.port.number, spki=running.spki.spki)
        browser = await playwright.chromium.launch(**options)  # type: ignore[arg-type]
        shown = await browser.new_context(**context(running.port.number, user_agent="x", languages="ar"))
        tab = await shown.new_page()
        await tab.goto("http://site.test/")
        said = await tab.evaluate(script, inside.getsockname()[1])
        await browser.close()
    heard = []
    with inside, suppress(BlockingIOError):
        while True:
            heard.append(inside.recv(2000))
    return said, heard


def test_webrtc_goes_past_the_proxy_to_nobody(tmp_path: Path) -> None:
    """Without our flags four datagrams of STUN arrive here."""
    script = """async (port) => {
      const peer = new RTCPeerConnection({iceServers: [{urls: `stun:127.0.0.1:${port}`}]}), found = []
      peer.onicecandidate = event => event.candidate && found.push(event.candidate.candidate)
      peer.createDataChannel('x'); await peer.setLocalDescription(await peer.createOffer())
      await new Promise(done => setTimeout(done, 3000))
      return found
    }"""
    assert asyncio.run(_probed(tmp_path, script)) == ([], [])


def test_what_a_browser_leaves_is_kept_as_far_as_it_came(tmp_path: Path) -> None:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"

    async def run() -> list[Exchange]:
        async with (
            proxy(Answer([start], "hang"), tmp_path) as running,
            running.connected() as (reader, writer),
        ):
            writer.write(GET)
            assert await asyncio.wait_for(reader.readexactly(len(start)), 20) == start
            writer.close()
        return running.kept

    kept = asyncio.run(run())
    assert [(exchange.head + exchange.body, exchange.end) for exchange in kept] == [(start, End.DISCONNECT)]


def test_in_a_tunnel_plain_http_is_told_by_its_first_byte(tmp_path: Path) -> None:
    tunnel = b"CONNECT site.test:8080 HTTP/1.1\r\nHost: site.test:8080\r\n\r\n"
    inside = b"GET /x HTTP/1.1\r\nHost: site.test:8080\r\n\r\n"

    async def run() -> tuple[bytes, list[Exchange]]:
        async with proxy(Answer([HELLO]), tmp_path) as running, running.connected() as (reader, writer):
            writer.write(tunnel)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            assert head == b"HTTP/1.1 200 Connected\r\n\r\n"
            writer.write(inside)
            return await asyncio.wait_for(reader.readexactly(len(HELLO)), 20), running.kept

    got, kept = asyncio.run(run())
    assert got == HELLO
    assert [(exchange.url, exchange.request) for exchange in kept] == [("http://site.test:8080/x", inside)]


@pytest.mark.parametrize(("host", "san"), [("site.test", "DNS"), ("127.0.0.1", "IP Address")])
def test_tls_ends_at_a_certificate_of_the_runs_one_key(tmp_path: Path, host: str, san: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def run() -> tuple[bytes, str]:
        async with proxy(Answer([HELLO]), tmp_path) as running, running.connected() as (reader, writer):
            writer.write(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            await writer.start_tls(context, server_hostname=host)
            der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
        return der, running.spki.spki

    der, spki = asyncio.run(run())
    certificate = x509.load_der_x509_certificate(der)
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert b64encode(sha256(public).digest()).decode() == spki
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == [host], san


@pytest.mark.parametrize(
    ("line", "headers", "origin"),
    [
        (b"GET /x HTTP/1.1", b"", None),  # no host to ask
        (b"GET https://a/ HTTP/1.1", b"", None),  # comes in a tunnel
        (b"GET ftp://a/ HTTP/1.1", b"", None),
        (b"GET http://b/ HTTP/1.1", b"", "https://a"),  # another place than its tunnel's
        (b"CONNECT a:443 HTTP/1.1", b"", "https://a"),
        (b"CONNECT a HTTP/1.1", b"", None),
        (b"GET http://a/ HTTP/1.0", b"", None),
        (b"POST http://a/ HTTP/1.1", b"Transfer-Encoding: chunked\r\n", None),
        (b"POST http://a/ HTTP/1.1", b"Content-Length: 1\r\nContent-Length: 2\r\n", None),
        (b"POST http://a/ HTTP/1.1", b"Content-Length: 99999999999\r\n", None),
        (b"POST http://a/ HTTP/1.1", b"Content-Length: -1\r\n", None),
        (b"GET http://a/ HTTP/1.1", b"X: 1\n", None),
        (b"GET http://a/ HTTP/1.1", b"no colon\r\n", None),
        (b"garbage", b"", None),
    ],
)
def test_what_no_browser_asks_is_refused(line: bytes, headers: bytes, origin: str | None) -> None:
    assert asking.read(line + b"\r\n" + headers + b"\r\n", origin) is None


def test_a_tunnels_origin_has_its_port_where_it_is_not_the_usual() -> None:
    tunnel = asking.read(b"CONNECT [2606:4700::1]:8443 HTTP/1.1\r\n\r\n", None)
    assert tunnel == Tunnel("2606:4700::1", 8443)
    assert tunnel.origin(secure=True) == "https://[2606:4700::1]:8443"
    assert Tunnel("a", 443).origin(secure=True) == "https://a"
