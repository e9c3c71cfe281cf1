"""Cases 47 to 49: names, connections and certificates. What each host is, `serving` says."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.case import TRIES, Article, Case, Kept
from tests.raw import Answer


def at(place: str) -> Callable[[Article], list[Answer]]:
    """A redirect of the article to one of its other hosts, and the page there."""
    return lambda a: [a.moved(place + "/a/{}"), Answer([a.whole()])]


def once(number: int, comes: str, place: str, becomes: str) -> Case:
    """Nothing is asked there, however often it is tried."""
    return Case(number, comes, at(place), becomes, Kept.HOP, attempts=TRIES)


NETWORK = (
    once(47, "a name without an address", "http://www.anapress.net.", "failed dns"),
    once(47, "a port where nobody listens", "http://anapress.net.", "failed connect_failed"),
    Case(
        47,
        "a reset as soon as we ask",
        lambda _: Answer([], "reset"),
        "failed empty_reply",
        Kept.REQUEST,
        TRIES,
    ),
    Case(48, "an expired certificate", at("https://anapress.net"), "failed tls_error", Kept.HOP, attempts=1),
    Case(
        48,
        "a certificate that nobody signed",
        at("https://www.anapress.net"),
        "failed tls_error",
        Kept.HOP,
        attempts=1,
    ),
    Case(
        48,
        "a certificate for another name",
        at("https://www.anapress.net."),
        "failed tls_error",
        Kept.HOP,
        attempts=1,
    ),
    once(48, "a handshake that hangs", "https://anapress.net.", "failed tls_error"),
    Case(49, "a name with a dead and a live address", at("http://www.anapress.net"), asked=2, attempts=1),
)
