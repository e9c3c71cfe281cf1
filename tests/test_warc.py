"""The rules of field/warc.md, points 1 to 9, and of DESIGN parts 4 and 5.1; faults.md 1 to 25 and 63."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from types import SimpleNamespace
from uuid import UUID

import fastwarc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker

from crawler import warc
from crawler.errors import Damaged, SpoolError
from crawler.items import End, Exchange, RecordRef, Stored

INFO = UUID(int=1)
EMPTY = "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"
PLAIN = Exchange(
    id=UUID(int=7),
    url="http://anapress.net/a/203367206718582?x=1",
    began=datetime(2026, 11, 23, 9, 46, 54, 123999, UTC),
    request=b"GET /a/203367206718582?x=1 HTTP/1.1\r\nHost: anapress.net\r\n\r\n",
    head=b"HTTP/1.1 200 OK\r\ncOnTent-type: text/html\r\nContent-Length: 5\r\n\r\n",
    body=b"hello",
    end=End.COMPLETE,
    ip="192.0.2.7",
)
CHUNKED = replace(
    PLAIN,
    head=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n",
    body=b'3;x="y"\r\nhel\r\n02\nlo\n0\r\nTrailer: t\r\n\r\n',
)
CUT = replace(PLAIN, head=PLAIN.head.replace(b"h: 5", b"h: 500"), body=b"he", end=End.DISCONNECT)
ODD = replace(
    PLAIN,
    head=(
        b"HTTP/1.1 200\nSet-Cookie: a\nset-cookie: b\r\nno colon here\nX: \xff\xe9\xd8\xb4\n"
        b" folded\nX-ZETA:  two  spaces \n\n"
    ),
)
GZIPPED = replace(
    PLAIN, head=PLAIN.head[:-2] + b"Content-Encoding: gzip\r\n\r\n", body=gzip.compress(b"hello")
)
HINTED = replace(PLAIN, interim=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
UNANSWERED = replace(PLAIN, head=b"", body=b"", end=End.TIME)
BODILESS = replace(PLAIN, head=b"HTTP/1.0 204 No Content\r\n\r\n", body=b"", ip="2001:db8::1")
POSTED = replace(PLAIN, method="POST", request=b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b")
UNCHANGED = replace(PLAIN, head=b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n', body=b"")

ORIGINAL = Stored(
    sha256=sha256(b"hello").digest(),
    length=5,
    record=RecordRef(
        segment="s",
        warc="warcs/s.warc.gz",
        offset=400,
        length=300,
        record_id="<urn:uuid:00000000-0000-0000-0000-000000000005>",
        payload_digest="sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N",
    ),
    url=PLAIN.url,
    date="2026-11-01T00:00:00.000Z",
)

EXCHANGES = {
    "plain": (PLAIN, None),
    "chunked": (CHUNKED, None),
    "cut": (CUT, None),
    "odd": (ODD, None),
    "gzipped": (GZIPPED, None),
    "hinted": (HINTED, None),
    "unanswered": (UNANSWERED, None),
    "bodiless": (BODILESS, None),
    "posted": (POSTED, None),
    "repeated": (PLAIN, ORIGINAL),
    "repeated chunked": (CHUNKED, ORIGINAL),
    "not modified": (UNCHANGED, ORIGINAL),
}
every_exchange = pytest.mark.parametrize(("exchange", "original"), EXCHANGES.values(), ids=EXCHANGES.keys())


def new_records(exchange: Exchange, original: Stored | None = None) -> list[warc.NewRecord]:
    ids = (UUID(int=n) for n in count(100))
    return list(
        warc.records(
            exchange, warc.measure(exchange), original=original, warcinfo_id=INFO, new_id=lambda: next(ids)
        )
    )


def written(exchange: Exchange, original: Stored | None = None) -> bytes:
    return b"".join(piece for record in new_records(exchange, original) for piece in record.pieces)


def read(data: bytes) -> list[warc.Record]:
    return list(warc.members(io.BytesIO(data)))


def headers_of(exchange: Exchange, original: Stored | None = None) -> dict:
    return read(written(exchange, original))[0].headers


def whole_file() -> bytes:
    info = warc.warcinfo("s.warc.gz", PLAIN.began, INFO, {"software": "anapress"})
    return info + b"".join(written(exchange, original) for exchange, original in EXCHANGES.values())


def member(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


# What is written


def test_a_response_record_is_these_bytes() -> None:
    response, _ = (b"".join(record.pieces) for record in new_records(PLAIN))
    assert gzip.decompress(response) == (
        b"WARC/1.1\r\n"
        b"WARC-Type: response\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000007>\r\n"
        b"WARC-Date: 2026-11-23T09:46:54.123Z\r\n"
        b"WARC-Target-URI: http://anapress.net/a/203367206718582?x=1\r\n"
        b"WARC-IP-Address: 192.0.2.7\r\n"
        b"WARC-Warcinfo-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\n"
        b"WARC-Block-Digest: sha1:P6QQQDMA3HLSUPO253NQ3IPIDCOEOX6D\r\n"
        b"WARC-Payload-Digest: sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N\r\n"
        b"Content-Type: application/http; msgtype=response\r\n"
        b"Content-Length: 68\r\n"
        b"\r\n"
        b"HTTP/1.1 200 OK\r\ncOnTent-type: text/html\r\nContent-Length: 5\r\n\r\nhello"
        b"\r\n\r\n"
    )


def test_a_request_record_is_these_bytes() -> None:
    _, request = (b"".join(record.pieces) for record in new_records(PLAIN))
    assert gzip.decompress(request) == (
        b"WARC/1.1\r\n"
        b"WARC-Type: request\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000064>\r\n"
        b"WARC-Date: 2026-11-23T09:46:54.123Z\r\n"
        b"WARC-Target-URI: http://anapress.net/a/203367206718582?x=1\r\n"
        b"WARC-IP-Address: 192.0.2.7\r\n"
        b"WARC-Warcinfo-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\n"
        b"WARC-Concurrent-To: <urn:uuid:00000000-0000-0000-0000-000000000007>\r\n"
        b"WARC-Block-Digest: sha1:TFH7FLGLMZ6A5BDSCXEP634ATZIRKQFO\r\n"
        b"WARC-Payload-Digest: sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ\r\n"
        b"Content-Type: application/http; msgtype=request\r\n"
        b"Content-Length: 59\r\n"
        b"\r\n"
        b"GET /a/203367206718582?x=1 HTTP/1.1\r\nHost: anapress.net\r\n\r\n"
        b"\r\n\r\n"
    )


def test_a_revisit_record_is_these_bytes() -> None:
    revisit, _ = (b"".join(record.pieces) for record in new_records(PLAIN, ORIGINAL))
    assert gzip.decompress(revisit) == (
        b"WARC/1.1\r\n"
        b"WARC-Type: revisit\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000007>\r\n"
        b"WARC-Date: 2026-11-23T09:46:54.123Z\r\n"
        b"WARC-Target-URI: http://anapress.net/a/203367206718582?x=1\r\n"
        b"WARC-IP-Address: 192.0.2.7\r\n"
        b"WARC-Warcinfo-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\n"
        b"WARC-Profile: http://netpreserve.org/warc/1.1/revisit/identical-payload-digest\r\n"
        b"WARC-Refers-To: <urn:uuid:00000000-0000-0000-0000-000000000005>\r\n"
        b"WARC-Refers-To-Target-URI: http://anapress.net/a/203367206718582?x=1\r\n"
        b"WARC-Refers-To-Date: 2026-11-01T00:00:00.000Z\r\n"
        b"WARC-Block-Digest: sha1:F7MLCDJO4W45AYRJNCQVLSX5CPI7S5E7\r\n"
        b"WARC-Payload-Digest: sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N\r\n"
        b"WARC-Truncated: length\r\n"
        b"Content-Type: application/http; msgtype=response\r\n"
        b"Content-Length: 63\r\n"
        b"\r\n"
        b"HTTP/1.1 200 OK\r\ncOnTent-type: text/html\r\nContent-Length: 5\r\n\r\n"
        b"\r\n\r\n"
    )


def test_a_warcinfo_record_is_these_bytes() -> None:
    fields = {"software": "anapress/0.1", "robots": "rfc9309", "contact": "a@example.org\r\nforged: 1"}
    assert gzip.decompress(warc.warcinfo("s.warc.gz", PLAIN.began, INFO, fields)) == (
        b"WARC/1.1\r\n"
        b"WARC-Type: warcinfo\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\n"
        b"WARC-Date: 2026-11-23T09:46:54.123Z\r\n"
        b"WARC-Filename: s.warc.gz\r\n"
        b"WARC-Block-Digest: sha1:F7QLN2VO57M6OSWH7DHSBOMCPVIYC6PB\r\n"
        b"Content-Type: application/warc-fields\r\n"
        b"Content-Length: 75\r\n"
        b"\r\n"
        b"software: anapress/0.1\r\nrobots: rfc9309\r\ncontact: a@example.org forged: 1\r\n"
        b"\r\n\r\n"
    )


@every_exchange
def test_the_same_exchange_gives_the_same_bytes(exchange, original) -> None:
    assert written(exchange, original) == written(exchange, original)


@every_exchange
def test_every_record_is_one_gzip_member_without_name_or_time(exchange, original) -> None:
    for record in new_records(exchange, original):
        data = b"".join(record.pieces)
        inflate = zlib.decompressobj(31)
        inflate.decompress(data)
        assert inflate.eof
        assert not inflate.unused_data
        assert data[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


@every_exchange
def test_the_block_is_what_went_over_the_connection(exchange, original) -> None:
    blocks = {record.type: record.block for record in read(written(exchange, original))}
    assert blocks["request"] == exchange.request
    assert blocks.get("response", exchange.head + exchange.body) == exchange.head + exchange.body
    assert blocks.get("revisit", exchange.head) == exchange.head
    assert blocks.get("metadata", b"") == exchange.interim


@every_exchange
def test_the_records_of_an_exchange_share_date_address_and_warcinfo(exchange, original) -> None:
    first, *others = (record.headers for record in read(written(exchange, original)))
    for headers in others:
        assert headers["WARC-Concurrent-To"] == first["WARC-Record-ID"]
        for name in ("WARC-Date", "WARC-IP-Address", "WARC-Warcinfo-ID"):
            assert headers[name] == first[name]
    assert "WARC-Concurrent-To" not in first


@every_exchange
def test_no_record_has_a_field_that_its_type_may_not_have(exchange, original) -> None:
    for record in read(written(exchange, original)):
        if record.type != "revisit":
            assert not [name for name in record.headers if "Refers" in name or "Profile" in name]
        assert "WARC-Filename" not in record.headers
        assert "<" not in record.headers.get("WARC-Target-URI", "")


def test_an_exchange_without_a_head_has_a_request_record_alone() -> None:
    assert [(record.type, record.id) for record in new_records(UNANSWERED)] == [
        ("request", f"<urn:uuid:{PLAIN.id}>")
    ]


def test_no_address_is_written_where_none_is_known() -> None:
    assert "WARC-IP-Address" not in headers_of(replace(PLAIN, ip=None))


def test_the_block_digest_is_of_all_bytes_and_the_payload_digest_of_what_the_chunks_hold() -> None:
    headers = headers_of(CHUNKED)
    assert headers["WARC-Block-Digest"] == warc.digest(CHUNKED.head + CHUNKED.body)
    assert headers["WARC-Payload-Digest"] == warc.digest(b"hello")


def test_the_payload_keeps_its_content_coding() -> None:
    assert headers_of(GZIPPED)["WARC-Payload-Digest"] == warc.digest(GZIPPED.body)


def test_a_request_that_sends_something_has_its_payload_digest() -> None:
    assert read(written(POSTED))[1].headers["WARC-Payload-Digest"] == warc.digest(b"a=b")


@pytest.mark.parametrize("end", [end for end in End if end is not End.COMPLETE])
def test_a_cut_response_says_why_and_how_much_is_stored(end) -> None:
    headers = headers_of(replace(CUT, end=end), ORIGINAL)
    assert headers["WARC-Type"] == "response"
    assert headers["WARC-Truncated"] == end.value
    assert headers["Content-Length"] == str(len(CUT.head) + 2)
    assert headers["WARC-Payload-Digest"] == warc.digest(b"he")


def test_chunks_that_were_cut_leave_the_payload_that_came() -> None:
    cut = replace(CHUNKED, body=CHUNKED.body[:14], end=End.DISCONNECT)
    assert headers_of(cut)["WARC-Payload-Digest"] == warc.digest(b"hel")


def test_chunks_whose_framing_broke_leave_the_payload_before_the_break() -> None:
    broken = replace(CHUNKED, body=b"3\r\nhel\r\nxyz\r\nlo", end=End.UNSPECIFIED)
    assert headers_of(broken)["WARC-Payload-Digest"] == warc.digest(b"hel")
    assert read(written(broken))[0].block == broken.head + broken.body


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("http://anapress.net/a b", "http://anapress.net/a%20b"),
        ("http://h/\r\nWARC-Type: revisit", "http://h/%0D%0AWARC-Type:%20revisit"),
        ("http://h/\x00\x7f\t", "http://h/%00%7F%09"),
        ("http://h/حلب%20?a=%ff", "http://h/%D8%AD%D9%84%D8%A8%20?a=%ff"),
        ("http://h/\ud800", "http://h/%ED%A0%80"),
    ],
)
def test_a_url_can_forge_no_header(url, uri) -> None:
    assert warc.target_uri(url) == warc.target_uri(uri) == uri
    assert headers_of(replace(PLAIN, url=url))["WARC-Target-URI"] == uri


def test_a_date_is_in_utc_and_always_as_wide() -> None:
    east = datetime.fromisoformat("2026-11-23T12:46:54+03:00")
    assert warc.warc_date(east) == "2026-11-23T09:46:54.000Z"


# Revisits


@pytest.mark.parametrize(
    ("exchange", "original"),
    [
        (replace(PLAIN, end=End.LENGTH), ORIGINAL),
        (replace(BODILESS), replace(ORIGINAL, sha256=sha256(b"").digest(), length=0)),
        (replace(PLAIN, body=b"hellO"), ORIGINAL),
        (PLAIN, replace(ORIGINAL, length=6)),
        (UNCHANGED, None),
        (UNCHANGED, replace(ORIGINAL, url="http://anapress.net/other")),
    ],
    ids=["cut", "empty payload", "other bytes", "other length", "unknown original", "other URL's 304"],
)
def test_what_no_revisit_may_stand_for_is_a_response(exchange, original) -> None:
    assert headers_of(exchange, original)["WARC-Type"] == "response"


def test_an_equal_payload_is_a_revisit_whatever_its_url_head_and_chunks() -> None:
    other = replace(CHUNKED, url="http://anapress.net/print/1")
    headers = headers_of(other, ORIGINAL)
    assert headers["WARC-Type"] == "revisit"
    assert headers["WARC-Target-URI"] == other.url
    assert headers["WARC-Refers-To-Target-URI"] == ORIGINAL.url
    assert headers["WARC-Payload-Digest"] == ORIGINAL.record.payload_digest


def test_a_304_names_the_original_and_its_digest() -> None:
    headers = headers_of(UNCHANGED, ORIGINAL)
    assert headers["WARC-Profile"] == "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
    assert headers["WARC-Refers-To"] == ORIGINAL.record.record_id
    assert headers["WARC-Refers-To-Date"] == ORIGINAL.date
    assert headers["WARC-Payload-Digest"] == ORIGINAL.record.payload_digest != EMPTY
    assert "WARC-Truncated" not in headers


def test_what_may_be_looked_up_is_known_before_the_record_is_made() -> None:
    def asked(exchange: Exchange) -> tuple[bool, bool]:
        return warc.repeatable(exchange, warc.measure(exchange)), warc.not_modified(exchange)

    assert asked(PLAIN) == (True, False)
    assert asked(UNCHANGED) == (False, True)
    assert asked(CUT) == asked(BODILESS) == asked(UNANSWERED) == (False, False)


# Large bodies


def test_a_body_in_a_file_is_recorded_as_one_in_memory(tmp_path) -> None:
    body = b"0123456789abcdef" * 200_000
    chunked = b"".join(
        b"%x\r\n%b\r\n" % (len(body[at:][:7777]), body[at:][:7777]) for at in range(0, len(body), 7777)
    )
    (file := tmp_path / "body").write_bytes(chunked)
    spooled = replace(CHUNKED, body=file)
    inline = replace(CHUNKED, body=chunked)
    assert warc.measure(spooled) == warc.measure(inline)
    assert warc.measure(spooled).sha256 == sha256(body).digest()
    records = [[(r.headers, r.block) for r in read(written(exchange))] for exchange in (spooled, inline)]
    assert records[0] == records[1]


def test_memory_stays_flat_however_large_a_body_is(tmp_path) -> None:
    with (file := tmp_path / "body").open("wb") as sparse:
        sparse.truncate(64 << 20)
    exchange = replace(PLAIN, body=file)
    tracemalloc.start()
    try:
        measured = warc.measure(exchange)
        for record in warc.records(exchange, measured, original=None, warcinfo_id=INFO, new_id=lambda: INFO):
            for _ in record.pieces:
                pass
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert measured.length == 64 << 20


@pytest.mark.parametrize("later", [b"hell", b"hello!"])
def test_a_body_that_changes_after_it_was_measured_stops_the_writing(tmp_path, later) -> None:
    (file := tmp_path / "body").write_bytes(b"hello")
    exchange = replace(PLAIN, body=file)
    measured = warc.measure(exchange)
    file.write_bytes(later)
    response, _ = warc.records(exchange, measured, original=None, warcinfo_id=INFO, new_id=lambda: INFO)
    with pytest.raises(SpoolError, match="changed while it was written"):
        b"".join(response.pieces)


# Other readers


@every_exchange
def test_warcio_reads_the_records_and_their_blocks(exchange, original) -> None:
    data = written(exchange, original)
    theirs = [
        (dict(record.rec_headers.headers), record.raw_stream.read())
        for record in ArchiveIterator(io.BytesIO(data), no_record_parse=True)
    ]
    assert theirs == [(record.headers, record.block) for record in read(data)]


@every_exchange
def test_fastwarc_reads_the_records_and_their_blocks(exchange, original) -> None:
    data = written(exchange, original)
    theirs = [
        (record.headers.asdict(), record.reader.read())
        for record in fastwarc.ArchiveIterator(io.BytesIO(data), parse_http=False)
    ]
    assert theirs == [(record.headers, record.block) for record in read(data)]


@every_exchange
def test_fastwarc_finds_the_block_digests_right(exchange, original) -> None:
    for record in fastwarc.ArchiveIterator(io.BytesIO(written(exchange, original)), parse_http=False):
        assert record.verify_block_digest()


@every_exchange
def test_warcio_check_complains_of_payloads_in_chunks_alone(exchange, original, tmp_path) -> None:
    (file := tmp_path / "x.warc.gz").write_bytes(written(exchange, original))
    with redirect_stdout(io.StringIO()) as said:
        Checker(SimpleNamespace(inputs=[str(file)], verbose=False)).process_all()
    complaints = [line for line in said.getvalue().splitlines() if "failed" in line]
    assert [line.strip()[:21] for line in complaints] == (
        ["payload digest failed"] if exchange is CHUNKED and not original else []
    )


def test_gzip_finds_the_file_whole() -> None:
    assert gzip.decompress(whole_file()).count(b"WARC/1.1\r\n") == len(read(whole_file()))


# What is read back


def lines(end: bytes) -> st.SearchStrategy[bytes]:
    line = st.binary(min_size=1, max_size=60).map(lambda raw: raw.replace(b"\n", b"-").replace(b"\r", b"-"))
    return st.lists(line, max_size=8).map(lambda all_: b"".join(one + end for one in all_))


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[Exchange, bytes]:
    """Any exchange, and its payload."""
    end = draw(st.sampled_from([b"\r\n", b"\n"]))
    status = draw(
        st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.0 404", b"HTTP/1.1 500 \xd8\xb4", b"HTTP/1.1 304 x"])
    )
    chunked = draw(st.booleans())
    coding = b"transfer-ENCODING: chunked" + end if chunked else b""
    chunks = draw(st.lists(st.binary(min_size=1, max_size=3000), max_size=5))
    payload = b"".join(chunks) * draw(st.sampled_from([1, 1, 50]))
    if chunked:
        payload = b"".join(chunks)
        body = b"".join(b"%x%b%b%b" % (len(chunk), end, chunk, end) for chunk in chunks) + b"0" + end + end
    exchange = Exchange(
        id=draw(st.uuids()),
        url=draw(st.text(min_size=1).map("http://anapress.net/".__add__)),
        began=datetime(1980, 1, 1, tzinfo=UTC) + timedelta(milliseconds=draw(st.integers(0, 10**13))),
        request=b"GET / HTTP/1.1\r\n" + draw(lines(b"\r\n")) + b"\r\n" + draw(st.binary(max_size=99)),
        head=status + end + draw(lines(end)) + coding + end,
        body=body if chunked else payload,
        end=draw(st.sampled_from(End)),
        ip=draw(st.none() | st.ip_addresses().map(str)),
        interim=draw(st.sampled_from([b"", b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])),
    )
    return exchange, payload


def exchange_of(records: list[warc.Record]) -> Exchange:
    """The exchange that these records were made of."""
    first, request, *rest = records
    head, body = warc.exchange_parts(first)
    headers = first.headers
    return Exchange(
        id=UUID(headers["WARC-Record-ID"][10:-1]),
        url=headers["WARC-Target-URI"],
        began=datetime.fromisoformat(headers["WARC-Date"]),
        request=request.block,
        head=head,
        body=body,
        end=End(headers.get("WARC-Truncated", "complete")),
        ip=headers.get("WARC-IP-Address"),
        interim=b"".join(record.block for record in rest),
    )


@given(exchanges())
def test_an_exchange_comes_back_from_its_records(drawn) -> None:
    exchange, payload = drawn
    records = read(written(exchange))
    assert exchange_of(records) == replace(exchange, url=warc.target_uri(exchange.url))
    assert warc.payload(records[0]) == payload
    assert [warc.check(record) for record in records] == [[] for _ in records]
    measured = warc.measure(exchange)
    assert (measured.sha256, measured.length) == (sha256(payload).digest(), len(payload))


@given(exchanges())
def test_a_revisit_brings_back_all_but_the_body(drawn) -> None:
    exchange, payload = drawn
    known = replace(
        ORIGINAL, sha256=sha256(payload).digest(), length=len(payload), url=warc.target_uri(exchange.url)
    )
    records = read(written(exchange, known))
    if records[0].type == "revisit":
        back = replace(exchange_of(records), body=exchange.body, end=exchange.end)
        assert back == replace(exchange, url=known.url, end=End.COMPLETE)
        assert warc.exchange_parts(records[0])[1] == b""


class Dripping(io.BytesIO):
    """A stream that gives as little at a time as a stream may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(1 if size else 0)


