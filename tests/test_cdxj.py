"""The rules of field/warc.md, point 10: an index that other tools read, and that the ledger is made of."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from surt import surt

from crawler import cdxj, warc
from crawler.errors import Damaged
from crawler.items import End, Exchange, RecordRef, Stored
from crawler.site import HOME

PAGE = Exchange(
    id=UUID(int=7),
    url="http://www.anapress.net:80/a/203367206718582?B=1&a=2",
    began=datetime(2026, 11, 23, 9, 46, 54, 123456, UTC),
    request=b"GET / HTTP/1.1\r\n\r\n",
    head=b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n",
    body=b"hello",
    end=End.COMPLETE,
)
CHUNKED = replace(
    PAGE,
    head=b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n",
    body=b"5\r\nhello\r\n0\r\n\r\n",
)
CUT = replace(PAGE, end=End.DISCONNECT)
EMPTY = replace(PAGE, body=b"")
UNCHANGED = replace(PAGE, head=b"HTTP/1.1 304 Not Modified\r\n\r\n", body=b"")
KNOWN = Stored(
    sha256=sha256(b"hello").digest(),
    length=5,
    record=RecordRef(
        segment="s",
        warc="warcs/s.warc.gz",
        offset=1,
        length=2,
        record_id="<urn:uuid:00000000-0000-0000-0000-000000000005>",
        payload_digest="sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N",
    ),
    url=PAGE.url,
    date="2026-11-01T00:00:00.000Z",
)
EXCHANGES = {
    "page": (PAGE, None),
    "chunked": (CHUNKED, None),
    "cut": (CUT, None),
    "empty": (EMPTY, None),
    "repeated": (PAGE, KNOWN),
    "not modified": (UNCHANGED, KNOWN),
    "odd url": (replace(PAGE, url="http://h:x/ ش"), None),
}
every_exchange = pytest.mark.parametrize(("exchange", "original"), EXCHANGES.values(), ids=EXCHANGES.keys())


def written(exchange: Exchange, original: Stored | None = None) -> tuple[cdxj.Entry, bytes]:
    """The entry of a response or revisit, and its member, behind 400 bytes of others."""
    measured = warc.measure(exchange)
    record, *_ = warc.records(
        exchange, measured, original=original, warcinfo_id=UUID(int=1), new_id=lambda: UUID(int=9)
    )
    member = b"".join(record.pieces)
    return cdxj.entry(
        exchange, measured, record, filename="s.warc.gz", offset=400, length=len(member)
    ), member


def fields_of(entry: cdxj.Entry) -> dict:
    return json.loads(str(entry).split(" ", 2)[2])


def test_a_line_is_these_bytes() -> None:
    assert str(structs.replace(written(PAGE)[0], length=358)) == (
        "net,anapress)/a/203367206718582?a=2&b=1 20261123094654 "
        '{"url":"http://www.anapress.net:80/a/203367206718582?B=1&a=2","mime":"text/html","status":"200",'
        '"digest":"sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N","length":"358","offset":"400","filename":"s.warc.gz",'
        '"sha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","size":"5",'
        '"id":"<urn:uuid:00000000-0000-0000-0000-000000000007>","date":"2026-11-23T09:46:54.123Z"}'
    )


@every_exchange
def test_every_value_is_a_string_and_the_keys_of_cdxj_indexer_come_first(exchange, original) -> None:
    fields = fields_of(written(exchange, original)[0])
    assert all(isinstance(value, str) for value in fields.values())
    assert list(fields)[:7] == ["url", "mime", "status", "digest", "length", "offset", "filename"]


@every_exchange
def test_a_line_made_from_the_file_is_the_line_made_at_the_writing(exchange, original) -> None:
    entry, member = written(exchange, original)
    record = warc.read_member(io.BytesIO(bytes(400) + member), 400)
    assert str(cdxj.entry_of(record, "s.warc.gz", original)) == str(entry)


@every_exchange
def test_a_line_is_read_back(exchange, original) -> None:
    entry, _ = written(exchange, original)
    assert cdxj.parse(str(entry).encode()) == entry


@given(st.text(min_size=1), st.binary(max_size=40).filter(lambda raw: b"\n" not in raw))
def test_any_url_and_type_give_one_line_of_three_parts(path, content_type) -> None:
    odd = replace(
        PAGE,
        url="http://" + path,
        head=b"HTTP/1.1 200 OK\r\nContent-Type: " + content_type + b"\r\n\r\n",
    )
    entry, _ = written(odd)
    line = str(entry).encode()
    assert b"\n" not in line
    assert [part[:1] for part in line.split(b" ", 2)][1:] == [b"2", b"{"]
    assert cdxj.parse(line) == entry


@pytest.mark.parametrize(
    ("header", "mime"),
    [
        (b"Content-Type: text/html;charset=x\r\n", "text/html"),
        (b"content-type:  image/png \r\n", "image/png"),
        (b"Content-Type: text/plain charset=x\r\nContent-Type: b/c\r\n", "text/plain"),
        (b"Content-Type: ;charset=x\r\n", "unk"),
        (b"", "unk"),
    ],
)
def test_the_type_stands_without_parameters(header, mime) -> None:
    assert written(replace(PAGE, head=b"HTTP/1.1 200 OK\r\n" + header + b"\r\n"))[0].mime == mime


@pytest.mark.parametrize("exchange", [PAGE, UNCHANGED])
def test_a_revisit_says_so_and_has_the_sums_of_what_it_names(exchange) -> None:
    entry, member = written(exchange, KNOWN)
    record = warc.read_member(io.BytesIO(member), 0)
    assert entry.mime == "warc/revisit"
    assert entry.digest == record.headers["WARC-Payload-Digest"] == KNOWN.record.payload_digest
    assert (bytes.fromhex(entry.sha256), entry.size) == (KNOWN.sha256, KNOWN.length)


def test_a_cut_response_says_why() -> None:
    assert fields_of(written(CUT)[0])["truncated"] == "disconnect"
    assert "truncated" not in fields_of(written(PAGE)[0])
    assert "truncated" not in fields_of(written(PAGE, KNOWN)[0])


def test_a_whole_payload_can_be_named_by_later_revisits() -> None:
    entry, member = written(CHUNKED)
    assert cdxj.stored(entry, "s") == Stored(
        sha256=sha256(b"hello").digest(),
        length=5,
        record=RecordRef(
            segment="s",
            warc="warcs/s.warc.gz",
            offset=400,
            length=len(member),
            record_id="<urn:uuid:00000000-0000-0000-0000-000000000007>",
            payload_digest=warc.digest(b"hello"),
        ),
        url=CHUNKED.url,
        date="2026-11-23T09:46:54.123Z",
    )


@pytest.mark.parametrize(
    ("exchange", "original"),
    [(PAGE, KNOWN), (UNCHANGED, KNOWN), (CUT, None), (EMPTY, None)],
    ids=["revisit", "not modified", "cut", "empty"],
)
def test_what_is_not_there_whole_can_not_be_named(exchange, original) -> None:
    assert cdxj.stored(written(exchange, original)[0], "s") is None


def test_a_stored_payload_makes_the_next_one_a_revisit() -> None:
    whole = cdxj.stored(written(PAGE)[0], "s")
    assert written(CHUNKED, whole)[0].mime == "warc/revisit"


@pytest.mark.parametrize(
    ("changed", "held"),
    [
        ({}, True),
        ({"mime": "warc/revisit"}, True),
        ({"status": 301}, True),
        ({"truncated": "length"}, True),
        ({"truncated": "time"}, False),
        ({"status": 304}, False),
        ({"status": 404}, False),
        ({"url": "http://anapress.net/a/7"}, False),
        ({"url": "https://www.anapress.net/a/7?page=2"}, False),
        ({"url": "http://anapress.net/robots.txt"}, False),
        ({"url": "http://anapress.net/a/picture.png"}, True),
    ],
    ids=str,
)
def test_what_answers_a_requisite_for_good_is_held(changed, held) -> None:
    url = "http://anapress.net/img/7.png"
    entry, _ = written(replace(PAGE, url=url))
    assert cdxj.held(structs.replace(entry, **changed)) == (changed.get("url", url) if held else None)


def test_lines_sort_by_key_then_time() -> None:
    urls = [
        "http://b.example/",
        "http://anapress.net/a/10",
        "http://anapress.net/a/9",
        "http://anapress.net/",
    ]
    later = replace(PAGE, url=urls[1], began=datetime(2027, 1, 1, tzinfo=UTC))
    lines = sorted(
        str(written(each)[0]).encode() for each in [later, *(replace(PAGE, url=url) for url in urls)]
    )
    assert [b" ".join(line.split(b" ")[:2]).decode() for line in lines] == [
        "example,b)/ 20261123094654",
        "net,anapress)/ 20261123094654",
        "net,anapress)/a/10 20261123094654",
        "net,anapress)/a/10 20270101000000",
        "net,anapress)/a/9 20261123094654",
    ]


def test_a_url_without_a_sort_key_stands_for_itself() -> None:
    assert cdxj.urlkey("http://h:x/") == "http://h:x/"


GOOD = str(written(PAGE)[0])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "net,anapress)/ 20261123094654",
        GOOD[:-1],
        "a b []",
        'a b {"url":"x"}',
        GOOD.replace('"200"', '"ok"'),
        GOOD.replace('"sha256":"2c', '"sha256":"zz'),
        GOOD[:-1] + ',"more":"1"}',
    ],
)
def test_a_line_that_is_none_of_ours_is_damaged(line) -> None:
    with pytest.raises(Damaged, match="an index line can't be read"):
        cdxj.parse(line.encode())


def test_a_revisit_needs_its_original_and_nothing_else_has_one() -> None:
    response, revisit = (
        warc.read_member(io.BytesIO(written(PAGE, original)[1]), 0) for original in (None, KNOWN)
    )
    for record, original in ((response, KNOWN), (revisit, None)):
        with pytest.raises(Damaged, match="original"):
            cdxj.entry_of(record, "s.warc.gz", original)


def test_a_record_that_lacks_what_its_line_needs_is_damaged() -> None:
    record = warc.read_member(io.BytesIO(written(PAGE)[1]), 0)
    without = {name: value for name, value in record.headers.items() if name != "WARC-Target-URI"}
    with pytest.raises(Damaged, match="lacks 'WARC-Target-URI'"):
        cdxj.entry_of(replace(record, headers=without), "s.warc.gz")


@given(
    st.one_of(st.integers(1, 2**63 - 1).map("http://anapress.net/a/{}".format), st.just(f"{HOME}robots.txt"))
)
def test_our_own_urls_are_sorted_as_the_common_library_sorts_them(url) -> None:
    assert cdxj.urlkey(url) == surt(url)
