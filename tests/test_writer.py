"""The writer, in its own process: what it was given is kept, and it says when."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar
from uuid import UUID

import pytest

from crawler import warc
from crawler.disk import Disk
from crawler.errors import WriterDied
from crawler.items import Copy, End, Exchange, Origin, Outcome, RecordRef, Stored, Take
from crawler.ledger.sqlite import SqliteLedger
from crawler.lines import OutcomeLine
from crawler.segment import sealed
from crawler.spool import Spool
from crawler.validators import Validators
from crawler.warc.writer import NOT_MODIFIED
from crawler.writer.frames import Broken, Checkpointed, Committed, Report, SealedSegment
from crawler.writer.link import Link, start_writer
from crawler.writer.process import Plan
from tests import takes
from tests.services import Held
from tests.services.files import packed, plain, record

SECONDS = 30  #: no wait here takes one of them
FOREVER = 1e6
T = TypeVar("T")


class FullDisk(Disk):
    """A disk on which nothing more fits once a segment has begun."""

    def write(self, file, data) -> None:
        if file.tell():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(file, data)


class Desk:
    """The crawl's end: sends orders, collects reports."""

    def __init__(self, spool: Spool, plan: Plan) -> None:
        self.spool, self.plan = spool, plan
        self.reports: list[Report] = []
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.link: Link = await start_writer(self.plan, self.spool, self._hear)
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.link.ended.done():
            await self.link.close()

    async def send(self, *orders: Exchange | Copy | Take | Committed) -> None:
        for order in orders:
            await self.link.send(order)

    async def until(self, *reports: Report | type[Report]) -> None:
        """Wait until these have come, by kind or exactly."""
        async with asyncio.timeout(SECONDS):
            while not all(any(wanted in (said, type(said)) for said in self.reports) for wanted in reports):
                self._news.clear()
                await self._news.wait()

    async def until_sealed(self, count: int) -> list[str]:
        """The names of so many sealed segments."""
        async with asyncio.timeout(SECONDS):
            while (
                len(names := [said.name for said in self.reports if isinstance(said, SealedSegment)]) < count
            ):
                self._news.clear()
                await self._news.wait()
        return names

    async def ended(self) -> WriterDied | None:
        async with asyncio.timeout(SECONDS):
            return await self.link.ended

    def _hear(self, report: Report) -> None:
        self.reports.append(report)
        self._news.set()


class Room:
    """A spool and a ledger, and what a writer left there."""

    def __init__(self, home: Path) -> None:
        self.ledger_file = home / "ledger.db"
        SqliteLedger(self.ledger_file).close()
        self.spool = Spool.claim(home / "spool", "000000aa", UUID(int=5), Disk())

    def desk(
        self,
        *,
        segment_bytes: int = 1 << 30,
        checkpoint_takes: int = 1000,
        checkpoint_seconds: float = FOREVER,
        disk: str = "crawler.disk.Disk",
    ) -> Desk:
        plan = Plan(
            spool=str(self.spool.folder),
            ledger=f"sqlite:///{self.ledger_file}",
            disk=disk,
            segment_bytes=segment_bytes,
            segment_seconds=FOREVER,
            checkpoint_takes=checkpoint_takes,
            checkpoint_seconds=checkpoint_seconds,
            about={"software": "test"},
        )
        return Desk(self.spool, plan)

    def records(self) -> list[warc.Record]:
        """Of all segments, oldest first, without the warcinfos and requests."""
        records = []
        for name in self.spool.segments():
            with sealed(self.spool, name, Disk()).warc.open("rb") as stream:
                records += [each for each in warc.members(stream) if each.type in ("response", "revisit")]
        return records

    def drafts(self) -> list[dict]:
        """As the journals have them up to their last checkpoints."""
        journals = [sealed(self.spool, name, Disk()).journal for name in self.spool.segments()]
        entries = [json.loads(line) for journal in journals for line in journal.read_bytes().splitlines()]
        return [entry["draft"] for entry in entries if "draft" in entry]


