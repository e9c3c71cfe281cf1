"""An article as records of other people's files show it: looked at in turn, copied one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from scrapy import Request
from scrapy.http import Response

from crawler.items import Absent, Article, Capture, Lease, Outcome, Take
from crawler.site import url_of
from crawler.sources.archived import (
    BROUGHT,
    NOT_ARCHIVED,
    Flow,
    Read,
    Which,
    chosen,
    onward,
    settled,
    taken,
    untaken,
)

UNCAPTURED = Absent(outcome=Outcome.FAILED, reason="redirect_uncaptured")


def copies(
    lease: Lease,
    captures: Sequence[Capture],
    which: Which,
    *,
    source: str,
    read: Read,
    asked: Callable[[Capture], Request],
    unbrought: Callable[[Capture, Response], Absent],
    none: Absent = NOT_ARCHIVED,
) -> Flow:
    """The takes of the captures that are wanted; `unbrought` says why an answer brought no record, `none` why
    there is no capture.
    """
    takes: list[Take] = []
    for capture in chosen(captures, which):
        request = asked(capture)
        answer = yield request
        if isinstance(answer, Absent):
            take = untaken(lease, answer, source, request.url)
        elif (brought := answer.meta.get(BROUGHT)) is None:
            take = untaken(lease, unbrought(capture, answer), source, request.url, answer)
        else:
            take = taken(lease, brought, source, read, capture)
            if target := onward(take, brought):
                take = replace(take, result=UNCAPTURED if isinstance(target, str) else target)
        takes.append(take)
        if which is Which.BEST and isinstance(take.result, Article):
            break
    return settled(takes, which, untaken(lease, none, source, url_of(lease.id)))
