"""A cable between clients and one server, which can be cut: whatever goes over it stays as it is."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

PIECE = 1 << 16
Connect = Callable[[], socket.socket]


class Cable:
    """Listens in the server's place, and connects each client with it."""

    def __init__(self, listener: socket.socket, server: Connect) -> None:
        self._listener, self._server = listener, server
        self._lock = Lock()
        self._ends: set[socket.socket] = set()
        self._loses = False
        self.address: tuple[str, int] = listener.getsockname()

    def cut(self) -> None:
        """All connections end now."""
        with self._lock:
            for end in self._ends:
                _shut(end)

    def lose_answer(self) -> None:
        """The next thing that the server says is not heard: its connection ends instead."""
        self._loses = True

    def serve(self) -> None:
        """Until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with client, suppress(OSError), self._server() as server:
            for end in (client, server):
                end.settimeout(None)
            with self._lock:
                self._ends |= {client, server}
            back = Thread(target=self._pass, args=(server, client), kwargs={"answers": True}, daemon=True)
            back.start()
            self._pass(client, server)
            back.join()
            with self._lock:
                self._ends -= {client, server}

    def _pass(self, source: socket.socket, target: socket.socket, *, answers: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(PIECE):
                if answers and self._loses:
                    self._loses = False
                    break
                target.sendall(data)
        for end in (source, target):
            _shut(end)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # it is shut
        end.shutdown(socket.SHUT_RDWR)


def to_file(path: str) -> Connect:
    """Connects with a server on a socket in the file system."""

    def connect() -> socket.socket:
        end = socket.socket(socket.AF_UNIX)
        try:
            end.connect(path)
        except OSError:
            end.close()
            raise
        return end

    return connect


def to_port(host: str, port: int) -> Connect:
    return lambda: socket.create_connection((host, port))


@contextmanager
def laid(server: Connect, listener: socket.socket | None = None) -> Iterator[Cable]:
    """A cable from a port of 127.0.0.1, or from this listener."""
    with listener or socket.create_server(("127.0.0.1", 0)) as listening:
        cable = Cable(listening, server)
        thread = Thread(target=cable.serve, daemon=True)
        thread.start()
        try:
            yield cable
        finally:
            _shut(listening)  # wakes who waits in accept
            thread.join()
            cable.cut()