def test_members_are_found_wherever_reads_fall() -> None:
    data = whole_file()
    assert list(warc.members(Dripping(data))) == read(data)


def test_a_record_is_found_again_at_its_offset() -> None:
    data = whole_file()
    end = 0
    for record in read(data):
        assert record.offset == end
        assert warc.read_member(io.BytesIO(data), record.offset) == record
        end += record.length
    assert end == len(data)


def test_an_empty_file_has_no_records_and_nothing_is_behind_its_end() -> None:
    assert read(b"") == []
    with pytest.raises(Damaged, match="offset 10: the file ends before it"):
        warc.read_member(io.BytesIO(b""), 10)


def test_a_large_block_comes_back_whole() -> None:
    exchange = replace(PLAIN, body=bytes(3_000_000) + b"end")
    record = read(written(exchange))[0]
    assert warc.payload(record) == exchange.body


# What is wrong with a file

GOOD = written(PLAIN)
FIRST = read(GOOD)[0].length
TEXT = gzip.decompress(GOOD[:FIRST])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (GOOD[:-1], "offset {1}: the file ends inside the gzip member"),
        (GOOD[: FIRST + 1], "offset {1}: the file ends inside the gzip member"),
        (GOOD[:FIRST] + b"\0\0\0" + GOOD[FIRST:], "offset {1}: garbage"),
        (GOOD + b"\n", "offset {2}: garbage"),
        (TEXT, "offset 0: garbage"),
        (GOOD[: FIRST - 5] + b"\0" + GOOD[FIRST - 4 :], "offset 0: .*check"),
        (member(TEXT.replace(b"Length: 68", b"Length: 67")), "offset 0: Content-Length is 67, the member has more"),
        (member(TEXT.replace(b"Length: 68", b"Length: 69")), "offset 0: Content-Length is 69, the member has 68"),
        (member(TEXT.replace(b"Length: 68", b"Length: -7")), "offset 0: Content-Length is '-7'"),
        (member(TEXT.replace(b"Length: 68", b"Length: 9999999999")), "9999999999 bytes, we read"),
        (member(TEXT[:-4] + b"\r\n\n\n"), "offset 0: the block does not end with CRLF CRLF"),
        (member(TEXT[:-4]), "offset 0: Content-Length is 68, the member has 64"),
        (member(TEXT + TEXT), "offset 0: .* has more"),
        (member(b""), "offset 0: no end of the record's header"),
        (member(bytes(1 << 20)), "offset 0: no end of the record's header"),
        (member(TEXT.replace(b"WARC/1.1", b"WARC/1.0")), "offset 0: not a WARC/1.1 record"),
        (member(TEXT.replace(b"WARC-Date: ", b"WARC-Type: ")), "offset 0: .* repeats"),
        (member(TEXT.replace(b"WARC-Date: ", b"WARC-Dote: ")), "offset 0: .* lacks WARC-Date"),
        (member(TEXT.replace(b"WARC-Date: ", b"WARC-Date ")), "offset 0: .* can't be read"),
        (member(TEXT.replace(b"WARC-Date: ", b"WARC-Date: \xff")), "offset 0: .* can't be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_offset(data, said) -> None:
    with pytest.raises(Damaged, match=said.replace("{1}", str(FIRST)).replace("{2}", str(len(GOOD)))):
        read(data)


def test_no_cut_of_a_file_goes_unseen_but_one_between_members() -> None:
    for size in range(1, len(GOOD)):
        if size == FIRST:
            continue
        with pytest.raises(Damaged):
            read(GOOD[:size])


def test_a_flipped_bit_is_named_or_changes_nothing() -> None:
    """Some bits of a gzip member say nothing: its time, say, or the padding of its last byte."""
    whole, seen = read(GOOD), 0
    for at in range(FIRST * 8):
        bad = bytearray(GOOD)
        bad[at // 8] ^= 1 << at % 8
        try:
            assert read(bytes(bad)) == whole
        except Damaged:
            seen += 1
    assert seen > (FIRST - 10) * 8


def test_a_member_inflates_no_further_than_it_declares() -> None:
    bomb = member(TEXT + bytes(100 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(Damaged, match="has more"):
            read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_block_larger_than_the_reader_wants_is_not_read() -> None:
    with pytest.raises(Damaged, match="68 bytes, we read 66 at most"):
        list(warc.members(io.BytesIO(GOOD), limit=66))


@pytest.mark.parametrize("name", ["WARC-Block-Digest", "WARC-Payload-Digest"])
def test_a_digest_that_is_wrong_or_missing_is_named(name) -> None:
    record = read(GOOD)[0]
    wrong = replace(record, headers={**record.headers, name: EMPTY})
    assert [fault.split(" is ")[0] for fault in warc.check(wrong)] == [name]
    missing = replace(record, headers={key: value for key, value in record.headers.items() if key != name})
    assert [fault.split(",")[0] for fault in warc.check(missing)] == [f"{name} is None"]


def test_a_block_that_differs_from_its_digests_is_named() -> None:
    record = read(GOOD)[0]
    assert len(warc.check(replace(record, block=record.block[:-1] + b"O"))) == 2


@pytest.mark.parametrize("block", [b"HTTP/1.1 200 OK\r\n", b"nonsense\r\n\r\n"])
def test_a_response_whose_head_is_none_is_damaged(block) -> None:
    with pytest.raises(Damaged, match="offset 0"):
        warc.payload(replace(read(GOOD)[0], block=block))


def test_the_payload_of_a_record_that_is_no_exchange_is_its_block() -> None:
    info, *_ = read(warc.warcinfo("s", PLAIN.began, INFO, {"a": "b"}))
    assert warc.payload(info) == b"a: b\r\n"
    assert warc.check(info) == []
