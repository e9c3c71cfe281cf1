"""No URL, however written, leads to a connect inside: in a whole crawl, and at the client alone."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from crawler.wire import failure as fails
from crawler.wire.address import is_inward
from crawler.wire.client import Client
from tests.crawling import Archive, Ran, scrapy
from tests.faults.addresses import ENCODED, NAMES, PLAIN, URLS, WRAPPED
from tests.faults.case import Article
from tests.faults.serving import serving
from tests.raw import Answer, raw_server
from tests.test_faults import SETTINGS

FIRST = 5001
IDS = {url: FIRST + at for at, (_, url) in enumerate(URLS)}
RESOLVED = {  # hosts of the site's own, as their DNS may be tomorrow
    4001: (53, "http://www.anapress.net/a/4001", ("refused", "ssrf_blocked")),
    4002: (53, "http://anapress.net./a/4002", ("refused", "ssrf_blocked")),
    4003: (54, "http://www.anapress.net./a/4003", ("failed", "connect_failed")),
}
INSIDE = "http://169.254.169.254/latest/meta-data/"
PAGES = {
    4011: f'<meta http-equiv="refresh" content="0; url={INSIDE}">',
    4012: f'<base href="{INSIDE}"><link rel="canonical" href="{INSIDE}">',
    4013: f'<script src="{INSIDE}"></script><link rel="stylesheet" href="{INSIDE}"><iframe src="{INSIDE}"></iframe>',
}


@dataclass(frozen=True, slots=True)
class Crawled:
    ran: Ran
    edge: list[str]  #: what was resolved, and where a socket was led to
    port: int
    takes: dict[int, list[dict[str, Any]]]
    items: dict[int, dict[str, Any]]
    asked: list[bytes]

    def outcome(self, id: int) -> tuple[str, str | None]:
        (take,) = self.takes[id]
        return take["outcome"], take["reason"]


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    """Every form as the Location of a redirect, behind a wall that notes each address a socket is led to."""
    folder = tmp_path_factory.mktemp("inward")
    answers = {id: [Article(id).moved(url.replace("{", "{{"))] for url, id in IDS.items()}
    answers |= {id: [Article(id).moved(url)] for id, (_, url, _) in RESOLVED.items()}
    answers |= {
        id: [Answer([Article(id).whole(body=Article(id).html(head=head).encode())])]
        for id, head in PAGES.items()
    }
    with serving(answers, folder) as hosts:
        settings = {
            **SETTINGS,
            "ARCHIVE_URL": folder / "archive",
            "CONNECT_TO": f"anapress.net:80:127.0.0.1:{hosts.port}",
            "ASYNCIO_EVENT_LOOP": "asyncio.SelectorEventLoop",  # uvloop's sockets are not Python's, so no audit hook sees them
        }
        ids = f"-aids={','.join(map(str, answers))}"
        given = [f"-s{name}={value}" for name, value in settings.items()]
        environment = {"TEST_EDGE_LOG": str(folder / "edge.log"), "TEST_EDGE_PORTS": str(hosts.port)}
        ran = scrapy(
            "crawl", "anapress", "-arequisites=0", ids, "-adiscover=none", *given, environment=environment
        )
        asked = [one.request for one in hosts.log]
    archive = Archive(folder / "archive")
    edge = (folder / "edge.log").read_text().splitlines()
    return Crawled(ran, edge, hosts.port, archive.takes(), archive.items(), asked)


def each(urls: Sequence[tuple[int, str]]) -> Any:
    return pytest.mark.parametrize(
        "url", [pytest.param(url, id=ascii(url), marks=pytest.mark.fault(number)) for number, url in urls]
    )


def test_there_are_more_forms_than_157() -> None:
    assert len({url for _, url in URLS}) == len(URLS) > 157


# A whole crawl


@pytest.mark.fault(50)
@pytest.mark.fault(51)
@pytest.mark.fault(52)
@pytest.mark.fault(53)
@pytest.mark.fault(54)
@pytest.mark.fault(55)
@pytest.mark.fault(56)
def test_no_redirect_leads_a_socket_anywhere_but_to_the_site(crawled: Crawled) -> None:
    connects = {line.removeprefix("connect ") for line in crawled.edge if line.startswith("connect ")}
    assert connects == {f"127.0.0.1 {crawled.port}", "93.184.216.34 80"}
    resolved = {line.removeprefix("resolve ") for line in crawled.edge if line.startswith("resolve ")}
    assert resolved == {"www.anapress.net", "anapress.net.", "www.anapress.net."}
    assert not [line for line in crawled.edge if line.startswith("getaddrinfo ")]


@each(URLS)
def test_a_redirect_inside_is_an_outcome_and_asked_once(crawled: Crawled, url: str) -> None:
    id = IDS[url]
    assert crawled.outcome(id)[0] in {"refused", "failed", "not_article"}
    assert sum(f"/a/{id} ".encode() in request for request in crawled.asked) == 1
    assert id not in crawled.items


@each(
    [
        (50 + at, f"http://{host}/latest/meta-data/")
        for at, hosts in enumerate((PLAIN, ENCODED, WRAPPED))
        for host in hosts
    ]
)
def test_a_redirect_to_an_address_inside_is_refused_by_name(crawled: Crawled, url: str) -> None:
    assert crawled.outcome(IDS[url]) == ("refused", "ssrf_blocked")


@pytest.mark.parametrize(
    ("id", "outcome"),
    [
        pytest.param(id, outcome, id=url, marks=pytest.mark.fault(n))
        for id, (n, url, outcome) in RESOLVED.items()
    ],
)
def test_a_host_of_the_sites_own_is_judged_by_every_address_that_it_has(
    crawled: Crawled, id: int, outcome: tuple[str, str]
) -> None:
    assert crawled.outcome(id) == outcome


@pytest.mark.fault(54)
def test_a_name_that_changes_its_address_is_connected_to_as_it_was_judged(crawled: Crawled) -> None:
    assert crawled.edge.count("resolve www.anapress.net.") == 1
    assert crawled.edge.count("connect 93.184.216.34 80") == 2
    assert "connect 127.0.0.1 80" not in crawled.edge


@pytest.mark.fault(55)
@pytest.mark.parametrize("id", PAGES)
def test_what_a_page_points_to_is_data(crawled: Crawled, id: int) -> None:
    assert crawled.outcome(id) == ("article", None)


@pytest.mark.fault(50)
def test_the_crawl_goes_on(crawled: Crawled) -> None:
    assert crawled.ran.code == 4
    assert "Traceback" not in crawled.ran.said
    assert crawled.takes.keys() == {*IDS.values(), *RESOLVED, *PAGES}


# The client alone


async def literal_or_known(host: str, port: int) -> list[str]:
    """As the machine's resolver reads numbers, and names as in the table; nothing is asked of anybody."""
    if host in NAMES:
        return NAMES[host]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [str(address[0]) for *_, address in found]


