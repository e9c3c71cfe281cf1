"""One worker's hold on an archive: its store, ledger, spool and lock. All methods block."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from crawler import archive, commits, committing, runs, snapshots
from crawler.arguments import Arguments, Wanted
from crawler.clock import Clock, utc_now
from crawler.commits import Commit
from crawler.desk import Desk
from crawler.errand import Errand
from crawler.errors import ArchiveError, StoreRefused, WrongUse
from crawler.foreign.elsewhere import Elsewhere
from crawler.housing import Housing
from crawler.items import ArticleId
from crawler.ledger import Ledger
from crawler.lock import Holder, Lock
from crawler.made import Made
from crawler.needlist import Legacy
from crawler.needs import Need
from crawler.quest import Quest
from crawler.recovery import add, changes, recover, told
from crawler.runs import Run, Tally
from crawler.segment import sealed
from crawler.spool import Spool

NO_IDS = (
    "The archive knows no ids yet. Give some: `-a ids=203367206718582`, or `scrapy ids add FILE`; "
    "or let them be found: `-a discover=site`."
)


class Worker:
    """Moves into an archive, commits to it, and moves out again; `desk` leases from it meanwhile."""

    def __init__(self, housing: Housing, clock: Clock = utc_now) -> None:
        self._housing, self._clock = housing, clock
        self._disk = housing.open_disk()
        self._elsewhere = Elsewhere(housing, housing.spool)
        self._open = ExitStack()  # what is to be let go of, in that order backwards
        self._snapshot = 0  # the newest commit that a snapshot of ours covers
        self.moved_in = False
        self.lock: Lock | None = None  #: of the archive, where it has one; renewed beside all else
        self.commits: list[int] = []  #: the numbers of those that we made
        self.made = Made()  #: and what they have brought
        self.took = Tally()  #: what they say
        self.errand = Errand(Wanted())
        self.dropped: Sequence[Need] = ()  #: requisites that runs before did not come to
        self.left = 0
        self.known = 0  #: ids that the archive knows in the end

    def move_in(self, arguments: Arguments) -> None:
        """Bring the archive, its ledger and its spools to where the log is; `spool` is ours from now on."""
        try:
            self._settle_in(arguments)
        except StoreRefused as error:
            raise WrongUse(str(error)) from error  # nothing was fetched yet
        self.moved_in = True

    def _settle_in(self, arguments: Arguments) -> None:
        housing, disk = self._housing, self._disk
        self.errand = Errand(wanted := arguments.wanted(self._clock(), housing.open_object))
        self._store = housing.open_store()
        self._store.preflight()
        barren = wanted.ids is None and not wanted.forever and not arguments.may_walk
        if barren and archive.find(self._store) is None:
            raise WrongUse(NO_IDS)  # before a mistake leaves an archive behind
        home = housing.ensure_archive(self._store)
        commits.look_over(self._store)
        self.spool = Spool.claim(housing.spool, secrets.token_hex(4), home.id, disk)
        self._open.callback(self.spool.close, remove=True)
        self._take_lock()
        self._ledger: Ledger = self._open_ledger()
        self._ledger.bind(home.id)
        self._snapshot = max(snapshots.numbers(self._store), default=0)
        self.home = home.id
        self._recover()
        if wanted.ids is not None:
            self._add(wanted.ids, wanted.found)
        elif barren and not self._ledger.counts().known:
            raise WrongUse(NO_IDS)
        self.errand.begin(self._ledger)
        self._legacy = Legacy(housing.spool, self.spool.worker, home.id)
        if arguments.requisites:
            self.dropped = self._legacy.taken(self._store)
        store, worker = self._store, self.spool.worker
        alone = not (housing.shared and arguments.take)
        self._quest = Quest.begun(arguments, wanted, self._ledger, store, worker, alone=alone)
        leases = self._open_ledger()
        self.desk = Desk(leases, store, worker, self.errand, self._quest, shared=housing.shared)

    @property
    def seeks(self) -> str | None:
        """Where we are to search for ids, before all else."""
        return self._quest.place if self.moved_in and self._quest.ours else None

    def walked(self) -> Sequence[str]:
        """The site's sections that earlier runs walked to their end."""
        return self._quest.sections

    def unknown(self, ids: Iterable[ArticleId]) -> Sequence[ArticleId]:
        """Those of the ids that nobody found yet."""
        return list(self._ledger.unlogged(ids))

    def discovered(self, ids: Sequence[ArticleId], found: str) -> None:
        """Make ids known that the site or an archive names, in one commit."""
        self.errand.more(self._add(ids, found))

    def searched(self, *, over: bool) -> None:
        """We have searched, to the end or as far as we could."""
        self._quest.end(over=over)

    @property
    def waits(self) -> bool:
        """Whether this run waits for what others may bring, once it has nothing to lease."""
        return self._housing.shared or self.errand.wanted.forever

    def await_others(self) -> bool:
        """With nothing to lease: take over from dead workers, and say whether there may be something later.

        What other workers hold may come back, and their pages may have links; so may what they search.
        """
        self._recover()
        searched = self._quest.others()
        return self.seeks is None and (self.errand.lasts(self._ledger) or searched)

    def await_claims(self) -> bool:
        """With nothing to take: take over from dead workers, and say whether all are about to end, as we are.

        Who still leases may commit hours from now what it has claimed.
        """
        if self._ledger.leased():
            return False
        self._recover()
        return True

    def _recover(self) -> None:
        housing = self._housing
        ledger, elsewhere = self._ledger, self._elsewhere
        recover(housing.spool, self.home, self._store, ledger, self._disk, self._clock, elsewhere)

    def remember(self, needs: Sequence[Need]) -> None:
        """Keep which requisites are wanted still, those of the dead among them: a kill must not lose them."""
        self._legacy.keep(needs)

    def release(self) -> None:
        """Give back what was leased and not taken, if we ever moved in."""
        if self.moved_in:
            self.desk.release()

    def commit(self, segment: str) -> Commit:
        """Commit a sealed segment; its copy in the spool goes.

        ArchiveError, with all the rest committed, where a file of others that it refers to was changed.
        """
        made = sealed(self.spool, segment, self._disk)
        changed = changes(made, self._elsewhere)
        made = replace(made, changed=frozenset(changed))
        done = committing.commit(made, self._store, self._ledger, self._disk, self._clock)
        self.commits.append(done.n)
        self.made = self.made.plus(done)
        self._disk.reached("commit/clean")
        self.spool.drop(segment)
        self.took = self.took.plus(commits.outcomes(self._store, done))
        self._snap(snapshots.EVERY)
        if changed:
            raise ArchiveError(told(changed))
        return done

    def finish(self, *, hurried: bool) -> None:
        """Count what is left, and leave a snapshot of what we did unless somebody waits for our end."""
        counts = self._ledger.counts()
        self.left, self.known = counts.left, counts.known
        self.errand.end(self._ledger, counts.left)
        if not hurried:
            self._snap(1)

    def report(self, run: Run) -> None:
        """Leave a run's summary in the archive; it has what is wanted still."""
        runs.keep(run, self._store)
        self.remember(())

    def move_out(self, *, away: bool) -> None:
        """Let go of everything; a spool with nothing in it goes, a store that is away is left alone."""
        with self._open:
            if self.lock is not None and not away:
                self.lock.release()

    def _add(self, ids: Sequence[ArticleId], found: str) -> int:
        return add(ids, found, self.spool, self._store, self._ledger, self._disk, self._clock)

    def _take_lock(self) -> None:
        if self._housing.shared or not self._housing.remote or not self._housing.lock_seconds:
            return  # whoever shares a ledger, or a folder with one, is kept apart by leases
        holder = Holder.here(self.spool.worker, self._clock(), self._housing.lock_seconds)
        root = self._housing.spool
        lock = Lock(self._store, self.spool.folder, holder, dead=partial(Spool.dead, root))
        lock.take()
        self.lock = lock

    def _open_ledger(self) -> Ledger:
        ledger = self._housing.open_ledger(self._store)
        self._open.callback(ledger.close)
        return ledger

    def _snap(self, commits: int) -> None:
        """Leave a snapshot if there are so many commits since the last, for jobs that have no ledger."""
        if self._housing.remote and (n := self._ledger.n()) - self._snapshot >= commits:
            snapshots.save(self._ledger, self._store, self.spool.folder, self._disk)
            self._snapshot = n
