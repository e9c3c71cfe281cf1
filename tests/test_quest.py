"""Which run searches for ids, and whether that falls to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler import runs
from crawler.arguments import Arguments
from crawler.disk import Disk
from crawler.idlist import Opened
from crawler.items import ArticleId
from crawler.ledger.sqlite import SqliteLedger
from crawler.quest import Quest
from crawler.runs import Run, Search
from crawler.stores.local import LocalStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Begun = Callable[..., Quest]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path, Disk())


@pytest.fixture
def ledger(tmp_path: Path):
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        yield ledger


@pytest.fixture
def begun(store: LocalStore, ledger: SqliteLedger) -> Begun:
    def quest(worker: str, *, alone: bool = False, **given: str) -> Quest:
        arguments = Arguments.of(given)
        return Quest.begun(arguments, arguments.wanted(NOW, no_object), ledger, store, worker, alone=alone)

    return quest


def no_object(_: str) -> Opened:
    raise AssertionError


def ran(store: LocalStore, *, over: bool) -> None:
    """A run that searched, in the log of runs."""
    search = Search(pages=1, found={}, unseen={}, over=over, sections=["/news"])
    told = {"exit_code": 0, "reason": "", "outcomes": {}, "reasons": {}, "left": 0, "commits": ()}
    run = Run(worker="0" * 8, start=NOW, end=NOW, versions={}, settings={}, search=search, **told)
    runs.keep(run, store)


def test_a_run_that_knows_no_ids_searches_the_site(begun) -> None:
    quest = begun("w")
    assert (quest.ours, quest.place) == (True, "site")


@pytest.mark.parametrize(
    "given", [{"ids": "1"}, {"discover": "links"}, {"discover": "none"}, {"forever": "1"}]
)
def test_a_run_that_is_given_its_ids_does_not(begun, given) -> None:
    assert not begun("w", **given).ours


def test_where_ids_are_known_only_who_is_asked_to_searches(begun, ledger) -> None:
    ledger.add([ArticleId(1)], "list")
    assert not begun("w").ours
    assert not begun("w", source="wayback").ours
    assert begun("w", discover="site").ours
    assert begun("w", discover="cdx").ours


def test_a_run_that_is_asked_to_searches_though_an_earlier_one_did(begun, ledger) -> None:
    begun("w", discover="site").end(over=True)
    ledger.release("w")
    assert begun("v", discover="site").ours


def test_of_a_fleet_one_searches_and_the_others_hear_when_it_is_over(begun) -> None:
    one, two = begun("one", discover="site"), begun("two", discover="site")
    assert (one.ours, two.ours, two.others()) == (True, False, True)
    one.end(over=True)
    assert (two.others(), two.ours) == (False, False)


def test_the_search_of_one_that_is_gone_falls_to_another(begun, ledger) -> None:
    begun("one", discover="site")
    two = begun("two", discover="site")
    ledger.release("one", dead=True)
    assert (two.others(), two.ours) == (False, True)


def test_a_run_beside_a_fleet_that_searches_hears_of_that(begun, ledger) -> None:
    begun("one", discover="site")
    ledger.add([ArticleId(1)], "list")
    assert begun("late").others()
    assert not begun("else", discover="links").others()


def test_who_is_alone_searches_whoever_else_does(begun) -> None:
    begun("one", discover="site")
    assert begun("two", discover="site", alone=True).ours


def test_who_is_alone_neither_waits_for_another_s_search_nor_goes_on_with_it(begun, ledger) -> None:
    begun("one", discover="site")
    two = begun("two", discover="site", alone=True)
    two.end(over=True)
    assert not two.others()
    ledger.release("one", dead=True)
    assert (two.others(), two.ours) == (False, False)


def test_a_search_that_was_cut_off_goes_on_in_the_next_run(begun, ledger) -> None:
    begun("dead", discover="site")
    ledger.add([ArticleId(1)], "list")
    ledger.release("dead", dead=True)
    assert begun("next", alone=True).ours


def test_so_does_one_of_which_the_ledger_knows_nothing_any_more(begun, ledger, store) -> None:
    ledger.add([ArticleId(1)], "list")
    ran(store, over=False)
    quest = begun("next")
    assert (quest.ours, quest.sections) == (True, ["/news"])


def test_one_that_came_to_its_end_does_not(begun, ledger, store) -> None:
    ledger.add([ArticleId(1)], "list")
    ran(store, over=True)
    assert not begun("next").ours


def test_lists_that_could_not_be_had_keep_no_run_from_the_ids_that_it_has(begun, ledger) -> None:
    begun("one", source="wayback")
    ledger.add([ArticleId(1)], "cdx")
    ledger.release("one")
    assert not begun("next", source="wayback").ours


def test_who_could_not_search_does_not_try_again_and_leaves_it_to_others(begun) -> None:
    one, two = begun("one", discover="site"), begun("two", discover="site")
    one.end(over=False)
    assert (one.others(), one.ours) == (False, False)
    assert (two.others(), two.ours) == (False, True)


def test_nobody_waits_for_those_who_could_not_search_though_they_stand_for_ever(begun) -> None:
    quests = begun("one", discover="site", forever="1"), begun("two", discover="site", forever="1")
    for quest in quests:
        quest.others()
        quest.end(over=False)
    late = begun("late", discover="site")
    late.end(over=False)
    assert [quest.others() for quest in (*quests, late)] == [False] * 3
