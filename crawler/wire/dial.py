"""From a URL's host to a connection: route, resolve, judge the address, connect to that very one."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Self, cast
from urllib.parse import unquote, urlsplit

from crawler.errors import WrongUse
from crawler.wire.address import ConnectTo, Endpoint, is_public
from crawler.wire.connection import Attempt, Connection
from crawler.wire.failure import (
    AddressRefused,
    ConnectFailed,
    NameUnresolved,
    ProxyFailed,
    TimedOut,
    TlsFailed,
    Unproven,
)
from crawler.wire.limits import Limits
from crawler.wire.request import Headers, Target, netloc, request_head

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_NAMES_SECONDS = 60  # an address is looked up anew after that


async def system_resolve(host: str, port: int) -> list[str]:
    """The host's addresses as this machine's resolver gives them, each once."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def open_resolver(dotted: str) -> Resolve:
    """The resolver that the setting RESOLVE names, as `package.module.function`."""
    module, _, name = dotted.rpartition(".")
    try:
        resolve: Resolve = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise WrongUse(f"RESOLVE is {dotted!r}, which can't be loaded: {error}") from error
    return resolve


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; named by the operator, so its own address is not judged."""

    host: str
    port: int
    authorization: bytes | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """The proxy of `http://[user:password@]host:port`."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme != "http" or not parts.hostname or not port:
            raise WrongUse("WIRE_PROXY wants http://host:port")  # never the URL: it may hold a password
        if parts.username is None:
            return cls(parts.hostname, port)
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        return cls(parts.hostname, port, b"Basic " + base64.b64encode(secret))

    @property
    def headers(self) -> Headers:
        return [(b"Proxy-Authorization", self.authorization)] if self.authorization else []


class Dialer:
    """Makes connections, to public addresses only unless the operator named another."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext,
        connect_to: ConnectTo,
        proxy: Proxy | None,
        resolve: Resolve,
        limits: Limits,
    ) -> None:
        self._tls = tls
        self._connect_to = connect_to
        self._proxy = proxy
        self._resolve = resolve
        self._limits = limits
        self._names: dict[str, tuple[float, Sequence[str]]] = {}

    def through_proxy(self, target: Target) -> bool:
        """Whether the proxy itself reads the request.

        Else it is a tunnel: for TLS, for CONNECT_TO (as in curl), and for a proxy with a password,
        which else would stand in the request that we archive.
        """
        return self._proxy is not None and not self._tunnelled(target)

    async def dial(self, target: Target, deadline: float) -> Connection:
        """A connection that is ready for a request to target."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self._dial(target, deadline)
        except TimeoutError:
            raise TimedOut(f"no connection to {target.netloc} in time") from None

    async def _dial(self, target: Target, deadline: float) -> Connection:
        endpoint = self._connect_to.route(target.host, target.port)
        connection = await (self._connect_proxy(endpoint) if self._proxy else self._connect(endpoint))
        try:
            if self._tunnelled(target):
                await self._tunnel(connection, endpoint, deadline)
            if target.secure:
                await self._secure(connection, target.host)
        except BaseException:
            connection.abort()
            raise
        return connection

    def _tunnelled(self, target: Target) -> bool:
        if not self._proxy:
            return False
        rerouted = self._connect_to.route(target.host, target.port).rerouted
        return target.secure or rerouted or bool(self._proxy.authorization)

    async def _connect(self, endpoint: Endpoint) -> Connection:
        """The first address that answers; a name that has any address we refuse is refused whole."""
        addresses = await self._addresses(endpoint.host, endpoint.port)
        self._judge(endpoint, addresses)
        error: OSError | None = None
        for address in addresses:
            try:
                return await self._connect_address(address, endpoint)
            except OSError as refused:  # TimeoutError is one
                error = refused
        raise ConnectFailed(f"{netloc(endpoint.host, endpoint.port)}: {error or 'no answer'}") from error

    async def _connect_address(self, address: str, endpoint: Endpoint) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._limits.connect_seconds):
            transport, connection = await loop.create_connection(Connection, address, endpoint.port)
        connection.ip = str(transport.get_extra_info("peername")[0])
        own = str(transport.get_extra_info("sockname")[0])
        strange = not endpoint.trusted and ip_address(own) == ip_address(connection.ip)
        if strange or ip_address(connection.ip) != ip_address(address):
            connection.abort()
            raise AddressRefused(f"{endpoint.host} led to {connection.ip}")
        return connection

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        if _is_literal(host):
            return [host]
        now = asyncio.get_running_loop().time()
        known = self._names.get(host)
        if known and known[0] > now:
            return known[1]
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise NameUnresolved(f"{host}: {error}") from error
        if not addresses:
            raise NameUnresolved(f"{host} has no address")
        self._names[host] = (now + _NAMES_SECONDS, addresses)
        return addresses

    def _judge(self, endpoint: Endpoint, addresses: Sequence[str]) -> None:
        if endpoint.trusted:
            return
        if refused := [address for address in addresses if not is_public(address)]:
            raise AddressRefused(f"{endpoint.host} leads to {refused[0]}, which is not a public address")

    async def _connect_proxy(self, endpoint: Endpoint) -> Connection:
        """A connection to the proxy; it looks names up itself, so a name is judged only if we know it."""
        proxy = cast("Proxy", self._proxy)
        with suppress(NameUnresolved):  # behind a proxy there may be no resolver
            self._judge(endpoint, await self._addresses(endpoint.host, endpoint.port))
        try:
            connection = await self._connect(Endpoint(proxy.host, proxy.port, trusted=True))
        except (ConnectFailed, NameUnresolved) as error:
            raise ProxyFailed(f"no connection to the proxy: {error}") from error
        connection.ip = None
        return connection

    async def _tunnel(self, connection: Connection, endpoint: Endpoint, deadline: float) -> None:
        """CONNECT; not an exchange that is kept, for it may hold the proxy's password."""
        place = netloc(endpoint.host, endpoint.port)
        headers = cast("Proxy", self._proxy).headers
        attempt = Attempt(connection, "CONNECT", self._limits, Path())
        attempt.start(request_head("CONNECT", place, place, headers), deadline)
        await attempt.wait()
        head = attempt.message.head
        if connection.closed or not head or not 200 <= head.status < 300:
            said = f"it said {head.status}" if head else attempt.error
            raise ProxyFailed(f"the proxy made no tunnel to {place}: {said}")

    async def _secure(self, connection: Connection, name: str) -> None:
        try:
            transport = await asyncio.get_running_loop().start_tls(
                connection.transport,
                connection,
                self._tls,
                server_hostname=name,
                ssl_handshake_timeout=self._limits.connect_seconds,
            )
        except ssl.SSLCertVerificationError as error:
            raise Unproven(f"{name}: {error}") from error
        except (OSError, ValueError) as error:  # a name that TLS can't carry is a ValueError
            raise TlsFailed(f"{name}: {error}") from error
        if transport is None:
            raise TlsFailed(f"{name}: closed in the handshake")
        connection.transport = transport
        connection.certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)


def _is_literal(host: str) -> bool:
    """Whether this is an address in its plain spelling; the resolver knows what others mean."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
