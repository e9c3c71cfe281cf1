"""What the audit says of a 304: it is proved by the page that its record names, or not at all."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from crawler import archive, committing
from crawler.audit import audit
from crawler.disk import Disk
from crawler.items import ArticleId, Exchange, Page, Stored
from crawler.layouts import read
from crawler.ledger.sqlite import SqliteLedger
from crawler.segment import sealed
from crawler.site import url_of
from crawler.spool import Spool
from crawler.stores.local import LocalStore
from crawler.validators import Validators
from crawler.warc import measure, warc_date
from crawler.writer.process import Plan, Writer
from tests import takes
from tests.site import id_of
from tests.site.answers import Visit, html
from tests.site.held import shortened
from tests.site.world import World

ID = ArticleId(id_of(3))
HELD = Validators('"1"')


def capture(number: int, body: bytes, **more) -> Exchange:
    return takes.exchange(url_of(ID), body, id=UUID(int=number), **more)


PAGE = capture(1, html(World(), ID).encode())
OTHER = capture(2, shortened(Visit(ID, 1, 0, World(), b"")))
BUSY = capture(3, b"<h1>Service unavailable</h1>", status="503 Service Unavailable")
SAME = capture(4, b"", status="304 Not Modified", asked=HELD)


class Mistaken(SqliteLedger):
    """A ledger that takes another record of the URL for the one that a 304 speaks of."""

    named = PAGE

    def validated(self, id: ArticleId, held: Validators) -> Stored | None:
        measured = measure(self.named)
        return self.stored(measured.sha256, measured.length, measured.payload_digest)


def told(home: Path, named: Exchange) -> list[str]:
    """What the audit says of an archive whose second take is a 304 that names this exchange's record."""
    disk = Disk()
    store = LocalStore(home / "archive", disk)
    card = archive.ensure(store, None)
    spool = Spool.claim(home / "spool", "000000aa", card.id, disk)
    with closing(Mistaken(home / "ledger.db")) as ledger:
        ledger.named = named
        for orders in ((PAGE, OTHER, BUSY, takes.take(ID, 1, article(), PAGE, etag='"1"')), (SAME, again())):
            segment(spool, ledger, disk, orders, store)
    spool.close(remove=True)
    return [fault.what for fault in audit(store).faults]


def segment(spool: Spool, ledger: SqliteLedger, disk: Disk, orders, store: LocalStore) -> None:
    """These orders as one segment, committed."""
    plan = Plan(
        spool=str(spool.folder), ledger="", disk="", segment_bytes=1 << 30, segment_seconds=1e9, about={}
    )
    writer = Writer(plan, spool, ledger, disk, lambda _: None)
    writer._serial = ledger.n()  # so that no two segments have one name
    for order in orders:
        writer.take(order)
    writer.seal()
    (name,) = spool.segments()
    committing.commit(sealed(spool, name, disk), store, ledger, disk, lambda: takes.BEGAN)
    spool.drop(name)


def article():
    return read(
        Page(id=ID, url=url_of(ID), captured_at=warc_date(PAGE.began), body=PAGE.body, content_type=""), 200
    )


def again():
    return takes.take(ID, 2, None, SAME, etag='"1"')


def test_a_304_that_names_the_page_whose_text_stands_is_sound(tmp_path) -> None:
    assert told(tmp_path, PAGE) == []


@pytest.mark.parametrize(
    ("named", "what"),
    [(OTHER, "has another URL or another text"), (BUSY, "gives no article: http_503")],
    ids=["another text", "a refusal"],
)
def test_a_304_that_names_anything_else_is_a_fault(tmp_path, named, what) -> None:
    assert any(what in said for said in told(tmp_path, named))
