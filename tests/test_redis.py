"""What the ledger of a fleet does when its server fails, lies, or is not what it was (crawler.ledger.redis)."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import chain, count
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest
import trustme

from crawler.errors import Damaged, LedgerError, WrongUse
from crawler.items import ArticleId, Outcome
from crawler.ledger import open_ledger, read_ledger, scripts, server
from crawler.ledger.redis import RedisLedger
from crawler.ledger.server import Server
from crawler.ledger.steps import packed
from crawler.lines import OutcomeLine
from tests.redisserver import KINDS, running
from tests.test_ledger import AT, HASH, X, Y, claimed, commit, ids_of, line, read, record

OTHER = f"n1:sha256:{'99' * 32}"
IDS = [ArticleId(id) for id in range(1, 101)]


@pytest.fixture(params=KINDS)
def own(request):
    """A server that may be killed."""
    with running(request.param, append="always") as server:
        yield server


@contextmanager
def answering(words: bytes, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server that answers whatever it is asked with these words."""

    class Answer(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                connection = tls.wrap_socket(self.request, server_side=True) if tls else self.request
                connection.recv(1)
                connection.sendall(words)

    with ThreadingTCPServer(("127.0.0.1", 0), Answer) as there:
        thread = threading.Thread(target=there.serve_forever)
        thread.start()
        try:
            yield there.server_address[1]
        finally:
            there.shutdown()
            thread.join()


class Log:
    """Commits, as an archive has them, and what follows them."""

    def __init__(self) -> None:
        self.commits: list[list[OutcomeLine]] = []
        self.held: dict[int, list[str]] = {}

    def follow(self, ledger) -> None:
        for n in range(ledger.n() + 1, len(self.commits) + 1):
            ledger.apply(n, f"segment-{n}", AT, self.commits[n - 1], (), self.held.get(n, ()))

    def add(self, *lines: OutcomeLine) -> None:
        self.commits.append(list(lines))


@pytest.fixture
def log() -> Log:
    log = Log()
    log.add(*(line(id, Outcome.KNOWN) for id in IDS))
    log.add(read(1))
    return log


def before(part: int, ledger: RedisLedger, act: Callable[[], object], monkeypatch) -> None:
    """Do something before the ledger brings that part of a commit."""
    run, parts = ledger._server.run, count(1)

    def brings(body, *values, **named):
        if named and next(parts) == part:
            act()
        return run(body, *values, **named)

    monkeypatch.setattr(ledger._server, "run", brings)


@pytest.fixture
def ledger(own, log):
    with closing(RedisLedger(own.url, fill=log.follow)) as ledger:
        yield ledger


def test_a_new_ledger_is_at_the_log_s_end(ledger) -> None:
    assert ledger.n() == 2
    assert ledger.counts().left == 99


def test_an_empty_server_is_no_finished_crawl(own, ledger) -> None:
    own.empty()
    assert len(ledger.lease("w", 200)) == 99
    assert ledger.original(HASH) is not None


@pytest.mark.parametrize(
    "ask",
    [
        lambda it: it.n(),
        lambda it: it.counts().known,
        lambda it: it.standing(IDS[0]),
        lambda it: it.ahead("segment-3", asks=True),
    ],
)
def test_whatever_is_asked_of_an_emptied_server_the_log_answers(own, ledger, ask) -> None:
    before = ask(ledger)
    own.empty()
    assert ask(ledger) == before


def test_what_was_committed_since_an_old_dump_comes_from_the_log(own, log, ledger) -> None:
    dump = own.dump()
    log.add(*(line(id, Outcome.GONE) for id in IDS[1:]))
    log.follow(ledger)
    own.restore(dump)
    assert ledger.lease("w", 200) == []
    assert ledger.n() == 3


def test_no_decision_is_made_by_an_old_dump(own, log, ledger) -> None:
    dump = own.dump()
    log.add(read(2, OTHER))
    log.follow(ledger)
    own.restore(dump)
    assert ledger.original(OTHER) is not None
    assert ledger.among([IDS[1]], []).standing(IDS[1]).outcome is Outcome.ARTICLE


def test_a_commit_goes_on_on_a_server_that_was_emptied(own, log, ledger) -> None:
    log.add(line(2, Outcome.GONE))
    own.empty()
    ledger.apply(3, "segment-3", AT, log.commits[2], ())
    assert (ledger.n(), ledger.segment("segment-3"), ledger.counts().left) == (3, 3, 98)


def test_leases_outlive_a_server_that_keeps_a_journal(own, ledger) -> None:
    held = ids_of(ledger.lease("w", 10))
    own.kill()
    own.start()
    assert ledger.leased("w") == 10
    assert not set(held) & set(ids_of(ledger.lease("v", 200)))


def test_who_asks_waits_for_a_server_that_is_away(own, ledger) -> None:
    own.kill()
    timer = threading.Timer(0.5, own.start)
    timer.start()
    assert ledger.counts().known == 100
    timer.join()


def test_a_server_that_stays_away_is_an_error_that_says_so(own, log) -> None:
    with closing(RedisLedger(own.url, fill=log.follow, seconds=0.2)) as ledger:
        own.kill()
        with pytest.raises(LedgerError, match=r"was away for 0\.2 seconds"):
            ledger.counts()


def test_a_server_that_stayed_away_is_not_waited_for_again(own, log) -> None:
    with closing(RedisLedger(own.url, fill=log.follow, seconds=0.2)) as ledger:
        there = ledger.counts()
        own.kill()
        with pytest.raises(LedgerError):
            ledger.counts()
        ledger._server._seconds = 600  # pytest would end it
        with pytest.raises(LedgerError):
            ledger.counts()
        own.start()
        assert ledger.counts() == there


def test_a_lease_whose_answer_was_lost_is_given_again(own, ledger, monkeypatch) -> None:
    run, lost = ledger._server.run, []

    def cut(*values, **named):
        answer = run(*values, **named)
        if not lost:
            lost.append(answer)
            return run(*values, **named)  # as a client does that has seen its connection end
        return answer

    monkeypatch.setattr(ledger._server, "run", cut)
    assert len(ledger.lease("w", 10)) == 10
    assert ledger.leased("w") == 10


def test_a_claim_whose_answer_was_lost_is_given_again(own, ledger, monkeypatch) -> None:
    run = ledger._server.run
    monkeypatch.setattr(ledger._server, "run", lambda *values: run(*values) and run(*values))
    assert ledger.claim("w", [X]) == claimed([X])
    assert ledger.claim("v", [X]) == claimed(others=[X])


def test_a_server_that_was_emptied_has_forgotten_who_claimed(own, log, ledger) -> None:
    ledger.claim("w", [X])
    own.empty()
    assert ledger.claim("v", [X]) == claimed([X])


def test_what_was_brought_since_an_old_dump_is_claimed_by_nobody(own, log, ledger) -> None:
    ledger.claim("w", [X])
    dump = own.dump()
    log.held[3] = [X]
    log.add()
    log.follow(ledger)
    own.restore(dump)
    assert ledger.claim("v", [X, Y]) == claimed([Y])


def test_claims_outlive_a_server_that_keeps_a_journal(own, ledger) -> None:
    ledger.claim("w", [X])
    own.kill()
    own.start()
    assert ledger.claim("v", [X]) == claimed(others=[X])


def test_a_claim_takes_no_memory_once_the_url_is_there(own) -> None:
    with closing(RedisLedger(own.url)) as ledger, own.client() as client:
        ledger.claim("w", [X])
        commit(ledger, held=[X])
        (key,) = client.scan_iter("anapress:r:*")
        assert list(client.hgetall(key).values()) == [b""]


def test_of_many_that_find_no_ledger_one_makes_it(own, log) -> None:
    filled, go = [], threading.Barrier(6)

    def fill(ledger) -> None:
        filled.append(ledger)
        log.follow(ledger)

    def begin() -> None:
        go.wait()
        RedisLedger(own.url, fill=fill).close()

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(filled) == 1


def test_what_a_killed_maker_left_half_done_the_next_one_makes_whole(own, log, monkeypatch) -> None:
    def killed(ledger) -> None:
        ledger.apply(1, "segment-1", AT, log.commits[0], ())
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "MAKING_SECONDS", 1)
    with pytest.raises(KeyboardInterrupt):
        RedisLedger(own.url, fill=killed)
    assert read_ledger(own.url) is None
    with closing(RedisLedger(own.url, fill=log.follow)) as ledger:
        assert ledger.n() == 2


