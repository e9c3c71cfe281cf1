"""The site as a source: next() and send(), and nothing is fetched."""

from __future__ import annotations

from uuid import UUID

import pytest
from scrapy.http import HtmlResponse, Response

from crawler.items import Absent, ArticleId, Outcome, Page
from crawler.sources.live import HOPS, live
from crawler.validators import Validators
from tests import takes

ID = ArticleId(7)
URL = "http://anapress.net/a/7"
CAPTURE = takes.exchange(URL, b"page", id=UUID(int=9))


def end_of(flow, answer) -> tuple[Page, int] | Absent:
    with pytest.raises(StopIteration) as end:
        flow.send(answer)
    return end.value.value


def answer(url: str, status: int = 200, *, location: str = "", flags: tuple[str, ...] = ()) -> Response:
    headers = {"Content-Type": "text/html; charset=utf-8"} | ({"Location": location} if location else {})
    request = next(live(ID, url)).replace(meta={"exchanges": [CAPTURE]})
    return HtmlResponse(url, status, headers=headers, body=b"page", flags=list(flags), request=request)


def test_live_asks_once_for_the_articles_own_url_and_hands_the_page_over() -> None:
    flow = live(ID)
    assert next(flow).url == URL
    page, status = end_of(flow, answer(URL))
    assert status == 200
    assert page == Page(
        id=ID,
        url=URL,
        captured_at="2026-11-23T09:46:54.123Z",
        body=b"page",
        content_type="text/html; charset=utf-8",
        source="live",
    )


@pytest.mark.parametrize("status", [200, 404, 410, 403, 500])
def test_whatever_the_status_the_page_is_for_the_layouts_to_judge(status) -> None:
    flow = live(ID)
    next(flow)
    page, shown = end_of(flow, answer(URL, status))
    assert (page.body, shown) == (b"page", status)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://www.anapress.net/a/7", "https://anapress.net/a/7", "/a/7?x=1"])
def test_a_redirect_that_stays_with_the_article_is_followed(status, target) -> None:
    flow = live(ID)
    next(flow)
    request = flow.send(answer(URL, status, location=target))
    assert request.url in (target, f"http://anapress.net{target}")
    assert end_of(flow, answer(request.url))[0].url == request.url


@pytest.mark.parametrize(
    ("location", "outcome", "reason"),
    [
        ("/a/8", Outcome.NOT_ARTICLE, "redirected_to:8"),
        ("/", Outcome.NOT_ARTICLE, "redirected_home"),
        ("http://example.com/", Outcome.NOT_ARTICLE, "redirected_away"),
        ("http://10.0.0.1/a/7", Outcome.REFUSED, "ssrf_blocked"),
        ("", Outcome.FAILED, "bad_redirect"),
        ("mailto:a@b", Outcome.FAILED, "bad_redirect"),
    ],
)
def test_any_other_redirect_tells_what_became_of_the_id_and_is_not_followed(
    location, outcome, reason
) -> None:
    flow = live(ID)
    next(flow)
    assert end_of(flow, answer(URL, 302, location=location)) == Absent(outcome=outcome, reason=reason)


def test_a_redirect_loop_ends_as_failed() -> None:
    flow = live(ID)
    next(flow)
    for _ in range(HOPS):
        assert flow.send(answer(URL, 302, location=URL)).url == URL
    assert end_of(flow, answer(URL, 302, location=URL)) == Absent(
        outcome=Outcome.FAILED, reason="redirect_loop"
    )


def test_a_reason_why_no_response_came_is_the_end() -> None:
    flow = live(ID)
    next(flow)
    reason = Absent(outcome=Outcome.REFUSED, reason="robots")
    assert end_of(flow, reason) == reason


UNASKED = Absent(outcome=Outcome.FAILED, reason="not_modified_unasked")
HELD = Validators('W/"1"', "Tue, 03 Mar 2020 08:08:00 GMT")


def test_a_304_that_nobody_asked_for_is_failed() -> None:
    flow = live(ID)
    next(flow)
    assert end_of(flow, answer(URL, 304)) == UNASKED


@pytest.mark.parametrize(
    ("held", "headers"),
    [
        (HELD, {b"If-None-Match": [b'W/"1"'], b"If-Modified-Since": [b"Tue, 03 Mar 2020 08:08:00 GMT"]}),
        (Validators(HELD.etag), {b"If-None-Match": [b'W/"1"']}),
        (Validators(None, HELD.last_modified), {b"If-Modified-Since": [b"Tue, 03 Mar 2020 08:08:00 GMT"]}),
        (Validators(), {}),
        (None, {}),
    ],
)
def test_live_asks_with_the_validators_that_it_has(held, headers) -> None:
    assert next(live(ID, held=held)).headers == headers


def test_a_304_that_was_asked_for_brings_nothing_new() -> None:
    flow = live(ID, held=HELD)
    next(flow)
    assert end_of(flow, answer(URL, 304)) is None


def test_a_server_may_send_the_page_all_the_same() -> None:
    flow = live(ID, held=HELD)
    next(flow)
    assert end_of(flow, answer(URL))[0].body == b"page"


def test_no_validators_are_sent_after_a_redirect_and_a_304_there_is_failed() -> None:
    flow = live(ID, held=HELD)
    next(flow)
    request = flow.send(answer(URL, 302, location="http://www.anapress.net/a/7"))
    assert request.headers == {}
    assert end_of(flow, answer(request.url, 304)) == UNASKED


@pytest.mark.parametrize(("flag", "reason"), [("unread:large", "large"), ("unread:bomb", "bomb")])
def test_a_body_that_cannot_be_read_is_failed_with_the_reason(flag, reason) -> None:
    flow = live(ID)
    next(flow)
    assert end_of(flow, answer(URL, flags=(flag,))) == Absent(outcome=Outcome.FAILED, reason=reason)


def test_of_a_body_that_is_no_page_the_status_says_enough() -> None:
    flow = live(ID)
    next(flow)
    assert end_of(flow, answer(URL, 410, flags=("unread:bomb",)))[1] == 410


def test_the_hops_are_as_many_as_the_setting_says() -> None:
    flow = live(ID, hops=0)
    next(flow)
    assert end_of(flow, answer(URL, 302, location=URL)).reason == "redirect_loop"


def test_the_capture_of_a_page_is_the_last_exchange_of_its_request() -> None:
    flow = live(ID)
    next(flow)
    response = answer(URL)
    first = takes.exchange(URL, b"busy", id=UUID(int=1), began=takes.BEGAN.replace(year=2025))
    response.meta["exchanges"].insert(0, first)
    assert end_of(flow, response)[0].captured_at == "2026-11-23T09:46:54.123Z"
