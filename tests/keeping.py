"""An archive made by hand, exchange by exchange: for tests of what is made of archives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from crawler import archive, commits, committing, layouts, warc
from crawler.browser.page import DOM_LOOK, LOOKS, Look
from crawler.disk import Disk
from crawler.drafts import Draft
from crawler.items import ArticleId, Exchange, Page, RecordRef, Resource, Stored
from crawler.ledger import Ledger, open_ledger
from crawler.segment import Segment, sealed
from crawler.spool import Spool
from crawler.stores import Store, open_store
from tests import takes

WORKER = "000000aa"


@dataclass(slots=True)
class Keeper:
    """Fills an archive: `fetch` what is wanted, then `commit` it as a segment."""

    store: Store
    ledger: Ledger
    spool: Spool
    ids: Iterator[UUID] = field(default_factory=takes.new_ids)
    payloads: dict[bytes, Stored] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)
    segment: Segment | None = None
    serial: int = 0

    def fetch(
        self,
        url: str,
        body: bytes,
        kind: str = "",
        *,
        on: str = "2026-11-23",
        status: str = "200 OK",
        interim: bytes = b"",
    ) -> None:
        """An exchange, as a revisit if the payload is there; `interim` came before it."""
        self._write(replace(_exchange(url, body, kind, on, status, next(self.ids)), interim=interim))

    def take(self, id: int, body: str, *, on: str = "2026-11-23") -> None:
        """A page fetched for an id, and what became of it."""
        url = f"http://anapress.net/a/{id}"
        kind = "text/html; charset=utf-8"
        exchange = _exchange(url, body.encode(), kind, on, "200 OK", next(self.ids))
        ref, whole = self._write(exchange)
        date = warc.warc_date(exchange.began)
        page = Page(id=ArticleId(id), url=url, captured_at=date, body=body.encode(), content_type=kind)
        self.taken[id] = self.taken.get(id, 0) + 1
        take = takes.take(id, self.taken[id], layouts.read(page, 200), exchange)
        self._open().draft(Draft.of(take, ref, whole))

    def show(self, id: int, body: str, dom: str) -> None:
        """A page that a browser made of what was fetched for an id, and its text beside it."""
        url, kind = f"http://anapress.net/a/{id}", "text/html; charset=utf-8"
        exchange = _exchange(url, body.encode(), kind, "2026-11-23", "200 OK", next(self.ids))
        self._write(exchange)
        ref = self._made(exchange, DOM_LOOK, dom.encode())
        self._made(exchange, LOOKS["text"], b"its text")
        page = Page(
            id=ArticleId(id),
            url=url,
            captured_at=warc.warc_date(exchange.began),
            body=dom.encode(),
            content_type=kind,
        )
        self.taken[id] = self.taken.get(id, 0) + 1
        take = takes.take(id, self.taken[id], layouts.read(page, 200), exchange)
        self._open().draft(Draft.of(take, ref, ref))

    def commit(self) -> commits.Commit:
        """What was fetched since the last commit, committed."""
        segment = self._open()
        segment.seal()
        self.segment = None
        made = sealed(self.spool, segment.name, Disk())
        committing.commit(made, self.store, self.ledger, Disk(), lambda: datetime(2026, 12, 1, tzinfo=UTC))
        newest = commits.read(self.store, self.ledger.n())
        assert newest is not None
        return newest

    def log(self) -> list[commits.Commit]:
        return list(commits.log(self.store))

    def _write(self, exchange: Exchange) -> tuple[RecordRef | None, RecordRef | None]:
        """Where the record lies, and the one that holds its payload."""
        digest = sha256(exchange.body if isinstance(exchange.body, bytes) else b"").digest()
        ref, whole = self._open().add(exchange, warc.measure(exchange), self.payloads.get(digest))
        if whole:
            self.payloads.setdefault(digest, whole)
        known = self.payloads.get(digest)
        return ref, known.record if known else ref

    def _made(self, of: Exchange, look: Look, block: bytes) -> RecordRef:
        return self._open().keep(
            Resource(
                id=next(self.ids),
                uri=look.uri + of.url,
                began=of.began,
                content_type=look.content_type,
                block=block,
                page=of.id,
            )
        )

    def _open(self) -> Segment:
        if self.segment is None:
            self.serial += 1
            name = f"anapress-20261123094654-{WORKER}-{self.serial:05d}"
            self.segment = Segment(
                self.spool, name, Disk(), new_id=lambda: next(self.ids), opened=takes.BEGAN, about={}
            )
        return self.segment


def _exchange(url: str, body: bytes, kind: str, on: str, status: str, id: UUID) -> Exchange:
    began = datetime.fromisoformat(f"{on}T10:08:00+00:00")
    plain = takes.exchange(url, body, id=id, status=status, began=began)
    return replace(
        plain, head=plain.head[:-2] + (f"Content-Type: {kind}\r\n" if kind else "").encode() + b"\r\n"
    )


@contextmanager
def keeping(folder: Path) -> Iterator[Keeper]:
    """A new archive in folder/archive."""
    store = open_store(str(folder / "archive"), Disk())
    home = archive.ensure(store, None, lambda: UUID(int=5))
    with closing(open_ledger(f"sqlite://{folder}/ledger.db")) as ledger:
        ledger.bind(home.id)
        spool = Spool.claim(folder / "spool", WORKER, home.id, Disk())
        try:
            yield Keeper(store, ledger, spool)
        finally:
            spool.close()
