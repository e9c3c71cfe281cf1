"""What the archive services have in common: what a request to one is about, and what a capture comes to."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from scrapy import Request
from scrapy.http import Response

from crawler import remake
from crawler.errors import Damaged
from crawler.items import (
    Absent,
    Article,
    Capture,
    Copy,
    End,
    Exchange,
    Lease,
    Outcome,
    Page,
    RecordRef,
    Take,
)
from crawler.site import links, redirect_target
from crawler.sources.live import REDIRECTS, Answer, capture_of
from crawler.warc import Record, as_read, digest, http_head, payload, warc_date

T = TypeVar("T")
ASK, BROUGHT = "ask", "brought"  #: in a request's meta
MEMENTO, ERROR = "Memento-Datetime", "X-Archive-Wayback-Runtime-Error"
TRIES = 10  #: captures of an id that are looked at for its article
MOST = 1000  #: captures of an id that are taken
INDEX_TRIES = 4  #: of one list that can't be read
NOT_ARCHIVED = Absent(outcome=Outcome.GONE, reason="not_archived")
REPEATS = Absent(outcome=Outcome.FAILED, reason="index_repeats")
"""How a walk ends that is led back to where it was: what it has is right, and may not be all."""
DIGEST_MISMATCH = "digest_mismatch"

Read = Callable[[Page, int], Article | Absent]
Brings = Callable[[Exchange], Exchange | Copy | None]
"""What an exchange brought of the site, None if nothing: a pure function of its bytes."""
Flow = Generator[Request, Answer, Take]
"""Yields requests, is sent the answers; ends with the take, and those of further captures in its `then`."""
Walk = Generator[Request | Sequence[Capture], Answer | None, Absent | None]
"""Yields requests, is sent the answers; yields captures; ends with why the list can't be had, if so."""


class Which(StrEnum):
    """Which captures of an id are taken."""

    BEST = "best"  # the newest that shows the article
    FIRST = "first"
    LAST = "last"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request to a service is about, for those through whose hands it goes."""

    budget: str  #: a name of crawler.manners.services
    brings: Brings | None = None
    capture: tuple[str, str] | None = None  #: URL and WARC-Date of the record that would do in its place
    fresh: bool = False  #: no answer of before will do
    seconds: float | None = None  #: how old such an answer may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A record of the site's, and where it lies, or which exchange or copy it will be."""

    place: UUID | RecordRef
    record: Record
    payload: RecordRef | None = None  #: of a foreign revisit: where that lies


