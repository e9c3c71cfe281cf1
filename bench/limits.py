"""Where a fleet's next limit lies: what so many workers ask of each part, by what one page costs there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SEGMENT_SECONDS = 900.0  #: of an archive in S3
REQUESTS = 16  #: that one worker has under way at most, CONCURRENT_REQUESTS
LOOKS = 10.0  #: a second, at a host's budget, of a worker that waits for its turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """As measured."""

    worker: float  #: seconds of the processor a page, in a worker's processes
    redis: float  #: the same in the server
    look: float  #: of the server, each time that a worker looks whether its turn has come
    commits: float = 5.0  #: a second, that the log takes of all together (bench.contention)
    memory: float = 0.17e9  #: bytes of one worker (docs/speed.json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """How fast those that are crawled may be asked."""

    name: str
    answer: float  #: seconds that an answer takes
    most: float = float("inf")  #: requests a second that they allow to all workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What so many workers come to."""

    workers: int
    pages: float  #: a second
    redis: float  #: of a core
    commits: float  #: a second
    memory: float  #: bytes, of all workers
    limit: str
    remedy: str


CORES = "their cores", "more workers"
SITES = "the answers' time", "more workers, or CONCURRENT_REQUESTS"
BUDGET = "the site's budget", "nothing: fewer workers do as well"
REDIS = "Redis, one core", "several archives, each with its ids and its Redis"
LOG = "the log", "SEGMENT_SECONDS=3600"


def load(workers: int, sites: Sites, costs: Costs) -> Load:
    """Each takes what its core and the answers allow, until something that all share is used up."""
    alone, by_answers = 1 / costs.worker, REQUESTS / sites.answer
    pages = workers * min(alone, by_answers)
    limit = CORES if alone < by_answers else SITES
    waiting = 0.0
    if pages > sites.most:
        pages, limit, waiting = sites.most, BUDGET, workers * LOOKS * costs.look
    redis, commits = pages * costs.redis + waiting, workers / SEGMENT_SECONDS
    if redis > 1:
        pages, redis, limit = max(1 - waiting, 0) / costs.redis, 1.0, REDIS
    if commits > costs.commits:
        commits, limit = costs.commits, LOG
    return Load(
        workers=workers,
        pages=pages,
        redis=redis,
        commits=commits,
        memory=workers * costs.memory,
        limit=limit[0],
        remedy=limit[1],
    )


def table(sites: list[Sites], workers: tuple[int, ...], costs: Costs) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| sites | workers | pages/s | Redis | commits/s | their memory | limit | what to do |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in sites:
        for count in workers:
            at = load(count, each, costs)
            yield (
                f"| {each.name} | {count:,} | {at.pages:,.0f} | {at.redis:.0%} | {at.commits:.2g} "
                f"| {at.memory / 1e9:.3g} GB | {at.limit} | {at.remedy} |"
            )