def formatted(own, form: int) -> None:
    """As a program of another format would have left the ledger."""
    with own.client() as client:
        client.hset("anapress:meta", "format", form)
        client.hset("anapress:i:7", "1", b"\3\0of another layout")


def test_a_ledger_of_an_older_format_is_made_anew_of_the_log(own, log, ledger) -> None:
    formatted(own, 1)
    assert read_ledger(own.url) is None
    with closing(RedisLedger(own.url, fill=log.follow)) as newer:
        assert (newer.n(), newer.counts().left, newer.standing(IDS[0]).takes) == (2, 99, 1)
    assert not own.client().exists("anapress:i:7")


def test_who_worked_on_a_ledger_that_was_made_anew_goes_on(own, log, ledger) -> None:
    formatted(own, 1)
    RedisLedger(own.url, fill=log.follow).close()
    assert len(ledger.lease("w", 200)) == 99


def test_a_ledger_of_a_newer_format_is_refused(own, log, ledger) -> None:
    formatted(own, server.FORMAT + 1)
    with pytest.raises(WrongUse, match="filled by a newer program"):
        RedisLedger(own.url, fill=log.follow)


def test_an_article_and_its_payload_take_few_bytes(own) -> None:
    """Of what the server keeps (docs/FLEET.md); how that is packed it decides."""
    id = ArticleId(203367206718582)
    page = record("segment-1", url=f"http://anapress.net/a/{id}")
    page = replace(page, date=AT)
    with closing(RedisLedger(own.url)) as ledger, own.client() as client:
        commit(ledger, read(id), stored=[page])
        fields = [
            field for key in client.scan_iter("anapress:[itp]:*") for field in client.hgetall(key).items()
        ]
    assert len(fields) == 3
    assert sum(map(len, chain.from_iterable(fields))) <= 136


