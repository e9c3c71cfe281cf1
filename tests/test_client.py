import asyncio
import gzip
import itertools
import ssl
import tracemalloc
from collections.abc import Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import trustme
import uvloop

from crawler.errors import SpoolError, WrongUse
from crawler.items import End, Exchange
from crawler.wire import failure as fails
from crawler.wire.address import ConnectTo
from crawler.wire.client import Client, Received
from crawler.wire.limits import Limits
from tests.raw import Answer, Logged, Peer, Raw, proxy_to, raw_server

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SMALL = Limits(head_bytes=4096, body_bytes=50_000, payload_bytes=20_000, spool_bytes=10_000, idle_seconds=5)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    def go(test: Coroutine[Any, Any, Any]) -> Any:
        return (uvloop.run if request.param == "uvloop" else asyncio.run)(asyncio.wait_for(test, 20))

    return go


@pytest.fixture
def client_of(tmp_path):
    """A client for which every name is the raw server."""

    @asynccontextmanager
    async def made(server: Raw | None, **changes: Any):
        ids = itertools.count(1)
        settings = {
            "clock": lambda: NOW,
            "new_id": lambda: UUID(int=next(ids)),
            "tls": ssl.create_default_context(),
            "spool_dir": tmp_path / "bodies",
            "limits": SMALL,
            "connect_to": ConnectTo.parse(f"::127.0.0.1:{server.port}" if server else ""),
            "resolve": no_names,
        }
        client = Client(**(settings | changes))
        yield client
        await client.close()

    return made


async def no_names(host: str, port: int) -> list[str]:
    raise OSError(f"no names in tests: {host}")


def body_of(exchange: Exchange) -> bytes:
    return exchange.body.read_bytes() if isinstance(exchange.body, Path) else exchange.body


def wire(exchange: Exchange) -> Logged:
    """The exchange as the server would have logged it."""
    return Logged(exchange.request, exchange.interim + exchange.head + body_of(exchange))


