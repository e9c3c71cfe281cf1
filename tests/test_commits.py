"""The log of commits under random interleavings: what DESIGN part 6's model explores, on the real code and files.

Three workers lease, write, seal and commit in turns that a seed decides; the turn passes wherever a step of the
disk is reached. They are killed there, sleep, lose their disk, their store loses or garbles answers, and the
ledger is wiped. The promises of DESIGN part 5 are then read off the log alone.
"""

from __future__ import annotations

import gc
import gzip
import json
import os
import shutil
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random
from traceback import walk_tb
from typing import BinaryIO
from uuid import UUID

import pytest

from crawler import commits, committing, warc
from crawler.disk import Disk
from crawler.drafts import NOT_MODIFIED
from crawler.errors import StoreError
from crawler.fingerprint import content_hash, letters
from crawler.items import ArticleId, Lease, Outcome
from crawler.ledger.roster import WAY_SECONDS
from crawler.ledger.sqlite import SqliteLedger
from crawler.recovery import add, recover
from crawler.segment import sealed
from crawler.site import url_of
from crawler.spool import Spool
from crawler.stores.local import LocalStore
from crawler.validators import Validators
from crawler.writer.frames import Checkpointed, Committed, Report, SealedSegment
from crawler.writer.process import Plan, Writer
from tests import takes

ARCHIVE = UUID(int=5)
IDS = tuple(map(ArticleId, range(1, 8)))
SHORT = "photo"  #: the text of ids 6 and 7: too short to be anybody's duplicate
TEXTS = (SHORT, *(f"{n} {takes.LONG}" for n in range(4)))
SEEDS = range(40)
STEPS = 350


class Killed(BaseException):
    """As SIGKILL: nothing of the worker runs on."""


class Turns:
    """Lets one thread at a time run, from one step to the next."""

    def __init__(self, life: Callable[[], None]) -> None:
        self._go, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self.ended = self.killed = False
        self.end: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(life,), daemon=True)
        self._thread.start()

    def go(self, *, kill: bool = False) -> None:
        """Let it run to its next step, or die there."""
        self.killed = self.killed or kill
        self._go.release()
        self._paused.acquire()
        if self.ended:
            self._thread.join()

    def step(self) -> None:
        """Called inside: the turn passes."""
        if not self.killed:
            self._paused.release()
            self._go.acquire()
        if self.killed:
            raise Killed

    def _run(self, life: Callable[[], None]) -> None:
        self._go.acquire()
        try:
            if self.killed:
                raise Killed  # noqa: TRY301 -- before it began
            life()
        except BaseException as error:  # noqa: BLE001 -- Worker.bury tells kills from failures
            self.end = error
        self.ended = True
        self._paused.release()


class TurningDisk(Disk):
    """A disk each of whose steps passes the turn; after a kill no step is taken any more."""

    def __init__(self, turns: Callable[[], Turns | None]) -> None:
        self._turns = turns
        self._files: list[BinaryIO] = []

    def open(self, path: Path) -> BinaryIO:
        self._alive()
        file = path.open("ab", buffering=0)  # what was written is the kernel's: a kill leaves it
        self._files.append(file)  # type: ignore[arg-type]
        return file  # type: ignore[return-value]

    def sync(self, file: BinaryIO) -> None:
        self._alive()  # power is never cut here, so nothing need be synced

    def sync_folder(self, folder: Path) -> None:
        self._alive()

    def rename(self, source: Path, target: Path) -> None:
        self.reached("rename")
        super().rename(source, target)

    def link(self, source: Path, target: Path) -> None:
        self.reached("link")
        super().link(source, target)

    def remove(self, path: Path) -> None:
        self._alive()
        super().remove(path)

    def reached(self, step: str) -> None:
        if (turns := self._turns()) is not None:
            turns.step()

    def close(self) -> None:
        for file in self._files:
            file.close()

    def _alive(self) -> None:
        if (turns := self._turns()) is not None and turns.killed:
            raise Killed


