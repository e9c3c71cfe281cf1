"""What a crawl of these tests has instead of the network: names that we give, and a wall at the socket.

The setting RESOLVE brings it into the crawl's process. It writes down every address that a socket of that
process is led to, and lets none through but those of this machine's own port that the test names.
"""

from __future__ import annotations

import atexit
import os
import resource
import sys
from itertools import count
from pathlib import Path
from typing import Any

LOG, PORTS = "TEST_EDGE_LOG", "TEST_EDGE_PORTS"

NAMES: dict[str, list[str]] = {
    "dead-and-live": ["127.0.0.2", "127.0.0.1"],
    "www.anapress.net": ["10.1.2.3"],
    "anapress.net.": ["93.184.216.34", "169.254.169.254"],
}
REBOUND = "www.anapress.net."
_turns = count()


async def resolve(host: str, port: int) -> list[str]:
    """The table's addresses; one name leads to a public address at first and to this machine ever after."""
    _write(f"resolve {host}")
    if host == REBOUND:
        return ["127.0.0.1"] if next(_turns) else ["93.184.216.34"]
    if host not in NAMES:
        raise OSError(f"{host} has no address")
    return NAMES[host]


def _write(line: str) -> None:
    with Path(os.environ[LOG]).open("a") as log:
        log.write(line + "\n")


def _wall(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(address := arguments[1], tuple):
        _write(f"connect {address[0]} {address[1]}")
        if str(address[1]) not in os.environ[PORTS].split(","):
            raise OSError("the wall of the tests")
    elif event == "socket.getaddrinfo":
        _write(f"getaddrinfo {arguments[0]}")


def _tell_peak() -> None:
    _write(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}")


if LOG in os.environ:
    atexit.register(_tell_peak)
if PORTS in os.environ:
    sys.addaudithook(_wall)
