"""What every ledger promises (crawler.ledger.Ledger), and what the one in a file adds."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import formatdate
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crawler.errors import Damaged, LedgerError, WrongUse
from crawler.items import ArticleId, Lease, Outcome, RecordRef, Revisit, Stored
from crawler.ledger import Standing, checked, open_ledger, validators
from crawler.ledger.redis import RedisLedger
from crawler.ledger.roster import LEASE_SECONDS, WAY_SECONDS, Claims, Presence
from crawler.ledger.rows import (
    pack_hash,
    pack_record_id,
    unpack_hash,
    unpack_record_id,
)
from crawler.ledger.sqlite import SqliteLedger
from crawler.lines import Original, OutcomeLine
from crawler.validators import Validators

AT = "2026-03-01T12:00:00.000Z"
DIGEST = f"sha1:{'A' * 32}"
HASH, OTHER = f"n1:sha256:{'ab' * 32}", f"n1:sha256:{'cd' * 32}"


class Clock:
    """A clock that stands until it is put elsewhere."""

    def __init__(self) -> None:
        self.now = 50_000.0

    def __call__(self) -> float:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "redis", "valkey"])
def opened(request, tmp_path, clock):
    """Opens the same ledger as often as it is called."""
    ledgers = []
    if request.param != "sqlite":
        server = request.getfixturevalue("servers")[request.param]
        server.empty()

    def another():
        ledgers.append(
            SqliteLedger(tmp_path / "ledger.db", clock=clock)
            if request.param == "sqlite"
            else RedisLedger(server.url, clock=clock)
        )
        return ledgers[-1]

    yield another
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger(opened):
    return opened()


def ids_of(leases) -> list[int]:
    """By number: which of those that it may give a ledger gives first is its own affair."""
    return sorted(lease.id for lease in leases)


def line(id: int, outcome: Outcome, **more) -> OutcomeLine:
    more.setdefault("take", 0 if outcome is Outcome.KNOWN else 1)
    return OutcomeLine(id=str(id), url=f"http://anapress.net/a/{id}", outcome=outcome, **more)


def read(id: int, text: str = HASH, version: int = 1, outcome=Outcome.ARTICLE, **more) -> OutcomeLine:
    return line(id, outcome, content_hash=text, version=version, **more)


def commit(ledger, *lines: OutcomeLine, stored=(), held=(), segment: str | None = None) -> None:
    n = ledger.n() + 1
    ledger.apply(n, segment or f"segment-{n}", AT, lines, stored, held)


def record(
    segment: str, offset: int = 0, sha256: bytes = b"s" * 32, length=100, url="http://anapress.net/a/1"
):
    ref = RecordRef(
        segment=segment,
        warc=f"warcs/{segment}.warc.gz",
        offset=offset,
        length=80,
        record_id=f"<urn:uuid:00000000-0000-4000-8000-{offset:012d}>",
        payload_digest=DIGEST,
    )
    return Stored(sha256=sha256, length=length, record=ref, url=url, date="2026-03-01T11:59:58.123456Z")


# adding and leasing


def test_a_new_ledger_knows_nothing(ledger) -> None:
    assert ledger.n() == 0
    assert ledger.counts().known == ledger.counts().left == 0
    assert ledger.standing(ArticleId(1)) == Standing()
    assert ledger.lease("w", 10) == []


def test_an_added_id_is_left_and_not_logged(ledger) -> None:
    assert ledger.add([ArticleId(5), ArticleId(3), ArticleId(5)], "list") == 2
    counts = ledger.counts()
    assert (counts.known, counts.left, counts.unlogged, counts.settled) == (2, 2, 2, 0)
    assert not ledger.logged(ArticleId(5))
    assert list(ledger.ids(left=True)) == [3, 5]


def test_an_id_that_the_log_does_not_name_has_no_standing(ledger) -> None:
    ledger.add([ArticleId(5)], "list")
    assert ledger.standing(ArticleId(5)) == Standing()


def test_adding_again_is_nothing_new(ledger) -> None:
    ledger.add([ArticleId(5)], "list")
    assert ledger.add([ArticleId(5), ArticleId(6)], "link") == 1
    assert {lease.id: lease.found for lease in ledger.lease("w", 2)} == {5: "list", 6: "link"}


def test_the_largest_id_can_be_added(ledger) -> None:
    ledger.add([ArticleId(2**63 - 1)], "list")
    assert ids_of(ledger.lease("w", 1, among=[ArticleId(2**63 - 1)])) == [2**63 - 1]


def test_a_list_that_breaks_off_adds_nothing(ledger) -> None:
    def broken():
        yield ArticleId(1)
        raise WrongUse("no id")

    with pytest.raises(WrongUse):
        ledger.add(broken(), "list")
    assert ledger.counts().known == 0
    assert ledger.add([ArticleId(2)], "list") == 1
    assert list(ledger.ids(left=True)) == [2]


def test_each_id_is_leased_once(ledger) -> None:
    ledger.add(map(ArticleId, (9, 2, 7)), "cdx")
    two, one = ledger.lease("w", 2), ledger.lease("w", 2)
    assert (len(two), len(one), ids_of([*two, *one])) == (2, 1, [2, 7, 9])
    assert all(lease == Lease(id=lease.id, take=1, found="cdx") for lease in two)


def test_a_file_s_leases_come_in_the_order_of_the_ids(tmp_path) -> None:
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        ledger.add(map(ArticleId, (9, 2, 7)), "list")
        assert [lease.id for lease in ledger.lease("w", 2)] == [2, 7]


def test_nobody_leases_what_another_holds(opened) -> None:
    one, two = opened(), opened()
    one.add(map(ArticleId, range(1, 5)), "list")
    leases = [*one.lease("one", 2), *two.lease("two", 9)]
    assert ids_of(leases) == [1, 2, 3, 4]
    assert two.leased("one") == two.leased("two") == 2
    assert two.counts().leased == two.counts().left == 4


def test_a_lease_among_ids_takes_only_those_that_are_known_and_free(ledger) -> None:
    ledger.add(map(ArticleId, (1, 2, 3, 4)), "list")
    ledger.lease("other", 1, among=[1])
    assert ids_of(ledger.lease("w", 9, among=[4, 1, 99, 3, 3])) == [3, 4]
    assert ledger.lease("w", 9, among=[]) == []


def test_a_lease_among_many_ids_gives_as_many_as_asked_for(ledger) -> None:
    ledger.add(map(ArticleId, range(1, 5001)), "list")
    assert len(ledger.lease("w", 2500, among=range(1, 5001))) == 2500
    assert ledger.leased("w") == 2500


def test_no_room_is_no_lease(ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    assert ledger.lease("w", 0) == ledger.lease("w", -1) == []


def test_released_ids_can_be_leased_again(ledger) -> None:
    ledger.add(map(ArticleId, (1, 2, 3)), "list")
    ledger.lease("w", 3)
    ledger.release("w", [ArticleId(2)])
    assert ledger.leased("w") == 2
    assert ids_of(ledger.lease("v", 9)) == [2]
    ledger.release("w")
    assert ids_of(ledger.lease("v", 9)) == [1, 3]


def test_nobody_releases_another_s_leases(ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("w", 1)
    ledger.release("v")
    ledger.release("v", [ArticleId(1)])
    assert ledger.leased("w") == 1


def test_attempts_that_failed_are_counted_on_by_who_leases_the_id_next(ledger) -> None:
    ledger.add([ArticleId(1), ArticleId(2)], "list")
    one, other = ledger.lease("dead", 2)
    ledger.tried(replace(one, attempts=3))
    ledger.release("dead")
    again = {lease.id: lease for lease in ledger.lease("w", 2)}
    assert again == {one.id: replace(one, attempts=3), other.id: other}


def test_a_take_ends_the_count_of_its_attempts_and_no_late_word_begins_it_again(ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    (lease,) = ledger.lease("w", 1)
    ledger.tried(replace(lease, attempts=1))
    commit(ledger, line(1, Outcome.FAILED))
    ledger.tried(replace(lease, attempts=2))
    commit(ledger, line(1, Outcome.KNOWN, reason="requeued", take=1))
    assert ledger.lease("w", 1) == [Lease(id=ArticleId(1), take=2)]


def test_an_expired_lease_can_be_taken_by_another(ledger, clock) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("dead", 1)
    clock.go(LEASE_SECONDS + 1)
    assert ledger.counts().leased == ledger.leased("dead") == 0
    assert ids_of(ledger.lease("w", 1)) == [1]
    ledger.renew("dead")
    assert ledger.leased("dead") == 0


def test_a_worker_that_is_heard_of_keeps_its_leases(ledger, clock) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("w", 1)
    for _ in range(3):
        clock.go(LEASE_SECONDS - 1)
        ledger.renew("w")
    assert ledger.lease("v", 1) == []


def test_a_worker_that_wakes_before_its_leases_are_taken_has_them_still(ledger, clock) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("w", 1)
    clock.go(LEASE_SECONDS + 1)
    ledger.renew("w")
    assert ledger.leased("w") == 1
    assert ledger.lease("v", 1) == []


def test_no_lease_outlives_the_start_of_a_machine_whose_clock_begins_anew(ledger, clock) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("dead", 1)
    clock.go(60 - clock.now)
    assert ids_of(ledger.lease("w", 1)) == [1]


def test_who_lives_is_told_with_its_leases_and_for_how_long_it_was_silent(ledger, clock) -> None:
    ledger.add(map(ArticleId, range(1, 10)), "list")
    ledger.lease("dead", 1)
    clock.go(LEASE_SECONDS - 5)
    ledger.lease("two", 3)
    clock.go(4)
    ledger.renew("one")
    clock.go(2)
    assert ledger.present() == [
        Presence(worker="one", silent=2, leases=0),
        Presence(worker="two", silent=6, leases=3),
    ]
    ledger.release("two")
    assert [each.worker for each in ledger.present()] == ["one"]


def test_to_ask_who_lives_is_no_sign_of_life(ledger, clock) -> None:
    ledger.renew("w")
    for _ in range(3):
        clock.go(LEASE_SECONDS / 2 - 1)
        ledger.present()
        ledger.searches()
    assert ledger.present() == []


# searches


def test_searches_that_are_not_over_are_told_with_who_makes_them(ledger, clock) -> None:
    assert ledger.searches() == {}
    ledger.search("one", "site", due=True)
    ledger.search("two", "site", due=True)
    ledger.search("two", "cdx", due=True)
    assert ledger.searches() == {"site": "one", "cdx": "two"}
    ledger.searched("one", "site", over=False)
    assert ledger.searches() == {"site": None, "cdx": "two"}
    clock.go(LEASE_SECONDS + 1)
    assert ledger.searches() == {"site": None, "cdx": None}
    ledger.search("three", "site", due=False)
    ledger.searched("three", "site", over=True)
    assert ledger.searches() == {"cdx": None}


def test_a_search_that_is_due_falls_to_the_first_that_asks(opened) -> None:
    one, two = opened(), opened()
    assert one.search("one", "site", due=True) == "one"
    assert two.search("two", "site", due=True) == "one"
    assert one.search("one", "site", due=True) == "one"


def test_a_search_of_another_place_is_another_search(ledger) -> None:
    ledger.search("one", "site", due=True)
    assert ledger.search("two", "cdx", due=True) == "two"


def test_no_search_falls_to_anybody_where_none_is_due(ledger) -> None:
    assert ledger.search("w", "site", due=False) is None


def test_a_search_that_is_over_is_not_made_again_by_who_was_there_or_joins_them(ledger) -> None:
    ledger.search("one", "site", due=True)
    ledger.search("two", "site", due=True)
    ledger.searched("one", "site", over=True)
    ledger.release("one")
    assert ledger.search("two", "site", due=True) is None
    assert ledger.search("late", "site", due=True) is None
    ledger.release("two")
    assert ledger.search("later", "site", due=True) is None


def test_a_search_that_is_over_is_made_again_when_all_are_gone_that_asked_for_it(ledger, clock) -> None:
    ledger.search("one", "site", due=True)
    ledger.search("dead", "site", due=True)
    ledger.renew("stands")  # and does not look for ids
    ledger.searched("one", "site", over=True)
    ledger.release("one")
    clock.go(LEASE_SECONDS + 1)
    ledger.renew("stands")
    assert ledger.search("next", "site", due=True) == "next"


def test_a_search_whose_worker_is_dead_falls_to_whoever_asks(ledger, clock) -> None:
    ledger.search("dead", "site", due=True)
    clock.go(LEASE_SECONDS - 1)
    assert ledger.search("w", "site", due=False) == "dead"
    clock.go(2)
    assert ledger.search("w", "site", due=False) == "w"
    ledger.renew("dead")
    assert ledger.search("dead", "site", due=True) == "w"


def test_a_search_that_was_let_go_of_falls_to_whoever_asks(ledger) -> None:
    ledger.search("one", "site", due=True)
    ledger.release("one", [])
    assert ledger.search("two", "site", due=False) == "one"
    ledger.release("one")
    assert ledger.search("two", "site", due=False) == "two"


def test_a_worker_that_searches_and_says_that_it_lives_keeps_its_search(ledger, clock) -> None:
    ledger.search("w", "site", due=True)
    for _ in range(3):
        clock.go(LEASE_SECONDS - 1)
        ledger.renew("w")
    assert ledger.search("v", "site", due=True) == "w"


def test_a_search_that_its_worker_leaves_falls_to_the_next_that_asks(ledger) -> None:
    ledger.search("one", "site", due=True)
    ledger.searched("one", "site", over=False)
    assert ledger.search("two", "site", due=False) == "two"
    assert ledger.search("one", "site", due=True) == "two"


@pytest.mark.parametrize("over", [True, False])
def test_nobody_ends_another_s_search(ledger, over) -> None:
    ledger.search("one", "site", due=True)
    ledger.searched("two", "site", over=over)
    assert ledger.search("two", "site", due=True) == "one"


# the right of way


def test_nobody_waits_where_nobody_asks_for_the_right_of_way(ledger) -> None:
    assert ledger.ahead("one", asks=False) == ledger.ahead("other", asks=False) == 0


def test_who_asks_for_the_right_of_way_has_it_before_all_who_do_not(ledger) -> None:
    assert ledger.ahead("one", asks=True) == 0
    assert ledger.ahead("other", asks=False) == 1


def test_those_who_ask_come_in_their_order_however_often_they_ask(opened) -> None:
    one, other = opened(), opened()
    one.ahead("first", asks=True)
    other.ahead("second", asks=True)
    other.ahead("third", asks=True)
    assert [one.ahead(each, asks=True) for each in ("third", "second", "first")] == [2, 1, 0]
    assert other.ahead("fourth", asks=False) == 3


def test_who_is_through_lets_the_next_one_go(ledger) -> None:
    for each in ("first", "second", "third"):
        ledger.ahead(each, asks=True)
    ledger.through("first")
    assert [ledger.ahead(each, asks=True) for each in ("second", "third")] == [0, 1]
    ledger.through("third")
    ledger.through("second")
    assert ledger.ahead("fourth", asks=False) == 0


def test_whoever_died_in_line_keeps_others_for_its_seconds(ledger, clock) -> None:
    ledger.ahead("dead", asks=True)
    for _ in range(2):
        clock.go(WAY_SECONDS / 2)
        assert ledger.ahead("alive", asks=True) == 1
    clock.go(1)
    assert ledger.ahead("alive", asks=True) == ledger.ahead("late", asks=False) - 1 == 0


def test_whoever_slept_in_line_stands_at_its_end(ledger, clock) -> None:
    ledger.ahead("sleeper", asks=True)
    clock.go(WAY_SECONDS / 2)
    ledger.ahead("awake", asks=True)
    clock.go(WAY_SECONDS / 2 + 1)
    assert ledger.ahead("sleeper", asks=True) == 1


def test_no_right_of_way_outlives_the_start_of_a_machine_whose_clock_begins_anew(ledger, clock) -> None:
    ledger.ahead("dead", asks=True)
    clock.go(60 - clock.now)
    assert ledger.ahead("alive", asks=False) == 0


# deaths


def deaths_of(ledger, worker="w") -> dict[int, int]:
    leases = ledger.lease(worker, 9)
    ledger.release(worker)
    return {lease.id: lease.deaths for lease in leases}


def test_a_worker_that_is_not_heard_of_any_more_may_have_died_of_any_of_its_ids(ledger, clock) -> None:
    ledger.add([ArticleId(1), ArticleId(2)], "list")
    ledger.lease("dead", 9)
    clock.go(LEASE_SECONDS + 1)
    assert deaths_of(ledger) == {1: 1, 2: 1}


def test_after_a_first_death_only_what_was_on_its_way_counts_another(ledger) -> None:
    ledger.add([ArticleId(1), ArticleId(2), ArticleId(3)], "list")
    for flying in ((), (1, 2), (1,)):
        ledger.lease("dead", 9)
        for id in flying:
            ledger.flies(ArticleId(id), away=True)
        ledger.flies(ArticleId(2), away=False)
        ledger.release("dead", dead=True)
    assert deaths_of(ledger) == {1: 3, 2: 1, 3: 1}


def test_a_worker_that_gives_its_leases_back_has_not_died_of_them(ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("w", 1)
    ledger.release("w")
    assert deaths_of(ledger) == {1: 0}


def test_what_was_given_back_on_its_way_is_so_no_more(ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("dead", 1)
    ledger.release("dead", dead=True)
    ledger.lease("w", 1)
    ledger.flies(ArticleId(1), away=True)
    ledger.release("w")
    ledger.lease("dead", 1)
    ledger.release("dead", dead=True)
    assert deaths_of(ledger) == {1: 1}


def test_what_was_not_given_back_with_others_is_on_its_way_still(ledger) -> None:
    ledger.add([ArticleId(1), ArticleId(2)], "list")
    ledger.lease("dead", 2)
    ledger.release("dead", dead=True)
    ledger.lease("dead", 2)
    for id in (1, 2):
        ledger.flies(ArticleId(id), away=True)
    ledger.release("dead", [ArticleId(1)])
    ledger.release("dead", dead=True)
    assert deaths_of(ledger) == {1: 1, 2: 2}


def test_a_take_ends_the_count_of_deaths(ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("dead", 1)
    ledger.release("dead", dead=True)
    commit(ledger, line(1, Outcome.GONE))
    commit(ledger, line(1, Outcome.KNOWN, reason="requeued", take=1))
    assert deaths_of(ledger) == {1: 0}


# commits


def test_an_outcome_settles_its_id_and_ends_the_lease(ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("w", 1)
    commit(ledger, read(1))
    assert ledger.leased("w") == 0
    assert ledger.standing(ArticleId(1)) == Standing(
        takes=1, outcome=Outcome.ARTICLE, version=1, content_hash=HASH, versions=1, left=False
    )
    assert ledger.counts().outcomes == {Outcome.ARTICLE: 1}
    assert ledger.lease("w", 1) == []


def test_an_outcome_of_an_unheard_of_id_makes_it_known_and_settled(ledger) -> None:
    commit(ledger, line(1, Outcome.GONE))
    counts = ledger.counts()
    assert (counts.known, counts.left, counts.settled) == (1, 0, 1)
    assert ledger.logged(ArticleId(1))


def test_a_known_line_makes_an_unheard_of_id_left(ledger) -> None:
    commit(ledger, line(1, Outcome.KNOWN, found="sitemap"))
    assert ledger.standing(ArticleId(1)) == Standing(outcome=Outcome.KNOWN, left=True)
    assert ledger.counts().unlogged == 0
    assert ledger.lease("w", 1) == [Lease(id=ArticleId(1), take=1, found="sitemap")]


def test_a_known_line_of_an_added_id_marks_it_logged_and_leaves_its_lease(ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("w", 1)
    commit(ledger, line(1, Outcome.KNOWN, found="link"))
    assert ledger.logged(ArticleId(1))
    assert ledger.leased("w") == 1
    assert ledger.counts().unlogged == 0


def test_unlogged_ids_come_in_their_order(ledger) -> None:
    ledger.add(map(ArticleId, (1, 2)), "list")
    commit(ledger, line(2, Outcome.KNOWN), line(3, Outcome.GONE))
    assert list(ledger.unlogged(map(ArticleId, (9, 3, 2, 1)))) == [9, 1]


def test_a_known_line_of_a_settled_id_changes_nothing(ledger) -> None:
    commit(ledger, read(1))
    before = ledger.standing(ArticleId(1))
    commit(ledger, line(1, Outcome.KNOWN))
    assert ledger.standing(ArticleId(1)) == before


def test_an_id_that_is_taken_and_requeued_in_one_commit_can_be_leased(ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("w", 1)
    commit(ledger, line(1, Outcome.GONE), line(1, Outcome.KNOWN, reason="requeued", take=1))
    assert ids_of(ledger.lease("w", 1)) == [1]


def test_a_requeued_id_is_left_again_for_its_next_take(ledger) -> None:
    commit(ledger, line(1, Outcome.FAILED, take=3, reason="timeout"))
    commit(ledger, line(1, Outcome.KNOWN, reason="requeued", take=3))
    standing = ledger.standing(ArticleId(1))
    assert (standing.outcome, standing.left, standing.takes) == (Outcome.FAILED, True, 3)
    assert ledger.counts().settled == 0
    assert [lease.take for lease in ledger.lease("w", 1)] == [4]


def test_a_requeue_that_another_take_has_overtaken_changes_nothing(ledger) -> None:
    commit(ledger, line(1, Outcome.FAILED, take=2))
    commit(ledger, line(1, Outcome.KNOWN, reason="requeued", take=1))
    assert not ledger.standing(ArticleId(1)).left


def test_a_commit_applied_again_changes_nothing(ledger) -> None:
    commit(ledger, line(1, Outcome.FAILED), stored=[record("segment-1")])
    commit(ledger, line(1, Outcome.GONE, take=2))
    before = ledger.standing(ArticleId(1)), ledger.counts()
    ledger.apply(1, "segment-1", AT, [line(1, Outcome.FAILED)], [record("segment-1")])
    assert (ledger.standing(ArticleId(1)), ledger.counts()) == before
    assert ledger.n() == 2


def test_a_commit_is_taken_in_whole_or_not_at_all(ledger) -> None:
    def broken():
        yield record("segment-1")
        raise Damaged

    ledger.add([ArticleId(1)], "list")
    ledger.lease("w", 1)
    with pytest.raises(Damaged):
        ledger.apply(1, "segment-1", AT, [read(1), line(2, Outcome.KNOWN)], broken())
    assert ledger.n() == 0
    assert ledger.segment("segment-1") is None
    assert ledger.leased("w") == 1
    assert ledger.original(HASH) is None
    assert ledger.stored(b"s" * 32, 100, DIGEST) is None
    assert ledger.counts().known == 1


def test_a_commit_that_leaves_a_gap_is_refused(ledger) -> None:
    commit(ledger)
    with pytest.raises(LedgerError, match="has 1 commits and can't take in commit 3"):
        ledger.apply(3, "segment-3", AT, [], [])


def test_another_object_sees_what_was_committed(opened) -> None:
    one, two = opened(), opened()
    commit(one, read(1))
    assert two.n() == 1
    assert two.standing(ArticleId(1)).outcome is Outcome.ARTICLE


def test_a_duplicate_has_the_text_s_hash_and_no_version(ledger) -> None:
    commit(ledger, read(1), read(2, outcome=Outcome.DUPLICATE, version=None))
    standing = ledger.standing(ArticleId(2))
    assert (standing.version, standing.content_hash, standing.versions) == (None, HASH, 0)


@pytest.mark.parametrize(
    "outcome", [Outcome.GONE, Outcome.NOT_ARTICLE, Outcome.REFUSED, Outcome.FAILED, Outcome.KNOWN]
)
def test_an_outcome_without_a_text_leaves_the_text_that_the_id_had(ledger, outcome) -> None:
    commit(ledger, read(1))
    commit(ledger, line(1, outcome, take=2))
    standing = ledger.standing(ArticleId(1))
    assert (standing.version, standing.content_hash, standing.versions) == (1, HASH, 1)


def test_a_return_to_an_earlier_text_shows_that_version_and_keeps_the_highest(ledger) -> None:
    commit(
        ledger, read(1), read(1, OTHER, 2, Outcome.CHANGED, take=2), read(1, HASH, 1, Outcome.CHANGED, take=3)
    )
    standing = ledger.standing(ArticleId(1))
    assert (standing.version, standing.content_hash, standing.versions) == (1, HASH, 2)
    assert ledger.version(ArticleId(1), OTHER) == 2
    assert ledger.version(ArticleId(1), HASH) == 1
    assert ledger.version(ArticleId(2), HASH) is None


@pytest.mark.parametrize("count", [2, 255, 256, 70_000])
def test_an_id_may_have_any_number_of_takes_and_texts(ledger, count) -> None:
    commit(ledger, read(1))
    commit(ledger, read(1, OTHER, count, Outcome.CHANGED, take=count))
    commit(ledger, read(1, OTHER, count, Outcome.UNCHANGED, take=count + 1))
    standing = ledger.standing(ArticleId(1))
    assert (standing.takes, standing.version, standing.versions) == (count + 1, count, count)
    assert ledger.counts().outcomes == {Outcome.UNCHANGED: 1}
    assert ledger.version(ArticleId(1), HASH) == 1


@pytest.mark.parametrize("text", ["n2:x", "n2:a-hash-that-has-32-characters", "n2:" + "y" * 200])
def test_a_text_of_any_kind_of_hash_stays_the_id_s_own(ledger, text) -> None:
    commit(ledger, read(1, text))
    commit(ledger, line(1, Outcome.FAILED, take=2))
    standing = ledger.standing(ArticleId(1))
    assert (standing.content_hash, standing.version, standing.takes) == (text, 1, 2)
    assert ledger.original(text) == Original(id="1", version=1)


@pytest.mark.parametrize("found", ["list", "home", "a friend", "l"])
def test_how_an_id_was_found_first_stays_with_it(ledger, found) -> None:
    ledger.add([ArticleId(1)], found)
    commit(ledger, line(1, Outcome.FAILED, reason="timeout", found="cdx"))
    commit(ledger, line(1, Outcome.KNOWN, reason="requeued", take=1, found="link"))
    assert [lease.found for lease in ledger.lease("w", 1)] == [found]


def test_the_original_of_a_text_is_the_first_in_the_order_of_commits(ledger) -> None:
    commit(ledger, read(9))
    commit(ledger, read(1), read(9, OTHER, 2, Outcome.CHANGED, take=2))
    assert ledger.original(HASH) == Original(id="9", version=1)
    assert ledger.original(OTHER) == Original(id="9", version=2)
    assert ledger.original(f"n1:sha256:{'0' * 64}") is None


def test_a_text_hashed_in_another_way_is_found_too(ledger) -> None:
    commit(ledger, read(1, "n2:blake3:xyz"))
    assert ledger.original("n2:blake3:xyz") == Original(id="1", version=1)
    assert ledger.standing(ArticleId(1)).content_hash == "n2:blake3:xyz"


# payloads and segments


def test_a_stored_payload_is_found_by_its_hashes_and_length(ledger) -> None:
    first, again = record("segment-1", 10), record("segment-1", 90)
    commit(ledger, stored=[first, again])
    assert ledger.stored(b"s" * 32, 100, DIGEST) == first
    assert ledger.stored(b"s" * 32, 101, DIGEST) is None
    assert ledger.stored(b"t" * 32, 100, DIGEST) is None
    assert ledger.stored(b"s" * 32, 100, f"sha1:{'B' * 32}") is None


def test_a_record_without_digest_and_with_an_odd_id_comes_back_as_it_was(ledger) -> None:
    odd = record("segment-1")
    odd = replace(odd, record=replace(odd.record, record_id="<urn:x:1>", payload_digest=None))
    commit(ledger, stored=[odd])
    assert ledger.stored(odd.sha256, odd.length, None) == odd


URLS = (
    "http://anapress.net/a/1",
    "http://anapress.net/a/01",
    f"http://anapress.net/a/{2**63 - 1}",
    "http://a/",
)
DATES = (AT, "2026-03-01T11:59:58.123456Z", "1969-12-31T23:59:59.000Z", "2026-13-01T00:00:00.000Z")
PLACES = ((0, 1), (2**32, 80), (90, 2**24))


def test_a_record_comes_back_as_it_was_wherever_it_lies(ledger) -> None:
    given = []
    for number, (url, date, (offset, size)) in enumerate(product(URLS, DATES, PLACES)):
        each = record("segment-1", sha256=bytes([number]) * 32, url=url)
        given.append(replace(each, date=date, record=replace(each.record, offset=offset, length=size)))
    commit(ledger, stored=given)
    assert [ledger.stored(each.sha256, each.length, DIGEST) for each in given] == given


def test_the_newest_answer_of_an_archive_service_is_found_by_its_url_and_by_its_date(ledger) -> None:
    url = "https://web.archive.org/cdx/search/cdx?url=anapress.net/a/*"
    first = replace(record("segment-1", 10), url=url, date="2026-01-01T00:00:00Z")
    second = replace(record("segment-2", 90), url=url, date="2026-02-01T00:00:00Z")
    commit(ledger, stored=[first])
    commit(ledger, stored=[second])
    assert ledger.captured(url) == second
    assert ledger.captured(url, first.date) == first
    assert ledger.captured(url, "2026-03-01T00:00:00Z") is None
    assert ledger.captured(f"{url}&page=2") is None


def test_a_record_of_another_segment_is_refused(ledger) -> None:
    with pytest.raises(LedgerError, match="brings a record of elsewhere"):
        commit(ledger, stored=[record("elsewhere")])


def test_a_segment_names_its_commit(ledger) -> None:
    commit(ledger)
    commit(ledger, segment="mine")
    assert ledger.segment("mine") == 2
    assert ledger.segment("other") is None


# refresh


def captured(id: int, at: str | None, outcome=Outcome.ARTICLE, **more) -> OutcomeLine:
    return read(id, f"n1:sha256:{id:064x}", outcome=outcome, captured_at=at, **more)


BEFORE = datetime(2026, 2, 1, tzinfo=UTC)


def test_a_refresh_takes_what_is_left_then_articles_captured_long_ago(ledger) -> None:
    commit(
        ledger,
        captured(1, "2026-01-20T00:00:00Z"),
        captured(2, "2026-02-02T00:00:00Z"),
        captured(3, "2026-01-10T00:00:00Z", Outcome.UNCHANGED),
        captured(4, None),  # at the commit's time
        line(5, Outcome.GONE, captured_at="2026-01-01T00:00:00Z"),
        line(6, Outcome.KNOWN),
    )
    first = ledger.lease("w", 2, captured_before=BEFORE)
    assert first[0] == Lease(id=ArticleId(6), take=1)
    then = ledger.lease("w", 2, captured_before=BEFORE)
    assert (ids_of([*first, *then]), then[0].take) == ([1, 3, 6], 2)


def test_a_refresh_among_ids_takes_only_those(ledger) -> None:
    commit(ledger, captured(1, "2026-01-20T00:00:00Z"), captured(2, "2026-01-20T00:00:00Z"))
    assert ids_of(ledger.lease("w", 9, among=[2, 3], captured_before=BEFORE)) == [2]
    assert ledger.lease("w", 9, among=[1]) == []


def test_ids_are_done_with_that_no_lease_would_give(ledger) -> None:
    commit(
        ledger,
        captured(1, "2026-01-20T00:00:00Z"),
        captured(2, "2026-02-02T00:00:00Z"),
        line(3, Outcome.GONE, captured_at="2026-01-01T00:00:00Z"),
        line(4, Outcome.KNOWN),
    )
    ledger.lease("w", 9)
    asked = [ArticleId(id) for id in range(1, 2000)]
    assert (ledger.done(asked), ledger.done(asked, captured_before=BEFORE)) == (3, 2)
    assert ledger.done([ArticleId(4), ArticleId(5)]) == 0


def test_an_id_leased_for_a_refresh_is_settled_until_its_next_take_is(ledger) -> None:
    commit(ledger, captured(1, "2026-01-20T00:00:00Z"))
    ledger.lease("w", 1, captured_before=BEFORE)
    counts = ledger.counts()
    assert (counts.settled, counts.left, counts.leased) == (1, 0, 1)
    ledger.release("w")
    assert ledger.lease("w", 1) == []
    assert ids_of(ledger.lease("w", 1, captured_before=BEFORE)) == [1]
    commit(ledger, captured(1, "2026-02-20T00:00:00Z", Outcome.UNCHANGED, take=2))
    assert ledger.lease("w", 1, captured_before=BEFORE) == []


def test_a_refresh_takes_only_what_was_taken_by_its_beginning_whatever_its_date(ledger) -> None:
    commit(ledger, captured(1, JANUARY), captured(2, JANUARY))
    commit(ledger, captured(1, "2025-12-01T00:00:00Z", Outcome.UNCHANGED, take=2))
    assert ids_of(ledger.lease("w", 9, among=[1, 2], captured_before=BEFORE, as_of=1)) == [2]
    ledger.release("w")
    assert ids_of(ledger.lease("w", 9, captured_before=BEFORE, as_of=1)) == [2]
    ledger.release("w")
    assert ids_of(ledger.lease("w", 9, captured_before=BEFORE, as_of=2)) == [1, 2]


# validators: PAGE is what the archive holds whole, HELD what it was given with

PAGE = record("segment-1", 10, b"a" * 32)
HELD = Validators('"68f3a2c1-4d2f"', "Tue, 21 Oct 2025 14:03:29 GMT")
GIVEN = {"record": PAGE.record, "etag": HELD.etag, "last_modified": HELD.last_modified}
JANUARY = "2026-01-01T00:00:00Z"


def place(offset: int, digest: str | None = PAGE.record.payload_digest, segment="segment-2") -> RecordRef:
    return replace(record(segment, offset).record, payload_digest=digest)


def leased(ledger) -> Validators:
    """What the next take of id 1 may ask with."""
    ledger.release("w")
    (lease,) = ledger.lease("w", 1, among=[1], captured_before=BEFORE)
    return Validators(lease.etag, lease.last_modified)


def test_a_lease_has_the_validators_of_a_page_that_the_archive_holds(ledger) -> None:
    commit(ledger, captured(1, JANUARY, **GIVEN), stored=[PAGE])
    assert leased(ledger) == HELD
    assert ledger.validated(ArticleId(1), HELD) == PAGE


def test_a_requeued_id_keeps_its_validators(ledger) -> None:
    commit(ledger, captured(1, JANUARY, **GIVEN), stored=[PAGE])
    commit(ledger, line(1, Outcome.KNOWN, reason="requeued", take=1))
    assert leased(ledger) == HELD


@pytest.mark.parametrize(
    "stored", [[], [replace(PAGE, url="http://anapress.net/a/2")]], ids=["nowhere", "elsewhere"]
)
def test_a_lease_has_no_validators_of_a_page_that_the_archive_does_not_hold_under_its_url(
    ledger, stored
) -> None:
    commit(ledger, captured(1, JANUARY, **GIVEN), stored=stored)
    assert leased(ledger) == Validators()
    assert ledger.validated(ArticleId(1), HELD) is None


def test_other_validators_than_the_last_takes_speak_of_nothing(ledger) -> None:
    commit(ledger, captured(1, JANUARY, **GIVEN), stored=[PAGE])
    tag, date = HELD.etag, HELD.last_modified
    for held in (Validators(tag), Validators('"2"', date), Validators(None, date), Validators()):
        assert ledger.validated(ArticleId(1), held) is None
    assert ledger.validated(ArticleId(2), HELD) is None


def test_validators_speak_of_the_first_record_of_their_page_not_of_the_newest_of_its_url(ledger) -> None:
    commit(ledger, captured(1, JANUARY, **GIVEN), stored=[PAGE])
    busy = record("segment-2", 50, b"b" * 32)
    busy = replace(busy, record=replace(busy.record, payload_digest=f"sha1:{'B' * 32}"))
    again = record("segment-2", 70, b"a" * 32)
    commit(ledger, captured(1, JANUARY, Outcome.UNCHANGED, take=2, **GIVEN), stored=[busy, again])
    assert ledger.validated(ArticleId(1), HELD) == PAGE


def test_an_id_of_zero_has_validators_as_any_other(ledger) -> None:
    page = replace(PAGE, url="http://anapress.net/a/0")
    commit(ledger, captured(0, JANUARY, **GIVEN), stored=[page])
    assert ledger.validated(ArticleId(0), HELD) == page


@pytest.mark.parametrize("together", [True, False], ids=["in one commit", "in an earlier one"])
def test_validators_speak_of_their_own_page_s_record_where_another_s_has_the_same_bytes(
    ledger, together
) -> None:
    first = record("segment-1", 5, PAGE.sha256, url="http://anapress.net/a/2")
    page = PAGE if together else record("segment-2", 10, PAGE.sha256)
    if not together:
        commit(ledger, stored=[first])
    commit(ledger, captured(1, JANUARY, **GIVEN), stored=[first, page] if together else [page])
    assert leased(ledger) == HELD
    assert ledger.validated(ArticleId(1), HELD) == page


@pytest.mark.parametrize("status", [200, 304])
def test_validators_of_a_page_that_came_as_a_revisit_speak_of_the_record_that_it_names(
    ledger, status
) -> None:
    commit(ledger, captured(1, JANUARY, **GIVEN), stored=[PAGE])
    commit(
        ledger, captured(1, JANUARY, Outcome.UNCHANGED, take=2, status=status, record=place(30), etag='"2"')
    )
    assert leased(ledger) == Validators('"2"')
    assert ledger.validated(ArticleId(1), Validators('"2"')) == PAGE


def again(stored: Stored = PAGE, url: str = PAGE.url) -> Revisit:
    return Revisit(sha256=stored.sha256, length=stored.length, digest=DIGEST, url=url)


def test_validators_that_come_with_a_later_revisit_speak_of_the_record_that_it_names(ledger) -> None:
    commit(ledger, captured(1, JANUARY, record=PAGE.record), stored=[PAGE])
    assert leased(ledger) == Validators()
    commit(
        ledger,
        captured(1, JANUARY, Outcome.UNCHANGED, take=2, record=place(30), etag='"2"'),
        stored=[again()],
    )
    assert leased(ledger) == Validators('"2"')
    assert ledger.validated(ArticleId(1), Validators('"2"')) == PAGE


def test_validators_of_a_page_whose_bytes_only_another_page_s_record_holds_speak_of_nothing(ledger) -> None:
    commit(ledger, stored=[replace(PAGE, url="http://anapress.net/a/2")])
    commit(ledger, captured(1, JANUARY, record=place(30), etag='"2"'), stored=[again()])
    assert leased(ledger) == Validators()
    assert ledger.validated(ArticleId(1), Validators('"2"')) is None


def test_validators_speak_of_the_earlier_page_once_it_is_shown_again(ledger) -> None:
    commit(ledger, captured(1, JANUARY, **GIVEN), stored=[PAGE])
    other = replace(record("segment-2", 50, b"b" * 32), record=place(50, f"sha1:{'B' * 32}"))
    commit(
        ledger, captured(1, JANUARY, Outcome.CHANGED, take=2, record=other.record, etag='"2"'), stored=[other]
    )
    assert ledger.validated(ArticleId(1), Validators('"2"')) == other
    commit(
        ledger,
        captured(1, JANUARY, Outcome.CHANGED, take=3, **GIVEN | {"record": place(30, segment="segment-3")}),
    )
    assert ledger.validated(ArticleId(1), HELD) == PAGE


@pytest.mark.parametrize("outcome", [Outcome.CHANGED, Outcome.GONE, Outcome.FAILED], ids=str)
def test_a_take_without_validators_ends_the_old_ones(ledger, outcome) -> None:
    commit(ledger, captured(1, JANUARY, **GIVEN), stored=[PAGE])
    commit(ledger, captured(1, JANUARY, outcome, take=2, record=PAGE.record))
    commit(ledger, line(1, Outcome.KNOWN, reason="requeued", take=2))
    assert leased(ledger) == Validators()


# reading it out


def test_settled_ids_are_listed_by_outcome_and_reason(ledger) -> None:
    commit(
        ledger,
        line(3, Outcome.FAILED, reason="timeout", take=2),
        line(1, Outcome.FAILED, reason="dns: no such name"),
        line(2, Outcome.FAILED),
        line(4, Outcome.GONE, reason="404"),
        line(5, Outcome.FAILED, reason="timeout"),
        line(5, Outcome.KNOWN, reason="requeued", take=1),
    )
    assert list(ledger.settled(Outcome.FAILED)) == [(1, 1), (2, 1), (3, 2)]
    assert list(ledger.settled(Outcome.FAILED, "time")) == [(3, 2)]
    assert list(ledger.settled(Outcome.FAILED, "%")) == []
    assert list(ledger.ids(left=True)) == [5]
    assert list(ledger.ids(left=False)) == [1, 2, 3, 4]


def test_ids_can_be_listed_while_others_write(opened) -> None:
    one, two = opened(), opened()
    one.add(map(ArticleId, range(1, 12_001)), "list")
    listed = one.ids(left=True)
    assert next(listed) == 1
    two.add([ArticleId(20_000)], "list")
    one.lease("w", 1)
    assert list(listed)[-1] in (12_000, 20_000)


# one archive


def test_a_ledger_belongs_to_one_archive(opened) -> None:
    one, two = opened(), opened()
    assert two.bound() is None
    one.bind(UUID(int=1))
    two.bind(UUID(int=1))
    assert two.bound() == str(UUID(int=1))
    with pytest.raises(WrongUse, match="is the ledger of archive 00000000-0000-0000-0000-000000000001"):
        two.bind(UUID(int=2))


def test_an_object_made_in_one_thread_serves_another(ledger) -> None:
    added = []
    thread = threading.Thread(target=lambda: added.append(ledger.add([ArticleId(1)], "list")))
    thread.start()
    thread.join()
    assert added == [1]


# several processes


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "ledger.db"
    with closing(SqliteLedger(path)) as ledger:
        ledger.add(map(ArticleId, range(1, 5001)), "list")
    return path


def _lease_by_turns(path: Path, worker: str, together, answers) -> None:
    with closing(SqliteLedger(path)) as ledger:
        taken = []
        for _ in range(40):
            together.wait(60)
            taken += [lease.id for lease in ledger.lease(worker, 25)]
    answers.put(taken)


def test_processes_that_lease_at_the_same_time_share_nothing(file) -> None:
    spawn = multiprocessing.get_context("spawn")
    together, answers = spawn.Barrier(2), spawn.Queue()
    workers = [
        spawn.Process(target=_lease_by_turns, args=(file, name, together, answers)) for name in ("one", "two")
    ]
    for worker in workers:
        worker.start()
    one, two = (answers.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    assert sorted(one + two) == list(range(1, 2001))


def test_a_new_ledger_can_be_opened_by_many_at_the_same_time(tmp_path) -> None:
    go, bound = threading.Barrier(8), []

    def begin(number: int) -> None:
        go.wait()
        with closing(SqliteLedger(tmp_path / "deep" / "ledger.db")) as ledger:
            bound.append(ledger.add([ArticleId(number)], "list"))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(SqliteLedger(tmp_path / "deep" / "ledger.db")) as ledger:
        assert ledger.counts().known == len(bound) == 8
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["ledger.db"]


# requisites


X, Y, Z = "http://a/x", "http://a/y", "http://a/z"
NOBODY_S = Claims(frozenset(), frozenset())


def claimed(ours: Iterable[str] = (), others: Iterable[str] = ()) -> Claims:
    return Claims(frozenset(ours), frozenset(others))


def test_a_url_is_given_once_to_whom_it_is_claimed_by(ledger, opened) -> None:
    assert ledger.claim("w", [X, Y]) == claimed([X, Y])
    assert ledger.claim("w", [Y, Z, X]) == claimed([Z])
    assert opened().claim("w", [X, Y, Z]) == NOBODY_S


def test_what_another_worker_has_claimed_is_told_of(ledger, opened) -> None:
    ledger.claim("w", [X])
    for _ in range(2):
        assert opened().claim("v", [X]) == claimed(others=[X])
    assert opened().claim("v", [X, Y]) == claimed([Y], others=[X])


def test_nothing_is_claimed_by_who_asks_for_nothing(ledger) -> None:
    assert ledger.claim("w", []) == NOBODY_S
    ledger.unclaim("w", [])


def test_a_url_that_a_commit_holds_is_nobody_s(ledger, opened) -> None:
    commit(ledger, held=[X, X])
    for each, worker in ((ledger, "w"), (opened(), "v")):
        assert each.claim(worker, [X]) == NOBODY_S


def test_a_claim_ends_with_the_commit_that_brings_the_url(ledger) -> None:
    ledger.claim("w", [X, Y])
    commit(ledger, held=[X])
    assert ledger.claim("v", [X, Y]) == claimed(others=[Y])
    ledger.release("w")
    assert ledger.claim("v", [X, Y]) == claimed([Y])


def test_what_its_worker_lets_go_of_is_whose_who_asks_next(ledger) -> None:
    ledger.claim("w", [X, Y])
    ledger.unclaim("w", [X, Z])
    assert ledger.claim("v", [X, Y]) == claimed([X], others=[Y])
    assert ledger.claim("w", [X]) == claimed(others=[X])


def test_nobody_lets_go_of_another_s_claim_or_of_what_is_held(ledger) -> None:
    commit(ledger, held=[Y])
    ledger.claim("w", [X])
    ledger.unclaim("v", [X, Y])
    assert ledger.claim("v", [X, Y]) == claimed(others=[X])


@pytest.mark.parametrize("dead", [False, True])
def test_who_has_released_all_has_no_claims(ledger, dead) -> None:
    ledger.claim("w", [X])
    ledger.release("w", dead=dead)
    assert ledger.claim("v", [X]) == claimed([X])


def test_a_worker_that_gives_its_leases_back_and_stays_keeps_its_claims_all_along(ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.claim("w", [X])
    ledger.lease("w", 1)
    ledger.release("w", stays=True)
    assert ledger.claim("v", [X]) == claimed(others=[X])
    assert ids_of(ledger.lease("v", 1)) == [1]


def test_who_claims_lives(ledger, clock) -> None:
    ledger.add([ArticleId(1)], "list")
    ledger.lease("w", 1)
    clock.go(LEASE_SECONDS * 2 / 3)
    ledger.claim("w", [X])
    clock.go(LEASE_SECONDS * 2 / 3)
    assert ids_of(ledger.lease("v", 1)) == []
    assert ledger.claim("v", [X]) == claimed(others=[X])


def test_the_claims_of_a_worker_that_nobody_heard_of_fall_to_who_asks(ledger, clock) -> None:
    ledger.claim("w", [X, Y])
    clock.go(LEASE_SECONDS + 1)
    assert ledger.claim("v", [X]) == claimed([X])
    assert ledger.claim("w", [X, Y]) == claimed(others=[X])  # it only slept, and has Y still
    assert ledger.claim("v", [Y]) == claimed(others=[Y])


def test_a_late_commit_ends_another_s_claim(ledger, clock) -> None:
    ledger.claim("w", [X])
    clock.go(LEASE_SECONDS + 1)
    ledger.claim("v", [X])
    commit(ledger, held=[X])  # which w brought
    assert [ledger.claim(worker, [X]) for worker in "vwu"] == [NOBODY_S] * 3


def test_many_are_claimed_at_once(ledger) -> None:
    some, more = ([f"http://a/{at}" for at in range(start, start + 2500)] for start in (0, 1000))
    assert ledger.claim("w", some) == claimed(some)
    assert ledger.claim("v", more) == claimed(set(more) - set(some), others=set(more) & set(some))
    ledger.unclaim("w", some)
    assert ledger.claim("v", some) == claimed(some)


def test_what_fills_the_payloads_may_fill_what_is_held(ledger) -> None:
    held = []

    def payloads():
        held.append("http://a/x")
        yield record("segment-1")

    commit(ledger, stored=payloads(), held=held)
    assert ledger.claim("w", [X]) == NOBODY_S


def test_a_copy_of_a_file_knows_what_is_held_and_of_no_claim(tmp_path) -> None:
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        commit(ledger, held=[X])
        ledger.claim("w", [Y])
        ledger.dump(tmp_path / "copy.db")
        assert ledger.unlike(tmp_path / "copy.db") == []
    with closing(SqliteLedger(tmp_path / "copy.db")) as copy:
        assert copy.claim("v", [X, Y]) == claimed([Y])


# a file that is none


def spoil(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_a_ledger_outlives_its_object(file) -> None:
    with closing(open_ledger(f"sqlite://{file}")) as ledger:
        assert ledger.counts().left == 5000


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, content) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises((WrongUse, LedgerError), match="scrapy ids rebuild"):
        SqliteLedger(path)
    assert path.read_bytes() == content


def test_a_file_that_can_not_be_written_is_told_with_what_may_be_wrong(tmp_path) -> None:
    path = tmp_path / "ledger.db"
    path.mkdir()
    with pytest.raises(LedgerError, match="we must be able to write it"):
        SqliteLedger(path)


def test_another_program_s_database_is_refused(tmp_path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE ids (id)")
    with pytest.raises(WrongUse, match="is no ledger"):
        SqliteLedger(tmp_path / "other.db")


def test_a_newer_program_s_ledger_is_refused(file) -> None:
    with closing(sqlite3.connect(file)) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(WrongUse, match=r"made by a newer program \(format 99.*scrapy ids rebuild"):
        SqliteLedger(file)


FORMAT_6 = """
ALTER TABLE held DROP COLUMN claimant;
PRAGMA user_version = 6;
"""
FORMAT_5 = f"""{FORMAT_6}
DROP TABLE seekers;
DROP TABLE queue;
PRAGMA user_version = 5;
"""
FORMAT_4 = f"""{FORMAT_5}
DROP TABLE suspects;
PRAGMA user_version = 4;
"""
FORMAT_3 = f"""{FORMAT_4}
DROP TABLE held;
PRAGMA user_version = 3;
"""
FORMAT_2 = f"""{FORMAT_3}
CREATE TABLE older (id INTEGER, content_hash BLOB, version INTEGER NOT NULL, PRIMARY KEY (id, content_hash))
    WITHOUT ROWID;
