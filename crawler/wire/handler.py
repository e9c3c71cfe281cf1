"""Scrapy's download handler for http and https on our own client."""

from __future__ import annotations

import logging
import ssl
import tempfile
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Self
from uuid import uuid4

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes
from scrapy.settings import BaseSettings
from scrapy.statscollectors import StatsCollector

from crawler.clock import utc_now
from crawler.errors import Undecodable, WrongUse
from crawler.manners import services
from crawler.settings import defaults
from crawler.wire.address import ConnectTo
from crawler.wire.client import Client, Received
from crawler.wire.coding import decode
from crawler.wire.dial import open_resolver
from crawler.wire.failure import (
    AddressRefused,
    BadRequest,
    ConnectFailed,
    Cut,
    EmptyReply,
    Failure,
    HeadTooLarge,
    NameUnresolved,
    TimedOut,
    TooLarge,
    Unproven,
)
from crawler.wire.limits import MIB, Limits, PageLimits
from crawler.wire.relay import Asked, Listener
from crawler.wire.request import Target

logger = logging.getLogger(__name__)

_BROKEN_OFF = ("truncated", "corrupt")  # as `decode` says it
# Every message frames itself here: Scrapy's own Content-Length would stand twice, and the proxy's
# password is the dialer's alone.
_NOT_SENT = {b"content-length", b"transfer-encoding", b"proxy-authorization"}

RELAY = "relay"  #: in a request's meta: (Asked, Listener), for what a browser asks for
CUT = object()
"""The signal that ends what is in flight, as out of time."""