def request(url: str, ask: Ask, *, span: str | None = None, most: int | None = None) -> Request:
    """A request to a service; robots.txt binds sites, services have their published limits."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={span}"} if span else {})
    meta = {
        ASK: ask,
        "dont_obey_robotstxt": True,
        "download_slot": ask.budget,
        "autothrottle_dont_adjust_delay": True,
    }
    if most is not None:
        meta["download_maxsize"] = most
    return Request(url, headers=headers, meta=meta, dont_filter=True)


def brought_by(request: Request, exchange: Exchange) -> tuple[Exchange, *tuple[Exchange | Copy, ...]]:
    """The exchange as it is to be kept, and what it brought of the site (BROUGHT in the request's meta)."""
    if (ask := request.meta.get(ASK)) is None:
        return (exchange,)
    exchange = replace(exchange, whole=True)
    whole = exchange.head and exchange.end is End.COMPLETE
    made = ask.brings(exchange) if ask.brings and whole else None
    request.meta[BROUGHT] = None if made is None else brought_of(made)
    return (exchange,) if made is None else (exchange, made)


def brought_of(made: Exchange | Copy) -> Brought:
    """What is about to be kept, as it will be read."""
    return Brought(place=made.id, record=as_read(made))


def is_own_word(response: Response) -> bool:
    """Whether a service's status is its own, and not of a page that it plays, or can't play."""
    return MEMENTO not in response.headers and ERROR not in response.headers


def listed(url: str, ask: Ask, parse: Callable[[Response], T]) -> Generator[Request, Answer, T | Absent]:
    """What `parse` reads in a service's list; one that it finds broken (ValueError) is asked for again."""
    for attempt in range(INDEX_TRIES):
        answer = yield request(url, replace(ask, fresh=ask.fresh or attempt > 0))
        if isinstance(answer, Absent):
            return answer
        try:
            return parse(answer)
        except Unlisted as error:
            return Absent(outcome=Outcome.FAILED, reason=str(error))
        except (ValueError, RecursionError):
            continue
    return Absent(outcome=Outcome.FAILED, reason="index_unreadable")


class Unlisted(Exception):
    """A service gives no list; the message is the reason."""


def chosen(captures: Sequence[Capture], which: Which) -> Iterator[Capture]:
    """The captures to look at, in that order."""
    by_time = sorted(captures, key=lambda capture: capture.at)
    if which is Which.ALL:
        yield from by_time[:MOST]
    elif which is Which.BEST:
        yield from _promising(by_time)
    elif by_time:
        pages = [capture for capture in by_time if _rank(capture) < 3] or by_time
        yield pages[0 if which is Which.FIRST else -1]


def taken(lease: Lease, brought: Brought, source: str, read: Read, capture: Capture) -> Take:
    """The take of a capture whose record was brought: what `verify` will make of it again."""
    try:
        page, status = remake.page(lease.id, brought.record, brought.record, source)
        result = read(page, status)
        found = links(page.body, page.url)
    except Damaged:
        result, found, status = Absent(outcome=Outcome.FAILED, reason="unreadable"), (), None
    same = digest(payload(brought.record)) == f"sha1:{capture.digest}"
    return Take(
        lease=lease,
        url=brought.record.headers["WARC-Target-URI"],
        result=result,
        capture=brought.place,
        captured_at=brought.record.headers["WARC-Date"],
        status=status,
        attempts=0,
        source=source,
        found=tuple(id for id in found if id != lease.id),
        note=None if same else DIGEST_MISMATCH,
        payload=brought.payload,
    )


def onward(take: Take, brought: Brought) -> str | Absent | None:
    """Where an archived redirect leads: on with the article, or what it says of it; None if it is none."""
    if take.status not in REDIRECTS:
        return None
    location = (http_head(brought.record).get(b"Location") or b"").decode("latin-1")
    return redirect_target(location, base=take.url, asked=take.lease.id)


def untaken(lease: Lease, absent: Absent, source: str, url: str, answer: Response | None = None) -> Take:
    """The take of an id that a service gave no page for; it rests on the service's answer, if one came."""
    exchange = capture_of(answer) if answer is not None and answer.request is not None else None
    return Take(
        lease=lease,
        url=url,
        result=absent,
        capture=exchange.id if exchange else None,
        captured_at=warc_date(exchange.began) if exchange else None,
        status=answer.status if exchange and answer else None,
        attempts=0,
        source=source,
    )


def settled(takes: Sequence[Take], which: Which, none: Take) -> Take:
    """The one take of a lease: an article before all else, or all of them in the order of capture."""
    if not takes:
        return none
    if which is not Which.ALL:
        return next((take for take in takes if isinstance(take.result, Article)), takes[0])
    first, *rest = (
        replace(take, lease=replace(take.lease, take=take.lease.take + number))
        for number, take in enumerate(sorted(takes, key=lambda take: take.captured_at or ""))
    )
    return replace(first, then=tuple(rest))


def moment(at: str) -> datetime | None:
    """The moment of 14 digits, None if there is none such."""
    try:
        return datetime.strptime(at, "%Y%m%d%H%M%S").replace(tzinfo=UTC) if len(at) == 14 else None
    except ValueError:
        return None


def _promising(by_time: Sequence[Capture]) -> Iterator[Capture]:
    """The newest and the oldest in turn, for a domain may be parked for years; pages before all else."""
    seen = set()
    for capture in sorted(_from_both_ends(by_time), key=_rank):
        if capture.digest not in seen or not capture.digest:
            seen.add(capture.digest)
            yield capture
        if len(seen) >= TRIES:
            return


def _from_both_ends(by_time: Sequence[Capture]) -> Iterator[Capture]:
    for n in range(len(by_time)):
        yield by_time[n // 2] if n % 2 else by_time[-1 - n // 2]


def _rank(capture: Capture) -> int:
    """How likely the capture is a page: by what its list says."""
    if capture.status == 200:
        return 0 if "html" in capture.mime else 2
    if capture.status is None or "revisit" in capture.mime:
        return 1
    return 3 if 300 <= capture.status < 400 else 4