class LyingStore(LocalStore):
    """A store that now and then creates an object, and says nothing, or that it was there already."""

    def __init__(self, root: Path, disk: Disk, random: Random) -> None:
        super().__init__(root, disk)
        self._random = random

    def create(self, key: str, data: bytes) -> bool:
        created = super().create(key, data)
        if created and self._random.random() < 0.15:
            raise StoreError("the answer was lost")
        return created and self._random.random() > 0.15


class Queue(SqliteLedger):
    """The ledger of a world, which counts how often a commit let others go first."""

    def __init__(self, world: World) -> None:
        super().__init__(world.ledger_file, clock=lambda: world.clock().timestamp(), lease_seconds=40)
        self._world = world

    def ahead(self, segment: str, *, asks: bool) -> int:
        ahead = super().ahead(segment, asks=asks)
        self._world.waited += bool(ahead)
        return ahead


class World:
    """What all workers share: a folder, a site, a clock, and chance."""

    def __init__(self, home: Path, seed: int) -> None:
        self.random = Random(seed)
        self.archive, self.spools, self.ledger_file = home / "archive", home / "spool", home / "ledger.db"
        self.now = takes.BEGAN
        self.texts = {id: f"{id // 2} {takes.LONG}" for id in IDS} | {6: SHORT, 7: SHORT}
        self._uuids = takes.new_ids()
        self._serial = 0
        self.safe: Counter[ArticleId] = Counter()  # the highest take of an id that a writer called safe
        self.lost_disks = self.waited = 0

    def clock(self):
        return self.now

    def new_id(self) -> UUID:
        return next(self._uuids)

    def worker(self) -> str:
        self._serial += 1
        return f"{self._serial:08x}"

    def ledger(self) -> SqliteLedger:
        ledger = Queue(self)
        ledger._db.rows("PRAGMA synchronous = OFF")
        return ledger

    def pass_time(self) -> None:
        """A second; now and then an article changes, or comes back to an earlier text, or the ledger is wiped."""
        self.now += timedelta(seconds=1)
        if self.random.random() < 0.02:
            id = self.random.choice(IDS[:5])
            self.texts[id] = self.random.choice([*self.texts.values(), f"new {id % 3} {takes.LONG}"])
        if self.random.random() < 0.01:
            for suffix in ("", "-wal", "-shm"):  # whoever has it open goes on with what nobody else sees
                self.ledger_file.with_name(self.ledger_file.name + suffix).unlink(missing_ok=True)


