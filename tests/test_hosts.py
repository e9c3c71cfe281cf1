"""The budget of a host: nobody goes before it is over."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from crawler.manners.hosts import Hosts


class Time:
    """A clock that sleeping moves on; what is due meanwhile happens then."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        while self.due:
            self.due.pop()()


def turns(hosts: Hosts, *names: str) -> None:
    async def all_turns() -> None:
        for name in names:
            async with hosts.turn(name):
                pass

    asyncio.run(all_turns())


def test_no_more_requests_are_under_way_than_there_is_room_for() -> None:
    most = 0

    async def request(hosts: Hosts, under_way: list[int]) -> None:
        nonlocal most
        async with hosts.turn("a"):
            under_way.append(1)
            most = max(most, len(under_way))
            await asyncio.sleep(0)
            under_way.pop()

    async def burst() -> None:
        hosts, under_way = Hosts(Time(), asyncio.sleep, room=3), []
        await asyncio.gather(*(request(hosts, under_way) for _ in range(20)))

    asyncio.run(burst())
    assert most == 3


def test_who_asked_for_nothing_is_asked_at_once() -> None:
    time = Time()
    turns(Hosts(time, time.sleep), "a", "a", "b")
    assert time.now == 0


def test_a_host_is_left_alone_as_long_as_it_wants_and_no_other_is() -> None:
    time = Time()
    hosts = Hosts(time, time.sleep)
    hosts.wait("a", 30)
    assert (hosts.pause("a"), hosts.pause("b")) == (30, 0)
    turns(hosts, "b")
    assert time.now == 0
    turns(hosts, "a")
    assert time.now == 30


def test_who_waited_waits_again_where_the_pause_has_grown_meanwhile() -> None:
    time = Time()
    hosts = Hosts(time, time.sleep)
    hosts.wait("a", 10)
    time.due.append(lambda: hosts.wait("a", 20))
    turns(hosts, "a")
    assert time.now == 30


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    time = Time()
    hosts = Hosts(time, time.sleep)
    hosts.wait("a", 30)
    hosts.missed("a", 1)
    turns(hosts, "a")
    assert time.now == 30


def test_answers_that_were_on_their_way_together_are_one_pause() -> None:
    time = Time()
    hosts = Hosts(time, time.sleep)
    assert [hosts.wait("a", 5) for _ in range(3)] == [1, 1, 1]
    time.now = 5
    assert [hosts.wait("a", 5) for _ in range(3)] == [2, 2, 2]


def test_an_answer_begins_the_count_anew() -> None:
    time = Time()
    hosts = Hosts(time, time.sleep)
    hosts.wait("a", 1)
    time.now = 1
    hosts.answered("a")
    assert hosts.wait("a", 1) == 1
    time.now = 2
    assert hosts.missed("a", 1) == 1
    assert hosts["a"].waits == 1


@given(st.lists(st.floats(0, 3), min_size=2, max_size=6), st.floats(0, 10))
def test_a_slow_host_has_its_delay_between_any_two(gaps: list[float], delay: float) -> None:
    time = Time()
    hosts = Hosts(time, time.sleep)
    hosts.slow("a", delay)
    before = None
    for gap in gaps:
        time.now += gap
        turns(hosts, "a")
        assert before is None or time.now - before >= delay - 1e-9
        before = time.now