async def outcome(
    client: Client, url: str, **more: Any
) -> tuple[tuple[Exchange, ...], Received | fails.Failure]:
    try:
        received = await client.fetch("GET", url, [(b"X-oDD", b"\xe9"), (b"x-Odd", b" two")], **more)
    except fails.Failure as failure:
        return failure.exchanges, failure
    return received.exchanges, received


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ZIPPED = gzip.compress(b"hello" * 99, mtime=0)
# path: answer, how it ends
ODD = {
    "/plain": (Answer([OK]), End.COMPLETE),
    "/drip": (Answer([bytes([byte]) for byte in OK]), End.COMPLETE),
    "/empty": (Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]), End.COMPLETE),
    "/204": (Answer([b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"]), End.COMPLETE),
    "/304": (Answer([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"]), End.COMPLETE),
    "/302": (Answer([b"HTTP/1.1 302 Found\r\nLocation: /plain\r\nContent-Length: 0\r\n\r\n"]), End.COMPLETE),
    "/case": (
        Answer([OK.replace(b"\r\nC", b"\r\nsEt-cOOkie: a=1\r\nSET-COOKIE:b=2 \r\nC", 1)]),
        End.COMPLETE,
    ),
    "/no-reason": (Answer([OK.replace(b" OK", b"")]), End.COMPLETE),
    "/no-colon": (Answer([OK.replace(b"\r\nC", b"\r\nhello there\r\n folded\r\nC", 1)]), End.COMPLETE),
    "/8-bit": (Answer([OK.replace(b"\r\nC", b"\r\nX: \xc7\xe1\xff\r\nC", 1)]), End.COMPLETE),
    "/lf": (Answer([OK.replace(b"\r\n", b"\n")]), End.COMPLETE),
    "/hints": (Answer([b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3, OK]), End.COMPLETE),
    "/blank": (Answer([b"\r\n\r\n" + OK]), End.COMPLETE),
    "/chunked": (
        Answer([CHUNKED, b'3;x="y"\r\nab', b"c\r\n00F\r\n" + b"d" * 15 + b"\r\n0\r\nT: r\r\n\r\n"]),
        End.COMPLETE,
    ),
    "/lf-chunks": (Answer([CHUNKED + b"3\nabc\n0\n\n"]), End.COMPLETE),
    "/both": (
        Answer([CHUNKED.replace(b"\r\n", b"\r\nContent-Length: 1\r\n", 1) + b"1\r\na\r\n0\r\n\r\n"]),
        End.COMPLETE,
    ),
    "/twice": (Answer([OK.replace(b"\r\nC", b"\r\nContent-Length: 5\r\nC", 1)]), End.COMPLETE),
    "/gzip": (
        Answer(
            [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED), ZIPPED]
        ),
        End.COMPLETE,
    ),
    "/1.0": (Answer([b"HTTP/1.0 200 OK\r\n\r\nhel", b"lo"], "close"), End.COMPLETE),
    "/negative": (Answer([b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello"], "close"), End.COMPLETE),
    "/close": (Answer([OK.replace(b"\r\nC", b"\r\nConnection: close\r\nC", 1)], "close"), End.COMPLETE),
    "/big": (
        Answer([OK.replace(b"5\r\n\r\nhello", b"40000\r\n\r\n"), b"x" * 25_000, b"y" * 15_000]),
        End.COMPLETE,
    ),
    "/cut": (Answer([OK[:-2]], "close"), End.DISCONNECT),
    "/cut-chunk": (Answer([CHUNKED + b"a\r\nhello"], "close"), End.DISCONNECT),
    "/no-last-chunk": (Answer([CHUNKED + b"5\r\nhello\r\n"], "close"), End.DISCONNECT),
    "/reset": (Answer([OK[:-2]], "reset"), End.DISCONNECT),
    "/bad-chunk": (Answer([CHUNKED + b"zz\r\nhello"], "hang"), End.UNSPECIFIED),
}


@pytest.mark.parametrize("concurrency", [1, 16])
def test_every_odd_exchange_is_kept_byte_for_byte_in_both_directions(run, client_of, concurrency):
    async def crawl() -> None:
        gate = asyncio.Semaphore(concurrency)
        async with (
            raw_server({path: answer for path, (answer, _) in ODD.items()}) as server,
            client_of(server) as client,
        ):

            async def ask(path: str) -> tuple[str, tuple[Exchange, ...]]:
                async with gate:
                    return path, (await outcome(client, f"http://odd.test{path}"))[0]

            asked = await asyncio.gather(*(ask(path) for path in [*ODD] * 3))
        for path, exchanges in asked:
            assert [exchange.end for exchange in exchanges[-1:]] == [ODD[path][1]], path
            assert exchanges[-1].url == f"http://odd.test{path}"
            assert exchanges[-1].ip == "127.0.0.1"
        kept = sorted((wire(exchange) for _, exchanges in asked for exchange in exchanges), key=repr)
        assert kept == sorted(server.log, key=repr)
        assert server.connections < len(ODD) * 3 - 20  # the good ones shared theirs

    run(crawl())


def test_the_request_is_written_as_it_is_given(run, client_of):
    async def ask() -> None:
        async with raw_server({"/a%20b?q=%D8%A7&": Answer([OK])}) as server, client_of(server) as client:
            headers = [(b"user-AGENT", b"x"), (b"A", b"1"), (b"B", b"2"), (b"a", b"3")]
            received = await client.fetch(
                "POST", "http://Odd.test:81/a%20b?q=%D8%A7&#there", headers, b"bo\r\n\r\ndy"
            )
        expected = (
            b"POST /a%20b?q=%D8%A7& HTTP/1.1\r\nHost: Odd.test:81\r\nuser-AGENT: x\r\nA: 1\r\nB: 2\r\na: 3\r\n"
            b"Content-Length: 8\r\n\r\nbo\r\n\r\ndy"
        )
        assert server.log == [Logged(expected, OK)]
        assert received.exchanges == (
            Exchange(
                id=UUID(int=1),
                url="http://Odd.test:81/a%20b?q=%D8%A7&",
                began=NOW,
                request=expected,
                head=OK[:-5],
                body=b"hello",
                end=End.COMPLETE,
                ip="127.0.0.1",
                method="POST",
            ),
        )

    run(ask())


def test_the_payload_is_the_body_without_its_chunks(run, client_of):
    async def ask() -> None:
        async with (
            raw_server({path: answer for path, (answer, _) in ODD.items()}) as server,
            client_of(server) as client,
        ):
            assert (await client.fetch("GET", "http://odd.test/chunked")).payload == b"abc" + b"d" * 15
            assert (await client.fetch("GET", "http://odd.test/gzip")).payload == ZIPPED
            assert (await client.fetch("HEAD", "http://odd.test/304")).payload == b""

    run(ask())


@pytest.mark.parametrize(
    ("answer", "error", "reason", "end", "head", "body"),
    [
        (Answer([], "close"), fails.EmptyReply, "empty_reply", End.DISCONNECT, b"", b""),
        (Answer([], "reset"), fails.EmptyReply, "empty_reply", End.DISCONNECT, b"", b""),
        (Answer([OK[:20]], "close"), fails.Cut, "dataloss", End.DISCONNECT, b"", b""),
        (Answer([OK[:-2]], "close"), fails.Cut, "dataloss", End.DISCONNECT, OK[:-5], b"hel"),
        (
            Answer([b"HTTP/1.0 200 OK\r\n\r\nhel"], "reset"),
            fails.Cut,
            "dataloss",
            End.DISCONNECT,
            b"HTTP/1.0 200 OK\r\n\r\n",
            b"hel",
        ),
        (Answer([b"<html>"], "hang"), fails.BadMessage, "protocol_error", End.UNSPECIFIED, b"", b""),
        (
            Answer([CHUNKED + b"zz\r\nabc"], "hang"),
            fails.BadMessage,
            "protocol_error",
            End.UNSPECIFIED,
            CHUNKED,
            b"zz\r\nabc",
        ),
        (
            Answer([b"HTTP/1.1 200 OK\r\nX: ", b"x" * 5000], "hang"),
            fails.HeadTooLarge,
            "header_too_large",
            End.LENGTH,
            b"",
            b"",
        ),
        (Answer([OK[:-2]], "hang"), fails.Idle, "idle", End.TIME, OK[:-5], b"hel"),
        (Answer([], "hang"), fails.Idle, "idle", End.TIME, b"", b""),
        (
            Answer([OK.replace(b"5\r", b"99000000000\r")], "hang"),
            fails.TooLarge,
            "too_large",
            End.LENGTH,
            None,
            b"hello",
        ),
        (
            Answer([CHUNKED, *[b"2710\r\n" + b"x" * 10000 + b"\r\n"] * 9]),
            fails.TooLarge,
            "too_large",
            End.LENGTH,
            CHUNKED,
            None,
        ),
    ],
)
def test_what_did_not_come_whole_says_why_and_keeps_what_came(
    run, client_of, answer, error, reason, end, head, body
):
    async def ask() -> None:
        limits = Limits(head_bytes=4096, body_bytes=50_000, idle_seconds=0.1)
        async with raw_server({"/": answer}) as server, client_of(server, limits=limits) as client:
            with pytest.raises(error) as caught:
                await client.fetch("GET", "http://odd.test")
        (exchange,) = caught.value.exchanges
        assert (caught.value.reason, exchange.end) == (reason, end)
        assert exchange.head == (exchange.head if head is None else head)
        assert body_of(exchange) == (
            server.log[0].sent[len(exchange.head) :][:50_000] if body is None else body
        )
        assert exchange.request == server.log[0].request

    run(ask())


def test_an_answer_that_drips_for_ever_ends_with_the_time(run, client_of):
    async def drip(peer: Peer) -> None:
        logged = await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n", logged)
        while True:
            await peer.send(b"x", logged)
            await asyncio.sleep(0.01)

    async def ask() -> None:
        async with raw_server(drip) as server, client_of(server) as client:
            with pytest.raises(fails.TimedOut) as caught:
                await client.fetch("GET", "http://odd.test/", seconds=0.2)
        (exchange,) = caught.value.exchanges
        assert (caught.value.reason, exchange.end) == ("timeout", End.TIME)
        assert server.log[0].sent.startswith(exchange.head + body_of(exchange))
        assert body_of(exchange)

    run(ask())


def test_bytes_after_the_message_are_not_part_of_it_and_end_the_connection(run, client_of):
    async def ask() -> None:
        answers = {"/over": Answer([OK + b"surplus"]), "/": Answer([OK])}
        async with raw_server(answers) as server, client_of(server) as client:
            received = await client.fetch("GET", "http://odd.test/over")
            assert wire(received.exchanges[0]).sent == OK
            await client.fetch("GET", "http://odd.test/")
            assert server.connections == 2

    run(ask())


def test_kept_connections_are_used_again_and_never_beyond_their_place(run, client_of):
    async def ask() -> None:
        async with raw_server({"/": Answer([OK])}) as server, client_of(server) as client:
            for _ in range(3):
                await client.fetch("GET", "http://odd.test/")
            assert server.connections == 1
            await client.fetch("GET", "http://even.test/")
            assert server.connections == 2

    run(ask())


async def answers_once(peer: Peer) -> None:
    """Keeps the connection, and closes it when the second request is there."""
    await peer.send(OK, await peer.request())
    await peer.request()


def test_a_stale_connection_costs_one_more_exchange_and_no_error(run, client_of):
    async def ask() -> None:
        async with raw_server(answers_once) as server, client_of(server) as client:
            await client.fetch("GET", "http://odd.test/")
            received = await client.fetch("GET", "http://odd.test/")
        stale, good = received.exchanges
        assert (stale.end, stale.head, stale.request) == (End.DISCONNECT, b"", good.request)
        assert good.id != stale.id
        assert [wire(stale), wire(good)] == server.log[1:]

    run(ask())


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_may_not_be_repeated_is_not_sent_again(run, client_of, method):
    async def ask() -> None:
        async with raw_server(answers_once) as server, client_of(server) as client:
            await client.fetch("GET", "http://odd.test/")
            with pytest.raises(fails.EmptyReply) as caught:
                await client.fetch(method, "http://odd.test/", body=b"x")
        assert len(server.log) == 2
        assert len(caught.value.exchanges) == 1

    run(ask())


@pytest.mark.parametrize("secure", [False, True])
def test_a_large_body_is_spooled_whole_while_memory_stays_flat(run, client_of, tmp_path, secure):
    chunk = b"%x\r\n" % 300_000 + bytes(range(250)) * 1200 + b"\r\n"

    async def large(peer: Peer) -> None:
        logged = await peer.request()
        await peer.send(CHUNKED, logged)
        for _ in range(100):
            peer.writer.write(chunk)
            await peer.writer.drain()
        await peer.send(b"0\r\n\r\n", Logged(b""))

    async def ask() -> None:
        limits = Limits(payload_bytes=1_000_000)
        server_tls, client_tls = tls_pair("odd.test")
        tracemalloc.start()
        try:
            async with (
                raw_server(large, server_tls if secure else None) as server,
                client_of(server, limits=limits, tls=client_tls) as client,
            ):
                received = await client.fetch("GET", f"http{'s' if secure else ''}://odd.test/")
            assert tracemalloc.get_traced_memory()[1] < 12_000_000
        finally:
            tracemalloc.stop()
        assert received.payload is None
        (exchange,) = received.exchanges
        assert exchange.body == tmp_path / "bodies" / f"{exchange.id}.body"
        assert body_of(exchange) == chunk * 100 + b"0\r\n\r\n"

    run(ask())


def test_a_body_that_the_disk_does_not_take_is_no_response(run, client_of, tmp_path):
    async def ask() -> None:
        (tmp_path / "bodies").write_text("in the way")
        async with raw_server({"/": ODD["/big"][0]}) as server, client_of(server) as client:
            with pytest.raises(SpoolError):
                await client.fetch("GET", "http://odd.test/")

    run(ask())


def test_one_who_gives_up_leaves_nothing_behind(run, client_of, tmp_path):
    async def ask() -> None:
        asked = asyncio.Event()

        async def endless(peer: Peer) -> None:
            logged = await peer.request()
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 40_000, logged)
            asked.set()
            await peer.reader.read()

        async with raw_server(endless) as server, client_of(server) as client:
            fetching = asyncio.create_task(client.fetch("GET", "http://odd.test/"))
            await asked.wait()
            fetching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetching
        assert not [*tmp_path.glob("bodies/*")]

    run(ask())


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://odd.test/", "scheme_refused"),
        ("file:///etc/passwd", "scheme_refused"),
        ("gopher://odd.test/", "scheme_refused"),
        ("data:text/html,x", "scheme_refused"),
        ("//odd.test/", "scheme_refused"),
        ("http:odd.test/", "bad_request"),
        ("http://odd.test/a b", "bad_request"),
        ("http://odd.test/a\r\nX: y", "bad_request"),
        ("http://odd.test/\x00", "bad_request"),
        ("http://odd.test/ا", "bad_request"),
        ("http://user:secret@odd.test/", "bad_request"),
        ("http://1.1.1.1 &@2.2.2.2#", "bad_request"),
        ("http://odd.test\\@even.test/", "bad_request"),
        ("http://①②⑦.0.0.1/", "bad_request"),
        ("http://[::1", "bad_request"),
        ("http://odd.test:99999/", "bad_request"),
        ("http://odd.test:0/", "bad_request"),
        ("http:///x", "bad_request"),
    ],
)
def test_a_url_that_can_be_read_in_two_ways_is_not_asked_for(run, client_of, url, reason):
    async def ask() -> None:
        async with raw_server({"/": Answer([OK])}) as server, client_of(server) as client:
            with pytest.raises(fails.BadRequest) as caught:
                await client.fetch("GET", url)
        assert (caught.value.reason, caught.value.exchanges, server.connections) == (reason, (), 0)

    run(ask())


@pytest.mark.parametrize(
    "header",
    [
        (b"X", b"a\r\nY: b"),
        (b"X", b"\x00"),
        (b"X\n", b""),
        (b"X y", b""),
        (b"", b""),
        (b"Content-Length", b"9"),
        (b"Transfer-Encoding", b"chunked"),
    ],
)
def test_a_header_that_would_be_more_than_itself_is_not_written(run, client_of, header):
    async def ask() -> None:
        async with raw_server({"/": Answer([OK])}) as server, client_of(server) as client:
            with pytest.raises(fails.BadRequest):
                await client.fetch("GET", "http://odd.test/", [header])
        assert server.connections == 0

    run(ask())


# --- addresses ---


def names(**known: list[str]):
    async def resolve(host: str, port: int) -> list[str]:
        return known[host]

    return resolve


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["93.184.216.34", "127.0.0.1"],
    ],
)
def test_a_name_with_any_address_we_do_not_visit_is_refused_before_the_connect(run, client_of, addresses):
    async def ask() -> None:
        async with (
            raw_server({"/": Answer([OK])}) as server,
            client_of(None, resolve=names(rebound=addresses)) as client,
        ):
            with pytest.raises(fails.AddressRefused) as caught:
                await client.fetch("GET", f"http://rebound:{server.port}/")
        assert (caught.value.reason, caught.value.exchanges, server.connections) == ("ssrf_blocked", (), 0)

    run(ask())


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "0",
        "2852039166",
        "0251.0376.0251.0376",
    ],
)
def test_no_spelling_of_a_private_address_is_dialled(run, client_of, host):
    from crawler.wire.dial import system_resolve  # literals only: no name goes out

    async def ask() -> None:
        async with (
            raw_server({"/": Answer([OK])}) as server,
            client_of(None, resolve=system_resolve) as client,
        ):
            with pytest.raises(fails.AddressRefused):
                await client.fetch("GET", f"http://{host}:{server.port}/")
        assert server.connections == 0

    run(ask())