class Worker:
    """One worker's life, from its start to its kill."""

    def __init__(self, world: World) -> None:
        self._world, self._random = world, world.random
        self.turns: Turns | None = None
        self._disk = TurningDisk(lambda: self.turns)
        self._store = LyingStore(world.archive, self._disk, self._random)
        self._ledger = world.ledger()
        self._spool: Spool | None = None
        self._sealed: list[str] = []
        self._sent: list[tuple[ArticleId, int]] = []
        self.turns = Turns(self._live)

    def bury(self) -> None:
        """What the kernel does when a process ends; with some, the disk goes too."""
        held = self._locks()
        self._disk.close()
        self._ledger.close()
        gc.collect()  # generators that stood in a file of the store
        if self._spool is not None:
            self._spoil(self._spool)
        for lock in held:
            os.close(lock)

    def _locks(self) -> set[int]:
        """The locks of its own spool and of the one that it was about to recover; raises what should not be."""
        assert self.turns is not None
        if (end := self.turns.end) is None or not isinstance(end, Killed | StoreError):
            raise end or AssertionError("a life without an end")
        frames = (frame for frame, _ in walk_tb(end.__traceback__))
        spools = [value for frame in frames for value in frame.f_locals.values() if isinstance(value, Spool)]
        end.__traceback__ = None
        return {spool.lock for spool in (*spools, self._spool) if spool is not None}

    def _spoil(self, spool: Spool) -> None:
        if spool.segments() and self._random.random() < 0.25:
            shutil.rmtree(spool.folder)
            self._world.lost_disks += 1
        elif spool.segments() and self._random.random() < 0.5:
            torn = spool.path(spool.segments()[-1], self._random.choice(["journal", "warc.gz"]))
            if (
                torn.exists() and spool.segments()[-1] not in self._sealed
            ):  # the archive may share a sealed file
                with torn.open("ab") as file:
                    file.write(b'{"draft": torn')

    def _live(self) -> None:
        world = self._world
        recover(world.spools, ARCHIVE, self._store, self._ledger, self._disk, world.clock)
        self._spool = Spool.claim(world.spools, world.worker(), ARCHIVE, self._disk)
        add(IDS, "list", self._spool, self._store, self._ledger, self._disk, world.clock)
        plan = Plan(
            spool=str(self._spool.folder),
            ledger="",
            disk="",
            segment_bytes=6000,
            segment_seconds=1e9,
            checkpoint_takes=2,
            checkpoint_seconds=1e9,
            about={},
        )
        self._writer = Writer(
            plan,
            self._spool,
            self._ledger,
            self._disk,
            self._hear,
            clock=world.clock,
            new_id=world.new_id,
        )
        while True:
            self._disk.reached("next")
            self._random.choices([self._fetch, self._commit, self._writer.seal], [6, 3, 1])[0]()

    def _hear(self, report: Report) -> None:
        if isinstance(report, SealedSegment):
            self._sealed.append(report.name)
        elif isinstance(report, Checkpointed):
            for id, number in self._sent[: report.takes]:
                self._world.safe[id] = max(self._world.safe[id], number)
            del self._sent[: report.takes]

    def _fetch(self) -> None:
        """One id, its page (whose bytes always differ) and its picture (two ids share one)."""
        for lease in self._leases():
            id, world, text = lease.id, self._world, self._world.texts[lease.id]
            tag = _tag(text)
            same = lease.etag == tag and self._random.random() < 0.8  # some servers send it all the same
            page = takes.exchange(
                url_of(id),
                b"" if same else f"{text} {world.new_id()}".encode(),
                id=world.new_id(),
                began=world.now,
                status="304 Not Modified" if same else "200 OK",
                asked=Validators(lease.etag),
            )
            picture = takes.exchange(
                f"http://anapress.net/{id % 2}.png", b"picture" * (id % 2 + 1), id=world.new_id()
            )
            fails = self._random.random() < 0.2 and not same
            result = takes.absent(Outcome.FAILED) if fails else None if same else takes.article(id, text)
            take = takes.take(id, lease.take, result, page, etag=None if fails else tag)
            for order in (picture, page, take):
                self._writer.take(order)
            self._sent.append((id, lease.take))
            self._disk.reached("fetched")
            self._writer.rest()

    def _leases(self) -> Iterator[Lease]:
        if self._random.random() < 0.1:  # somebody who does not know that he should not
            id = self._random.choice(IDS)
            yield Lease(id=id, take=self._ledger.standing(id).takes + 1)
            return
        before = self._world.now - timedelta(seconds=self._random.choice([5, 100]))
        name = self._spool.worker if self._spool else ""
        yield from self._ledger.lease(name, 1, captured_before=before)

    def _commit(self) -> None:
        if self._sealed and self._spool:
            segment = sealed(self._spool, self._sealed[0], self._disk)
            committing.commit(segment, self._store, self._ledger, self._disk, self._world.clock)
            self._disk.reached("clean")
            self._spool.drop(segment.segment)
            self._writer.take(Committed(self._sealed.pop(0)))


def _tag(text: str) -> str:
    return f'W/"{content_hash("title", text)[-8:]}"'


