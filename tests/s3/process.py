"""Servers in processes of their own: their ports, their logs, and their end."""

from __future__ import annotations

import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tests.s3.endpoint import Endpoint

PORTS = range(15000, 32768)  # what lies above the kernel gives to any client at any time
TAIL_BYTES = 3000


class NotUp(Exception):
    """The server did not come up."""


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody has now; somebody may be quicker, so be ready to ask again."""
    with ExitStack() as held:
        ports: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            try:
                held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            ports.append(port)
            if len(ports) == count:
                return ports
    raise NotUp(f"there are no {count} free ports from {PORTS.start} to {PORTS.stop - 1} of 127.0.0.1.")


@contextmanager
def process(
    command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server that is killed at the end: SIGTERM takes some of them a quarter of a minute."""
    with log_of(command, folder).open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is for the tests: they end it
        )
    try:
        yield server
    finally:
        server.kill()
        server.wait()


def log_of(command: Sequence[str | Path], folder: Path) -> Path:
    return folder / f"{Path(command[0]).name}.log"


def await_up(server: subprocess.Popen[bytes], log: Path, up: Callable[[], bool], seconds: float) -> None:
    """Returns when the server is up, or says what its log says."""
    end = time.monotonic() + seconds
    while not up():
        if server.poll() is not None or time.monotonic() > end:
            ended = "never answered" if server.returncode is None else f"ended with {server.returncode}"
            tail = log.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
            raise NotUp(f"{log.stem} {ended}. The end of {log}:\n{tail}")
        time.sleep(0.05)


def takes_puts(endpoint: Endpoint) -> bool:
    """Whether an object can be put: servers open their port long before."""
    with closing(endpoint.client(connect_timeout=2, read_timeout=5)) as client:
        try:
            bucket = endpoint.bucket()
            client.put_object(Bucket=bucket, Key="probe", Body=b"probe")
            client.delete_object(Bucket=bucket, Key="probe")
            client.delete_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError):
            return False
    return True
