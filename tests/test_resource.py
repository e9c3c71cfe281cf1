"""What a browser made of a page, as a record: never a response, and tied to the page."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawler import cdxj, remake, warc
from crawler.errors import Damaged
from crawler.items import ArticleId, Resource

ID = ArticleId(7)
URL = "http://anapress.net/a/7"
DOM = Resource(
    id=UUID(int=1),
    uri=f"urn:dom:{URL}",
    began=datetime(2026, 11, 23, 9, 46, 54, 123000, UTC),
    content_type="text/html; charset=utf-8",
    block="<html><p>سلام</p></html>".encode(),
    page=UUID(int=2),
)


def member(made: Resource) -> bytes:
    return b"".join(warc.resource(made, UUID(int=3)).pieces)


def read(made: Resource) -> warc.Record:
    return warc.read_member(io.BytesIO(member(made)), 0)


def test_a_resource_is_concurrent_to_its_page_and_holds_what_was_made() -> None:
    record = read(DOM)
    assert (record.type, record.block, warc.check(record)) == ("resource", DOM.block, [])
    assert dict(record.headers) == {
        "WARC-Type": "resource",
        "WARC-Record-ID": f"<urn:uuid:{DOM.id}>",
        "WARC-Date": "2026-11-23T09:46:54.123Z",
        "WARC-Target-URI": DOM.uri,
        "WARC-Warcinfo-ID": f"<urn:uuid:{UUID(int=3)}>",
        "WARC-Concurrent-To": f"<urn:uuid:{DOM.page}>",
        "WARC-Block-Digest": warc.digest(DOM.block),
        "WARC-Payload-Digest": warc.digest(DOM.block),
        "Content-Type": DOM.content_type,
        "Content-Length": str(len(DOM.block)),
    }


def test_warcio_reads_it() -> None:
    record = next(iter(ArchiveIterator(io.BytesIO(member(DOM)))))
    assert (record.rec_type, record.content_stream().read()) == ("resource", DOM.block)


def test_its_index_line_has_no_status_and_can_be_made_again() -> None:
    place = {"filename": "s.warc.gz", "offset": 0, "length": len(member(DOM))}
    line = str(cdxj.resource_entry(DOM, warc.resource(DOM, UUID(int=3)), **place))
    key, timestamp, fields = line.split(" ", 2)
    assert (key, timestamp) == (DOM.uri, "20261123094654")
    assert json.loads(fields)["mime"] == "text/html"
    assert "status" not in json.loads(fields)
    assert str(cdxj.entry_of(read(DOM), "s.warc.gz")) == line == str(cdxj.parse(line.encode()))


def test_it_is_the_page_that_came_with_200_and_no_payload_to_refer_to() -> None:
    entry = cdxj.entry_of(read(DOM), "s.warc.gz")
    assert entry.page == (URL, 200)
    assert cdxj.stored(entry, "s") is None


def test_a_page_is_made_again_from_it() -> None:
    page, status = remake.page(ID, read(DOM), read(DOM), "live")
    assert (page.url, page.body, page.content_type, status) == (URL, DOM.block, DOM.content_type, 200)
    assert page.captured_at == warc.warc_date(DOM.began)


def test_no_page_is_made_of_any_other_resource() -> None:
    shot = read(replace(DOM, uri=f"urn:view:{URL}"))
    with pytest.raises(Damaged, match="is no page"):
        remake.page(ID, shot, shot, "live")
