"""A Common Crawl: its list of crawls, an index for each, and files that are read by ranges."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID, uuid5

from tests.services.held import Held
from tests.services.listening import Answer, Asked

TRAPS = ("whole_file", "short_range", "slow_down", "cut", "html_error", "overloaded")
_SPACE = UUID(int=7)
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]+)")
_JSON = (("Content-Type", "application/json; charset=utf-8"),)


@dataclass(frozen=True, slots=True)
class Crawl:
    """One crawl and what it holds."""

    id: str
    held: tuple[Held, ...]

    @property
    def file(self) -> str:
        return f"crawl-data/{self.id}/segments/1.2/warc/{self.id}-00000.warc.gz"

    def members(self) -> list[bytes]:
        return [_member(self.id, one) for one in sorted(self.held, key=lambda one: (one.key, one.at))]

    def rows(self) -> list[dict[str, str]]:
        rows, offset = [], 1000  # other people's records stand before ours
        for one, member in zip(
            sorted(self.held, key=lambda one: (one.key, one.at)), self.members(), strict=True
        ):
            rows.append(
                {
                    "urlkey": one.key,
                    "timestamp": one.at,
                    "url": one.url,
                    "mime": "warc/revisit" if one.revisit else one.kind.partition(";")[0],
                    "mime-detected": "text/html",
                    "status": str(one.status),
                    "digest": one.digest,
                    "length": str(len(member)),
                    "offset": str(offset),
                    "filename": self.file,
                    "languages": "ara",
                    "encoding": "UTF-8",
                }
            )
            offset += len(member)
        return rows


class CommonCrawl:
    """Answers for the index and for the data alike; `fail` counts down the answers that a trap spoils."""

    def __init__(
        self, crawls: Iterable[Crawl], *, traps: tuple[str, ...] = (), fail: int = 1 << 30, page: int = 15_000
    ) -> None:
        self.crawls = {crawl.id: crawl for crawl in crawls}
        self.files = {crawl.file: bytes(1000) + b"".join(crawl.members()) for crawl in self.crawls.values()}
        self.traps, self.page = traps, page
        self._fail = dict.fromkeys(traps, fail)
        self.base = ""

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/collinfo.json":
            return self._info()
        if (found := re.fullmatch(r"/([A-Z0-9-]+)-index", asked.path)) and found[1] in self.crawls:
            return self._list(self.crawls[found[1]], asked)
        return self._data(asked)

    def _trap(self, name: str) -> bool:
        if self._fail.get(name, 0) <= 0:
            return False
        self._fail[name] -= 1
        return True

    def _info(self) -> Answer:
        table = [
            {
                "id": id,
                "name": f"{id} Index",
                "timegate": f"{self.base}/{id}/",
                "cdx-api": f"{self.base}/{id}-index",
                "from": "2025-08-02T22:09:07",
                "to": "2025-08-15T23:42:38",
            }
            for id in sorted(self.crawls, reverse=True)
        ]
        return Answer(
            "200 OK", (("Content-Type", "application/json"), ("ETag", '"1"')), json.dumps(table).encode()
        )

    def _list(self, crawl: Crawl, asked: Asked) -> Answer:
        if self._trap("html_error"):
            return Answer(
                "200 OK", (("Content-Type", "text/html"),), b"<html>Common Crawl Index Server Error</html>"
            )
        if self._trap("overloaded"):
            return Answer("503 Service Unavailable", (("Content-Type", "text/html"),), b"<html>busy</html>")
        if not (url := asked.get("url")):
            return Answer("400 Bad Request", _JSON, b'{"message": "url is required"}')
        prefix = url.endswith("*") or asked.get("matchType") == "prefix"
        key = Held(url=f"http://{url.removesuffix('*')}", at="", body=b"").key
        key += "/" if prefix and url.removesuffix("*").endswith("/") and not key.endswith("/") else ""
        rows = [
            row for row in crawl.rows() if row["urlkey"] == key or (prefix and row["urlkey"].startswith(key))
        ]
        if not rows:
            return Answer(
                "404 Not Found", _JSON, json.dumps({"message": f"No Captures found for: {url}"}).encode()
            )
        pages = len(rows) // self.page + 1
        if asked.get("showNumPages") == "true":
            told = {"pages": pages, "pageSize": 5, "blocks": pages}
            return Answer("200 OK", (("Content-Type", "text/x-cdxj"),), json.dumps(told).encode())
        page = int(asked.get("page") or 0)
        if page >= pages:
            told = {"message": f"Page {page} invalid: First Page is 0, Last Page is {pages - 1}"}
            return Answer("400 Bad Request", _JSON, json.dumps(told).encode())
        lines = [json.dumps(row) for row in rows[page * self.page : (page + 1) * self.page]]
        body = "".join(f"{line}\n" for line in lines).encode()
        if self._trap("cut"):
            body = body[:-40]  # in the middle of a line, and nothing else says so
        return Answer("200 OK", (("Content-Type", "text/x-ndjson"),), body)

    def _data(self, asked: Asked) -> Answer:
        if (file := self.files.get(asked.path[1:])) is None:
            return Answer(
                "404 Not Found",
                (("Content-Type", "application/xml"),),
                b"<Error><Code>NoSuchKey</Code></Error>",
            )
        if self._trap("slow_down"):
            return Answer(
                "503 Slow Down",
                (("Content-Type", "application/xml"),),
                b"<Error><Code>SlowDown</Code></Error>",
            )
        found = _RANGE.fullmatch(asked.headers.get("range", ""))
        if found is None or self._trap("whole_file"):
            return Answer("200 OK", (("Content-Type", "application/octet-stream"),), file)
        start, end = int(found[1]), int(found[2])
        if self._trap("short_range"):
            end -= 10
        headers = (
            ("Content-Type", "application/octet-stream"),
            ("Content-Range", f"bytes {start}-{end}/{len(file)}"),
            ("ETag", '"abc-1"'),
        )
        return Answer("206 Partial Content", headers, file[start : end + 1])


def _member(crawl: str, one: Held) -> bytes:
    """A record as Common Crawl writes it: the body decoded, what was masked under other names."""
    lines = [
        f"HTTP/1.1 {one.status} OK",
        *(f"{name}: {value}" for name, value in one.headers),
        f"Content-Type: {one.kind}",
        "X-Crawler-Content-Encoding: gzip",
        "X-Crawler-Content-Length: 648",
        *([f"Location: {one.location}"] if one.location else []),
        f"Content-Length: {len(one.body)}",
    ]
    block = "\r\n".join((*lines, "", "")).encode() + one.body
    id = uuid5(_SPACE, f"{crawl} {one.url} {one.at}")
    header = [
        "WARC/1.0",
        f"WARC-Type: {'revisit' if one.revisit else 'response'}",
        f"WARC-Date: {one.moment.isoformat()}Z",
        f"WARC-Record-ID: <urn:uuid:{id}>",
        f"Content-Length: {len(block)}",
        "Content-Type: application/http; msgtype=response",
        f"WARC-Warcinfo-ID: <urn:uuid:{uuid5(_SPACE, crawl)}>",
        f"WARC-Concurrent-To: <urn:uuid:{uuid5(_SPACE, 'request' + str(id))}>",
        "WARC-IP-Address: 93.184.216.34",
        f"WARC-Target-URI: {one.url}",
        "WARC-Protocol: http/1.1",
        "WARC-Protocol: tls/1.3",
        f"WARC-Payload-Digest: sha1:{one.digest}",
        f"WARC-Block-Digest: sha1:{Held(url='', at='', body=block).digest}",
        "WARC-Identified-Payload-Type: text/html",
    ]
    deflate = zlib.compressobj(wbits=31)
    record = "\r\n".join((*header, "", "")).encode() + block + b"\r\n\r\n"
    return deflate.compress(record) + deflate.flush()