@each(URLS)
def test_the_client_connects_to_none_of_them(url: str, tmp_path: Path) -> None:
    led: list[object] = []

    async def ask() -> None:
        async def create_connection(*where: object, **_: object) -> None:
            led.append(where)
            raise OSError("the wall of the tests")

        asyncio.get_running_loop().create_connection = create_connection  # type: ignore[method-assign, assignment]
        with pytest.raises((fails.AddressRefused, fails.BadRequest, fails.NameUnresolved)):
            await client(tmp_path).fetch("GET", url)

    asyncio.run(ask())
    assert not led


@pytest.mark.fault(50)
def test_an_address_of_this_machine_itself_is_left_before_a_byte_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of them are public nobody knows before the connect."""
    monkeypatch.setattr("crawler.wire.dial.is_public", lambda _: True)

    async def ask() -> None:
        async with raw_server({}) as server:
            with pytest.raises(fails.AddressRefused):
                await client(tmp_path).fetch("GET", f"http://127.0.0.1:{server.port}/")
            assert not server.log

    asyncio.run(ask())


def client(folder: Path) -> Client:
    return Client(
        clock=lambda: datetime.now(UTC),
        new_id=uuid4,
        tls=ssl.create_default_context(),
        spool_dir=folder,
        resolve=literal_or_known,
    )


@pytest.mark.fault(51)
@pytest.mark.parametrize(
    "host",
    [
        "1.1.1.1",
        "16843009",
        "0x1010101",
        "example.com",
        "face",
        "0x",
        "",
        "1.2.3.4.5",
        "256.1.1.1",
        "[2606:4700::1111]",
    ],
)
def test_a_public_address_or_a_name_is_not_inward(host: str) -> None:
    assert not is_inward(host)
