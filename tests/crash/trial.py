"""One seeded trial: crawls of one archive that are killed, starved of disk or cut off, then one to the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain
from random import Random

from tests.crash.crawl import Crawl, Home, verify
from tests.crash.cut import cut
from tests.crash.disk import Order
from tests.crash.judge import judge
from tests.crash.plans import CUT, FULL, Plan, plans
from tests.site import FAULTS, SEED_ID, Site, id_of, seed_ids

ARTICLES = 60  #: of the site
MORE = 9  #: ids that a crawl is asked for beyond those of the one before
SLOW = {"DOWNLOAD_DELAY": "0.1", "CONCURRENT_REQUESTS_PER_DOMAIN": "1"}  #: a kill at any moment finds work
PICKED = (
    "status_404 status_410 status_403_block soft_404 redirect_other_301 redirect_private redirect_self empty_body"
    " body_cut chunked_odd gzip http10_no_length no_reason head_cut empty_reply status_304_unasked"
).split()  #: faults that are over in a moment


class Trial:
    """One seed's archive, and what happened to it."""

    def __init__(self, seed: int, site: Site, home: Home) -> None:
        self._rng = Random(f"trial {seed}")
        self._seed, self._site, self._home = seed, site, home
        self._ids = chosen(self._rng)
        self._links = self._rng.random() < 0.3
        self._requisites = seed % 2  # behind the articles, also when a kill comes
        self._bytes = str(self._rng.choice((4_000, 15_000, 60_000)))
        self._asked = 0
        self.kills: Counter[str] = Counter()

    def run(self) -> None:
        """All of it; AssertionError names what is broken."""
        for plan in plans(self._seed):
            earlier = (replace(plan, nth=1, moment=plan.moment / 4**attempt) for attempt in range(1, 4))
            if any(map(self._crawl, chain([plan], earlier))):
                self.kills[plan.phase] += 1
            else:  # the crawls that came to their end have taken all ids: nobody is left to be killed
                assert self._asked == len(self._ids), f"{plan} was never reached"
        self._to_the_end()

    def _to_the_end(self) -> None:
        everything = () if self._links else (self._ids_argument(len(self._ids)),)
        if self._links:
            self._whole(self._ids_argument(len(self._ids)))
        self._whole(*everything)
        self._home.wait_for_writers()
        left = self._home.left_in_spool()
        assert not left, f"the spool still holds {left}"
        self._cut()  # what is committed outlives it
        judge(self._home.archive, self._ids, self._site, links=self._links)
        code, said = verify(self._home)
        assert code == 0, said

    def _whole(self, *arguments: str) -> None:
        with self._start(arguments) as crawl:
            code = crawl.wait()
            assert code in (0, 4), f"exit {code}: {crawl.said[-3000:]}"

    def _crawl(self, plan: Plan) -> bool:
        """One crawl that comes to a bad end; False if it was over before that."""
        self._asked = min(self._asked + MORE, len(self._ids))
        journal = self._home.journal
        hits = journal.count("hit")
        act = "" if not plan.point else "full" if plan.phase == FULL else "die"
        order = Order(
            journal=str(journal.path),
            act=act or "none",
            point=plan.point,
            nth=plan.nth,
            role=plan.role,
            both=plan.both,
            after=plan.after,
        )
        slow = {} if plan.point else SLOW
        with self._start((self._ids_argument(self._asked),), order, **slow) as crawl:
            if plan.point:
                code, hit = crawl.wait(), journal.count("hit") > hits
            else:
                code, hit = crawl.wait_and_kill(plan.role, plan.moment, journal)
            self._home.wait_for_writers()
            self._check(plan, code, hit=hit, said=crawl.said)
        if hit and plan.phase == CUT:
            self._cut()
        journal.full.unlink(missing_ok=True)
        return hit

    def _check(self, plan: Plan, code: int, *, hit: bool, said: str) -> None:
        """A crawl that was not killed itself ends with the right code and a sentence."""
        if not hit:
            allowed = (0, 4)
        elif plan.phase == FULL or (plan.role == "writer" and not plan.both):
            allowed = (6,)
        else:
            allowed = (-9,)
        assert code in allowed, f"{plan} ended with {code}, not {allowed}: {said[-3000:]}"
        if code == 6:
            assert said.rstrip().endswith("What was committed is safe. (exit 6)"), said[-3000:]

    def _cut(self) -> None:
        if self._rng.random() < 0.5:
            for path in self._home.archive.glob("ledger.db*"):
                path.unlink()
        cut(self._home.journal, self._home.disk, self._rng)

    def _ids_argument(self, many: int) -> str:
        return "ids=" + ",".join(map(str, self._ids[:many]))

    def _start(self, arguments: tuple[str, ...], order: Order | None = None, **settings: str) -> Crawl:
        follow = "links" if self._links else "none"
        return Crawl(
            self._home,
            self._site,
            *arguments,
            f"discover={follow}",
            f"requisites={self._requisites}",
            order=order,
            SEGMENT_BYTES=self._bytes,
            SEGMENT_SECONDS="1",
            **settings,
        )


def chosen(rng: Random) -> list[int]:
    """A few dozen ids: articles of each kind, the seed page twice, quick faults."""
    articles = [id_of(n) for n in range(ARTICLES)]
    faults = [FAULTS[name] for name in PICKED]
    ids = [*rng.sample(articles, 32), *rng.sample(faults, 8), SEED_ID, rng.choice(seed_ids())]
    rng.shuffle(ids)
    return ids
