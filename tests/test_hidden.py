"""What an exclusion hides: whatever names the id, or shows its text, or belongs to that."""

from __future__ import annotations

import pytest

from crawler.hidden import Hidden
from crawler.items import ArticleId, Outcome, RecordRef
from crawler.lines import Original, OutcomeLine
from crawler.site import named_in
from crawler.warc import Record


def record(id: str, **headers: str) -> Record:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Record(
        offset=0, length=0, headers={"WARC-Record-ID": id, "WARC-Type": "response", **named}, block=b""
    )


def outcome(id: int, record_id: str = "", duplicate_of: int = 0) -> OutcomeLine:
    ref = RecordRef(segment="s", warc="w", offset=0, length=0, record_id=record_id, payload_digest=None)
    return OutcomeLine(
        id=str(id),
        url="",
        outcome=Outcome.ARTICLE,
        record=ref if record_id else None,
        duplicate_of=Original(id=str(duplicate_of), version=1) if duplicate_of else None,
    )


def hiding(*ids: int) -> Hidden:
    return Hidden([ArticleId(id) for id in ids])


@pytest.mark.parametrize(
    "url",
    [
        "http://anapress.net/a/7",
        "https://www.anapress.net./a/7/?x=1#y",
        "HTTP://ANAPRESS.NET:8080/a/7",
        "http://anapress.net//a//7",
        "http://anapress.net/%61/7",
        "http://web.archive.org/web/2020id_/http://anapress.net/a/7",
        "https://index.example/cdx?url=http%3A%2F%2Fanapress.net%2Fa%2F7&output=json",
    ],
)
def test_a_url_that_names_the_id_anywhere_is_hidden(url: str) -> None:
    assert named_in(url) == {7}
    assert hiding(7).record(record("r", WARC_Target_URI=url))


@pytest.mark.parametrize(
    "url",
    [
        "http://anapress.net/a/77",
        "http://anapress.net/a/07",
        "http://anapress.net/b/7",
        "http://a.net/a/7",
        "",
    ],
)
def test_a_url_that_does_not_is_shown(url: str) -> None:
    assert not hiding(7).record(record("r", WARC_Target_URI=url))


def test_the_record_of_an_outcome_is_hidden_whatever_its_url() -> None:
    hidden = hiding(7)
    assert hidden.outcome(outcome(7, "<r>"))
    assert hidden.record(record("<r>", WARC_Target_URI="http://elsewhere/"))
    assert hidden.line(b'x 2026 {"url":"http://elsewhere/","id":"<r>"}')


def test_another_id_is_hidden_where_it_shows_the_text_and_only_there() -> None:
    hidden = hiding(7)
    assert hidden.outcome(outcome(8, "<copy>", duplicate_of=7))
    assert not hidden.outcome(outcome(8, "<own>"))
    assert hidden.record(record("<copy>"))
    assert not hidden.record(record("<own>"))


def test_what_belongs_to_a_hidden_record_is_hidden_and_what_belongs_to_that() -> None:
    hidden = hiding(7)
    assert hidden.record(record("<response>", WARC_Target_URI="http://anapress.net/a/7"))
    assert hidden.record(record("<request>", WARC_Concurrent_To="<response>"))
    assert hidden.record(record("<revisit>", WARC_Refers_To="<response>"))
    assert hidden.record(record("<its request>", WARC_Concurrent_To="<revisit>"))
    assert hidden.outcome(outcome(8, "<revisit>"))


def test_without_exclusions_nothing_is_hidden() -> None:
    hidden = hiding()
    assert not hidden
    assert not hidden.line(b'x 2026 {"url":"http://anapress.net/a/7","id":"<r>"}')
    assert not hidden.record(record("r", WARC_Target_URI="http://anapress.net/a/7"))
