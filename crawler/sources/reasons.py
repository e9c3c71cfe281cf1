"""Why no response came, as an outcome."""

from __future__ import annotations

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)

from crawler.items import Absent, Outcome


class Forbidden(IgnoreRequest):
    """robots.txt forbids it."""

    reason = "robots"


class Left(IgnoreRequest):
    """Its host is asked for nothing more."""

    reason = "host_left"


class Refused(IgnoreRequest):
    """What it would need first was refused for this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Waits(IgnoreRequest):
    """Not now: the id is left, and a later run takes it."""


class Unreached(Exception):
    """A host that a redirect leads to can't be asked for its robots.txt, nor then for the page."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


FAILED: tuple[tuple[type[Exception], str], ...] = (
    (Unreached, "unreached"),
    (DownloadTimeoutError, "timeout"),
    (ResponseDataLossError, "dataloss"),
    (CannotResolveHostError, "dns"),
    (DownloadConnectionRefusedError, "connect_failed"),
    (UnsupportedURLSchemeError, "scheme_refused"),
    (DownloadFailedError, "download_failed"),
    (DownloadCancelledError, "download_failed"),
)


def absence_of(error: BaseException | None) -> Absent | None:
    """The outcome of a request that brought no response: refused by a rule of ours, or failed.

    None of any other error: that is no way in which downloads fail, but a bug or a disk of ours.
    """
    if isinstance(error, IgnoreRequest):
        return Absent(outcome=Outcome.REFUSED, reason=_reason(error) or "ignored")
    named = next((name for kind, name in FAILED if isinstance(error, kind)), None)
    return Absent(outcome=Outcome.FAILED, reason=_reason(error) or named) if named else None


def _reason(error: BaseException | None) -> str | None:
    """The wire client's own word for it, if it is the cause."""
    reason = getattr(error, "reason", None) or getattr(getattr(error, "__cause__", None), "reason", None)
    return reason if isinstance(reason, str) else None
