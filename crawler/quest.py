"""A search for ids, as far as a run has to do with it: one worker makes it, and the ledger knows which.

There stands, too, that one was cut off, by a kill or by its run's end: no promise rests on that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from crawler import runs
from crawler.arguments import Arguments, Wanted
from crawler.ledger import Ledger
from crawler.stores import Store

SITE, LISTS = "site", "cdx"  #: where ids are looked for, as `-a discover=` has it


class Quest:
    """Where one worker may look for ids, and whether that has fallen to it. All methods block."""

    def __init__(
        self, place: str | None, ledger: Ledger, store: Store, worker: str, *, adds: bool, alone: bool
    ) -> None:
        self.place = place
        self.ours = False  #: we search, before all else
        self._adds = adds  # what is found: else ours is nobody's but our own
        self._joins = not alone  # we wait for others' searches, and go on with them
        self._ledger, self._store, self._worker = ledger, store, worker

    @classmethod
    def begun(
        cls,
        arguments: Arguments,
        wanted: Wanted,
        ledger: Ledger,
        store: Store,
        worker: str,
        *,
        alone: bool,
    ) -> Self:
        """A run's; `alone`, it need not care who else searches."""
        quest = cls(_place(arguments, wanted), ledger, store, worker, adds=arguments.add, alone=alone)
        due = quest.place is not None and _is_due(quest.place, arguments, wanted, ledger, store)
        # a list that can't be had ends a run: one that has ids to take does not go on with it first
        if arguments.add and (due or quest.place == SITE):
            quest._ask(due=due)
        quest.ours = quest.ours or (due and (alone or not arguments.add))
        return quest

    def others(self) -> bool:
        """Whether another worker searches where we may; if none does who should, that falls to us."""
        return self._joins and self._ask(due=False)

    def renew(self, ledger: Ledger) -> None:
        """Say that we search, if we do: a server that was emptied does not know."""
        if self.ours and self._adds and self.place is not None:
            ledger.search(self._worker, self.place, due=True)

    def end(self, *, over: bool) -> None:
        """We have searched. What is not over, others go on with: we would fare no better."""
        self.ours, self._joins = False, self._joins and over
        if self.place is not None:
            self._ledger.searched(self._worker, self.place, over=over)

    @property
    def sections(self) -> Sequence[str]:
        """Those of the site that earlier runs walked to their end."""
        last = runs.last_search(self._store)
        return last.sections if last else ()

    def _ask(self, *, due: bool) -> bool:
        if self.place is None:
            return False
        seeker = self._ledger.search(self._worker, self.place, due=due)
        self.ours = seeker == self._worker
        return seeker is not None and not self.ours


def _place(arguments: Arguments, wanted: Wanted) -> str | None:
    """Where the run may look for ids: where it is told to, and else as it takes whatever is left."""
    if arguments.discover in (SITE, LISTS):
        return arguments.discover
    if arguments.discover or wanted.ids is not None:
        return None
    return LISTS if arguments.lists_first else SITE


def _is_due(place: str, arguments: Arguments, wanted: Wanted, ledger: Ledger, store: Store) -> bool:
    """Whether a search was asked for, is all that can be done, or was cut off in the run before."""
    if arguments.discover:
        return True
    empty = not ledger.counts().known
    if place == LISTS:
        return empty
    last = runs.last_search(store, among=1)
    return (empty and not wanted.forever) or (last is not None and not last.over)