def test_connect_to_permits_the_address_that_it_names_and_no_other(run, client_of):
    async def ask() -> None:
        async with raw_server({"/": Answer([OK])}) as server:
            connect_to = ConnectTo.parse(f"odd.test:80:127.0.0.1:{server.port}")
            resolve = names(**{"even.test": ["127.0.0.1"]})
            async with client_of(None, connect_to=connect_to, resolve=resolve) as client:
                assert (await client.fetch("GET", "http://odd.test/")).ip == "127.0.0.1"
                with pytest.raises(fails.AddressRefused):
                    await client.fetch("GET", f"http://even.test:{server.port}/")
                with pytest.raises(fails.AddressRefused):
                    await client.fetch("GET", "http://127.0.0.1/")

    run(ask())


@pytest.fixture
def dead_port(run):
    async def free() -> int:
        async with raw_server({}) as server:
            return server.port

    return run(free())


def local_names(*addresses: str):
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def test_a_refused_connect_is_no_exchange(run, client_of, dead_port):
    async def ask() -> None:
        connect_to = ConnectTo.parse(f"::127.0.0.1:{dead_port}")
        async with client_of(None, connect_to=connect_to) as client:
            with pytest.raises(fails.ConnectFailed) as caught:
                await client.fetch("GET", "http://odd.test/")
        assert (caught.value.reason, caught.value.exchanges) == ("connect_failed", ())

    run(ask())


