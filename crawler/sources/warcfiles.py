"""Other people's files: WARC, ARC and WACZ, wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence

from scrapy import Request
from scrapy.http import Response

from crawler.items import Absent, Capture, Lease, Outcome
from crawler.sources.archived import Ask, Flow, Read, Which, request
from crawler.sources.copies import copies

WARC = "warc"  #: the source, and how an id was found that a file has
CAPTURE, UNBROUGHT = "warc_capture", "warc_unbrought"  #: in a request's meta
BAD_RECORD = Absent(outcome=Outcome.FAILED, reason="bad_record")


def warcfiles(lease: Lease, captures: Sequence[Capture], which: Which, *, read: Read, none: Absent) -> Flow:
    """The article as the files have it, each record copied or referred to; nobody is asked."""
    return copies(lease, captures, which, source=WARC, read=read, asked=_asked, unbrought=_why, none=none)


def _asked(capture: Capture) -> Request:
    """A request that is answered out of the files."""
    asked = request(capture.url, Ask(budget=WARC, fresh=True))
    asked.meta[CAPTURE] = capture
    return asked


def _why(capture: Capture, answer: Response) -> Absent:  # noqa: ARG001
    absent: Absent = answer.meta.get(UNBROUGHT, BAD_RECORD)
    return absent
