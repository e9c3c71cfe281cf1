"""A program run to its end, and what it took: wall time, CPU time and memory, its children's with it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

CHECKOUT = Path(__file__).parents[1]
EVERY = 0.05  # seconds between two looks at the memory
PAGE = os.sysconf("SC_PAGE_SIZE")
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_running: set[int] = set()  # those that run() waits for, perhaps several at one time
_beginning = threading.Lock()


@dataclass(frozen=True, slots=True)
class Took:
    """What a run cost."""

    seconds: float
    cpu: float  #: seconds of all its processes
    memory: int  #: bytes, the highest sum over its processes; what they share counts in each


def run(command: Sequence[str], cwd: Path, look: Callable[[int], object] = int) -> Took:
    """Run it; RuntimeError with what it said if it failed. `look` is told its process, again and again."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    others = children(os.getpid())
    began = time.perf_counter()
    with _beginning:
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        _running.add(process.pid)
    with _watched(process.pid, look) as peak:
        assert process.stdout is not None
        said = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        _running.discard(process.pid)
    seconds = time.perf_counter() - began
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said[-4000:]}")
    return Took(seconds, usage.ru_utime + usage.ru_stime + _left(others), peak[0])


def first_request(command: Sequence[str], cwd: Path, port: int) -> float:
    """Seconds from the start of the program to its first request for a page of bench.site at that port."""
    _first_page(port)
    began = time.time()
    run(command, cwd)
    return _first_page(port) - began


def _first_page(port: int) -> float:
    """When the first page since the last such question was asked for."""
    with urlopen(f"http://127.0.0.1:{port}/first", timeout=10) as answer:
        return float(answer.read())


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[int]:
    """A module of ours that serves, until the block ends; its port, which it prints first."""
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE)  # noqa: S603
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _watched(pid: int, look: Callable[[int], object]) -> Iterator[list[int]]:
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            look(pid)
            peak[0] = max(peak[0], sum(map(_resident, family(pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def family(pid: int) -> Iterator[int]:
    """The process and all below it; a browser starts some of its own from a thread that is not its first."""
    yield pid
    for child in children(pid):
        yield from family(child)


def children(pid: int) -> set[int]:
    """The processes right below it."""
    found: set[int] = set()
    with suppress(OSError):  # it has ended
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            found.update(map(int, file.read_text().split()))
    return found


def _left(others: set[int]) -> float:
    """The CPU time of those of whom nobody took it: a browser's processes outlive the one that would."""
    cpu = 0.0
    while True:
        with _beginning:
            orphans = children(os.getpid()) - others - _running
        if not orphans:
            return cpu
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
            usage = os.wait4(pid, 0)[2]
            cpu += usage.ru_utime + usage.ru_stime


def share(pid: int) -> int:
    """Its bytes of memory, of what is shared its part (proc(5), smaps_rollup); 0 if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0