def test_a_name_with_a_dead_and_a_live_address_is_reached_on_the_live_one(run, client_of):
    async def ask() -> None:
        async with raw_server({"/": Answer([OK])}) as server:  # listens on 127.0.0.1 only
            connect_to = ConnectTo.parse(f"::two.test:{server.port}")
            async with client_of(
                None, connect_to=connect_to, resolve=local_names("127.0.0.2", "127.0.0.1")
            ) as client:
                assert (await client.fetch("GET", "http://odd.test/")).ip == "127.0.0.1"

    run(ask())


def test_a_name_without_address_is_no_exchange(run, client_of):
    async def ask() -> None:
        async with client_of(None) as client:
            with pytest.raises(fails.NameUnresolved) as caught:
                await client.fetch("GET", "http://odd.test/")
        assert (caught.value.reason, caught.value.exchanges) == ("dns", ())

    run(ask())


# --- TLS ---


def tls_pair(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    authority.configure_trust(client)
    return server, client


def test_exchanges_over_tls_are_kept_as_the_server_sees_them(run, client_of):
    async def crawl() -> None:
        server_tls, client_tls = tls_pair("odd.test")
        answers = {path: answer for path, (answer, _) in ODD.items() if answer.then != "reset"}
        async with raw_server(answers, server_tls) as server, client_of(server, tls=client_tls) as client:
            asked = [(path, *await outcome(client, f"https://odd.test{path}")) for path in answers]
        for path, exchanges, result in asked:
            assert exchanges[-1].end == ODD[path][1], path
            if isinstance(result, Received):
                assert b"odd.test" in (result.certificate_der or b"")
        kept = [wire(exchange) for _, exchanges, _ in asked for exchange in exchanges]
        assert kept == server.log

    run(crawl())


@pytest.mark.parametrize("trusted", [True, False])
def test_a_host_that_cannot_prove_its_name_is_asked_nothing(run, client_of, trusted):
    async def ask() -> None:
        server_tls, client_tls = tls_pair("other.test" if trusted else "odd.test")
        tls = client_tls if trusted else ssl.create_default_context()
        async with (
            raw_server({"/": Answer([OK])}, server_tls) as server,
            client_of(server, tls=tls) as client,
        ):
            with pytest.raises(fails.TlsFailed) as caught:
                await client.fetch("GET", "https://odd.test/")
        assert (caught.value.reason, caught.value.exchanges, server.log) == ("tls_error", (), [])

    run(ask())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_a_host_without_tls_fails_by_name(run, client_of, answer):
    async def plain(peer: Peer) -> None:
        await peer.reader.read(10)
        peer.writer.write(answer)

    async def ask() -> None:
        async with raw_server(plain) as server, client_of(server) as client:
            with pytest.raises(fails.TlsFailed):
                await client.fetch("GET", "https://odd.test/")

    run(ask())


def test_a_handshake_that_hangs_ends_with_the_time(run, client_of):
    async def silent(peer: Peer) -> None:
        await peer.reader.read()

    async def ask() -> None:
        async with raw_server(silent) as server, client_of(server) as client:
            with pytest.raises(fails.TimedOut):
                await client.fetch("GET", "https://odd.test/", seconds=0.2)

    run(ask())


# --- proxies ---


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_tunnel_carries_the_exchange_and_no_password_is_kept(run, client_of, scheme):
    async def ask() -> None:
        server_tls, client_tls = tls_pair("odd.test")
        async with (
            raw_server({"/": Answer([OK])}, server_tls if scheme == "https" else None) as server,
            raw_server(proxy_to(server.port)) as proxy,
            client_of(None, tls=client_tls, proxy=f"http://us%3Aer:s3cret@127.0.0.1:{proxy.port}") as client,
        ):
            first = await client.fetch("GET", f"{scheme}://odd.test/")
            second = await client.fetch("GET", f"{scheme}://odd.test/")
        port = 443 if scheme == "https" else 80
        assert [logged.request for logged in proxy.log] == [
            b"CONNECT odd.test:%d HTTP/1.1\r\nHost: odd.test:%d\r\nProxy-Authorization: Basic dXM6ZXI6czNjcmV0\r\n\r\n"
            % (port, port)
        ]
        assert [wire(exchange) for exchange in first.exchanges + second.exchanges] == server.log
        assert server.log[0].request.startswith(b"GET / HTTP/1.1\r\nHost: odd.test\r\n")
        assert first.ip is None

    run(ask())


def test_a_plain_proxy_is_asked_in_absolute_form(run, client_of):
    async def ask() -> None:
        async with (
            raw_server(proxy_to(0)) as proxy,
            client_of(None, proxy=f"http://127.0.0.1:{proxy.port}") as client,
        ):
            received = await client.fetch("GET", "http://odd.test:81/a?b")
        assert proxy.log == [wire(received.exchanges[0])]
        assert proxy.log[0].request.startswith(
            b"GET http://odd.test:81/a?b HTTP/1.1\r\nHost: odd.test:81\r\n"
        )
        assert received.exchanges[0].ip is None

    run(ask())


@pytest.mark.parametrize(("scheme", "kept"), [("http", 1), ("https", 0)])
def test_a_proxy_that_refuses_is_a_failure_of_the_proxy(run, client_of, scheme, kept):
    async def ask() -> None:
        refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
        async with (
            raw_server(proxy_to(0, refusal)) as proxy,
            client_of(None, proxy=f"http://127.0.0.1:{proxy.port}") as client,
        ):
            with pytest.raises(fails.ProxyFailed) as caught:
                await client.fetch("GET", f"{scheme}://odd.test/")
        assert (caught.value.reason, len(caught.value.exchanges)) == ("proxy_error", kept)

    run(ask())


def test_a_private_address_is_not_asked_of_a_proxy_either(run, client_of):
    async def ask() -> None:
        async with (
            raw_server(proxy_to(0)) as proxy,
            client_of(None, proxy=f"http://127.0.0.1:{proxy.port}") as client,
        ):
            with pytest.raises(fails.AddressRefused):
                await client.fetch("GET", "http://169.254.169.254/latest")
        assert proxy.log == []

    run(ask())


def test_a_proxy_that_is_not_there_is_a_failure_of_the_proxy(run, client_of, dead_port):
    async def ask() -> None:
        async with client_of(None, proxy=f"http://127.0.0.1:{dead_port}") as client:
            with pytest.raises(fails.ProxyFailed):
                await client.fetch("GET", "http://odd.test/")

    run(ask())


@pytest.mark.parametrize(
    "proxy",
    ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "127.0.0.1:1", "http://u:s3cret@127.0.0.1", "http://a:x"],
)
def test_a_proxy_we_cannot_use_is_the_users_mistake_and_its_password_stays_unsaid(run, client_of, proxy):
    async def make() -> None:
        with pytest.raises(WrongUse) as caught:
            async with client_of(None, proxy=proxy):
                pass
        assert "s3cret" not in str(caught.value)

    run(make())
