"""What decisions ask, read ahead: a question to a server for each id and text would take a commit's time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from crawler.items import ArticleId
from crawler.ledger import Known, Standing
from crawler.lines import Original


@dataclass(frozen=True, slots=True)
class Ahead:
    """Some ids and texts as the ledger has them; what else is asked for, the ledger answers."""

    ledger: Known
    standings: Mapping[ArticleId, Standing]
    originals: Mapping[str, Original | None]

    def standing(self, id: ArticleId) -> Standing:
        there = self.standings.get(id)
        return self.ledger.standing(id) if there is None else there

    def logged(self, id: ArticleId) -> bool:
        there = self.standings.get(id)
        return self.ledger.logged(id) if there is None else there.outcome is not None

    def unlogged(self, ids: Iterable[ArticleId]) -> Iterator[ArticleId]:
        return self.ledger.unlogged(ids)

    def version(self, id: ArticleId, content_hash: str) -> int | None:
        there = self.standings.get(id)
        if there is not None and not there.versions:
            return None
        if there is not None and there.version is not None and there.content_hash == content_hash:
            return there.version
        return self.ledger.version(id, content_hash)

    def original(self, content_hash: str) -> Original | None:
        if content_hash in self.originals:
            return self.originals[content_hash]
        return self.ledger.original(content_hash)

    def among(self, ids: Iterable[ArticleId], texts: Iterable[str]) -> Known:
        return self.ledger.among(ids, texts)
