"""The archive's thread, beside Scrapy's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event

import pytest

from crawler.errors import ArchiveError, CrawlerError
from crawler.extensions.thread import Thread


def nobody(error: CrawlerError) -> None:
    raise AssertionError(error)


def test_steps_are_taken_one_after_the_other_in_their_order() -> None:
    taken: list[int] = []

    async def ask() -> None:
        thread = Thread("steps", nobody)
        await asyncio.gather(*(thread.ask(step(taken, n)) for n in range(100)))
        thread.end()

    asyncio.run(ask())
    assert taken == list(range(100))


def test_what_is_asked_behind_the_last_step_is_not_done_for_what_it_needs_may_be_closed() -> None:
    taken: list[int] = []
    go_on = Event()

    def slow() -> None:
        assert go_on.wait(60)
        taken.append(1)

    async def ask() -> None:
        thread = Thread("steps", nobody)
        first = asyncio.ensure_future(thread.take(slow))
        last = asyncio.ensure_future(thread.take(step(taken, 2), last=True))
        await asyncio.sleep(0)  # both are asked for
        for late in (thread.take(step(taken, 3)), thread.ask(step(taken, 4))):
            with pytest.raises(asyncio.CancelledError):
                await late
        go_on.set()
        assert (await first, await last) == (True, True)

    asyncio.run(ask())
    assert taken == [1, 2]


def test_a_step_that_fails_is_told_and_the_next_is_taken() -> None:
    taken: list[int] = []
    told: list[CrawlerError] = []

    def full() -> None:
        raise OSError(28, "No space left on device")

    async def ask() -> None:
        thread = Thread("steps", told.append)
        assert not await thread.take(full)
        assert await thread.take(step(taken, 1))
        thread.end()

    asyncio.run(ask())
    assert (taken, [type(error) for error in told]) == ([1], [ArchiveError])


def step(taken: list[int], n: int) -> Callable[[], None]:
    return lambda: taken.append(n)
