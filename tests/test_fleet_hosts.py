"""One budget a host for all workers: in what they do together, and in whole crawls."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import random
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crawler.board import FileBoard, RedisBoard
from crawler.manners.fleet import FLIGHT_SECONDS, Board, BoardAway, Budget, FleetHosts, Pace
from crawler.manners.hosts import Host
from crawler.manners.notices import Notices
from tests.crawling import CHECKOUT, QUICK, SCRAPY

HOST = "anapress.net"
QUICKEST = Pace(least=0.0, most=0.0)


@pytest.fixture(params=["file", "redis", "valkey"])
def board(request, tmp_path) -> Board:
    if request.param == "file":
        return FileBoard(tmp_path / "budget.db")
    server = request.getfixturevalue("servers")[request.param]
    server.empty()
    return RedisBoard(server.url)


async def ask(step):
    return step()


def hosts(board: Board, *, room: int = 1, pace: Pace = QUICKEST) -> FleetHosts:
    return FleetHosts(time.monotonic, asyncio.sleep, board, ask, room=room, pace=pace)


async def turns(
    of: FleetHosts, count: int, went: list[float], *, took: float = 0.0, host: str = HOST
) -> None:
    for _ in range(count):
        async with of.turn(host):
            went.append(time.monotonic())
            await asyncio.sleep(took)


def test_nobody_overwrites_what_another_wrote(board) -> None:
    assert board.swap(HOST, None, b"one")
    assert not board.swap(HOST, None, b"two")
    assert not board.swap(HOST, b"none", b"two")
    assert board.swap(HOST, b"one", b"two")
    assert board.read(HOST)[0] == b"two"
    assert board.read("other")[0] is None


def test_a_service_has_a_budget_of_its_own_over_all_workers(board) -> None:
    began, went = time.monotonic(), []

    async def fleet() -> None:
        workers = [hosts(board, pace=Pace(least=60.0, most=60.0)) for _ in range(3)]
        for worker in workers:
            worker.seat("wayback-index", 2, 0.1)
        await asyncio.gather(*(turns(worker, 3, went, host="wayback-index") for worker in workers))

    asyncio.run(fleet())
    assert max(went) - began > 0.79  # 8 times 0.1, by the clock of the board
    assert max(went) - began < 60  # the site's pace is not the service's


def test_the_requests_of_all_workers_keep_their_distance(board) -> None:
    began, went = time.monotonic(), []

    async def fleet() -> None:
        pace = Pace(least=0.05, most=0.05)
        await asyncio.gather(*(turns(hosts(board, pace=pace), 5, went) for _ in range(4)))

    asyncio.run(fleet())
    assert len(went) == 20
    assert went[-1] - began > 0.94  # 19 times 0.05, by the clock of the board


def test_no_more_requests_of_all_workers_are_under_way_than_there_is_room_for(board) -> None:
    under_way, most = [0], [0]

    async def worker() -> None:
        of = hosts(board, room=2)
        for _ in range(3):
            async with of.turn(HOST):
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
                await asyncio.sleep(0.02)
                under_way[0] -= 1

    async def fleet() -> None:
        await asyncio.gather(*(worker() for _ in range(5)))

    asyncio.run(fleet())
    assert most == [2]


def test_a_pause_that_one_is_told_all_keep_to(board) -> None:
    one, other = hosts(board), hosts(board)
    went: list[float] = []

    async def fleet() -> None:
        began = time.monotonic()
        async with one.turn(HOST):
            one.wait(HOST, 0.4)
        await turns(other, 1, went)
        assert went[0] - began > 0.39

    asyncio.run(fleet())


def test_a_host_that_answers_slowly_is_asked_more_slowly_by_all(board) -> None:
    pace = Pace(least=0.01, most=5.0)
    paces = []

    async def fleet() -> None:
        for took in (0.3, 0.0):
            await turns(hosts(board, pace=pace), 1, [], took=took)
            paces.append(Budget.parse(board.read(HOST)[0], pace).pace)

    asyncio.run(fleet())
    assert paces[0] >= 0.3
    assert paces[0] / 2 <= paces[1] < paces[0]  # about halfway back


class Clock:
    """Time that passes when all sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._count), woken))
        await woken

    async def go_on(self, until: float) -> None:
        while self.now < until:
            for _ in range(20):  # whoever is awake does what there is to do
                await asyncio.sleep(0)
            self.now, _, woken = heapq.heappop(self._sleepers)
            woken.set_result(None)


