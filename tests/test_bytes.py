"""Exact bytes: what went over the site's connections and what the WARC files hold are the same, both ways."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import trustme

from crawler.wire.address import ConnectTo
from crawler.wire.client import Client
from crawler.wire.failure import Failure
from crawler.wire.limits import Limits
from tests.crawling import QUICK, House, Record
from tests.site import FAULTS, SEED_ID, Logged, Site, id_of, running_site, seed_ids

ARTICLES = 40
TAKEN = (*FAULTS.values(), SEED_ID, *seed_ids(), *map(id_of, range(ARTICLES)))

# The exceptions. Where no whole HTTP head came there is no response, so no record could hold its bytes as
# one (WARC 1.1, 6.3.2 wants an HTTP response in it); the request is kept all the same.
HEADLESS = {
    "empty_reply": "closed without a byte",
    "status_line_only": "closed inside the head",
    "head_cut": "closed inside the head",
    "status_garbage": "not a status line",
    "status_icy": "not a status line",
    "http09": "HTTP/0.9 has no head",
    "header_huge": "more head than we take",
    "headers_many": "more head than we take",
}
# Where we hung up first, the record holds what we took until then, and says why it is not all.
PREFIX = {
    "endless": "length",  # DOWNLOAD_MAXSIZE reached
    "chunked_bad_size": "unspecified",  # behind a broken chunk nothing has a meaning
    "length_unequal": "unspecified",  # nobody can say where this body ends
}
# All that was sent is kept, but it is less than the head promised.
SHORT = {"body_cut": "disconnect", "chunked_cut": "disconnect", "chunked_no_end": "disconnect"}

# A request into a connection that the site was just closing is on the wire, and asked again on a fresh one;
# the site never read it, so its log can't have it: see `unheard`.
# Over TLS the replica stalls where it sends piece by piece.
STREAMED = {FAULTS["endless"], FAULTS["drip"]}

NAMES = {id: name for name, id in FAULTS.items()}


@dataclass(frozen=True, slots=True)
class Captured:
    """One exchange as the WARC has it."""

    request: bytes
    response: Record | None
    interim: bytes
    uri: str


def captured(records: list[Record]) -> list[Captured]:
    """The exchanges of an archive: a request, and the records that are concurrent to it."""
    by_id = {record.id: record for record in records}
    hints = {record.headers["WARC-Concurrent-To"]: record for record in records if record.type == "metadata"}
    exchanges = []
    for record in records:
        if record.type == "request":
            response = by_id.get(record.headers.get("WARC-Concurrent-To", ""))
            interim = hints.get(response.id) if response else None
            uri = record.headers["WARC-Target-URI"]
            exchanges.append(Captured(record.block, response, interim.block if interim else b"", uri))
    return exchanges


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Path, Path]]:
    """An authority's certificate; and the site's, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert("anapress.net", "www.anapress.net")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(folder / "chain.pem", append=True)
    return folder / "ca.pem", (folder / "chain.pem", folder / "key.pem")


@dataclass(frozen=True, slots=True)
class Compared:
    """The site's log and the archive side by side: each exchange of one with its own of the other."""

    site: list[Logged]
    records: list[Record]
    pairs: list[tuple[Logged, Captured]]
    missed: list[Logged]  #: in no WARC as they were on the wire
    left: list[Captured]  #: in no log


def compare(site: list[Logged], records: list[Record]) -> Compared:
    left = captured(records)
    whole = {record.id: record for record in records if record.type == "response"}
    pairs, missed = [], []
    for logged in site:
        at = next((at for at, capture in enumerate(left) if _same(logged, capture, whole)), None)
        if at is None:
            missed.append(logged)
        else:
            pairs.append((logged, left.pop(at)))
    return Compared(site, records, pairs, missed, left)


def _same(logged: Logged, capture: Captured, whole: dict[str, Record]) -> bool:
    return (
        logged.request == capture.request
        and logged.interim == capture.interim
        and _answers(logged, capture.response, whole)
    )


def _answers(logged: Logged, record: Record | None, whole: dict[str, Record]) -> bool:
    """Whether the record is this very response, by the tables above where it is not all of it."""
    name = NAMES.get(logged.article_id or 0, "")
    if record is None:
        return name in HEADLESS or not logged.response
    if record.type == "revisit":
        original = whole[record.headers["WARC-Refers-To"]]
        return logged.response[: head_end(logged.response)] == record.block and payload(
            logged.response
        ) == payload(original.block)
    truncated = record.headers.get("WARC-Truncated")
    if name in PREFIX:
        return truncated == PREFIX[name] and logged.response.startswith(record.block)
    return truncated == SHORT.get(name) and logged.response == record.block


def unheard(capture: Captured, site: list[Logged]) -> bool:
    """Whether this request may have been lost in a closing connection, and was asked again."""
    again = sum(logged.request == capture.request for logged in site)
    return capture.response is None and again > 0


def head_end(message: bytes) -> int:
    """Where the head ends: behind the first empty line."""
    ends = [at + len(end) for end in (b"\r\n\r\n", b"\n\n") if (at := message.find(end)) >= 0]
    return min(ends)


