"""What may go wrong between a client and its S3 server, and when."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from random import Random
from threading import Lock

ERRORS = {
    "InternalError": 500,
    "SlowDown": 503,
    "ServiceUnavailable": 503,
    "ConditionalRequestConflict": 409,
    "ExpiredToken": 400,
    "InvalidAccessKeyId": 403,
    "RequestTimeTooSkewed": 403,
    "AccessDenied": 403,
    "AuthorizationHeaderMalformed": 400,
    "NotImplemented": 501,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """How one exchange differs from one that is only passed on."""

    name: str = ""
    error: str = ""  #: of S3: answered by the proxy, the server never hears of the request
    hang: bool = False  #: never answered, never passed on
    delay: float = 0  #: seconds before it is passed on
    rate: float = inf  #: body bytes a second, both ways
    forget: bool = False  #: what is there is gone before a put with a condition: as if that were ignored
    flip: bool = False  #: one bit in the middle of the request's body
    request_bytes: float = inf  #: of its body reach the server, never all; then the connections are cut
    answer_bytes: float = inf  #: of head and body reach the client, never all; if below 0, all but so many


def error(code: str) -> Act:
    """An error of S3's own, by its code: its status is that of AWS."""
    return Act(name=f"error {code}", error=code)


def cut_request(after_bytes: int) -> Act:
    """The connections are cut within the upload, or before the server hears of a request without a body."""
    return Act(name="cut_request", request_bytes=after_bytes)


def cut_answer(after_bytes: int) -> Act:
    """The server did all; the client gets the beginning of its answer."""
    return Act(name="cut_answer", answer_bytes=after_bytes)


def lose_answer() -> Act:
    """The server did all and said so, and the client gets nothing."""
    return Act(name="lose_answer", answer_bytes=0)


def hang() -> Act:
    """The client waits until it gives up, or the proxy ends."""
    return Act(name="hang", hang=True)


def slow(bytes_per_second: float) -> Act:
    return Act(name="slow", rate=bytes_per_second)


def corrupt() -> Act:
    """What arrives is not what was sent; there is no error but the one that a checksum shows."""
    return Act(name="corrupt", flip=True)


def ignore_condition() -> Act:
    """A store that has no conditional writes and does not say so: it overwrites, and answers 200."""
    return Act(name="ignore_condition", forget=True)


def delay(seconds: float) -> Act:
    return Act(name="delay", delay=seconds)


#: what a client that tries again gets through
PASSING = (
    error("InternalError"),
    error("SlowDown"),
    cut_request(1000),
    lose_answer(),
    cut_answer(20),
    cut_answer(-1),
    delay(0.05),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """When an act is done."""

    act: Act
    method: str = ".*"  #: a pattern of the whole word
    path: str = ""  #: a pattern found somewhere in path and query
    nth: int = 1  #: from this matching request on
    times: float = 1  #: so often; math.inf: always

    def fits(self, method: str, target: str) -> bool:
        return bool(re.fullmatch(self.method, method) and re.search(self.path, target))


@dataclass(frozen=True, slots=True)
class Chaos:
    """Faults by chance: the same for the same seed and the same order of requests."""

    dice: Random
    rate: float
    acts: Sequence[Act]
    in_a_row: int  #: at most, of one method and path: so that bounded retries get through
    rows: Counter[tuple[str, str]]

    def act(self, method: str, target: str) -> Act:
        request = method, target
        act, hit = self.dice.choice(self.acts), self.dice.random() < self.rate
        self.rows[request] = self.rows[request] + 1 if hit and self.rows[request] < self.in_a_row else 0
        return act if self.rows[request] else Act()


class Faults:
    """The faults to come: the tests add them, the proxy's thread takes them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []
        self._chaos: Chaos | None = None

    def __len__(self) -> int:
        return len(self._faults)

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._faults += faults

    def chaos(self, seed: int, rate: float, acts: Sequence[Act] = PASSING, in_a_row: int = 2) -> None:
        """From now on a share of the requests, those that no fault fits, gets one of acts."""
        with self._lock:
            self._chaos = Chaos(Random(seed), rate, acts, in_a_row, Counter())

    def clear(self) -> None:
        """All is well from now on."""
        with self._lock:
            self._faults, self._chaos = [], None

    def take(self, method: str, target: str) -> Act:
        """What happens to this request."""
        with self._lock:
            fits = [fault for fault in self._faults if fault.fits(method, target)]
            due = next((fault for fault in fits if fault.nth == 1), None)
            self._faults = [
                left for fault in self._faults for left in _after(fault, fault in fits, fault is due)
            ]
            if due or not self._chaos:
                return due.act if due else Act()
            return self._chaos.act(method, target)


def _after(fault: Fault, fits: bool, due: bool) -> list[Fault]:
    """What is left of a fault after a request."""
    if due:
        return [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
    return [replace(fault, nth=fault.nth - 1) if fits and fault.nth > 1 else fault]