def test_who_can_not_fill_a_ledger_makes_none(own, monkeypatch) -> None:
    monkeypatch.setattr("crawler.ledger.shared.MAKE_SECONDS", 0.1)
    with pytest.raises(LedgerError, match="nobody makes one"):
        open_ledger(own.url)
    assert own.client().dbsize() == 0


def test_a_part_of_a_commit_that_was_taken_in_is_taken_in_again_without_harm(own, log, monkeypatch) -> None:
    """As by a worker that died between two parts of a large commit."""
    monkeypatch.setattr("crawler.ledger.steps.FEW", 7)
    with closing(RedisLedger(own.url)) as ledger:
        run, parts = ledger._server.run, []

        def dies(body, *values, **named):
            if named:
                parts.append(values)
                if len(parts) == 3:
                    raise KeyboardInterrupt
            return run(body, *values, **named)

        monkeypatch.setattr(ledger._server, "run", dies)
        with pytest.raises(KeyboardInterrupt):
            ledger.apply(1, "segment-1", AT, log.commits[0], ())
        assert ledger.n() == 0
    with closing(RedisLedger(own.url, fill=log.follow)) as ledger:
        log.follow(ledger)
        assert (ledger.n(), ledger.counts().known, ledger.counts().left) == (2, 100, 99)


def dies() -> None:
    raise KeyboardInterrupt


def test_a_part_that_another_worker_brings_late_changes_nothing(own, log, monkeypatch) -> None:
    monkeypatch.setattr("crawler.ledger.steps.FEW", 1)
    with closing(RedisLedger(own.url, fill=log.follow)) as one, closing(RedisLedger(own.url)) as two:
        twice = read(2), read(2, OTHER, version=2, outcome=Outcome.CHANGED, take=2)
        log.add(*twice, *(line(id, Outcome.GONE) for id in IDS[2:9]))

        def brings_the_first() -> None:
            before(2, two, dies, monkeypatch)
            with pytest.raises(KeyboardInterrupt):
                log.follow(two)

        before(3, one, brings_the_first, monkeypatch)
        log.follow(one)
        assert one.standing(IDS[1]).takes == 2


def test_a_part_that_a_restart_has_lost_comes_from_the_log(own, log, monkeypatch) -> None:
    monkeypatch.setattr("crawler.ledger.steps.FEW", 1)
    with closing(RedisLedger(own.url, fill=log.follow)) as ledger:
        dump = own.dump()
        log.add(*(line(id, Outcome.GONE) for id in IDS[1:9]))
        before(3, ledger, lambda: own.restore(dump), monkeypatch)
        log.follow(ledger)
        assert (ledger.n(), ledger.counts().left) == (3, 91)


@pytest.mark.parametrize("part", [1, 3])
def test_a_state_of_two_commits_ago_that_comes_back_before_a_part_is_brought_to_the_log_s_end(
    own, log, monkeypatch, part
) -> None:
    monkeypatch.setattr("crawler.ledger.steps.FEW", 1)
    with closing(RedisLedger(own.url, fill=log.follow)) as ledger:
        dump = own.dump()
        log.add(line(IDS[1], Outcome.GONE))
        log.follow(ledger)
        log.add(*(line(id, Outcome.GONE) for id in IDS[2:9]))
        before(part, ledger, lambda: own.restore(dump), monkeypatch)
        log.follow(ledger)
        assert (ledger.n(), ledger.counts().left) == (4, 91)


def test_a_commit_of_which_one_line_is_wrong_changes_nothing_in_whatever_part_it_lies(
    own, monkeypatch
) -> None:
    monkeypatch.setattr("crawler.ledger.steps.FEW", 1)
    wrong = line(3, Outcome.CHANGED, captured_at="yesterday")
    with closing(RedisLedger(own.url)) as ledger:
        with pytest.raises(Damaged, match="yesterday"):
            commit(ledger, read(1), read(2), wrong)
        assert (ledger.n(), ledger.counts().known, ledger.original(HASH)) == (0, 0, None)


