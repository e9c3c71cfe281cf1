"""The dear parts of an audit, by as many processes as there are: scans, and articles made again."""

from __future__ import annotations

import multiprocessing
import signal
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import BinaryIO

from crawler import remake, warc
from crawler.audit.scan import Scan, scan
from crawler.errors import Damaged
from crawler.foreign.elsewhere import Elsewhere
from crawler.items import Absent, Article, ArticleId, RecordRef
from crawler.stores import Store

OPEN_FILES = 8
CHUNK, AHEAD = 64, 32  #: remakes handed over at once, and how many such chunks


@dataclass(frozen=True, slots=True)
class Task:
    """A line's article: what came, and the record that holds its payload."""

    id: ArticleId
    capture: RecordRef
    whole: RecordRef
    source: str
    reads: bool = True  #: False: a foreign record that the line rests on, and no article


@dataclass(frozen=True, slots=True)
class Foreign:
    """What a record of somebody else's file gives, and all that its line says of it."""

    made: Article | Absent | None
    page: tuple[str, int]
    date: str
    payload: RecordRef


Read = Article | Absent | Damaged | None
Made = Read | Foreign
"""What the records give; Damaged is returned, for it must come back from another process."""


class Remaker:
    """Reads records and makes their articles; keeps a few files open."""

    def __init__(self, store: Store, elsewhere: Elsewhere) -> None:
        self._store, self._elsewhere = store, elsewhere
        self._open: OrderedDict[str, BinaryIO] = OrderedDict()

    def make(self, task: Task | None) -> Made:
        if task is None:
            return None
        try:
            if task.capture.foreign:
                return self._foreign(task)
            capture = self._read(task.capture)
            whole = capture if task.whole == task.capture else self._read(task.whole)
            return remake.article(task.id, capture, whole, task.source)
        except Damaged as error:
            return error

    def close(self) -> None:
        self._elsewhere.close()
        for stream in self._open.values():
            stream.close()

    def _foreign(self, task: Task) -> Foreign:
        there = self._elsewhere.read(task.capture)
        record = there.record
        made = remake.article(task.id, record, record, task.source) if task.reads else None
        page = record.headers["WARC-Target-URI"], warc.http_head(record).status
        return Foreign(made, page, record.headers["WARC-Date"], there.payload)

    def _read(self, ref: RecordRef) -> warc.Record:
        if (stream := self._open.get(ref.warc)) is None:
            if (stream := self._store.read(ref.warc)) is None:
                raise Damaged(f"{ref.warc} is missing")
            while len(self._open) >= OPEN_FILES:
                self._open.popitem(last=False)[1].close()
            self._open[ref.warc] = stream
        return warc.read_member(stream, ref.offset)


class Crew:
    """The processes of an audit: they scan WARC files and make articles again."""

    def __init__(self, store: Store, processes: int, elsewhere: Elsewhere) -> None:
        self._store, self._remaker = store, Remaker(store, elsewhere)
        self._pool: Executor | None = None
        if processes > 1:
            context = multiprocessing.get_context("spawn")  # a fork would share our databases
            self._pool = ProcessPoolExecutor(processes, context, _begin, (store, elsewhere))

    def scan(self, path: str) -> Callable[[], Scan]:
        """A WARC file, looked through from now on; call the answer to have it."""
        if self._pool is None:
            return partial(scan, self._store, path)
        return self._pool.submit(_scan, path).result

    def remade(self, tasks: Iterable[Task | None]) -> Iterator[Made]:
        """What each task gives, in their order; None for None."""
        if self._pool is None:
            return map(self._remaker.make, tasks)
        return self._spread(self._pool, iter(tasks))

    def _spread(self, pool: Executor, tasks: Iterator[Task | None]) -> Iterator[Made]:
        """The same by the pool, never more than a few chunks ahead: memory stays flat."""
        ahead: deque[Future[list[Made]]] = deque()
        while (chunk := list(islice(tasks, CHUNK))) or ahead:
            if chunk:
                ahead.append(pool.submit(_make, chunk))
            if len(ahead) >= AHEAD or not chunk:
                yield from ahead.popleft().result()

    def close(self) -> None:
        self._remaker.close()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


_here: list[tuple[Store, Remaker]] = []  # a pool process's own


def _begin(store: Store, elsewhere: Elsewhere) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the audit ends us
    _here.append((store, Remaker(store, elsewhere)))


def _scan(path: str) -> Scan:
    return scan(_here[0][0], path)


def _make(tasks: list[Task | None]) -> list[Made]:
    return [_here[0][1].make(task) for task in tasks]
