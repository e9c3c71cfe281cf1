"""The crawl's end of its writer process."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

from crawler.errors import WriterDied
from crawler.spool import Spool
from crawler.writer.frames import Broken, Close, Order, Report, Sync, Synced, Unpacker, packed
from crawler.writer.process import Plan

START = (  # the child finds our packages where we found them, a scrapyd egg included
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from crawler.writer.process import main; sys.exit(main(sys.argv[2:]))"
)
HIGH_WATER = 16 << 20  #: bytes under way to the writer before the crawl is held back


class Link(asyncio.Protocol):
    """Sends orders to the writer and hands its reports on.

    `ended` is done when the writer has ended: with None after Close, else with the WriterDied that says why.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], line: socket.socket, on_report: Callable[[Report], None]
    ) -> None:
        self.ended: asyncio.Future[WriterDied | None] = asyncio.get_running_loop().create_future()
        self._process, self._line, self._on_report = process, line, on_report
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._closing = False
        self._syncs: deque[asyncio.Future[None]] = deque()  # that wait, in the order in which they were sent
        self._said: str | None = None

    async def send(self, order: Order) -> None:
        """Hand an order over, when there is room for it; WriterDied if nobody takes it any more."""
        await self._room.wait()
        if self._transport is None or self.ended.done():
            raise WriterDied(self._said or "")
        self._transport.write(packed(order))

    async def sync(self) -> None:
        """Until all that was sent survives a crash; WriterDied if the writer is gone before that."""
        synced: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self.send(Sync())
        self._syncs.append(synced)  # not before: who is cancelled there has asked for no answer
        await asyncio.wait((synced, self.ended), return_when=asyncio.FIRST_COMPLETED)
        if not synced.done():
            raise WriterDied(self._said or "")

    async def close(self) -> WriterDied | None:
        """Let the writer seal and end; what went wrong, if anything did."""
        if not self.ended.done():
            self._closing = True
            with suppress(WriterDied):  # `ended` says why
                await self.send(Close())
        return await self.ended

    @property
    def pid(self) -> int:
        return self._process.pid

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._transport.set_write_buffer_limits(HIGH_WATER)  # type: ignore[union-attr]

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def data_received(self, data: bytes) -> None:
        for report in self._unpacker.feed(data):
            if isinstance(report, Synced):
                self._syncs.popleft().set_result(None)
                continue
            if isinstance(report, Broken):
                self._said = report.message
            self._on_report(report)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        with suppress(OSError):  # mostly it is the writer that hung up
            self._line.shutdown(socket.SHUT_RDWR)  # else both could wait for each other's end
        code = self._process.wait()
        self._hear_out()
        self._room.set()
        fine = self._closing and code == 0 and self._said is None
        why = self._said or f"the writer process ended with {code}"
        self.ended.set_result(None if fine else WriterDied(why))

    def _hear_out(self) -> None:
        """What a writer says last stays unread where our own write fails before we read it."""
        with suppress(OSError):
            while data := self._line.recv(1 << 16):
                self.data_received(data)


async def start_writer(plan: Plan, spool: Spool, on_report: Callable[[Report], None]) -> Link:
    """A writer for this spool, running."""
    ours, theirs = socket.socketpair()
    places = json.dumps([place or "." for place in sys.path])
    arguments = [places, str(theirs.fileno()), str(spool.lock)]
    with theirs:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 -- our own module, and starting takes a moment
            [sys.executable, "-c", START, *arguments],
            pass_fds=(theirs.fileno(), spool.lock),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as stdin:  # if it has ended already, that shows in a moment
        stdin.write(json.dumps(asdict(plan)).encode())
    loop = asyncio.get_running_loop()
    _, link = await loop.connect_accepted_socket(lambda: Link(process, ours, on_report), ours)
    return link
