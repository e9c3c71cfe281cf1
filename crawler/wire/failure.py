"""How an exchange fails, by name.

Failure                  a WireError with a reason and the exchanges that it cost
├── BadRequest           a URL, method or header that we do not write
│   └── SchemeRefused    neither http nor https
├── AddressRefused       the name leads into a network that we do not visit
├── NameUnresolved       the name has no address
├── ConnectFailed        no address of the host took the connection
├── TlsFailed            TLS broke, or there is none
│   └── Unproven         the host could not prove its name
├── ProxyFailed          the proxy did not let us through
├── TimedOut             the whole took too long
│   └── Idle             nothing came for too long
├── Cut                  closed before the message's own end
│   └── EmptyReply       closed without a byte
├── TooLarge             more body than we take
└── BadMessage           not HTTP/1
    └── HeadTooLarge     more head than we take
"""

from __future__ import annotations

from typing import ClassVar

from crawler.errors import WireError
from crawler.items import End, Exchange


class Failure(WireError):
    """No whole response came."""

    reason: ClassVar[str] = "failed"
    end: ClassVar[End] = End.DISCONNECT  #: how an exchange ends that fails so
    exchanges: tuple[Exchange, ...] = ()  #: what was on the wire nonetheless


class BadRequest(Failure):
    """The request can't be written as HTTP/1."""

    reason = "bad_request"


class SchemeRefused(BadRequest):
    """Only http and https are fetched."""

    reason = "scheme_refused"


class AddressRefused(Failure):
    """The name leads into a network that we do not visit."""

    reason = "ssrf_blocked"


class NameUnresolved(Failure):
    """The name has no address."""

    reason = "dns"


class ConnectFailed(Failure):
    """No address of the host took the connection."""

    reason = "connect_failed"


class TlsFailed(Failure):
    """TLS broke, or there is none."""

    reason = "tls_error"


class Unproven(TlsFailed):
    """The host could not prove its name."""


class ProxyFailed(Failure):
    """The proxy did not let us through."""

    reason = "proxy_error"


class TimedOut(Failure):
    """The whole took too long."""

    reason = "timeout"
    end = End.TIME


class Idle(TimedOut):
    """Nothing came for too long."""

    reason = "idle"


class Cut(Failure):
    """The connection closed before the message's own end."""

    reason = "dataloss"


class EmptyReply(Cut):
    """The connection closed without a byte."""

    reason = "empty_reply"


class TooLarge(Failure):
    """There is more body than we take."""

    reason = "too_large"
    end = End.LENGTH


class BadMessage(Failure):
    """What came is not HTTP/1."""

    reason = "protocol_error"
    end = End.UNSPECIFIED


class HeadTooLarge(BadMessage):
    """There is more head than we take."""

    reason = "header_too_large"
    end = End.LENGTH
