"""What a run has to take: all that is left, or the ids that it was asked for; old articles in a refresh."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from crawler.arguments import Wanted
from crawler.items import ArticleId, Lease
from crawler.ledger import Ledger

BATCH = 256  #: leases taken at once


class Errand:
    """A run's, and how far the ledger says it is done. All methods block."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._asked: Iterable[ArticleId] = ()
        self._as_of = 0  # the newest commit when we began: a refresh takes what was captured by then
        self.settled = 0  #: asked-for ids that were settled already, and are not to be taken again
        self.due = 0  #: ids that this run has or had to take, as far as it is known yet
        self.missed = 0  #: asked-for ids that are still left: somebody else holds them, or we ended early

    def begin(self, ledger: Ledger) -> None:
        """Count what is due; the ids that were asked for are in the ledger by now."""
        ids, before = self.wanted.ids, self.wanted.captured_before
        self._as_of = ledger.n()
        if ids is None:
            self.due = ledger.counts().left + (ledger.aged(before) if before else 0)
        else:
            self._asked = iter(ids)
            self.settled = ledger.done(ids, captured_before=before)
            self.due = len(ids) - self.settled

    def lease(self, ledger: Ledger, worker: str, count: int) -> Sequence[Lease]:
        """The next batch; of the asked ids in their order, each asked for once."""
        before = self.wanted.captured_before
        if self.wanted.ids is None:
            return ledger.lease(worker, count, captured_before=before, as_of=self._as_of)
        while chunk := list(islice(self._asked, BATCH)):
            if batch := ledger.lease(worker, count, among=chunk, captured_before=before, as_of=self._as_of):
                return batch
        return ()

    def more(self, new: int) -> None:
        """So many ids were found."""
        if self.wanted.ids is None:
            self.due += new

    def lasts(self, ledger: Ledger) -> bool:
        """With nothing to lease: whether there may be something later, of what others hold now."""
        if (ids := self.wanted.ids) is None:
            return self.wanted.forever or ledger.leased() > 0
        self._asked = iter(ids)
        return ledger.leased() > 0 and ledger.done(ids) < len(ids)

    def end(self, ledger: Ledger, left: int) -> None:
        """Count what we did not come to."""
        ids = self.wanted.ids
        self.missed = left if ids is None else len(ids) - ledger.done(ids)
