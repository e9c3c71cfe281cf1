"""The site on a socket: raw requests in, the bytes of a reply out, all of it logged."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections import Counter
from itertools import count as counter

from tests.site.answers import Visit, dressed, html
from tests.site.dressed import DRESSED_ID
from tests.site.faults import ANSWERS, FAULTS
from tests.site.held import tag_of, unless_held
from tests.site.lively import LIVELY, PAGES, frames, lively
from tests.site.log import CUT, END, INTERIM, LOST, REQUEST, RESPONSE, SURPLUS, WHOLE, Log
from tests.site.markups import html_of
from tests.site.pages import MISSING, notice, resource
from tests.site.replies import DATE, HTML, After, Reply, chunked, head, whole
from tests.site.world import Article, World

_FAULT_OF = {article_id: ANSWERS[name] for name, article_id in FAULTS.items()} | {DRESSED_ID: dressed}
_FAULT_OF |= {article_id: PAGES[name] for name, article_id in LIVELY.items()}
_REQUEST_LINE = re.compile(rb"([A-Z]+) (?:https?://[^/ ]*)?(/[^ ?]*)?\??([^ ]*) HTTP/1\.[01]\r?\n")
_HEAD_END = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\nconnection: *close", re.IGNORECASE)
_GZIP = re.compile(rb"\naccept-encoding:[^\n]*gzip", re.IGNORECASE)


class Server:
    """Answers requests; all that it remembers is how often each id was asked for."""

    def __init__(self, world: World, *, log: Log | None, run: str) -> None:
        self.world = world
        self.log = log
        self.run = run  #: makes the nonces of this process its own
        self.port = 0
        self.fetches: Counter[int] = Counter()
        self.connections = counter(1)
        self.exchanges = counter((log.exchanges if log else 0) + 1)
        self.open: set[Connection] = set()

    def reply(self, request: bytes) -> Reply:
        """The answer to one whole request."""
        line = _REQUEST_LINE.match(request)
        if line is None:
            return Reply(response=whole(b"", status="400 Bad Request"), after=After.CLOSE)
        method, path, query = line[1], (line[2] or b"/").decode("latin-1"), line[3].decode("latin-1")
        if (reply := lively(path, request, lambda id_: html(self.world, id_).encode())) is not None:
            return reply
        if method not in {b"GET", b"HEAD"}:
            return Reply(response=whole(b"", status="405 Method Not Allowed"))
        reply = (
            self._article(path[3:], request) if path.startswith("/a/") else self._other(path, query, request)
        )
        if method == b"HEAD":
            end = reply.response.find(b"\r\n\r\n")
            return Reply(response=reply.response[: end + 4], after=reply.after)
        return reply

    def _article(self, digits: str, request: bytes) -> Reply:
        article_id = int(digits) if re.fullmatch(r"[0-9]{1,19}", digits) else 0
        self.fetches[article_id] += 1
        fetch = self.fetches[article_id]
        if answer := _FAULT_OF.get(article_id):
            return answer(Visit(article_id, fetch, self.port, self.world, request))
        article = self.world.article(article_id)
        if article is None:
            return Reply(response=whole(notice(MISSING), status="404 Not Found"))
        html = html_of(self.world, article, count=fetch - 1, nonce=f"{self.run}-{fetch}").encode()
        if article.static:
            return _validated(html, HTML, request)
        return Reply(response=_framed(article, html, request))

    def _other(self, path: str, query: str, request: bytes) -> Reply:
        found = resource(self.world, path, query)
        if found is None:
            return Reply(response=whole(notice(MISSING), status="404 Not Found"))
        if found.status != "200 OK":
            return Reply(response=whole(found.body, *found.lines, status=found.status, kind=found.kind))
        return _validated(found.body, found.kind, request)


def _framed(article: Article, html: bytes, request: bytes) -> bytes:
    """Most pages have a length; some come in chunks, some compressed, as of any site."""
    if article.number % 9 == 5:
        return head("200 OK", f"Content-Type: {HTML}", "Transfer-Encoding: chunked") + chunked(html)
    if article.number % 8 == 6 and _GZIP.search(request):
        return whole(gzip.compress(html, 1, mtime=0), "Content-Encoding: gzip", "Vary: Accept-Encoding")
    return whole(html)


def _validated(body: bytes, kind: str, request: bytes) -> Reply:
    """What never changes has validators, and is not sent again to those who hold it."""
    return unless_held(body, request, etag=tag_of(body), date=DATE, kind=kind)


class Connection(asyncio.Protocol):
    """One client: takes its requests one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._number = next(server.connections)
        self._exchange = 0
        self._buffer = bytearray()
        self._doomed = False
        self._echoes = False
        self._half_closed = False
        self._stream: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._ready.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # so that `_ready` says whether all went out
        self._server.open.add(self)

    def pause_writing(self) -> None:
        self._ready.clear()

    def resume_writing(self) -> None:
        self._ready.set()

    def data_received(self, data: bytes) -> None:
        if self._echoes:
            said = frames(data)
            self._log((RESPONSE, said))
            self._send(said)
            return
        self._buffer += data
        if self._buffer.startswith(b"\x16"):  # TLS at the plain door is no exchange
            self._buffer.clear()
            self._transport.abort()
        self._serve()

    def eof_received(self) -> bool:
        """A client that only stops asking still gets its answer."""
        self._half_closed = True
        plain = self._transport.get_extra_info("sslcontext") is None  # TLS knows no half
        if self._stream is None:
            self._transport.close()
        return plain

    def connection_lost(self, error: Exception | None) -> None:
        self._server.open.discard(self)
        if self._stream is not None:
            self._stream.cancel()
        if self._stream is not None or self._echoes or not self._ready.is_set():
            self._log((END, LOST.encode()))
        if self._buffer:
            self._exchange = next(self._server.exchanges)
            self._log((REQUEST, bytes(self._buffer)), (END, LOST.encode()))

    def abort(self) -> None:
        self._transport.abort()

    def _serve(self) -> None:
        while self._stream is None and not self._transport.is_closing() and (request := self._take()):
            self._exchange = next(self._server.exchanges)
            if self._doomed:
                self._log((REQUEST, request), (END, CUT.encode()))
                self._transport.close()
                return
            self._answer(request, self._server.reply(request))

    def _take(self) -> bytes | None:
        """The next whole request, out of the buffer."""
        end = _HEAD_END.search(self._buffer)
        if end is None:
            return None
        length = _LENGTH.search(self._buffer, 0, end.end())
        size = end.end() + (int(length[1]) if length else 0)
        if len(self._buffer) < size:
            return None
        request = bytes(self._buffer[:size])
        del self._buffer[:size]
        return request

    def _answer(self, request: bytes, reply: Reply) -> None:
        """Log, then send: who has the last byte finds the exchange whole in the log."""
        parts = (
            (REQUEST, request),
            (INTERIM, reply.interim),
            (RESPONSE, reply.response),
            (SURPLUS, reply.surplus),
        )
        closing = reply.after is After.CLOSE or (
            reply.after is After.KEEP and _CLOSE.search(request) is not None
        )
        self._doomed = reply.after is After.DOOM
        if reply.echo:
            self._echoes = True
            self._log(*parts)
            self._send(reply.response)
            return
        if reply.more:
            self._log(*parts)
            self._send(reply.interim, reply.response)
            self._stream = asyncio.get_running_loop().create_task(self._pour(reply, closing=closing))
            return
        self._log(*parts, (END, CUT.encode() if reply.cut else WHOLE.encode()))
        self._send(reply.interim, reply.response + reply.surplus)
        if closing:
            self._transport.close()

    async def _pour(self, reply: Reply, *, closing: bool) -> None:
        for piece in reply.more:
            await asyncio.sleep(reply.pause)
            await self._ready.wait()
            self._log((RESPONSE, piece))
            self._send(piece)
        self._log((END, CUT.encode() if reply.cut else WHOLE.encode()))
        self._stream = None
        if not closing:
            self._serve()
        if closing or (self._half_closed and self._stream is None):
            self._transport.close()

    def _send(self, *pieces: bytes) -> None:
        for piece in filter(None, pieces):
            self._transport.write(piece)

    def _log(self, *parts: tuple[int, bytes]) -> None:
        if self._server.log:
            self._server.log.add(self._number, self._exchange, *parts)
