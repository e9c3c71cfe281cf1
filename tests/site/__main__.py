"""The replica by hand: `python -m tests.site --port 8080`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import ssl
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.site.ids import ERAS, MOST
from tests.site.log import Log
from tests.site.server import Connection, Server
from tests.site.world import ARTICLES, World

HOST = "127.0.0.1"


def main() -> None:
    arguments = _arguments()
    with ExitStack() as held:
        log = held.enter_context(Log(arguments.log)) if arguments.log else None
        world = World(arguments.articles, arguments.seed)
        asyncio.run(_serve(Server(world, log=log, run=os.urandom(4).hex()), arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.site", description="a small anapress.net on this machine"
    )
    parser.add_argument(
        "--port", type=int, required=True, help="0 takes any; the first line of output says which"
    )
    parser.add_argument("--articles", type=int, default=ARTICLES, metavar="COUNT")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", choices=range(ERAS), help="the seed page's markup"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="keeps the bytes of every exchange")
    parser.add_argument(
        "--tls-cert", type=Path, metavar="F", help="listens for TLS too, at the second line's address"
    )
    parser.add_argument("--tls-key", type=Path, metavar="F")
    parser.add_argument("--until-stdin", action="store_true", help="stops when its standard input ends")
    arguments = parser.parse_args()
    if not 0 < arguments.articles <= MOST:
        parser.error(f"COUNT is 1 to {MOST}")
    return arguments


async def _serve(server: Server, arguments: argparse.Namespace) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.until_stdin:
        loop.add_reader(sys.stdin, _read_or_stop, stop)
    make = partial(Connection, server)
    listeners = [await loop.create_server(make, HOST, arguments.port, backlog=512)]
    if arguments.tls_cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
        listeners.append(await loop.create_server(make, HOST, 0, ssl=context, backlog=512))
    ports = [listener.sockets[0].getsockname()[1] for listener in listeners]
    server.port = ports[0]
    for port in ports:
        print(f"{HOST}:{port}", flush=True)
    await stop.wait()
    for listener in listeners:
        listener.close()
    for connection in list(server.open):
        connection.abort()
    await asyncio.sleep(0)  # so that each connection logs its end


def _read_or_stop(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1 << 16):
        asyncio.get_running_loop().remove_reader(sys.stdin)
        stop.set()


if __name__ == "__main__":
    main()
