"""The same page as the crawlers of others keep it: by their own writers, or in their habits spelled out."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import fastwarc
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tests.services.held import Held

HEAD = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html; charset=utf-8\r\n"
Write = Callable[[Path, Held], None]


def plain(one: Held) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(one.body) + one.body


def chunked(one: Held) -> bytes:
    half = len(one.body) // 2
    pieces = (one.body[:half], one.body[half:], b"")
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body


def zipped(one: Held) -> bytes:
    body = gzip.compress(one.body)
    return HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def said(one: Held, *lines: bytes, status: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """The body as it was, under a head that need not be right."""
    head = HEAD.replace(b"HTTP/1.1 200 OK", status)
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + one.body


def record(
    one: Held, block: bytes, *more: str, version: str = "WARC/1.0", kind: str = "response", uri: str = "{}"
) -> bytes:
    """One record, not packed."""
    digest = base64.b32encode(hashlib.sha1(block).digest()).decode()
    lines = (
        version,
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:{uuid4()}>",
        f"WARC-Date: {one.moment:%Y-%m-%dT%H:%M:%SZ}",
        f"WARC-Target-URI: {uri.format(one.url)}",
        f"WARC-Block-Digest: sha1:{digest}",
        *more,
        "Content-Type: application/http; msgtype=response",
        f"Content-Length: {len(block)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + block + b"\r\n\r\n"


def warcinfo() -> bytes:
    block = b"software: somebody's\r\n"
    return (
        b"WARC/1.0\r\nWARC-Type: warcinfo\r\nWARC-Record-ID: <urn:uuid:%s>\r\nWARC-Date: 2016-01-01T00:00:00Z\r\n"
        b"Content-Type: application/warc-fields\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n"
        % (str(uuid4()).encode(), len(block), block)
    )


def arc(one: Held) -> bytes:
    """ARC 1: a line before each block, the file's own first (Heritrix 1's)."""
    first = b"1 0 InternetArchive\nURL IP-address Archive-date Content-type Archive-length\n"
    block = plain(one)
    return (
        b"filedesc://x.arc 0.0.0.0 20160101000000 text/plain %d\n%s\n" % (len(first), first)
        + f"{one.url} 192.0.2.1 {one.at} text/html {len(block)}\n".encode()
        + block
        + b"\n"
    )


def by_warcio(version: str, block: Callable[[Held], bytes], *, packed: bool) -> Write:
    def write(path: Path, one: Held) -> None:
        with path.open("wb") as file:
            writer = WARCWriter(file, gzip=packed, warc_version=version)
            head, _, body = block(one).partition(b"\r\n\r\n")
            status, *lines = head.decode().split("\r\n")
            http = StatusAndHeaders(
                status.partition(" ")[2], [tuple(line.split(": ", 1)) for line in lines], protocol="HTTP/1.1"
            )
            date = f"{one.moment:%Y-%m-%dT%H:%M:%SZ}"
            writer.write_record(
                writer.create_warc_record(
                    one.url,
                    "response",
                    io.BytesIO(body),
                    http_headers=http,
                    warc_headers_dict={"WARC-Date": date},
                )
            )

    return write


def by_fastwarc(path: Path, one: Held) -> None:
    made, file = fastwarc.WarcRecord(), io.BytesIO()
    made.init_headers(record_type=fastwarc.WarcRecordType.response, record_urn=f"uuid:{uuid4()}".encode())
    made.headers.set("WARC-Target-URI", one.url)
    made.headers.set("WARC-Date", f"{one.moment:%Y-%m-%dT%H:%M:%SZ}")
    made.headers.set("Content-Type", "application/http; msgtype=response")
    made.set_bytes_content(chunked(one))
    made.write(file, checksum_data=True)
    path.write_bytes(gzip.compress(file.getvalue()))


def packed(*records: bytes) -> bytes:
    """A gzip member a record."""
    return b"".join(map(gzip.compress, records))


def with_dictionary(*records: bytes) -> bytes:
    """Frames that need the dictionary which stands before them (Zeno's, ArchiveTeam's)."""
    samples = [records[-1][n : n + 400] + str(n).encode() for n in range(0, 16_000, 20)]
    dictionary = zstandard.train_dictionary(4096, samples)
    frames = zstandard.ZstdCompressor(dict_data=dictionary)
    told = zstandard.compress(dictionary.as_bytes())
    first = b"\x5d\x2a\x4d\x18" + len(told).to_bytes(4, "little") + told
    return first + b"".join(map(frames.compress, records))


def of(made: Callable[[Held], bytes]) -> Write:
    def write(path: Path, one: Held) -> None:
        path.write_bytes(made(one))

    return write


HABITS: dict[str, Write] = {
    "warcio.warc.gz": by_warcio("1.0", plain, packed=True),
    "warcio11.warc": by_warcio("1.1", plain, packed=False),
    "webrecorder.warc.gz": by_warcio("1.1", chunked, packed=True),
    "fastwarc.warc.gz": by_fastwarc,
    "heritrix.warc.gz": of(lambda one: packed(warcinfo(), record(one, chunked(one)))),
    "heritrix.arc": of(arc),
    "heritrix.arc.gz": of(lambda one: gzip.compress(arc(one))),
    "old.warc": of(lambda one: record(one, plain(one), version="WARC/0.18")),
    "brackets.warc.gz": of(lambda one: packed(warcinfo(), record(one, plain(one), uri="<{}>"))),
    "zipped.warc": of(lambda one: warcinfo() + record(one, zipped(one))),
    "at_once.warc.gz": of(lambda one: gzip.compress(warcinfo() + record(one, plain(one)))),
    "zeno.warc.zst": of(lambda one: b"".join(map(zstandard.compress, (warcinfo(), record(one, plain(one)))))),
    "dictionary.warc.zst": of(lambda one: with_dictionary(warcinfo(), record(one, plain(one)))),
    "dechunked.warc.gz": of(lambda one: packed(record(one, said(one, b"Transfer-Encoding: chunked")))),
    "decoded.warc.gz": of(lambda one: packed(record(one, said(one, b"Content-Encoding: br")))),
    "h2.warc.gz": of(lambda one: packed(record(one, said(one, status=b"HTTP/2 200"), version="WARC/1.1"))),
    "odd_status.warc.gz": of(lambda one: packed(record(one, said(one, status=b"HTTP 200 Document follows")))),
    "fractions.warc": of(
        lambda one: record(one, plain(one), version="WARC/1.1").replace(b"00Z\r\n", b"00.123456789Z\r\n")
    ),
}
"""A file a habit, by a name that is one of its own."""