CREATE TABLE firsts (content_hash BLOB PRIMARY KEY, id INTEGER NOT NULL, version INTEGER NOT NULL)
    WITHOUT ROWID;
INSERT INTO firsts SELECT content_hash, id, version FROM texts WHERE true ORDER BY number ON CONFLICT DO NOTHING;
INSERT INTO older SELECT id, content_hash, version FROM texts WHERE true ON CONFLICT DO NOTHING;
DROP TABLE texts;
ALTER TABLE older RENAME TO texts;
DROP INDEX ids_captured;
ALTER TABLE ids DROP COLUMN settled;
ALTER TABLE ids DROP COLUMN attempts;
CREATE INDEX ids_captured ON ids (captured) WHERE todo = 0 AND holder IS NULL AND captured IS NOT NULL;
PRAGMA user_version = 2;
"""
FORMAT_1 = f"""{FORMAT_2}
UPDATE payloads SET digest = zeroblob(20);
ALTER TABLE ids DROP COLUMN digest;
PRAGMA user_version = 1;
"""


@pytest.mark.parametrize("older", [FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4, FORMAT_5, FORMAT_6], ids="123456")
def test_an_older_program_s_ledger_is_brought_to_this_format(file, older) -> None:
    again = read(9, OTHER, 2, Outcome.CHANGED, take=2), read(9, version=1, outcome=Outcome.CHANGED, take=3)
    with closing(SqliteLedger(file)) as ledger:
        commit(ledger, read(9), read(1), *again, stored=[PAGE], segment="segment-1")
    with closing(sqlite3.connect(file)) as db:
        db.executescript(older)
    with closing(SqliteLedger(file)) as ledger:
        assert ledger.stored(PAGE.sha256, PAGE.length, DIGEST) == PAGE
        assert ledger.original(HASH) == Original(id="9", version=1)
        assert [ledger.version(id, text) for id in (1, 9) for text in (HASH, OTHER)] == [1, None, 1, 2]
        commit(ledger, captured(1, JANUARY, **GIVEN), held=["http://anapress.net/x"])
    with closing(SqliteLedger(file)) as ledger:
        assert leased(ledger) == HELD
        assert ledger.claim("w", ["http://anapress.net/x", X]) == claimed([X])
        assert ledger.search("w", "site", due=True) == "w"
        assert ledger.ahead("segment-2", asks=True) == 0


def test_what_an_older_program_took_a_refresh_takes_again(file) -> None:
    with closing(SqliteLedger(file)) as ledger:
        commit(ledger, captured(1, JANUARY))
    with closing(sqlite3.connect(file)) as older:  # it did not note which commit brought a take
        older.executescript(FORMAT_2)
    with closing(SqliteLedger(file)) as ledger:
        assert ids_of(ledger.lease("w", 1, among=[1], captured_before=BEFORE, as_of=1)) == [1]


def test_a_damaged_ledger_says_so_and_how_to_mend_it(file) -> None:
    spoil(file, 4096, b"\xff" * (file.stat().st_size - 4096))
    with (
        pytest.raises(LedgerError, match=r"damaged.*scrapy ids rebuild"),
        closing(SqliteLedger(file)) as ledger,
    ):
        ledger.counts()


def test_a_ledger_cut_short_says_so_and_how_to_mend_it(file) -> None:
    with file.open("r+b") as half:
        half.truncate(file.stat().st_size // 2)
    with (
        pytest.raises(LedgerError, match=r"damaged.*scrapy ids rebuild"),
        closing(SqliteLedger(file)) as ledger,
    ):
        list(ledger.ids(left=True))


def test_a_full_disk_is_said_and_costs_nothing_that_was_there(file) -> None:
    with closing(SqliteLedger(file)) as ledger:
        ledger._db.rows("PRAGMA max_page_count = 1")  # SQLite then answers as to ENOSPC: SQLITE_FULL
        with pytest.raises(LedgerError, match="full"):
            ledger.add(map(ArticleId, range(10_000, 90_000)), "list")
        ledger._db.rows("PRAGMA max_page_count = 1000000")
        assert ledger.counts().known == 5000
        assert ledger.add([ArticleId(10_000)], "list") == 1


def test_the_journal_of_a_ledger_that_was_removed_is_not_read_into_a_new_one(tmp_path) -> None:
    path, journal = tmp_path / "ledger.db", tmp_path / "ledger.db-wal"
    with closing(SqliteLedger(path)) as ledger:
        ledger.add([ArticleId(1)], "list")
        written = journal.read_bytes()
    path.unlink()
    journal.write_bytes(written)  # as after kill -9, then rm ledger.db
    with closing(SqliteLedger(path)) as ledger:
        assert ledger.counts().known == 0


def test_a_folder_that_can_t_be_made_is_a_ledger_error(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LedgerError, match="no ledger can be made"):
        SqliteLedger(tmp_path / "file" / "ledger.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://ledger.db", "sqlite:///folder/"])
def test_a_url_without_a_whole_path_is_refused(url) -> None:
    with pytest.raises(WrongUse, match="LEDGER_URL is"):
        open_ledger(url)


def test_a_path_may_have_any_letters(tmp_path) -> None:
    odd = tmp_path / "100% #1? é"
    open_ledger(f"sqlite://{odd}/ledger.db").close()
    assert (odd / "ledger.db").is_file()


# rows


@given(st.binary(min_size=32, max_size=32), st.uuids())
def test_hashes_and_record_ids_of_the_usual_form_are_packed(sha256, uuid) -> None:
    assert pack_hash(unpack_hash(sha256)) == sha256
    assert pack_record_id(f"<{uuid.urn}>") == uuid.bytes


@given(st.text() | st.from_regex(r"n1:sha256:[0-9a-fA-F ]*|<urn:uuid:[0-9a-f-]*>"))
def test_any_text_comes_back_as_it_was(text) -> None:
    assert unpack_hash(pack_hash(text)) == text
    assert unpack_record_id(pack_record_id(text)) == text


MOMENTS = st.integers(0, 1 << 33).map(lambda seconds: formatdate(seconds, usegmt=True))
ETAGS = st.from_regex(r'"[0-9a-f-]*"|W/"[a-z]*"', fullmatch=True)
DIGESTS = st.from_regex("sha1:[A-Z2-7]{32}", fullmatch=True)


@given(st.none() | ETAGS | st.text(), st.none() | MOMENTS | st.text(), DIGESTS | st.text())
def test_validators_come_back_as_they_were(etag, last_modified, digest) -> None:
    held = Validators(etag, last_modified)
    assert validators.unpack(validators.pack(held, digest)) == (held, digest)


@pytest.mark.parametrize(
    ("etag", "most"), [('"68f3a2c1-4d2f"', 33), ('"9b2cf535f27731c974343645a3985328"', 42), (None, 25)]
)
def test_usual_validators_take_few_bytes_with_their_digest(etag, most) -> None:
    held = Validators(etag, "Tue, 21 Oct 2025 14:03:29 GMT")
    assert len(validators.pack(held, DIGEST)) <= most


# at random


@dataclass
class Known:
    """What the model holds of one id."""

    takes: int = 0
    outcome: Outcome | None = None
    left: bool = True
    logged: bool = False
    holder: str | None = None


@dataclass
class Model:
    ids: dict[int, Known] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    def dead(self, worker: str, now: float) -> bool:
        return abs(self.seen[worker] - now) > LEASE_SECONDS

    def held(self, id: int, now: float) -> bool:
        return (holder := self.ids[id].holder) is not None and not self.dead(holder, now)


IDS = st.integers(1, 12)
WORKERS = st.sampled_from(["one", "two", "three"])
ENDS = st.sampled_from([Outcome.ARTICLE, Outcome.GONE, Outcome.FAILED, Outcome.KNOWN])


class LedgerAgainstModel(RuleBasedStateMachine):
    """Several workers, each with its own object, a clock that jumps, and a model in memory."""

    def __init__(self, server) -> None:
        super().__init__()
        self.folder, self.clock, self.ordered = TemporaryDirectory(), Clock(), server is None
        path = Path(self.folder.name, "ledger.db")
        if server is not None:
            server.empty()
        self.ledgers = {
            name: RedisLedger(server.url, clock=self.clock)
            if server
            else SqliteLedger(path, clock=self.clock)
            for name in ("one", "two", "three")
        }
        self.model = Model()
        self.log: list[tuple[OutcomeLine, ...]] = []

    def teardown(self) -> None:
        for ledger in self.ledgers.values():
            ledger.close()
        self.folder.cleanup()

    @rule(worker=WORKERS, ids=st.lists(IDS, max_size=6))
    def add(self, worker, ids) -> None:
        new = set(ids) - set(self.model.ids)
        assert self.ledgers[worker].add(ids, "list") == len(new)
        self.model.ids.update((id, Known()) for id in new)

    @rule(worker=WORKERS, count=st.integers(0, 4), among=st.none() | st.sets(IDS))
    def lease(self, worker, count, among) -> None:
        self.model.seen[worker] = self.clock.now
        free = [
            id
            for id, known in sorted(self.model.ids.items())
            if known.left and not self.model.held(id, self.clock.now) and (among is None or id in among)
        ]
        for known in self.model.ids.values():
            if known.holder and self.model.dead(known.holder, self.clock.now):
                known.holder = None
        leases = self.ledgers[worker].lease(worker, count, among=among)
        assert len(leases) == min(count, len(free))
        assert {lease.id for lease in leases} <= set(free)
        assert among is not None or not self.ordered or [lease.id for lease in leases] == free[:count]
        for lease in leases:
            assert lease.take == self.model.ids[lease.id].takes + 1
            self.model.ids[lease.id].holder = worker

    @rule(worker=WORKERS)
    def renew(self, worker) -> None:
        self.ledgers[worker].renew(worker)
        self.model.seen[worker] = self.clock.now

    @rule(worker=WORKERS, by=WORKERS, ids=st.none() | st.sets(IDS))
    def release(self, worker, by, ids) -> None:
        self.ledgers[by].release(worker, ids)
        for id, known in self.model.ids.items():
            if known.holder == worker and (ids is None or id in ids):
                known.holder = None

    @rule(worker=WORKERS, ends=st.lists(st.tuples(IDS, ENDS, st.booleans()), max_size=4))
    def apply(self, worker, ends) -> None:
        lines = []
        for id, outcome, requeued in ends:
            known = self.model.ids.setdefault(id, Known())
            lines.append(self._line(id, known, outcome, requeued=requeued))
            known.logged = True
            if outcome is not Outcome.KNOWN:
                known.takes, known.outcome, known.left, known.holder = known.takes + 1, outcome, False, None
            elif requeued:
                known.left = True
        self.log.append(tuple(lines))
        self.ledgers[worker].apply(len(self.log), f"s{len(self.log)}", AT, lines, [])

    def _line(self, id, known, outcome, *, requeued) -> OutcomeLine:
        if outcome is Outcome.ARTICLE:
            return read(id, f"n1:sha256:{id:064x}", 1, take=known.takes + 1)
        if outcome is Outcome.KNOWN:
            return line(
                id, outcome, reason="requeued" if requeued else None, take=known.takes if requeued else 0
            )
        return line(id, outcome, take=known.takes + 1)

    @precondition(lambda self: self.log)
    @rule(worker=WORKERS, which=st.integers(0, 100))
    def apply_again(self, worker, which) -> None:
        n = which % len(self.log) + 1
        self.ledgers[worker].apply(n, f"s{n}", AT, self.log[n - 1], [])

    @rule(seconds=st.sampled_from([1, 300, 601, 5000, -1, -300, -601, -5000]))
    def clock_jumps(self, seconds) -> None:
        self.clock.go(seconds)

    @invariant()
    def the_counts_are_the_model_s(self) -> None:
        model = self.model.ids
        counts = self.ledgers["one"].counts()
        assert counts.known == counts.settled + counts.left == len(model)
        assert counts.left == sum(known.left for known in model.values())
        assert counts.leased == sum(self.model.held(id, self.clock.now) for id in model)
        assert counts.unlogged == sum(not known.logged for known in model.values())
        assert self.ledgers["two"].n() == len(self.log)

    @invariant()
    def the_ids_are_the_model_s(self) -> None:
        ledger = self.ledgers["three"]
        assert list(ledger.ids(left=True)) == sorted(id for id, known in self.model.ids.items() if known.left)
        for id, known in self.model.ids.items():
            standing = ledger.standing(ArticleId(id))
            assert standing.takes == known.takes
            assert standing.left == (known.left and known.logged)
            assert ledger.logged(ArticleId(id)) == known.logged

    @invariant()
    def no_worker_holds_more_than_its_leases(self) -> None:
        ledger, now = self.ledgers["one"], self.clock.now
        for worker in self.model.seen:
            held = sum(known.holder == worker for known in self.model.ids.values())
            assert ledger.leased(worker) == (0 if self.model.dead(worker, now) else held)


@pytest.mark.parametrize("kind", ["sqlite", "redis", "valkey"])
def test_a_ledger_does_as_the_model_does(kind, request) -> None:
    server = None if kind == "sqlite" else request.getfixturevalue("servers")[kind]
    slow = [HealthCheck.too_slow]
    run_state_machine_as_test(
        lambda: LedgerAgainstModel(server),
        settings=settings(max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=slow),
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.tuples(IDS, ENDS), max_size=5), max_size=6))
def test_a_ledger_made_again_from_the_log_is_the_same(commits) -> None:
    takes: dict[int, int] = {}

    def lines(commit):
        for id, outcome in commit:
            if outcome is not Outcome.KNOWN:
                takes[id] = takes.get(id, 0) + 1
            text = f"n1:sha256:{id:064x}" if outcome is Outcome.ARTICLE else None
            yield line(id, outcome, take=takes.get(id, 0), content_hash=text, version=1 if text else None)

    log = [list(lines(commit)) for commit in commits]
    with TemporaryDirectory() as folder:
        states = []
        for name, ids in (("first", range(1, 13)), ("again", ())):
            with closing(SqliteLedger(Path(folder, name))) as ledger:
                ledger.add(map(ArticleId, ids), "list")
                ledger.lease("w", 5)
                for n, written in enumerate(log, start=1):
                    ledger.apply(n, f"s{n}", AT, written, [])
                states.append([ledger.standing(ArticleId(id)) for id in range(1, 13)])
    assert states[0] == states[1]


@pytest.mark.parametrize(
    "url",
    [
        "redis://HOST/secret",  # redis-py would take database 0
        "redis://HOST/1/2",  # and 12
        "redis://HOST:99999/0",
        "redis://HOST:0/0",
        "redis://[::1/0",
        "redis://:se/cret@HOST/0",
        "redis://:1/secret@HOST/0",
        "rediss://:se?cret@HOST/0",
        "redis://:se#cret@HOST/0",
    ],
)
def test_a_server_s_address_that_is_none_is_wrong_use_and_shown_nowhere(url) -> None:
    with pytest.raises(WrongUse, match="give redis://HOST:PORT/NUMBER") as error:
        checked(url)
    assert "cret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://HOST",
        "redis://HOST/",
        "redis://:a%2Fb@HOST:6379/0",
        "rediss://u:p@[::1]:1/15",
        "unix:///a/b?db=3",
    ],
)
def test_a_server_s_address_may_leave_out_port_and_number(url) -> None:
    assert checked(url) == url
