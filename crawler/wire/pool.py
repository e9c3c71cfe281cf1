"""Connections that wait for their next exchange."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from crawler.wire.connection import Connection

Place = tuple[bool, str, int]
"""TLS or not, host and port as asked for: connections to one place are alike."""


class Pool:
    """Idle connections by place; the one used last is taken first, the old ones are let go."""

    def __init__(self, keep_seconds: float) -> None:
        self._keep_seconds = keep_seconds
        self._idle: defaultdict[Place, list[Connection]] = defaultdict(list)

    def take(self, place: Place) -> Connection | None:
        """An open connection, the caller's alone from now on."""
        waiting = self._idle[place]
        while waiting:
            connection = waiting.pop()
            if connection.expiry:
                connection.expiry.cancel()
            if not connection.closed:
                return connection
        del self._idle[place]
        return None

    def give(self, place: Place, connection: Connection) -> None:
        """Keep it for the next one."""
        if not connection.closed:
            loop = asyncio.get_running_loop()
            connection.expiry = loop.call_later(self._keep_seconds, self._expire, place, connection)
            self._idle[place].append(connection)

    def close(self) -> None:
        for waiting in self._idle.values():
            for connection in waiting:
                if connection.expiry:
                    connection.expiry.cancel()
                connection.abort()
        self._idle.clear()

    def _expire(self, place: Place, connection: Connection) -> None:
        connection.abort()
        self._idle[place].remove(connection)