def payload(message: bytes) -> bytes:
    """A response's body without its chunks; only those of the site's own plain forms."""
    end = head_end(message)
    body = message[end:]
    if b"transfer-encoding: chunked" not in message[:end].lower():
        return body
    pieces = []
    while body:
        line, _, body = body.partition(b"\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        pieces.append(body[:size])
        body = body[size:].lstrip(b"\r").removeprefix(b"\n")
    return b"".join(pieces)


@pytest.fixture(scope="module", params=[1, 16], ids=["alone", "sixteen"])
def crawled(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    certificates: tuple[Path, tuple[Path, Path]],
) -> Compared:
    """All faults and some articles, crawled over so many connections at once."""
    folder = tmp_path_factory.mktemp("bytes")
    authority, tls = certificates
    with running_site(folder, articles=ARTICLES, tls=tls) as site:
        house = House(folder, site)
        ran = house.crawl(
            TAKEN,
            environment={"SSL_CERT_FILE": str(authority)},
            CONCURRENT_REQUESTS=request.param,
            CONCURRENT_REQUESTS_PER_DOMAIN=request.param,
        )
        assert ran.code == 4, ran.said
    return compare(site.exchanges(), house.archive.records())


def test_every_fault_was_met_on_the_wire(crawled: Compared) -> None:
    assert {*FAULTS.values()} <= {logged.article_id for logged in crawled.site}


def test_every_exchange_of_the_site_is_in_the_archive_byte_for_byte(crawled: Compared) -> None:
    assert not [_told(logged) for logged in crawled.missed]


def test_nothing_is_in_the_archive_that_the_site_did_not_see(crawled: Compared) -> None:
    assert not [capture for capture in crawled.left if not unheard(capture, crawled.site)]


def test_every_response_record_has_its_request(crawled: Compared) -> None:
    answered = {capture.response.id for capture in captured(crawled.records) if capture.response}
    assert answered == {record.id for record in crawled.records if record.type in {"response", "revisit"}}


def test_a_record_is_filed_under_the_url_that_was_asked(crawled: Compared) -> None:
    for capture in captured(crawled.records):
        line, host = capture.request.split(b"\r\n")[:2]
        asked = host.removeprefix(b"Host: ") + line.split(b" ")[1]
        assert capture.uri.partition("://")[2] == asked.decode()


def test_a_redirect_to_https_is_followed_over_tls_and_filed_so(crawled: Compared) -> None:
    uri = f"https://anapress.net/a/{FAULTS['redirect_https']}"
    filed = [record.type for record in crawled.records if record.headers.get("WARC-Target-URI") == uri]
    assert sorted(filed) == ["request", "response"]


def test_a_payload_that_came_again_is_stored_once(crawled: Compared) -> None:
    whole = [
        record
        for record in crawled.records
        if record.type == "response" and "WARC-Truncated" not in record.headers and payload(record.block)
    ]
    digests = Counter(record.headers["WARC-Payload-Digest"] for record in whole)
    assert any(record.type == "revisit" for record in crawled.records)
    assert max(digests.values()) == 1


def test_a_request_that_nobody_answered_is_kept_alone(crawled: Compared) -> None:
    unanswered = [capture for logged, capture in crawled.pairs if not logged.response]
    assert unanswered
    assert all(capture.response is None for capture in unanswered)


def test_over_tls_every_exchange_is_kept_as_it_was(
    certificates: tuple[Path, tuple[Path, Path]], tmp_path: Path
) -> None:
    """The crawl asks plain HTTP first, so here its client alone asks all of it over TLS."""
    authority, tls = certificates
    with running_site(tmp_path, articles=ARTICLES, tls=tls) as site:
        kept = asyncio.run(_asked_over_tls(site, authority, tmp_path))
        seen = site.exchanges()
    rest = iter(kept)
    for logged in seen:
        name = NAMES.get(logged.article_id or 0, "")
        request, response = next(rest)
        if logged.response and not response and name not in HEADLESS:
            request, response = next(rest)  # the one before was unheard
        assert logged.request == request
        assert logged.response == response or (
            (name in HEADLESS and not response) or (name in PREFIX and logged.response.startswith(response))
        ), _told(logged)
    assert not list(rest)


async def _asked_over_tls(site: Site, authority: Path, folder: Path) -> list[tuple[bytes, bytes]]:
    client = Client(
        clock=lambda: datetime.now(UTC),
        new_id=uuid4,
        tls=ssl.create_default_context(cafile=str(authority)),
        spool_dir=folder / "bodies",
        connect_to=ConnectTo.parse(site.connect_to),
        limits=Limits(body_bytes=int(str(QUICK["DOWNLOAD_MAXSIZE"]))),
    )
    kept = []
    for id in (id for id in TAKEN if id not in STREAMED):
        try:
            exchanges = (await client.fetch("GET", f"https://anapress.net/a/{id}", seconds=30)).exchanges
        except Failure as failure:
            exchanges = failure.exchanges
        for exchange in exchanges:
            body = exchange.body if isinstance(exchange.body, bytes) else exchange.body.read_bytes()
            kept.append((exchange.request, (exchange.head + body) if exchange.head else b""))
    await client.close()
    return kept


def _told(logged: Logged) -> str:
    name = NAMES.get(logged.article_id or 0, logged.target)
    return f"exchange {logged.number} of {name}, {logged.end}: {logged.response[:120]!r}"
