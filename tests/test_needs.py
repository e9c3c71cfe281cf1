"""The requisites of a run: what waits, and what is told of the others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from crawler.items import ArticleId
from crawler.ledger.roster import Claims
from crawler.made import Made
from crawler.needs import DROPPED, HOSTS, LISTED, MOST, WITH_OTHERS, Need, Needs
from crawler.runs import Run
from crawler.summary import summary

PAGE = ArticleId(7)


def many(count: int) -> list[Need]:
    return [Need(f"http://a/{at}", PAGE) for at in range(count)]


def waiting(count: int) -> Needs:
    """So many that were found, and that the archive lacks."""
    needs = Needs()
    needs.find(many(count))
    asked = needs.found()
    needs.claimed(asked, ours(need.url for need in asked))
    return needs


def ours(urls: Iterable[str] = ()) -> Claims:
    return Claims(frozenset(urls), frozenset())


def others(urls: Iterable[str] = ()) -> Claims:
    return Claims(frozenset(), frozenset(urls))


def test_what_the_archive_has_does_not_wait() -> None:
    needs = Needs()
    needs.find(many(3))
    needs.claimed(needs.found(), ours(["http://a/1"]))
    assert needs.next() == Need("http://a/1", PAGE)
    assert (needs.waiting, needs.flying, needs.left) == (0, 1, 1)


def test_those_found_meanwhile_are_asked_about_next() -> None:
    needs = Needs()
    needs.find(many(1))
    asked = needs.found()
    needs.find([Need("http://a/new", PAGE)])
    needs.claimed(asked, ours())
    assert [need.url for need in needs.found()] == ["http://a/new"]


def test_room_is_told_when_few_enough_wait_again() -> None:
    rooms = []
    needs = Needs(lambda: rooms.append(needs.full))
    needs.find(many(MOST + 1))
    needs.claimed(needs.found(), ours(need.url for need in needs.found()))
    needs.next()
    assert (needs.full, rooms) == (True, [])
    needs.next()
    assert (needs.full, rooms) == (False, [False])


def test_room_is_told_when_the_archive_has_them() -> None:
    rooms = []
    needs = Needs(lambda: rooms.append(needs.full))
    needs.find(many(MOST))
    assert needs.full
    needs.claimed(needs.found(), ours())
    assert rooms == [False]


def test_what_another_worker_has_claimed_waits_for_nobody_and_has_not_ended() -> None:
    needs = Needs()
    needs.find(many(MOST))
    needs.claimed(needs.found(), others(need.url for need in many(MOST)))
    assert (needs.waiting, needs.full, needs.ours, needs.left) == (0, False, 0, MOST)
    assert list(needs.remaining) == list(needs.with_others()) == many(MOST)


def test_what_is_with_others_is_the_archive_s_or_ours_in_the_end() -> None:
    needs = Needs()
    needs.find(many(3))
    needs.claimed(needs.found(), others(need.url for need in many(3)))
    needs.find(many(3))  # which another page needs, too
    assert not needs.found()
    needs.claimed(needs.with_others(), Claims(frozenset(["http://a/1"]), frozenset(["http://a/2"])))
    assert [need.url for need in needs.with_others()] == ["http://a/2"]
    assert (needs.next().url, needs.left) == ("http://a/1", 2)


def test_of_more_than_there_is_room_for_what_others_have_is_ours_too() -> None:
    needs = Needs()
    needs.find(many(WITH_OTHERS + 2))
    needs.claimed(needs.found(), others(need.url for need in many(WITH_OTHERS + 2)))
    assert (len(needs.with_others()), needs.waiting) == (WITH_OTHERS, 2)


def test_what_we_did_not_get_others_may_claim_but_not_what_the_archive_will_have() -> None:
    needs = waiting(4)
    needs.take(needs.next())
    needs.take(needs.next(), held=False)
    needs.miss(needs.next(), "too_large")
    needs.miss(needs.next(), "http_404")
    needs.miss(Need("http://a/new", PAGE), "over_limit")  # nobody has claimed that
    assert list(needs.unclaimed()) == ["http://a/1", "http://a/3"]
    assert not needs.unclaimed()


def test_what_does_not_come_to_its_end_is_dropped() -> None:
    needs = waiting(3)
    needs.next()
    needs.find([Need("http://a/new", PAGE)])
    needs.claimed(needs.found(), others(["http://a/new"]))
    needs.find([Need("http://a/newer", PAGE)])
    needs.drop()
    assert (needs.left, needs.told()["missing"]) == (0, {"dropped": 5})


def test_what_is_dropped_is_told_for_the_next_run() -> None:
    needs = waiting(DROPPED + 5)
    needs.drop()
    told = needs.told()
    assert [Need.read(raw) for raw in told["dropped"]] == many(DROPPED)
    assert (told["listed"], told["unlisted"]) == ([], 5)


def test_a_run_s_file_lists_some_and_counts_all() -> None:
    needs = waiting(LISTED + 5)
    for host in range(2 * HOSTS):
        needs.pass_by(f"h{host}")
    while needs.waiting:
        needs.miss(needs.next(), "http_404")
    told = needs.told()
    assert (len(told["listed"]), told["unlisted"]) == (LISTED, 5)
    assert told["listed"][0] == {"url": "http://a/0", "page": "7", "reason": "http_404"}
    assert len(told["elsewhere"]) == HOSTS
    assert json.loads(json.dumps(told)) == told


def test_of_a_run_that_needed_none_nothing_is_told() -> None:
    assert Needs().told() == {}


def test_hosts_without_end_take_no_memory_without_end() -> None:
    needs = Needs()
    for host in range(3 * MOST):
        needs.pass_by(f"h{host}")
    assert len(needs._elsewhere) == MOST


def test_the_summary_tells_what_is_missing_and_where_more_lies() -> None:
    needs = waiting(3)
    needs.take(needs.next())
    needs.miss(needs.next(), "http_404")
    needs.drop()
    needs.pass_by("cdn.example.org")
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    run = Run(
        worker="w",
        start=moment,
        end=moment,
        exit_code=0,
        reason="",
        outcomes={"article": 1},
        reasons={},
        left=0,
        commits=(),
        versions={},
        settings={},
        requisites=needs.told(),
    )
    told = summary(run, Made(), {}).splitlines()
    assert "needed    1 requisite; missing: 1 dropped, 1 http_404" in told
    assert "elsewhere 1 cdn.example.org: -a requisites_hosts=cdn.example.org takes them, too" in told
