"""The Wayback Machine, and others that speak as it does: its lists (CDX), and captures played raw (`id_`)."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from json import loads
from urllib.parse import unquote, urlencode, urljoin

from scrapy import Request
from scrapy.http import Response

from crawler.items import Absent, ArticleId, Capture, Lease, Outcome, Take
from crawler.manners.services import WAYBACK, WAYBACK_INDEX
from crawler.site import article_id, url_of
from crawler.sources.archived import (
    BROUGHT,
    ERROR,
    NOT_ARCHIVED,
    REPEATS,
    Ask,
    Flow,
    Read,
    Unlisted,
    Walk,
    Which,
    chosen,
    listed,
    moment,
    onward,
    request,
    settled,
    taken,
    untaken,
)
from crawler.sources.live import REDIRECTS, Answer, location_of
from crawler.sources.memento import restored
from crawler.warc import warc_date

FIELDS = "urlkey,timestamp,original,mimetype,statuscode,digest,length"
ROWS = 10_000  #: of one list: some MB
PAGES = 1000  #: of one walk: ten million captures
SITE = "anapress.net/a/"
HOPS = 10
LOOP = Absent(outcome=Outcome.FAILED, reason="redirect_loop")
EXCLUDED = Absent(outcome=Outcome.REFUSED, reason="excluded")


def walk(base: str, id: ArticleId | None = None, *, fresh: bool = False) -> Walk:
    """All captures that the machine lists of one article, or of all."""
    place = {"url": SITE, "matchType": "prefix"} if id is None else {"url": f"{SITE}{id}"}
    query = place | {
        "output": "json",
        "fl": FIELDS,
        "gzip": "false",
        "limit": str(ROWS),
        "showResumeKey": "true",
    }
    seen: set[str] = set()
    key: str | None = None
    for _ in range(PAGES):
        url = f"{base}/cdx/search/cdx?{urlencode(query | ({'resumeKey': key} if key else {}))}"
        page = yield from listed(url, Ask(budget=WAYBACK_INDEX, fresh=fresh), _page)
        if isinstance(page, Absent):
            return page
        rows, key = page
        yield list(_captures(rows))
        if key is None:
            return None
        if key in seen:
            return REPEATS
        seen.add(key)
    return REPEATS


def wayback(
    lease: Lease, captures: Sequence[Capture], which: Which, *, base: str, read: Read, hops: int = HOPS
) -> Flow:
    """The article as its captures show it, played raw and restored."""
    takes: list[Take] = []
    seen: set[tuple[str, str]] = set()
    for capture in chosen(captures, which):
        take = yield from _Playing(lease, base, read, seen).play(capture, hops)
        takes += [take] if take else []
        if take and which is Which.BEST and not isinstance(take.result, Absent):
            break
    return settled(takes, which, untaken(lease, NOT_ARCHIVED, WAYBACK, url_of(lease.id)))


class _Playing:
    """Plays captures of one lease; each that it came to is taken once, however many ways lead there."""

    def __init__(self, lease: Lease, base: str, read: Read, seen: set[tuple[str, str]]) -> None:
        self._lease, self._base, self._read, self._seen = lease, base, read, seen

    def play(self, capture: Capture, hops: int) -> Generator[Request, Answer, Take | None]:
        """The take of one capture, None if it was another's."""
        url, redirected = self._url(capture), False
        for _ in range(hops + 1):
            answer = yield self._request(url, capture)
            if isinstance(answer, Absent):
                return untaken(self._lease, answer, WAYBACK, url)
            if (brought := answer.meta.get(BROUGHT)) is None:
                moved = self._moved(answer)
                if moved is None:
                    return untaken(self._lease, _own_word(answer, capture), WAYBACK, url, answer)
                capture = moved
            else:
                headers = brought.record.headers
                seen = headers["WARC-Target-URI"], headers["WARC-Date"]
                if (
                    seen in self._seen
                ):  # www. and https are one to the machine: it may play the redirect again
                    return untaken(self._lease, LOOP, WAYBACK, url, answer) if redirected else None
                self._seen.add(seen)
                take = taken(self._lease, brought, WAYBACK, self._read, capture)
                target = onward(take, brought)
                if not isinstance(target, str):
                    return replace(take, result=target) if target else take
                capture, redirected = replace(capture, url=target, digest=""), True
            url = self._url(capture)
        return untaken(self._lease, LOOP, WAYBACK, url)

    def _url(self, capture: Capture) -> str:
        return f"{self._base}/web/{capture.at}id_/{capture.url}"

    def _request(self, url: str, capture: Capture) -> Request:
        at = moment(capture.at)
        sought = (capture.url, warc_date(at)) if at else None
        return request(url, Ask(budget=WAYBACK, brings=restored, capture=sought))

    def _moved(self, answer: Response) -> Capture | None:
        """The capture that the machine has instead of the one that was asked for."""
        location = location_of(answer)
        if answer.status not in REDIRECTS or not location:
            return None
        return self._played(urljoin(f"{self._base}/", location))

    def _played(self, url: str) -> Capture | None:
        machine = re.escape(self._base.partition("://")[2])
        found = re.fullmatch(rf"https?://{machine}/web/([0-9]{{14}})(?:id_)?/(.+)", url)
        if found is None or moment(found[1]) is None:
            return None
        original = unquote(found[2]) if "%3A//" in found[2] else found[2]
        if article_id(original) != self._lease.id:
            return None
        return Capture(id=self._lease.id, at=found[1], url=original, status=None, mime="", digest="")


def _own_word(answer: Response, capture: Capture) -> Absent:
    """Why the machine plays no capture."""
    error = answer.headers.get(ERROR) or b""
    if b"AccessControl" in error or (answer.status == 200 and b"has been excluded" in answer.body):
        return EXCLUDED
    if error:
        reason = "playback_error"
    elif answer.status == 404:
        reason = "revisit_unresolved" if "revisit" in capture.mime else "not_played"
    elif answer.status == 200:
        reason = "no_memento"
    else:
        reason = f"service_{answer.status}"
    return Absent(outcome=Outcome.FAILED, reason=reason)


def _page(answer: Response) -> tuple[list[dict[str, str]], str | None]:
    """The rows of a list, and the key of the next one."""
    if ERROR in answer.headers:
        blocked = b"AccessControl" in (answer.headers.get(ERROR) or b"")
        raise Unlisted("index_blocked" if blocked else "index_error")
    if answer.status != 200:
        raise Unlisted(f"index_{answer.status}")
    table = loads(answer.body)
    if not isinstance(table, list) or not all(isinstance(row, list) for row in table):
        raise ValueError("no table of rows")
    key = None
    if len(table) >= 2 and not table[-2] and len(table[-1]) == 1:
        key, table = str(table[-1][0]), table[:-2]
    names = [str(name) for name in table[0]] if table else []
    rows = [dict(zip(names, row, strict=False)) for before, row in pairwise(table) if row != before]
    return [row for row in rows if all(isinstance(value, str) for value in row.values())], key


def _captures(rows: Sequence[dict[str, str]]) -> Iterator[Capture]:
    """The rows that are captures of articles; others really occur."""
    for row in rows:
        at, url, status = row.get("timestamp", ""), row.get("original", ""), row.get("statuscode", "-")
        id = article_id(url)
        if id is None or moment(at) is None or not re.fullmatch(r"-|[1-9][0-9]{2}", status):
            continue
        yield Capture(
            id=id,
            at=at,
            url=url,
            status=None if status == "-" else int(status),
            mime=row.get("mimetype", ""),
            digest=row.get("digest", ""),
        )