@pytest.fixture
def room(tmp_path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    os.close(room.spool.lock)


def run(story: Callable[[], Awaitable[T]]) -> T:
    async def told() -> T:
        return await story()

    return asyncio.run(told())


def page(number: int, body: bytes = b"page") -> Exchange:
    return takes.exchange(f"http://anapress.net/a/{number}", body, id=UUID(int=number))


def gone(number: int, capture: Exchange | None) -> Take:
    return takes.take(number, 1, takes.absent(Outcome.GONE), capture)


def test_takes_are_called_safe_when_enough_of_them_came(room) -> None:
    async def story() -> None:
        async with room.desk(checkpoint_takes=2) as desk:
            await desk.send(page(1), gone(1, page(1)), page(2), gone(2, page(2)))
            await desk.until(Checkpointed(2))
            assert [draft["id"] for draft in room.drafts()] == [1, 2]

    run(story)


def test_takes_are_called_safe_after_a_while_though_nothing_more_comes(room) -> None:
    async def story() -> None:
        async with room.desk(checkpoint_seconds=0.01) as desk:
            await desk.send(page(1), gone(1, page(1)))
            await desk.until(Checkpointed(1))
            assert [draft["id"] for draft in room.drafts()] == [1]

    run(story)


def test_a_segment_that_is_large_enough_is_sealed_and_the_next_begins(room) -> None:
    async def story() -> None:
        async with room.desk(segment_bytes=1) as desk:
            await desk.send(page(1), page(2, b"other"))
            one, two = await desk.until_sealed(2)
            assert (one[-5:], two[-5:]) == ("00001", "00002")
            assert room.spool.segments() == [one, two]

    run(story)


def test_close_seals_what_is_open_and_ends_well(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(page(1), gone(1, page(1)))
            assert await desk.link.close() is None
            assert [type(said) for said in desk.reports] == [Checkpointed, SealedSegment]

    run(story)
    assert len(room.records()) == 1


def test_a_writer_that_was_given_nothing_leaves_nothing(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            assert await desk.link.close() is None
            assert desk.reports == []

    run(story)
    assert room.spool.segments() == []


def test_when_the_crawl_is_gone_what_arrived_is_checkpointed(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(page(1), gone(1, page(1)))
            assert desk.link._transport is not None
            desk.link._transport.close()  # once it is written
            await desk.ended()

    run(story)
    assert [draft["id"] for draft in room.drafts()] == [1]


def test_what_was_synced_survives_a_kill(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(page(1))
            await asyncio.gather(desk.link.sync(), desk.link.sync())
            os.kill(desk.link.pid, signal.SIGKILL)
            await desk.ended()

    run(story)
    assert len(room.records()) == 1


def test_a_sync_that_nobody_is_there_for_is_told(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            os.kill(desk.link.pid, signal.SIGSTOP)
            syncing = asyncio.ensure_future(desk.link.sync())
            os.kill(desk.link.pid, signal.SIGKILL)
            with pytest.raises(WriterDied):
                await syncing

    run(story)


def test_a_sync_that_nobody_waits_for_any_more_takes_no_other_s_answer(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            desk.link.pause_writing()
            syncing = asyncio.ensure_future(desk.link.sync())
            await asyncio.sleep(0)  # it waits for room now
            syncing.cancel()
            desk.link.resume_writing()
            async with asyncio.timeout(SECONDS):
                await desk.link.sync()

    run(story)


def test_a_draft_names_the_record_of_its_capture(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(page(1), page(2, b"other"), gone(2, page(2)), gone(1, page(1)))
            await desk.link.close()

    run(story)
    ids = {record.headers["WARC-Target-URI"][-1]: record.id for record in room.records()}
    assert [draft["capture"]["record_id"] for draft in room.drafts()] == [ids["2"], ids["1"]]


def test_a_take_without_an_answer_has_no_record(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(gone(1, None))
            await desk.link.close()

    run(story)
    (draft,) = room.drafts()
    assert (draft["capture"], draft["payload"]) == (None, None)


def test_a_payload_that_came_before_in_the_segment_is_a_revisit_of_it(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(page(1), page(2), takes.take(2, 1, takes.article(2, "text"), page(2)))
            await desk.link.close()

    run(story)
    first, again = room.records()
    assert (first.type, again.type) == ("response", "revisit")
    assert again.headers["WARC-Refers-To"] == first.id
    (draft,) = room.drafts()
    assert (draft["capture"]["record_id"], draft["payload"]["record_id"]) == (again.id, first.id)


def test_a_copied_record_whose_own_digest_is_wrong_is_nobodys_original(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            theirs = Held(url="http://anapress.net/a/1", at="20160102030405", body=b"page")
            member = packed(record(theirs, plain(theirs), f"WARC-Payload-Digest: sha1:{'A' * 32}"))
            origin = Origin(url="file:///theirs.warc.gz", at=takes.BEGAN, span="bytes=0-")
            await desk.send(Copy(id=UUID(int=9), member=member, origin=origin), page(2), page(3))
            await desk.link.close()

    run(story)
    assert [record.type for record in room.records()] == ["response", "response", "revisit"]


def test_a_payload_of_an_earlier_segment_that_is_not_committed_yet_is_a_revisit_too(room) -> None:
    async def story() -> None:
        async with room.desk(segment_bytes=1) as desk:
            await desk.send(page(1), page(2))
            await desk.until_sealed(2)

    run(story)
    first, again = room.records()
    assert again.headers["WARC-Refers-To"] == first.id


def test_after_its_commit_a_payload_is_what_the_ledger_says(room) -> None:
    """Which, in this story, was wiped: the payload is stored again rather than named in vain."""

    async def story() -> None:
        async with room.desk(segment_bytes=1) as desk:
            await desk.send(page(1))
            (name,) = await desk.until_sealed(1)
            await desk.send(Committed(name), page(2))
            await desk.until_sealed(2)

    run(story)
    assert [record.type for record in room.records()] == ["response", "response"]


HELD = Validators('"1"')


@pytest.fixture
def committed(room) -> Stored:
    """A payload that the log has, of page 1, and its validators."""
    ref = RecordRef(
        segment="s",
        warc="warcs/s.warc.gz",
        offset=400,
        length=300,
        record_id=f"<{UUID(int=77).urn}>",
        payload_digest=warc.measure(page(1)).payload_digest,
    )
    measured = warc.measure(page(1))
    stored = Stored(
        sha256=measured.sha256,
        length=measured.length,
        record=ref,
        url=page(1).url,
        date="2026-11-01T00:00:00.000Z",
    )
    line = OutcomeLine(id="1", url=stored.url, outcome=Outcome.UNCHANGED, record=ref, take=1, etag=HELD.etag)
    ledger = SqliteLedger(room.ledger_file)
    ledger.apply(1, "s", stored.date, [line], [stored])
    ledger.close()
    return stored


def test_a_committed_payload_is_revisited(room, committed) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(page(2), takes.take(2, 1, takes.article(2, "text"), page(2)))
            await desk.link.close()

    run(story)
    (record,) = room.records()
    assert record.headers["WARC-Refers-To"] == committed.record.record_id
    (draft,) = room.drafts()
    assert draft["payload"]["record_id"] == committed.record.record_id


def not_modified(url: str, asked: Validators) -> Exchange:
    return takes.exchange(url, b"", id=UUID(int=1), status="304 Not Modified", asked=asked)


def test_a_304_is_a_revisit_of_the_page_whose_validators_were_sent(room, committed) -> None:
    same = not_modified(committed.url, HELD)

    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(same, takes.take(1, 2, None, same))
            await desk.link.close()

    run(story)
    (record,) = room.records()
    assert record.headers["WARC-Profile"] == NOT_MODIFIED
    assert record.headers["WARC-Refers-To"] == committed.record.record_id
    assert record.headers["WARC-Refers-To-Date"] == committed.date
    (draft,) = room.drafts()
    assert (draft["outcome"], draft["capture"]["record_id"]) == (Outcome.UNCHANGED, record.id)
    assert draft["payload"]["record_id"] == committed.record.record_id


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://anapress.net/a/1", Validators()),
        ("http://anapress.net/a/1", Validators('"2"')),
        ("http://www.anapress.net/a/1", HELD),
        ("http://anapress.net/a/2", HELD),
    ],
    ids=["unasked", "other validators", "other URL", "other id"],
)
def test_any_other_304_is_a_plain_response_and_no_take_rests_on_it(room, committed, url, asked) -> None:
    odd = not_modified(url, asked)

    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(odd, takes.take(1, 2, None, odd))
            await desk.link.close()

    run(story)
    assert [record.type for record in room.records()] == ["response"]
    (draft,) = room.drafts()
    assert (draft["outcome"], draft["reason"]) == (Outcome.FAILED, "no_original")


def test_a_body_that_was_cut_is_nobodys_original(room) -> None:
    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(replace(page(1), end=End.DISCONNECT), page(2))
            await desk.link.close()

    run(story)
    assert [record.type for record in room.records()] == ["response", "response"]


def test_a_spooled_body_is_written_and_its_file_removed(room, tmp_path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"large" * 100_000)

    async def story() -> None:
        async with room.desk() as desk:
            await desk.send(replace(page(1), body=body, head=b"HTTP/1.1 200 OK\r\n\r\n"))
            await desk.link.close()

    run(story)
    (record,) = room.records()
    assert warc.payload(record) == b"large" * 100_000
    assert not body.exists()


def test_a_full_disk_breaks_the_writer_loudly(room) -> None:
    async def story() -> tuple[WriterDied | None, int | None]:
        async with room.desk(disk="tests.test_writer.FullDisk") as desk:
            await desk.send(page(1))
            died = await desk.ended()
            assert [type(said) for said in desk.reports] == [Broken]
            with pytest.raises(WriterDied, match="No space left"):
                await desk.send(page(2))
            return died, desk.link._process.returncode

    died, code = run(story)
    assert "No space left on device" in str(died)
    assert code == 6


def test_what_a_writer_says_last_is_heard_though_a_page_was_on_its_way_to_it(room) -> None:
    async def story() -> WriterDied | None:
        async with room.desk(disk="tests.test_writer.FullDisk") as desk:
            await desk.send(page(1))
            desk.link._process.wait()  # it has spoken and is gone, and the crawl was busy meanwhile
            await desk.send(page(2))
            return await desk.ended()

    assert "No space left" in str(run(story))


def test_a_killed_writer_is_not_taken_for_one_that_ended(room) -> None:
    async def story() -> WriterDied | None:
        async with room.desk(checkpoint_takes=1) as desk:
            await desk.send(page(1), gone(1, page(1)))
            await desk.until(Checkpointed(1))
            os.kill(desk.link.pid, signal.SIGKILL)
            died = await desk.ended()
            assert await desk.link.close() is died
            return died

    assert "ended with -9" in str(run(story))
    assert [draft["id"] for draft in room.drafts()] == [1]


def test_a_signal_to_the_terminals_group_leaves_the_writer_to_its_crawl(room) -> None:
    async def story() -> None:
        async with room.desk(checkpoint_takes=1) as desk:
            await desk.send(gone(1, None))
            await desk.until(Checkpointed)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(desk.link.pid, number)
            await desk.send(gone(2, None))
            assert await desk.link.close() is None

    run(story)
    assert [draft["id"] for draft in room.drafts()] == [1, 2]
