"""A Wayback Machine: the CDX server and the playback of raw captures (`id_`)."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime
from urllib.parse import quote_plus, unquote, unquote_plus

from tests.services.held import Held
from tests.services.listening import Answer, Asked

FIELDS = ("urlkey", "timestamp", "original", "mimetype", "statuscode", "digest", "length")
TRAPS = ("empty_page", "repeating_key", "double_rows", "bad_rows", "html_error", "cut", "no_length")
_PLAY = re.compile(r"/web/([0-9]{14})id_/(.+)", re.DOTALL)
_EXCLUDED = b"<html><body><p>This URL has been excluded from the Wayback Machine.</p></body></html>"
_ERROR = "X-Archive-Wayback-Runtime-Error"
_BLOCKED = (
    "org.archive.util.io.RuntimeIOException: "
    "org.archive.wayback.exception.AdministrativeAccessControlException: Blocked Site Error"
)


@dataclass
class Wayback:
    """Lists and plays what it holds. `traps` are ways to answer; `play` is one for a capture, by its time."""

    held: Iterable[Held]
    traps: tuple[str, ...] = ()
    play: dict[str, str] = field(default_factory=dict)
    page: int = 150_000  #: the most rows of one answer
    base: str = ""  #: what it calls itself in links; set when it runs
    blocked: bool = False

    def __post_init__(self) -> None:
        self.held = sorted(self.held, key=lambda one: (one.key, one.at))

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/cdx/search/cdx":
            return self._list(asked)
        if played := _PLAY.fullmatch(asked.target):
            return self._play(played[1], unquote(played[2]) if "%3A//" in played[2] else played[2])
        return Answer("404 Not Found", (("Content-Type", "text/html"),), b"<html>nothing here</html>")

    # listing

    def _list(self, asked: Asked) -> Answer:
        if not (url := asked.get("url")):
            return Answer("400 Bad Request", (), b"url parameter is required\n")
        if self.blocked:
            return Answer("403 Forbidden", ((_ERROR, _BLOCKED),), f"{_BLOCKED}\n".encode())
        if "html_error" in self.traps:
            return Answer(
                "200 OK", (("Content-Type", "text/html"),), b"<html>Sorry, something went wrong</html>"
            )
        low, high = _range(url, asked.get("matchType", "exact"))
        rows = [one for one in self.held if low <= one.key < high]
        if resume := asked.get("resumeKey"):
            key, _, since = unquote_plus(resume).partition(" ")
            rows = [one for one in rows if (one.key, one.at) >= (key, since)]
        limit = min(int(asked.get("limit") or self.page), self.page)
        given, more = rows[:limit], len(rows) > limit
        fields = asked.get("fl", ",".join(FIELDS)).split(",")
        table = [list(map(_row(one).__getitem__, fields)) for one in given]
        table = self._trapped(table, bool(resume))
        end: list[list[str]] = []
        if more and asked.get("showResumeKey") == "true":
            last = given[-1]
            key = quote_plus(f"{last.key} {last.at[:-1]}{chr(ord(last.at[-1]) + 1)}")
            end = [[], [key if "repeating_key" not in self.traps or not resume else resume]]
        lines = [fields, *table, *end] if table or end else []
        body = b"[" + b",\n".join(json.dumps(line, separators=(",", ":")).encode() for line in lines) + b"]\n"
        return Answer(
            "200 OK", (("Content-Type", "application/json"), ("x-ts", "200")), body, self._cut(body)
        )

    def _trapped(self, table: list[list[str]], resumed: bool) -> list[list[str]]:
        if "empty_page" in self.traps and not resumed:
            return []
        if "double_rows" in self.traps:
            return [row for row in table for _ in range(2)]
        if "bad_rows" in self.traps:
            odd = [list(table[0]) for _ in range(4)] if table else []
            for row, (at, value) in zip(
                odd, ((1, "20160000000000"), (2, "mailto:x@anapress.net"), (4, "-"), (1, "2016")), strict=True
            ):
                row[at] = value
            return [*odd[:2], *table, odd[3]]
        return table

    def _cut(self, body: bytes) -> int | None:
        return len(body) // 2 if "cut" in self.traps else None

    # playback

    def _play(self, at: str, url: str) -> Answer:
        key = Held(url=url, at=at, body=b"").key
        those = [one for one in self.held if one.key == key]
        if not those:
            return Answer(
                "404 Not Found", (("Content-Type", "text/html"),), b"<html>Hrm. Never archived.</html>"
            )
        way = self.play.get(at, "")
        found = next((one for one in those if one.at == at), None)
        if found is None or way == "moved":
            others = [one for one in those if one.at != at and one.status == 200]
            nearest = min(others or those, key=lambda one: abs(int(one.at) - int(at)))
            where = f"{self.base}/web/{nearest.at}id_/{nearest.url}"
            why = ("x-archive-redirect-reason", f"found capture at {nearest.at}")
            return Answer("302 Found", (("Content-Type", "text/plain"), ("Location", where), why))
        if way in _WAYS:
            return _WAYS[way]
        return self._memento(found, way)

    def _memento(self, one: Held, way: str) -> Answer:
        headers = [
            ("Content-Type", one.kind),
            ("memento-datetime", format_datetime(one.moment.replace(tzinfo=UTC), usegmt=True)),
            ("link", f'<{one.url}>; rel="original", <{self.base}/web/{one.url}>; rel="timegate"'),
            ("x-archive-src", "item/file.warc.gz"),
            *((f"x-archive-orig-{name.lower()}", value) for name, value in one.headers),
            ("X-Archive-Orig-Content-Type", one.kind),
            ("x-archive-orig-content-length", "-1"),
            ("x-archive-orig-transfer-encoding", "chunked"),
            ("cache-control", "max-age=1800"),
            ("x-ts", "200"),
        ]
        if one.location:
            headers.append(
                (
                    "Location",
                    f"{self.base.removeprefix('http:') if way == 'schemeless' else self.base}/web/{one.at}id_/{one.location}",
                )
            )
        body = one.body
        if way == "gzip":
            body, headers = gzip.compress(body, mtime=0), [*headers, ("Content-Encoding", "gzip")]
        if way == "double_gzip":
            body = gzip.compress(body, mtime=0)
            headers += [("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")]
        if way == "hidden_gzip":
            body = gzip.compress(body, mtime=0)
            headers += [("Content-Encoding", ""), ("x-archive-orig-content-encoding", "gzip")]
        reason = {200: "OK", 301: "Moved Permanently", 302: "Found", 404: "Not Found"}.get(
            one.status, "Status"
        )
        return Answer(f"{one.status} {reason}", headers, body)


_WAYS = {
    "gone": Answer("404 Not Found", (("Content-Type", "text/html"),), b"<html>Hrm. Never archived.</html>"),
    "excluded": Answer("200 OK", (("Content-Type", "text/html"),), _EXCLUDED),
    "error": Answer(
        "503 Service Unavailable", ((_ERROR, "ResourceNotAvailableException: no such file"),), b"no such file"
    ),
    "denied": Answer("403 Forbidden", ((_ERROR, _BLOCKED),), b"Blocked Site Error"),
}


def _row(one: Held) -> dict[str, str]:
    kind = "warc/revisit" if one.revisit else one.kind.partition(";")[0]
    values = (
        one.key,
        one.at,
        one.url,
        kind,
        "-" if one.revisit else str(one.status),
        one.digest,
        str(len(one.body)),
    )
    return dict(zip(FIELDS, values, strict=True))


def _range(url: str, match: str) -> tuple[str, str]:
    """The keys that a look-up spans, its end apart."""
    if url.endswith("*"):
        url, match = url[:-1], "prefix"
    whole = url if "://" in url else f"http://{url}"
    key = Held(url=whole, at="", body=b"").key
    if match == "prefix":
        key += "/" if whole.endswith("/") and not key.endswith("/") else ""
        return key, key[:-1] + chr(ord(key[-1]) + 1)
    return key, key + "!"