class Timed(FileBoard):
    """By that clock."""

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(path)
        self._clock = clock

    def read(self, host: str) -> tuple[bytes | None, float]:
        return super().read(host)[0], self._clock()


def test_workers_have_equal_shares_of_a_host_whoever_joins_or_leaves(tmp_path: Path) -> None:
    random.seed(8)
    clock = Clock()
    board, went = Timed(tmp_path / "budget.db", clock), []

    async def work(name: str) -> None:
        of = FleetHosts(clock, clock.sleep, board, ask, room=1, pace=Pace(least=1.0, most=1.0))
        while True:
            async with of.turn(HOST):
                went.append((clock.now, name))
                await clock.sleep(0.2)

    async def fleet() -> None:
        first, second = asyncio.ensure_future(work("first")), asyncio.ensure_future(work("second"))
        await clock.go_on(200)
        third = asyncio.ensure_future(work("third"))
        await clock.go_on(400)
        first.cancel()
        await clock.go_on(600)
        second.cancel()
        third.cancel()

    asyncio.run(fleet())
    for begin, names in (
        (0, {"first", "second"}),
        (200, {"first", "second", "third"}),
        (401, {"second", "third"}),
    ):
        had = Counter(name for moment, name in went if begin <= moment < begin + 199)
        assert had.keys() == names
        assert min(had.values()) > 199 / len(names) / 2
        assert 170 < had.total() <= 200  # nobody's leaving or joining costs the others a turn


def test_a_fleet_slows_down_at_once_and_speeds_up_by_halves_within_its_bounds() -> None:
    pace = Pace(least=0.5, most=60.0)
    assert pace.after(0.5, took=4.0) == 4.0
    assert pace.after(4.0, took=0.1) == pytest.approx(2.05)
    assert pace.after(0.5, took=0.1) == 0.5
    assert pace.after(50.0, took=90.0) == 60.0


def test_the_place_of_a_worker_that_died_is_free_after_a_while() -> None:
    budget = Budget().left("dead", 100.0)
    assert budget.at(101.0).wait(101.0, 1) > 0
    assert budget.at(100.0 + FLIGHT_SECONDS).wait(100.0 + FLIGHT_SECONDS, 1) == 0


def test_what_a_board_in_a_file_says_of_an_earlier_start_of_the_machine_is_forgotten(
    tmp_path, monkeypatch
) -> None:
    file = tmp_path / "budget.db"
    paused = bytes(Budget(host=Host(until=time.monotonic() + 10**6)))
    assert FileBoard(file).swap(HOST, None, paused)
    assert FileBoard(file).read(HOST)[0] == paused
    boot = tmp_path / "boot"
    boot.write_text("another")
    monkeypatch.setattr("crawler.board.BOOT", boot)
    assert FileBoard(file).read(HOST)[0] is None


