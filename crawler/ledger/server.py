"""A Redis or Valkey server: scripts run on it, for as long as it is the same ledger that we began with.

It may be away for a while, come back empty, or with an older state: whoever uses it is told, or waits.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis
from redis import exceptions as failed

from crawler.errors import CrawlerError, LedgerError, WrongUse
from crawler.ledger import scripts

T = TypeVar("T")
SECONDS = 60.0  #: for which a server may be away before that ends a run
OPENING_SECONDS = 10.0  #: the same at the start: more likely the address is wrong
MAKING_SECONDS = 60  #: after which a maker of a ledger that says nothing counts as dead
PAUSES = (0.05, 1.0)  #: the first and the longest between two tries
FORMAT = 4
META, MAKING = f"{scripts.PREFIX}meta", f"{scripts.PREFIX}making"
Failures = type[failed.RedisError] | tuple[type[failed.RedisError], ...]
AWAY = (
    failed.ConnectionError,
    failed.TimeoutError,
    failed.BusyLoadingError,
    failed.ReadOnlyError,  # a replica that is about to become the primary, or was it
    failed.TryAgainError,
    failed.MasterDownError,
)
CUT = (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError)  #: a handshake that the server left
REFUSALS: tuple[tuple[Failures, str], ...] = (
    ((failed.AuthenticationError, failed.AuthorizationError, failed.NoPermissionError), "refuses us"),
    (failed.ConnectionError, "is not to be trusted, or speaks no TLS"),  # of those that last, only such
    (failed.InvalidResponse, "is no Redis"),
)
MEND = "mend LEDGER_URL (redis:// is without TLS, rediss:// with it)"
COMPACT = {"hash-max-listpack-entries": 1024, "hash-max-listpack-value": 512}
"""What keeps small hashes in few bytes; a server that is not to be configured needs more memory."""


class Emptied(Exception):
    """The server no longer has the ledger that we knew."""


class Server:
    """One connection; its steps wait while the server is away, LedgerError if that takes too long."""

    def __init__(
        self, url: str, *, seconds: float = SECONDS, clock: Callable[[], float] | None = None
    ) -> None:
        self.name = _name(url)
        self._seconds, self._clock = seconds, clock
        self._epoch = ""
        self._given_up = False  # it was away too long: the steps of our end do not wait as long again
        try:
            self._redis = redis.Redis.from_url(
                url, socket_timeout=30, socket_connect_timeout=5, retry=None, protocol=2
            )
            self._redis.connection_pool.make_connection()  # else what it does not know would show later
        except (ValueError, TypeError) as error:
            raise WrongUse(f"LEDGER_URL is {self.name!r}: give redis://HOST:PORT/NUMBER ({error})") from error
        self._execute: Callable[..., Any] = self._redis.execute_command
        self._scripts: dict[str, Any] = {}
        self._answered = False
        self.patiently(self._prepare, min(seconds, OPENING_SECONDS))
        self._answered = True

    @property
    def epoch(self) -> str:
        """Which ledger it is: one that is made again has another."""
        return self._epoch

    def close(self) -> None:
        self._redis.close()

    def run(self, body: str, *values: object, meanwhile: Callable[[], object] | None = None) -> Any:
        """What the script gives; Emptied if the server has another ledger, or none, by now.

        `meanwhile` is done while the server is at it; again where the script is run again.
        """
        script = self._scripts.get(body) or self._scripts.setdefault(
            body, self._redis.register_script(scripts.whole(body))
        )
        now = "" if self._clock is None else repr(self._clock())
        given = [self._epoch, now, *values]
        if meanwhile is None:
            return self.patiently(lambda: script(args=given))
        return self.patiently(lambda: self._run_beside(script, given, meanwhile))

    def _run_beside(self, script: Any, given: list[object], meanwhile: Callable[[], object]) -> Any:
        """On a connection taken by hand, for a command of the client's waits for its answer."""
        pool = self._redis.connection_pool
        connection: Any = pool.get_connection()
        try:
            connection.send_command("EVALSHA", script.sha, 0, *given)
            meanwhile()
            return connection.read_response()
        except failed.NoScriptError:
            return script(args=given)
        except BaseException:
            connection.disconnect()  # or who has it next takes this answer for its own
            raise
        finally:
            pool.release(connection)

    def join(self) -> bool:
        """Go on with the ledger that is there; False if there is none that is whole."""
        epoch, whole, form = self._ask("HMGET", META, "epoch", "whole", "format")
        if whole and int(form) > FORMAT:
            raise WrongUse(
                f"{self.name} was filled by a newer program (format {int(form)}, this one knows {FORMAT}): "
                "use that, or another LEDGER_URL."
            )
        if not whole or int(form) < FORMAT:  # what an older program filled, the log fills again
            return False
        self._epoch = epoch.decode()
        return True

    def make(self, fill: Callable[[], object]) -> bool:
        """Make a ledger, whole when it is filled; False if somebody else is about to."""
        if not self._ask("SET", MAKING, secrets.token_hex(8), "NX", "EX", MAKING_SECONDS):
            return False
        epoch, form = self._ask("HMGET", META, "epoch", "format")
        if epoch is None or int(form) != FORMAT:  # else its maker died: what it brought is there
            self._ask("DEL", META)
            self._clear()
            epoch = secrets.token_hex(8).encode()
            self._ask("HSET", META, "epoch", epoch, "format", FORMAT)
        self._epoch = epoch.decode()
        fill()
        self._ask("HSET", META, "whole", 1)
        self._ask("DEL", MAKING)
        return True

    def still_making(self) -> None:
        """The maker lives."""
        self._ask("EXPIRE", MAKING, MAKING_SECONDS)

    def forget(self) -> None:
        """Remove the ledger: whoever uses it makes it anew."""
        self._ask("DEL", META)
        self._clear()

    def bind(self, archive: str) -> None:
        """The ledger belongs to this archive, if it had none."""
        self._ask("HSETNX", META, "archive", archive)

    def bound(self) -> str | None:
        """The archive that the ledger belongs to."""
        archive = self._ask("HGET", META, "archive")
        return None if archive is None else str(archive.decode())

    def bits(self, name: str) -> list[int]:
        """The numbers of the bits that are set."""
        data: bytes = self._ask("GET", scripts.PREFIX + name) or b""
        return [8 * at + bit for at, byte in enumerate(data) for bit in range(8) if byte & (0x80 >> bit)]

    def below(self, name: str, limit: int) -> list[str]:
        """The members of a sorted set with lower scores."""
        found = self._ask("ZRANGEBYSCORE", scripts.PREFIX + name, "-inf", f"({limit}")
        return [member.decode() for member in found]

    def hashes(self, names: Iterable[str]) -> list[dict[bytes, bytes]]:
        """Whole hashes at once."""
        pipeline = self._redis.pipeline(transaction=False)
        for name in names:
            pipeline.hgetall(scripts.PREFIX + name)
        found: list[dict[bytes, bytes]] = self.patiently(pipeline.execute)
        return found

    def _ask(self, command: str, *arguments: str | bytes | int) -> Any:
        return self.patiently(partial(self._execute, command, *arguments))

    def patiently(self, step: Callable[[], T], seconds: float | None = None) -> T:
        """What the step gives; it is tried again while the server is away, for so long once."""
        seconds = self._seconds if seconds is None else seconds
        end, pause = time.monotonic() + (0 if self._given_up else seconds), PAUSES[0]
        while True:
            try:
                return step()
            except failed.RedisError as error:
                if str(error).startswith("EPOCH"):
                    raise Emptied from error
                if time.monotonic() >= end or _lasting(error):
                    raise self._failed(error, seconds) from error
                time.sleep(pause)
                pause = min(2 * pause, PAUSES[1])

    def _failed(self, error: failed.RedisError, seconds: float) -> CrawlerError:
        """What lasts is a mistake at the start; a server that has answered before has failed."""
        if not _lasting(error):
            self._given_up = True
            mend = "" if self._answered else f", or {MEND}"
            told = f"was away for {seconds:g} seconds ({error}). Run again when it is there{mend}."
            return LedgerError(f"{self.name} {told}")
        if isinstance(error, failed.OutOfMemoryError):
            return LedgerError(f"{self.name} is full: give it more memory (maxmemory), then run again.")
        why = next((why for kind, why in REFUSALS if isinstance(error, kind)), "can't serve us")
        if self._answered:
            return LedgerError(f"{self.name} {why}: {error}")
        return WrongUse(f"{self.name} {why} ({error}): mend LEDGER_URL, or the server.")

    def _prepare(self) -> None:
        told = self._redis.info("memory")
        if told.get("maxmemory") and told.get("maxmemory_policy") != "noeviction":
            raise WrongUse(
                f"{self.name} throws away what it has no room for (maxmemory-policy "
                f"{told['maxmemory_policy']}): set noeviction, for an id that is thrown away is never taken."
            )
        try:
            for name, value in COMPACT.items():
                self._redis.config_set(name, value)
        except failed.ResponseError:
            pass  # it is not ours to configure: then it needs more memory

    def _clear(self) -> None:
        """Remove what is left of an earlier ledger."""
        for key in self._redis.scan_iter(f"{scripts.PREFIX}*", count=1000):
            if key != MAKING.encode():
                self._redis.unlink(key)


def _lasting(error: failed.RedisError) -> bool:
    """Whether waiting does not mend it."""
    if isinstance(error.__context__, ssl.SSLError):
        return not isinstance(error.__context__, CUT)
    return isinstance(error, REFUSALS[0][0]) or not isinstance(error, AWAY)


def _name(url: str) -> str:
    """The server's URL without its password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