def explore(home: Path, seed: int) -> World:
    """A run in which the right of way is asked for at once, after a lost race, or hardly ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(committing, "LOSSES", (0, 1, committing.LOSSES)[seed % 3])
        patch.setattr(committing, "LOOK_SECONDS", 0)
        return _explored(World(home, seed))


def _explored(world: World) -> World:
    """At its end everybody is killed, and one more start commits what lies in the spools."""
    crew = [Worker(world) for _ in range(world.random.randrange(2, 5))]
    asleep: dict[int, int] = {}
    for step in range(STEPS):
        world.pass_time()
        at = world.random.randrange(len(crew))
        if asleep.get(at, 0) > step:
            continue
        if world.random.random() < 0.02:
            asleep[at] = step + world.random.randrange(80)
        worker = crew[at]
        assert worker.turns is not None
        worker.turns.go(kill=world.random.random() < 0.02)
        if worker.turns.ended:
            worker.bury()
            crew[at] = Worker(world)
    for worker in crew:
        assert worker.turns is not None
        worker.turns.go(kill=True)
        worker.bury()
    world.now += timedelta(seconds=WAY_SECONDS + 1)  # whoever died in line
    with closing(world.ledger()) as ledger:
        recover(world.spools, ARCHIVE, LocalStore(world.archive, Disk()), ledger, Disk(), world.clock)
    return world


class Log:
    """The log as a stranger reads it: JSON, gzip and WARC, and nothing that the crawler remembers."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.commits = [
            json.loads(path.read_bytes()) for path in sorted((archive / "commits").glob("0*.json"))
        ]

    def lines(self, commit: dict, kind: str) -> list[dict]:
        paths = [file["path"] for file in commit["files"] if file["kind"] == kind]
        return [json.loads(line) for path in paths for line in gzip.open(self.archive / path)]

    def outcomes(self) -> Iterator[tuple[int, dict]]:
        return ((commit["n"], line) for commit in self.commits for line in self.lines(commit, "outcomes"))

    def articles(self) -> Iterator[tuple[int, dict]]:
        return ((commit["n"], line) for commit in self.commits for line in self.lines(commit, "items"))

    def records(self) -> Iterator[tuple[int, warc.Record]]:
        for commit in self.commits:
            for file in commit["files"]:
                if file["kind"] == "warc":
                    with (self.archive / file["path"]).open("rb") as stream:
                        yield from ((commit["n"], record) for record in warc.members(stream))


@pytest.fixture(scope="module", params=SEEDS)
def explored(request, tmp_path_factory) -> tuple[World, Log]:
    world = explore(tmp_path_factory.mktemp(f"seed-{request.param}"), request.param)
    return world, Log(world.archive)


def test_the_log_is_dense_and_names_a_segment_once(explored) -> None:
    _, log = explored
    assert [commit["n"] for commit in log.commits] == list(range(1, len(log.commits) + 1))
    assert max(Counter(commit["segment"] for commit in log.commits).values()) == 1


def test_every_file_is_what_its_commit_says(explored) -> None:
    _, log = explored
    for commit in log.commits:
        for file in commit["files"]:
            content = (log.archive / file["path"]).read_bytes()
            assert (len(content), sha256(content).hexdigest()) == (file["bytes"], file["sha256"])


def test_every_take_of_an_id_is_settled_once_and_in_order(explored) -> None:
    _, log = explored
    settled: dict[str, list[int]] = defaultdict(list)
    known: Counter[str] = Counter()
    for _, line in log.outcomes():
        if line["outcome"] == Outcome.KNOWN:
            known[line["id"]] += 1
        else:
            assert known[line["id"]], "settled before it was known"
            settled[line["id"]].append(line["take"])
    assert all(count == 1 for count in known.values())
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in settled.values())


def test_what_was_called_safe_is_in_the_log_unless_its_disk_was_lost(explored) -> None:
    world, log = explored
    last = {ArticleId(int(line["id"])): line["take"] for _, line in log.outcomes()}
    missing = [id for id, number in world.safe.items() if last.get(id, 0) < number]
    assert not missing or world.lost_disks


def test_a_start_leaves_nothing_of_the_dead_in_their_spools(explored) -> None:
    world, _ = explored
    assert list(world.spools.rglob("anapress-*")) == []


def test_every_text_makes_one_line(explored) -> None:
    _, log = explored
    long = Counter(line["content_hash"] for _, line in log.articles() if letters(line["text"]) >= 200)
    short = Counter((line["id"], line["content_hash"]) for _, line in log.articles())
    assert set(long.values()) <= {1}
    assert set(short.values()) <= {1}


def test_every_text_that_an_outcome_claims_stands_in_a_line_by_then(explored) -> None:
    _, log = explored
    first = {(line["id"], line["version"]): (n, line["content_hash"]) for n, line in log.articles()}
    for n, line in log.outcomes():
        if line["content_hash"] is not None:
            of = line["duplicate_of"] or line
            written, text = first[of["id"], of["version"]]
            assert written <= n
            assert text == line["content_hash"]


