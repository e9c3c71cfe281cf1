"""The `-a` arguments: what they mean, and what is refused before anything is fetched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from crawler.arguments import Arguments, Render
from crawler.errors import WrongUse

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def nothing(url: str) -> BytesIO:
    raise WrongUse(f"There is no object {url}.")


def test_without_arguments_all_that_is_left_is_taken_and_links_are_followed() -> None:
    arguments = Arguments.of({})
    wanted = arguments.wanted(NOW, nothing)
    assert arguments.follow
    assert (wanted.ids, wanted.captured_before) == (None, None)


def test_each_id_is_taken_once_however_it_was_written() -> None:
    wanted = Arguments.of({"ids": "7,http://anapress.net/a/3,7"}).wanted(NOW, nothing)
    assert wanted.ids is not None
    assert list(wanted.ids) == [3, 7]


def test_a_file_of_ids_is_read(tmp_path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("# ours\n5\nhttp://anapress.net/a/6\n")
    wanted = Arguments.of({"ids": str(path)}).wanted(NOW, nothing)
    assert wanted.ids is not None
    assert list(wanted.ids) == [5, 6]


@pytest.mark.parametrize(
    ("given", "follow", "may_walk"),
    [
        ({}, True, True),
        ({"discover": "none"}, False, False),
        ({"discover": "links"}, True, False),
        ({"discover": "site"}, True, True),
    ],
)
def test_links_are_followed_unless_they_are_not_to_be_and_the_site_is_searched_unless_links_are_enough(
    given, follow, may_walk
) -> None:
    arguments = Arguments.of(given)
    assert (arguments.follow, arguments.may_walk) == (follow, may_walk)


def test_a_search_alone_takes_no_id() -> None:
    assert Arguments(discover="site", take=False).wanted(NOW, nothing).ids == ()


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("7d", timedelta(days=7)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("2w", timedelta(weeks=2)),
        ("5s", timedelta(seconds=5)),
    ],
)
def test_a_refresh_takes_what_was_captured_longer_ago(text, age) -> None:
    assert Arguments.of({"refresh": text}).wanted(NOW, nothing).captured_before == NOW - age


def test_a_refresh_of_all_takes_also_what_was_captured_by_a_clock_that_was_ahead() -> None:
    before = Arguments.of({"refresh": "0"}).wanted(NOW, nothing).captured_before
    assert before is not None
    assert before > NOW + timedelta(days=365_000)


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5d", "7 d", "٧d", "7y", "9999999d"])
def test_an_age_that_is_none_is_refused(text) -> None:
    with pytest.raises(WrongUse, match="refresh"):
        Arguments.of({"refresh": text})


@pytest.mark.parametrize("given", [{"source": "live"}])
def test_what_is_not_built_yet_takes_its_plain_value(given) -> None:
    assert Arguments.of(given) == Arguments()


@pytest.mark.parametrize(
    "given",
    [
        {"source": "x"},
        {"discover": "x"},
    ],
)
def test_what_is_not_built_yet_is_refused_with_a_sentence(given) -> None:
    with pytest.raises(WrongUse, match="not built yet; this release does"):
        Arguments.of(given)


def test_pages_are_fetched_plainly_unless_a_browser_is_asked_for() -> None:
    assert Arguments.of({}).render is Render.PLAIN
    assert Arguments.of({"render": "auto"}).render is Render.AUTO
    with pytest.raises(WrongUse, match=r"-a render=firefox is not known: give plain, browser, auto\."):
        Arguments.of({"render": "firefox"})


def test_the_waits_of_the_browser_can_be_given_as_arguments() -> None:
    assert dict(Arguments.of({"wait": "load", "scroll": "0"}).browser) == {
        "BROWSER_WAIT": "load",
        "BROWSER_SCROLL": "0",
    }
    with pytest.raises(WrongUse, match=r"-a wait=long is not known: give idle or load\."):
        Arguments.of({"wait": "long"})


def test_requisites_are_wanted_unless_they_are_not() -> None:
    assert Arguments.of({}).requisites
    assert Arguments.of({"requisites": "1"}).requisites
    assert not Arguments.of({"requisites": "0"}).requisites


def test_hosts_of_requisites_are_a_comma_list() -> None:
    hosts = Arguments.of({"requisites_hosts": "CDN.example.org., img.example.com,"}).requisites_hosts
    assert hosts == ("cdn.example.org", "img.example.com")


@pytest.mark.parametrize(
    "given",
    [
        *({"requisites": value} for value in ("", "2", "yes")),
        *(
            {"requisites_hosts": host}
            for host in ("http://a.b", "a.b:80", "*.a.b", "a..b", "a.b/x", "٣.b", "a b")
        ),
        {"requisites": "0", "requisites_hosts": "cdn.example.org"},
    ],
    ids=str,
)
def test_requisites_that_can_not_be_are_refused(given) -> None:
    with pytest.raises(WrongUse, match="requisites"):
        Arguments.of(given)


def test_a_name_that_we_do_not_know_is_refused_with_those_that_we_do() -> None:
    with pytest.raises(
        WrongUse, match=r"-a idz=… is not known: did you mean -a ids=…\? There are .*\brefresh\b"
    ):
        Arguments.of({"idz": "1"})


def test_what_a_scheduler_tells_of_itself_is_no_argument_of_ours() -> None:
    assert Arguments.of({"_job": "fb787138e8b511f1"}) == Arguments.of({})


def test_ids_that_cannot_be_read_are_refused(tmp_path) -> None:
    with pytest.raises(WrongUse):
        Arguments.of({"ids": str(tmp_path / "missing.txt")}).wanted(NOW, nothing)