def test_a_commit_goes_on_on_a_server_that_has_forgotten_the_scripts(own, log, ledger) -> None:
    own.client().script_flush()
    log.add(line(2, Outcome.GONE))
    log.follow(ledger)
    assert (ledger.n(), ledger.counts().left) == (3, 98)


def test_an_answer_that_nobody_read_is_not_taken_for_the_next_one(ledger) -> None:
    def broken_off() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger._server.run(scripts.READ, packed(["segments", "", "segment-1"]), meanwhile=broken_off)
    assert ledger._server.run(scripts.READ, packed([])) == [2]


def test_a_server_that_throws_away_is_refused(own) -> None:
    with own.client() as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(WrongUse, match="set noeviction"):
        RedisLedger(own.url)


def test_a_full_server_is_said_and_costs_nothing_that_was_there(own, ledger) -> None:
    with own.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
    with pytest.raises(LedgerError, match=r"s is full: give it more memory \(maxmemory\), then run again\.$"):
        ledger.add(map(ArticleId, range(1000, 2000)), "list")
    with own.client() as client:
        client.config_set("maxmemory", "0")
    assert ledger.counts().known == 100


def test_a_wrong_password_is_wrong_use_and_shown_nowhere(own) -> None:
    with own.client() as client:
        client.config_set("requirepass", "right")
    with pytest.raises(WrongUse) as error:
        RedisLedger(own.url.replace("unix://", "unix://:wrong@"))
    assert "refuses us" in str(error.value)
    assert "wrong" not in str(error.value)


def test_a_database_that_the_server_has_not_is_wrong_use(own) -> None:
    with pytest.raises(WrongUse, match=r"\(DB index is out of range\): mend LEDGER_URL"):
        RedisLedger(f"{own.url}?db=99")


def test_what_no_connection_knows_is_wrong_use(own) -> None:
    with pytest.raises(WrongUse, match="give redis://HOST:PORT/NUMBER"):
        RedisLedger(f"{own.url}?databse=1")


@pytest.mark.parametrize(
    ("scheme", "why"), [("redis", "is no Redis"), ("rediss", "is not to be trusted, or speaks no TLS")]
)
def test_a_server_of_another_kind_is_wrong_use(scheme, why) -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port, pytest.raises(WrongUse, match=why):
        Server(f"{scheme}://127.0.0.1:{port}/0")


def test_a_certificate_that_nobody_vouches_for_is_wrong_use() -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with answering(b"", tls) as port, pytest.raises(WrongUse, match="CERTIFICATE_VERIFY_FAILED"):
        Server(f"rediss://127.0.0.1:{port}/0")


def test_a_server_that_is_not_there_at_the_start_may_be_a_wrong_address(monkeypatch) -> None:
    monkeypatch.setattr(server, "OPENING_SECONDS", 0.1)
    with pytest.raises(LedgerError, match="or mend LEDGER_URL"):
        Server("redis://127.0.0.1:1/0")


def test_a_server_that_says_nothing_at_the_start_is_left_within_its_time(monkeypatch) -> None:
    monkeypatch.setattr(server, "OPENING_SECONDS", 2.0)
    monkeypatch.setattr(server, "TRY_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(LedgerError, match="was away for 2 seconds"):
            Server(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        silent.setblocking(False)
        tries = [silent.accept()[0] for _ in range(2)]  # a first that took all of the time has no second
    for each in tries:
        each.close()


def test_a_server_that_refuses_us_amid_a_run_is_no_mistake_of_the_user(own, ledger) -> None:
    with own.client() as client:
        client.config_set("requirepass", "right")
        client.client_kill_filter(_type="normal", skipme=False)
    with pytest.raises(LedgerError, match="refuses us"):
        ledger.counts()


def test_a_ledger_that_is_only_read_is_left_alone(own) -> None:
    assert read_ledger(own.url) is None
    assert own.client().dbsize() == 0


def test_a_dump_for_a_snapshot_is_made_of_the_log(own, log, ledger, tmp_path) -> None:
    own.empty()
    assert ledger.dump(tmp_path / "snapshot.db") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.db"]
    with closing(open_ledger(f"sqlite://{tmp_path}/snapshot.db")) as dumped:
        assert dumped.counts().left == 99


def test_a_large_commit_is_seen_whole_by_n(own) -> None:
    with closing(RedisLedger(own.url)) as ledger:
        commit(ledger, *(line(id, Outcome.KNOWN) for id in range(1, 5001)))
        assert ledger.counts().left == 5000