def test_a_new_file_that_another_worker_is_just_making_is_waited_for(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "budget.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as first:
        first.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("crawler.board.time.sleep", lambda _: first.execute("COMMIT"))
        assert FileBoard(file).read(HOST)[0] is None


def test_a_board_that_is_away_lets_nobody_go_and_is_told_of_once(board, monkeypatch, caplog) -> None:
    away, went = [True], []
    read = board.read

    def maybe(host):
        if away:
            raise BoardAway("refused")
        return read(host)

    monkeypatch.setattr(board, "read", maybe)
    monkeypatch.setattr("crawler.manners.fleet.AWAY_SECONDS", 0.02)

    async def fleet() -> None:
        going = asyncio.ensure_future(turns(hosts(board), 1, went))
        await asyncio.sleep(0.1)
        assert not went
        away.clear()
        await going

    with caplog.at_level(logging.INFO, "anapress"):
        asyncio.run(fleet())
    assert [record.message for record in caplog.records] == [
        "The fleet's budget is away: nobody asks for anything until it is back (refused)",
        "The fleet's budget is there again: we go on",
    ]
    assert len(went) == 1


def test_a_board_that_lost_what_it_knew_lets_nobody_go_sooner(board) -> None:
    began, went = time.monotonic(), []

    async def fleet() -> None:
        one = hosts(board, pace=Pace(least=0.3, most=0.3))
        await turns(one, 1, went)
        assert board.swap(HOST, board.read(HOST)[0], bytes(Budget()))
        await turns(one, 1, went)

    asyncio.run(fleet())
    assert went[1] - began > 0.29


def test_a_pause_outlives_the_board_that_it_stood_on() -> None:
    seen = Budget().left("a", 10.0)
    seen = replace(seen, host=seen.host.told_to_wait(10.0, 60.0))
    emptied_and_used = Budget().left("b", 12.0)
    assert emptied_and_used.beside(seen).wait(13.0, 9) == 57.0
    assert emptied_and_used.beside(seen).flying == emptied_and_used.flying


def test_who_slept_after_its_turn_was_given_takes_another(board, monkeypatch) -> None:
    monkeypatch.setattr("crawler.manners.fleet.LATE_SECONDS", 0.2)
    slow, went = [0.3], []

    async def sleepy(step):
        done = step()
        if slow and done == 0.0:  # the turn is given
            await asyncio.sleep(slow.pop())
        return done

    async def fleet() -> None:
        one = FleetHosts(time.monotonic, asyncio.sleep, board, sleepy, room=1, pace=Pace(least=0.5, most=0.5))
        await turns(one, 1, went)

    began = time.monotonic()
    asyncio.run(fleet())
    assert went[0] - began > 0.49


def test_what_one_fetches_all_have(board) -> None:
    fetched = []

    async def fetch() -> bytes:
        fetched.append(1)
        await asyncio.sleep(0.1)
        return b"text"

    async def fleet() -> list[bytes]:
        return await asyncio.gather(
            *(Notices(board, ask, asyncio.sleep).get("a", fetch, 60) for _ in range(5))
        )

    assert asyncio.run(fleet()) == [b"text"] * 5
    assert len(fetched) == 1


def test_what_one_could_not_fetch_the_next_one_tries(board) -> None:
    async def fails() -> bytes:
        raise TimeoutError

    async def fetch() -> bytes:
        return b"text"

    async def fleet() -> bytes:
        with pytest.raises(TimeoutError):
            await Notices(board, ask, asyncio.sleep).get("a", fails, 60)
        return await Notices(board, ask, asyncio.sleep).get("a", fetch, 60)

    assert asyncio.run(fleet()) == b"text"


def test_what_stands_on_the_board_and_is_none_of_ours_is_a_fresh_budget() -> None:
    for data in (None, b"", b"\xff\xff", b"\x91\x01"):
        assert Budget.parse(data, QUICKEST) == Budget()


class Seen:
    """When requests came, and how many at once."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.paths: list[str] = []
        self.under_way = self.most = 0
        self.lock = threading.Lock()


@contextmanager
def site(seen: Seen) -> Iterator[int]:
    """A site that has nothing, and sees who asks."""

    class Nothing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with seen.lock:
                seen.times.append(time.monotonic())
                seen.paths.append(self.path)
                seen.under_way += 1
                seen.most = max(seen.most, seen.under_way)
            time.sleep(0.02)
            with seen.lock:
                seen.under_way -= 1
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_three_crawls_together_ask_a_site_no_more_often_than_one_may(kind, request, tmp_path: Path) -> None:
    seen, delay = Seen(), 0.2
    shared: dict[str, object] = {"FLEET": 1}
    if kind == "redis":
        server = request.getfixturevalue("servers")[kind]
        server.empty()
        shared = {"LEDGER_URL": server.url}
    ids = ",".join(str(id) for id in range(1000, 1030))
    with site(seen) as port:
        settings = {
            **QUICK,
            **shared,
            "ARCHIVE_URL": tmp_path / "archive",
            "CONNECT_TO": f"anapress.net:80:127.0.0.1:{port}",
            "DOWNLOAD_DELAY": delay,
            "AUTOTHROTTLE_ENABLED": 0,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        }
        command = [
            str(SCRAPY),
            "crawl",
            "anapress",
            f"-aids={ids}",
            *(f"-s{k}={v}" for k, v in settings.items()),
        ]
        crawls = [subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE) for _ in range(3)]
        assert [(crawl.communicate(timeout=250), crawl.returncode)[1] for crawl in crawls] == [0, 0, 0]
    assert sorted(path for path in seen.paths if path != "/robots.txt") == [
        f"/a/{id}" for id in range(1000, 1030)
    ]
    assert seen.paths.count("/robots.txt") == 1
    assert seen.most == 1
    for moment in seen.times:
        assert sum(moment <= other < moment + 1 for other in seen.times) <= 1 / delay + 2  # one was late
