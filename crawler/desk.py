"""What one worker asks of its ledger while it crawls, on a connection of its own. All methods block."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import closing

from crawler.errand import BATCH, Errand
from crawler.errors import Damaged
from crawler.items import ArticleId, Lease, Stored
from crawler.ledger import Ledger
from crawler.ledger.roster import Claims
from crawler.quest import Quest
from crawler.stores import Store
from crawler.warc import Record, read_member

SHARE = 32  #: leases taken at once where others want some too


class Desk:
    """Leases and claims in the worker's name; in a thread of its own, beside the worker's commits."""

    def __init__(
        self, ledger: Ledger, store: Store, worker: str, errand: Errand, quest: Quest, *, shared: bool
    ) -> None:
        self._ledger, self._store, self._worker = ledger, store, worker
        self._errand, self._quest = errand, quest
        self._most = SHARE if shared else BATCH

    def lease(self) -> Sequence[Lease]:
        """The next batch; of the asked ids in their order, each asked for once."""
        return self._errand.lease(self._ledger, self._worker, self._most)

    def holds(self) -> bool:
        """Whether there are ids whose takes of ours no commit has brought yet."""
        return self._ledger.leased(self._worker) > 0

    def flies(self, id: ArticleId, *, away: bool) -> None:
        """A lease that workers died of is on its way, or is so no more."""
        self._ledger.flies(id, away=away)

    def tried(self, lease: Lease) -> None:
        """Keep how many attempts at the lease failed: a kill must not give an id as many again."""
        self._ledger.tried(lease)

    def found(self, links: Iterable[ArticleId]) -> None:
        """Make ids that pages link to leasable; their segment brings them into the log."""
        self._errand.more(self._ledger.add(links, "link"))

    def claim(self, urls: Collection[str]) -> Claims:
        """Which of these URLs of requisites are ours to take, and which another worker's."""
        return self._ledger.claim(self._worker, urls)

    def unclaim(self, urls: Collection[str]) -> None:
        """Let others have these."""
        self._ledger.unclaim(self._worker, urls)

    def held(self, url: str, date: str | None) -> tuple[Stored, Record] | None:
        """The newest committed record of this URL, with this WARC-Date if that is said."""
        if (stored := self._ledger.captured(url, date)) is None:
            return None
        if (stream := self._store.read(stored.record.warc)) is None:
            raise Damaged(f"{stored.record.warc} is missing")
        with closing(stream):
            return stored, read_member(stream, stored.record.offset)

    def renew(self) -> None:
        """Say that we live, and search if we do."""
        self._ledger.renew(self._worker)
        self._quest.renew(self._ledger)

    def give_back(self) -> None:
        """Give back what was leased and not taken, and live on."""
        self._ledger.release(self._worker, stays=True)
        self.renew()

    def release(self) -> None:
        """Give back what was leased and not taken: the last step of the thread that leases."""
        self._ledger.release(self._worker)