class Refused(IgnoreRequest):
    """A request that we do not make, now or later."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.reason = failure.reason


class Garbled(ResponseDataLossError):
    """A page whose coding broke off: it came whole, and may come right next time."""

    def __init__(self, error: Undecodable) -> None:
        super().__init__(f"the body is {error}")
        self.reason = str(error)


# The nearest class decides. What Scrapy retries (RETRY_EXCEPTIONS) is what may go better next time;
# a cancelled download and an ignored request are not.
_IN_SCRAPY: dict[type[Failure], type[Exception]] = {
    Failure: DownloadFailedError,
    NameUnresolved: CannotResolveHostError,
    ConnectFailed: DownloadConnectionRefusedError,
    TimedOut: DownloadTimeoutError,
    Cut: ResponseDataLossError,
    EmptyReply: DownloadFailedError,
    TooLarge: DownloadCancelledError,
    HeadTooLarge: DownloadCancelledError,
    Unproven: DownloadCancelledError,
}


class WireHandler:
    """Downloads by the wire client: a decoded response for the spider, exact exchanges for the archive.

    Every exchange is appended to `request.meta["exchanges"]`, whatever comes of it. What fails is one
    of Scrapy's exceptions with the Failure as its cause, Garbled, or Refused. A body that can't be read is
    empty and flagged: `unread:<reason>`. The signals bytes_received and headers_received are not sent.
    """

    lazy = True

    def __init__(self, client: Client, *, timeout: float, limits: PageLimits, stats: StatsCollector) -> None:
        self._client = client
        self._timeout = timeout
        self._limits = limits
        self._stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        page = PageLimits(
            decoded_bytes=settings.getint("DECODED_BYTES", 16 * MIB),
            decoded_ratio=settings.getint("DECODED_RATIO", 200),
        )
        timeout = settings.getfloat("DOWNLOAD_TIMEOUT")
        handler = cls(client_of(settings), timeout=timeout, limits=page, stats=crawler.stats)
        crawler.signals.connect(handler.cut, CUT)
        return handler

    async def download_request(self, request: Request) -> Response:
        exchanges = request.meta.setdefault("exchanges", [])
        began = monotonic()
        try:
            received = await self._ask(request)
        except Failure as failure:
            exchanges.extend(failure.exchanges)
            raise _in_scrapy(failure) from failure
        finally:
            request.meta["download_latency"] = monotonic() - began
        exchanges.extend(received.exchanges)
        response = self._response(request, received)
        self._note(request.url, received.oddities)
        if response.body and response.body is received.payload and received.head.get(b"Content-Encoding"):
            self._note(request.url, ("false_coding",))
        return response

    async def _ask(self, request: Request) -> Received:
        seconds = float(request.meta.get("download_timeout") or self._timeout)
        if relayed := request.meta.get(RELAY):
            asked: Asked = relayed[0]
            listener: Listener = relayed[1]
            return await self._client.relay(asked, listener, seconds=seconds)
        headers = [header for header in _headers(request) if header[0].lower() not in _NOT_SENT]
        return await self._client.fetch(
            request.method,
            request.url,
            headers,
            request.body,
            seconds=seconds,
            most=request.meta.get("download_maxsize"),
        )

    def cut(self) -> None:
        self._client.cut()

    async def close(self) -> None:
        await self._client.close()

    def _response(self, request: Request, received: Received) -> Response:
        head = received.head
        headers = Headers()
        for name, value in head.headers:
            headers.appendlist(name, value)
        body, flags = self._body(received)
        if not flags:
            headers.pop(b"Content-Encoding", None)  # as Scrapy's own: the body is not coded any more
        kind = responsetypes.from_args(headers=headers, url=request.url, body=body)
        return kind(
            url=request.url,
            status=head.status,
            headers=headers,
            body=body,
            flags=flags,
            certificate=received.certificate_der,
            ip_address=ip_address(received.ip) if received.ip else None,
            protocol=head.version.decode("ascii"),
        )

    def _body(self, received: Received) -> tuple[bytes, list[str]]:
        """The decoded body, or nothing and why not."""
        if (payload := received.payload) is None:
            return b"", ["unread:large"]
        coding = b",".join(received.head.all(b"Content-Encoding")).decode("latin-1")
        try:
            return decode(payload, coding, limit=self._limits.decoded(len(payload))), []
        except Undecodable as error:
            if received.head.status == 200 and str(error) in _BROKEN_OFF:
                raise Garbled(error) from error
            return b"", [f"unread:{error}"]

    def _note(self, url: str, oddities: Sequence[str]) -> None:
        """What the archive holds as it came, and a person may want to look at."""
        for oddity in oddities:
            logger.debug("%s: %s", url, oddity)
            self._stats.inc_value(f"wire/odd/{oddity}")


def agent_of(settings: BaseSettings) -> str:
    """Who we say that we are, and whom to write to."""
    contact = settings["CONTACT"]
    return f"{settings['USER_AGENT']} (+{contact})" if contact else str(settings["USER_AGENT"])


def client_of(settings: BaseSettings, spool: Path | None = None) -> Client:
    """The client as the settings want it: for the crawl, and for a command that reads a file of the web."""
    tls = ssl.create_default_context()  # names are verified; SSL_CERT_FILE names other authorities
    tls.set_alpn_protocols(["http/1.1"])
    limits = Limits(
        head_bytes=settings.getint("HEAD_BYTES", MIB // 4),
        head_lines=settings.getint("HEAD_LINES", 1000),
        body_bytes=settings.getint("DOWNLOAD_MAXSIZE") or 1024 * MIB,
        payload_bytes=settings.getint("PAGE_BYTES", 16 * MIB),
        idle_seconds=settings.getfloat("IDLE_SECONDS", 60),
        connect_seconds=settings.getfloat("CONNECT_SECONDS", 15),
    )
    return Client(
        clock=utc_now,
        new_id=uuid4,
        tls=tls,
        spool_dir=(spool or Path(settings.get("SPOOL_DIR") or tempfile.gettempdir())) / "bodies",
        connect_to=ConnectTo.parse(settings.get("CONNECT_TO") or "").trusting(named_hosts(settings)),
        proxy=settings.get("WIRE_PROXY") or "",
        resolve=open_resolver(settings.get("RESOLVE") or "crawler.wire.dial.system_resolve"),
        limits=limits,
    )


def named_hosts(settings: BaseSettings) -> list[tuple[str, int]]:
    """Hosts and ports of the archive services that the operator named: trusted, wherever they lie."""
    hosts = []
    for name, url in services.changed(settings, defaults):
        try:
            target = Target.parse(url)
        except Failure as error:
            raise WrongUse(f"{name} is {url!r}: give an address such as https://HOST.") from error
        hosts.append((target.host, target.port))
    return hosts


def _headers(request: Request) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, values in request.headers.items() for value in values]


def _in_scrapy(failure: Failure) -> Exception:
    if isinstance(failure, (AddressRefused, BadRequest)):
        return Refused(failure)
    nearest = next(kind for kind in type(failure).__mro__ if kind in _IN_SCRAPY)
    return _IN_SCRAPY[nearest](str(failure))
