"""What archive services say, read without a network: hostile lists, odd captures, the order of choice."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy.http import Response

from crawler.hidden import Hidden
from crawler.items import Absent, ArticleId, Capture, Exchange, Outcome
from crawler.manners.services import pause
from crawler.sources import commoncrawl, wayback
from crawler.sources.archived import Which, chosen
from crawler.warc import parsed, payload
from crawler.wire.head import parse_head
from tests import takes
from tests.services import Crawl, Held

BASE = "https://web.archive.org"
ID = ArticleId(7)
HEADER = wayback.FIELDS.split(",")


def capture(at: str, status: int | None = 200, mime: str = "text/html") -> Capture:
    return Capture(id=ID, at=at, url="http://anapress.net/a/7", status=status, mime=mime, digest=at)


def row(
    at: str = "20160102030405", original: str = "http://anapress.net:80/a/7", status: str = "200"
) -> list[str]:
    return ["net,anapress)/a/7", at, original, "text/html", status, "DIGEST", "1"]


def told(body: bytes, status: int = 200, **headers: str) -> Response:
    return Response(f"{BASE}/cdx/search/cdx", status, headers=headers, body=body)


def walked(*bodies: bytes) -> tuple[list[Capture], Absent | None]:
    """What a walk gives when its requests are answered so, and how it ends."""
    walk, found, answers = wayback.walk(BASE), [], iter(bodies)
    step = next(walk)
    try:
        while True:
            if isinstance(step, list):
                found += step
                step = walk.send(None)
            else:
                step = walk.send(told(next(answers)))
    except StopIteration as end:
        return found, end.value


def test_a_walk_goes_on_with_the_key_until_there_is_none() -> None:
    first = json.dumps([HEADER, row(), [], ["key%3A"]]).encode()
    last = json.dumps([HEADER, row("20170102030405")]).encode()
    found, end = walked(first, last)
    assert ([one.at[:4] for one in found], end) == (["2016", "2017"], None)


def test_no_captures_are_an_empty_list() -> None:
    assert walked(b"[]\n") == ([], None)


@pytest.mark.parametrize(
    "odd",
    [row("20160000000000"), row("2016"), row(original="mailto:x@anapress.net"), row(status="2xx"), ["x"], []],
    ids=str,
)
def test_a_row_that_is_no_capture_is_passed_over(odd: list[str]) -> None:
    found, end = walked(json.dumps([HEADER, odd, row()]).encode())
    assert ([one.at for one in found], end) == (["20160102030405"], None)


def test_a_row_that_stands_twice_is_read_once() -> None:
    assert len(walked(json.dumps([HEADER, row(), row()]).encode())[0]) == 1


NESTED = st.recursive(st.none() | st.text() | st.integers(), st.lists)


@given(st.binary() | NESTED.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_service_sends_a_walk_ends_and_never_breaks(body: bytes) -> None:
    found, _ = walked(*[body] * 10)
    assert all(isinstance(one, Capture) for one in found)


@given(st.binary() | NESTED.map(lambda value: json.dumps(value).encode() + b"\n"))
def test_whatever_common_crawl_sends_a_page_of_an_index_is_rows_or_none(body: bytes) -> None:
    with suppress(ValueError):
        rows = commoncrawl._page(told(body)) or []
        assert all(isinstance(one, Capture) for one in commoncrawl._captures(rows))


def test_a_list_nested_without_end_is_no_list() -> None:
    assert walked(*[b"[" * 200_000] * 4)[1] == Absent(outcome="failed", reason="index_unreadable")


@pytest.mark.parametrize(
    ("which", "years"),
    [
        (Which.FIRST, ["2016"]),
        (Which.LAST, ["2018"]),
        (Which.ALL, ["2015", "2016", "2017", "2018", "2019"]),
        (Which.BEST, ["2018", "2016", "2017", "2019", "2015"]),
    ],
)
def test_the_captures_are_looked_at_in_this_order(which: Which, years: list[str]) -> None:
    pages = [capture(f"{year}0101000000") for year in (2016, 2017, 2018)]
    others = [capture("20150101000000", 404), capture("20190101000000", 301)]
    assert [one.at[:4] for one in chosen([*others, *pages], which)] == years


def test_a_service_is_left_alone_twice_as_long_each_time_and_as_long_as_it_asks() -> None:
    assert [pause(0, before, 60) for before in range(4)] == [60, 120, 240, 480]
    assert pause(0, 100, 60) == 3600
    assert pause(500, 0, 60) == 500


def test_what_an_archive_gave_of_an_excluded_id_is_hidden() -> None:
    hidden = Hidden([ID])
    assert hidden.url(f"{BASE}/web/20160102030405id_/http://anapress.net/a/7")
    assert hidden.url("https://data.commoncrawl.org/crawl-data/CC-MAIN-2016-05/x.warc.gz")
    assert not hidden.url(f"{BASE}/web/20160102030405id_/http://anapress.net/a/8")
    assert not Hidden([]).url("https://data.commoncrawl.org/crawl-data/CC-MAIN-2016-05/x.warc.gz")


@pytest.mark.parametrize(
    ("file", "mime", "received", "reason"),
    [
        ("crawl-data/CC-MAIN-2016-05/x.warc.gz", "text/html", 50, "bad_record"),
        ("crawl-data/CC-MAIN-2016-05/x.warc.gz", "text/html", 49, "short_range"),
        ("crawl-data/CC-MAIN-2016-05/x.warc.gz", "warc/revisit", 50, "revisit_unresolved"),
        ("common-crawl/crawl-002/2010/01/06/x.arc.gz", "text/html", 50, "arc_record"),
    ],
)
def test_a_range_that_is_no_record_to_copy_says_why(file: str, mime: str, received: int, reason: str) -> None:
    one = replace(capture("20100102030405", mime=mime), place=f"1000 50 {file}")
    lease = takes.take(ID, 1, None).lease
    flow = commoncrawl.commoncrawl(
        lease, [one], Which.LAST, base=BASE, read=lambda *_: pytest.fail("there is no page")
    )
    asked = next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(Response(asked.url, 206, body=bytes(received), request=asked))
    assert end.value.value.result == Absent(outcome=Outcome.FAILED, reason=reason)


# Restored and copied


def played(body: bytes, *lines: str, status: str = "200 OK") -> Exchange:
    url = f"{BASE}/web/20160102030405id_/http://anapress.net/a/7"
    head = "\r\n".join(
        (f"HTTP/1.1 {status}", "Memento-Datetime: Sat, 02 Jan 2016 03:04:05 GMT", *lines, "", "")
    )
    return replace(takes.exchange(url, body, id=UUID(int=9)), head=head.encode("latin-1"))


def test_headers_come_back_with_their_repeats_and_in_their_order() -> None:
    exchange = played(
        b"x", "X-Archive-Orig-Set-Cookie: a=1", "x-archive-orig-set-cookie: b=2", "x-archive-orig-date: d"
    )
    restored = wayback.restored(exchange)
    assert restored
    assert parse_head(restored.head).headers[:3] == (
        (b"Set-Cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"date", b"d"),
    )


def test_a_line_of_the_machines_can_not_frame_the_restored_body() -> None:
    exchange = played(b"x", "x-archive-orig-transfer-encoding: chunked", "x-archive-orig-content-length: 99")
    restored = wayback.restored(exchange)
    assert restored
    head = parse_head(restored.head)
    assert (head.chunked, head.all(b"Content-Length")) == (False, (b"1",))


def test_chunks_of_the_transfer_are_not_the_sites() -> None:
    restored = wayback.restored(played(b"1\r\nx\r\n0\r\n\r\n", "Transfer-Encoding: chunked"))
    assert restored
    assert restored.body == b"x"


def test_a_body_that_is_a_bomb_is_not_restored() -> None:
    assert wayback.restored(played(gzip.compress(bytes(64 << 20)), "Content-Encoding: gzip")) is None


@pytest.mark.parametrize("line", ["", "Memento-Datetime: yesterday"])
def test_what_has_no_date_of_a_memento_is_not_the_sites(line: str) -> None:
    exchange = replace(played(b"x"), head=f"HTTP/1.1 404 Not Found\r\n{line}\r\n\r\n".encode())
    assert wayback.restored(exchange) is None


def test_a_range_is_copied_if_it_is_that_range_and_a_whole_record() -> None:
    crawl = Crawl(
        "CC-MAIN-2016-05", (Held(url="http://anapress.net/a/7", at="20160102030405", body=b"page"),)
    )
    (member,) = crawl.members()
    end = 999 + len(member)
    head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1000-{end}/5000\r\n\r\n".encode()
    exchange = replace(
        takes.exchange(f"https://data.commoncrawl.org/{crawl.file}", member, id=UUID(int=9)), head=head
    )
    copy = commoncrawl.copied(exchange, start=1000, end=end)
    assert copy
    assert (copy.member, payload(parsed(copy.member))) == (member, b"page")
    assert commoncrawl.copied(exchange, start=1001, end=end) is None
    assert commoncrawl.copied(replace(exchange, body=member[:-1]), start=1000, end=end) is None
    assert commoncrawl.copied(replace(exchange, body=bytes(len(member))), start=1000, end=end) is None
    assert (
        commoncrawl.copied(replace(exchange, head=head.replace(b"206", b"200")), start=1000, end=end) is None
    )