def test_versions_number_the_texts_of_an_id_in_the_order_of_the_log(explored) -> None:
    _, log = explored
    versions: dict[str, list[int]] = defaultdict(list)
    for _, line in log.articles():
        versions[line["id"]].append(line["version"])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in versions.values())


def test_every_line_names_the_whole_record_of_its_page(explored) -> None:
    _, log = explored
    for _, line in log.articles():
        with (log.archive / line["record"]["warc"]).open("rb") as stream:
            record = warc.read_member(stream, line["record"]["offset"])
        assert (record.id, record.type) == (line["record"]["record_id"], "response")
        assert warc.payload(record).decode().startswith(line["text"])


def test_a_revisit_names_a_whole_record_that_was_committed_before_it(explored) -> None:
    _, log = explored
    whole: set[str] = set()
    for _, record in log.records():
        if record.type == "revisit":
            assert record.headers["WARC-Refers-To"] in whole
        elif record.type == "response":
            whole.add(record.id)


def test_a_304_that_settles_a_take_names_a_record_of_its_url_with_the_text_that_stood(explored) -> None:
    _, log = explored
    records = {record.id: record for _, record in log.records()}
    for _, line in log.outcomes():
        if line["reason"] == NOT_MODIFIED:
            revisit = records[line["record"]["record_id"]]
            original = records[revisit.headers["WARC-Refers-To"]]
            assert original.headers["WARC-Target-URI"] == line["url"]
            text = warc.payload(original).decode().rpartition(" ")[0]
            assert content_hash("title", text) == line["content_hash"]


def test_a_ledger_made_anew_says_what_the_one_that_lived_says(explored, tmp_path) -> None:
    world, _ = explored
    store = LocalStore(world.archive, Disk())
    filled = SqliteLedger(tmp_path / "filled.db", fill=partial(commits.follow, store))
    with closing(world.ledger()) as lived, closing(SqliteLedger(tmp_path / "new.db")) as new, closing(filled):
        commits.follow(store, lived)
        commits.follow(store, new)
        assert _said(lived, store) == _said(new, store) == _said(filled, store)


def _said(ledger: SqliteLedger, store: LocalStore) -> list[object]:
    texts = [content_hash("title", text) for text in TEXTS]
    named = [file["segment"] for file in map(json.loads, _logged(store))]
    return [
        ledger.n(),
        [ledger.standing(id) for id in IDS],
        [ledger.original(text) for text in texts],
        [ledger.version(id, text) for id in IDS for text in texts],
        [ledger.segment(name) for name in named],
        [ledger.validated(id, Validators(_tag(text))) for id in IDS for text in TEXTS],
        replace(ledger.counts(), leased=0, unlogged=0),
    ]


def _logged(store: LocalStore) -> Iterator[bytes]:
    return (bytes(commit) for commit in commits.log(store))


def test_the_runs_meet_what_they_are_meant_to_meet(tmp_path) -> None:
    """Else the rules above prove nothing."""
    met: Counter[str] = Counter()
    for seed in range(3):
        world = explore(tmp_path / str(seed), seed)
        log = Log(world.archive)
        met.update(line["outcome"] for _, line in log.outcomes())
        met.update(record.type for _, record in log.records())
        met.update(line["reason"] for _, line in log.outcomes())
        met.update({"lost disks": world.lost_disks, "waited": world.waited})
    wanted = {*map(str, Outcome)} - {Outcome.GONE, Outcome.NOT_ARTICLE, Outcome.REFUSED}
    assert wanted | {"response", "revisit", "lost disks", "waited", NOT_MODIFIED} <= set(+met), met


def test_a_commit_reads_back_as_it_was_written() -> None:
    file = commits.File(path="warcs/s.warc.gz", kind="warc", bytes=3, sha256="00", count=2)
    commit = commits.Commit(
        n=7, segment="s", at="2026-11-23T00:00:00.000Z", worker="w", files=(file,), counts={"article": 1}
    )
    assert commits.Commit.parse(bytes(commit), 7) == commit
