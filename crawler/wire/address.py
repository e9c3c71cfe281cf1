"""Where we connect, and where never."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from socket import inet_aton, inet_ntoa
from typing import Self
from unicodedata import normalize
from urllib.parse import unquote

from crawler.errors import WrongUse

# Our own table, since what `ipaddress` calls global differs between Python's patch releases.
# IANA's special-purpose registries, and the cloud metadata addresses that lie outside of them.
_REFUSED_V4 = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT; 100.100.100.200 is a metadata service
        "127.0.0.0/8",
        "168.63.129.16/32",  # a metadata service with a public address
        "169.254.0.0/16",  # link-local; 169.254.169.254 is the metadata service of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # 192.0.0.192 is a metadata service
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_UNICAST_V6 = IPv6Network("2000::/3")  # all that IANA has given to the public internet
_REFUSED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols of the IETF, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries any IPv4 address
        "3fff::/20",
    )
)
_NUMBERS = re.compile(r"[0-9a-fx]+(?:\.[0-9a-fx]+){0,3}")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def is_public(ip: str) -> bool:
    """Whether a strange name may lead us to this address; of anything but a plain address: no."""
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_public_v4(address)
    return address.scope_id is None and _is_public_v6(address)


def is_inward(host: str) -> bool:
    """Whether a URL's host says, in whatever spelling, that it is an address that strangers don't lead us to.

    A name says nothing: where it leads shows when it is dialled.
    """
    host = normalize("NFKC", unquote(host)).replace("\u3002", ".").strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return (address := _spelled(host)) is not None and not is_public(address)


def _spelled(host: str) -> str | None:
    """The address that the C library and browsers read here: also in 127.1, 0x7f.1 and 017700000001."""
    with suppress(ValueError):
        return str(ip_address(host))
    with suppress(OSError, UnicodeEncodeError, ValueError):
        return inet_ntoa(inet_aton(host)) if _NUMBERS.fullmatch(host) else None
    return None


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in _REFUSED_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address in _NAT64:
        return _is_public_v4(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _UNICAST_V6 and not any(address in network for network in _REFUSED_V6)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a host and port really connect to."""

    host: str
    port: int
    trusted: bool = False  #: named by the operator: its address is not judged
    rerouted: bool = False


@dataclass(frozen=True, slots=True)
class _Rule:
    host: str  #: empty: any
    port: int | None
    to_host: str  #: empty: the same
    to_port: int | None

    def matches(self, host: str, port: int) -> bool:
        return self.host in ("", host.lower()) and self.port in (None, port)


_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^][:,\s]*)"
_RULE = re.compile(rf"{_HOST}:(\d*):{_HOST}:(\d*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConnectTo:
    """The operator's word on where names connect to, as curl's --connect-to."""

    rules: tuple[_Rule, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """HOST:PORT:HOST:PORT, comma separated; an empty part means any, or the same."""
        return cls(tuple(_rule(part.strip()) for part in text.split(",") if part.strip()))

    def trusting(self, places: Iterable[tuple[str, int]]) -> Self:
        """The same, and these hosts and ports lead where they lead, wherever that is."""
        rules = (_Rule(host, port, host, port) for host, port in places)
        return type(self)((*self.rules, *rules))

    def route(self, host: str, port: int) -> Endpoint:
        """Where host and port connect to: the first rule that fits decides."""
        for rule in self.rules:
            if rule.matches(host, port):
                to = rule.to_host or host
                return Endpoint(to, rule.to_port or port, trusted=bool(rule.to_host), rerouted=True)
        return Endpoint(host, port)


def _rule(text: str) -> _Rule:
    match = _RULE.fullmatch(text)
    if not match:
        raise WrongUse(f"CONNECT_TO wants HOST:PORT:HOST:PORT (IPv6 in brackets), not {text!r}")
    host, port, to_host, to_port = match.groups()
    return _Rule(host.strip("[]").lower(), _port(port), to_host.strip("[]"), _port(to_port))


def _port(text: str) -> int | None:
    if not text:
        return None
    if not 0 < int(text[:6]) < 65536:
        raise WrongUse(f"CONNECT_TO names the port {text[:9]}; ports are 1 to 65535")
    return int(text)
