"""A fleet on one machine: crawls in processes of their own; watched, restarted, told to end, summed up."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Thread
from typing import Self

from crawler.ending import Ending
from crawler.speech import Speech
from crawler.wording import number

TICK = 0.1
FIRST_PAUSE, LONGEST_PAUSE = (
    1.0,
    60.0,
)  #: seconds before a dead worker is started again, twice as long each time
STEADY_SECONDS = 300.0  #: after which a worker's earlier deaths are forgotten
MOST_DEATHS = 8  #: of one worker, in a row
SETTLED = (0, 3, 4)  #: exit codes of a crawl that came to its end
USELESS = (2, 5)  #: of one that would end so again
WORST = (1, 2, 5, 6, 3, 4, 0)  #: of the codes of many, the one that tells most: a bug, then why all ended
UNSAID = "A worker can't do what it was asked to; its log says why."  #: where that goes to a file, in JSON
FIGURES = "[crawler.extensions.progress] INFO: "  #: stands before a worker's figures in its log
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Record:
    """How one worker has fared: its deaths in a row, and when it may be started again."""

    began: float
    deaths: int = 0
    again: float = 0.0

    def died(self, now: float) -> Self:
        deaths = 1 if now - self.began > STEADY_SECONDS else self.deaths + 1
        pause = min(FIRST_PAUSE * 2 ** (deaths - 1), LONGEST_PAUSE)
        return replace(self, deaths=deaths, again=now + pause)

    def started(self, now: float) -> Self:
        return replace(self, began=now)


class Worker:
    """One place in the fleet, and the process that holds it now."""

    def __init__(self, number: int, command: Sequence[str], speech: Speech, *, shown: bool) -> None:
        self._number, self._command, self._speech, self._shown = number, command, speech, shown
        self._process: subprocess.Popen[str] | None = None
        self._reader: Thread | None = None
        self.record = Record(time.monotonic())
        self.restarts = 0
        self.code: int | None = None  #: of its end, once it is over
        self._died_with = 0  #: what its last process ended with
        self.last = ""  #: what it said last
        self.figures = ""  #: how it stood when it last told

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        self.record = self.record.started(time.monotonic())
        self.figures = ""
        self._process = subprocess.Popen(  # noqa: S603 -- our own program
            self._command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # a Ctrl-C is for us: a second signal would cut it short
        )
        self._reader = Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def look(self, *, ending: bool) -> None:
        """See whether it died, and start it again when its pause is over; not once the fleet is ending."""
        if self.code is not None:
            return
        if self._process is None:
            if ending:
                self.code = self._died_with
            elif time.monotonic() >= self.record.again:
                self.restarts += 1
                self.start()
            return
        if (code := self._process.poll()) is None:
            return
        self._process = None
        if self._reader is not None:
            self._reader.join(1)  # a child of it may still hold the pipe
        self._ended(code, ending=ending)

    def _ended(self, code: int, *, ending: bool) -> None:
        self.record = self.record.died(time.monotonic())
        self._died_with = code if code >= 0 else 3 if ending else 1
        if code in SETTLED or code in USELESS or ending or self.record.deaths >= MOST_DEATHS:
            self.code = self._died_with
            return
        pause = self.record.again - time.monotonic()
        self.last = f"ended with {code}; it is started again in {pause:.0f} s"
        self._speech.say(f"worker {self._number} {self.last}", logging.WARNING)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self._hear(line.rstrip())

    def _hear(self, line: str) -> None:
        _, told, figures = line.partition(FIGURES)
        if told:
            self.figures = figures
        else:
            self.last = self._speech.heard(line)
        if not (told and self._shown):
            self._speech.repeat(self._number, line)


class Fleet:
    """So many workers with one command, until the last of them has come to its end."""

    def __init__(self, size: int, command: Sequence[str], speech: Speech, *, shown: bool = False) -> None:
        """`shown`: somebody looks at the workers' figures, so they need not be told."""
        self.workers = [Worker(number, command, speech, shown=shown) for number in range(1, size + 1)]
        self._signalled: int | None = None

    def run(self, look: Callable[[], None]) -> None:
        """Start all, and stay with them; `look` is called now and then."""
        before = {number: signal.signal(number, self._pass_on) for number in SIGNALS}
        try:
            for worker in self.workers:
                worker.start()
            while any(worker.code is None for worker in self.workers):
                time.sleep(TICK)
                for worker in self.workers:
                    worker.look(ending=self.ending)
                look()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def ending(self) -> bool:
        """Whether nobody is started again: a signal came, or what we are asked to do can't be done."""
        return self._signalled is not None or any(worker.code in USELESS for worker in self.workers)

    @property
    def restarts(self) -> int:
        return sum(worker.restarts for worker in self.workers)

    def ended(self, took: str, left: int | None) -> Ending:
        """One end of them all; `left` is None where nobody can tell."""
        codes = [worker.code for worker in self.workers if worker.code is not None]
        code = min(codes, key=WORST.index) if all(each in WORST for each in codes) else 1
        if code in USELESS:
            sentence = next(worker.last for worker in self.workers if worker.code == code)
            return Ending(code, sentence.removesuffix(f" (exit {code})") or UNSAID)
        again = f", {number(self.restarts, 'restart')}" if self.restarts else ""
        rest = "the ledger can't be asked what is left" if left is None else f"{left} ids are left"
        go_on = " Run again to go on." if code == 3 else ""
        return Ending(code, f"{number(len(self.workers), 'worker')}{again}: {took}; {rest}.{go_on}")

    def _pass_on(self, number: int, _: object) -> None:
        self._signalled = number
        for worker in self.workers:
            worker.signal(signal.SIGTERM if number == signal.SIGHUP else number)


def crawl(arguments: Sequence[str]) -> list[str]:
    """The command of one worker."""
    return [sys.executable, "-m", "scrapy", "crawl", "anapress", *arguments]
