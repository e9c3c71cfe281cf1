"""What a run leaves on the terminal: what became of the ids, what was made, what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from crawler.items import ARTICLES, ArticleId, Outcome
from crawler.made import Made
from crawler.runs import Run, Search, kind_of
from crawler.wording import counts, number, size, span

REASONS = 5  #: of an outcome, that are told
HOSTS = 3  #: that requisites lie on, and that we don't ask

Examples = Mapping[tuple[str, str], Collection[ArticleId]]
"""Some ids of each outcome and kind of reason."""


def summary(run: Run, made: Made, examples: Examples, where: str = "", crawl: str = "crawl anapress") -> str:
    """Lines, or nothing of a run that took nothing.

    `where` stands behind the commands that it names; `crawl` is the one that goes on.
    """
    found = [_found(run.search)] if run.search and run.search.pages else []
    if not run.outcomes:
        return "".join(f"{line}\n" for line in found)
    outcomes, needed = _outcomes(run, examples), _needed(run)
    lines = [_taken(run), *outcomes, *found, *needed, _files(made), *_next(run, where, crawl)]
    return "".join(f"{line}\n" for line in lines)


def _taken(run: Run) -> str:
    return f"{number(sum(run.outcomes.values()), 'take')} in {span((run.end - run.start).total_seconds())}"


def _outcomes(run: Run, examples: Examples) -> Iterator[str]:
    for outcome, count in sorted(run.outcomes.items(), key=lambda pair: -pair[1]):
        yield f"  {count:>9,} {outcome}"
        reasons = _kinds(run.reasons.get(outcome, {})).most_common()
        for reason, times in reasons[:REASONS]:
            yield f"  {times:>18,} {reason}{_such_as(examples.get((outcome, reason), ()), times)}"
        if rest := reasons[REASONS:]:
            yield f"  {sum(times for _, times in rest):>18,} for {len(rest)} other reasons"


def _needed(run: Run) -> Iterator[str]:
    if not (told := run.requisites):
        return
    missing = f"; missing: {counts(told['missing'])}" if told["missing"] else ""
    yield f"needed    {number(told['taken'], 'requisite')}{missing}"
    if hosts := dict(list(told["elsewhere"].items())[:HOSTS]):
        yield f"elsewhere {counts(hosts)}: -a requisites_hosts={','.join(hosts)} takes them, too"


def _found(search: Search) -> str:
    ways = ", ".join(f"{count} {found}" for found, count in search.found.items())
    told = f"{number(sum(search.found.values()), 'new id')}" + (f" ({ways})" if ways else "")
    far = "" if search.over else " so far: the search was broken off"
    return f"found     {told} on {number(search.pages, 'page')}{far}"


def _kinds(reasons: Mapping[str, int]) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for reason, times in reasons.items():
        kinds[kind_of(reason)] += times
    return kinds


def _such_as(ids: Collection[ArticleId], times: int) -> str:
    if not ids:
        return ""
    return (" of " if len(ids) == times else ", such as ") + ", ".join(map(str, ids))


def _files(made: Made) -> str:
    parts = (
        number(made.commits, "commit"),
        number(made.files["warc"], "WARC"),
        number(made.counts["items"], "item line"),
        number(made.counts["outcomes"], "outcome line"),
    )
    return f"made      {', '.join(parts)}; {size(made.bytes.total())}"


def _next(run: Run, where: str, crawl: str) -> Iterator[str]:
    if run.outcomes.get(Outcome.FAILED):
        yield f"again     scrapy ids requeue --outcome failed{where}"
    if run.left or run.outcomes.get(Outcome.FAILED) or run.requisites.get("dropped"):
        yield f"go on     scrapy {crawl}{where}"
    yield f"prove     scrapy verify{where}"
    if any(run.outcomes.get(outcome) for outcome in ARTICLES):
        yield f"export    scrapy export articles.jsonl{where}"
