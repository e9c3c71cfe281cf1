"""What a browser showed of an article, and how much of it that was: scores from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from crawler.fingerprint import normalised

LISTED = 20  #: addresses that a report lists of one article


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A replayed page as the browser had it."""

    text: str = ""  #: all that was visible
    pictures: dict[str, bool]  #: by address, whether it was shown
    requests: dict[str, int | None]  #: by address, the archived answer's status; None: the archive has none
    outside: tuple[str, ...] = ()  #: asked for elsewhere than in the archive, and refused
    trouble: str | None = None  #: why the page was not seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """An article's scores; the fields are the report's, in its order."""

    id: str
    url: str
    captured_at: str
    text: float  #: of the item's words, those that were seen, in their order
    pictures: float  #: shown, of those that the site had
    requests: float  #: answered by the archive, with whatever status
    resources: dict[str, int]  #: good and bad
    unanswered: tuple[str, ...]
    outside: tuple[str, ...]
    trouble: str | None


def judged(item: dict[str, Any], view: View, left_out: Callable[[str], bool] = lambda _: False) -> Judgement:
    """What the view shows of an item line; what is left out on purpose is no miss."""
    requests = {url: status for url, status in view.requests.items() if not left_out(url)}
    unanswered = sorted(url for url, status in requests.items() if status is None)
    pictures = [(url, shown) for url, shown in view.pictures.items() if not left_out(url)]
    had = [shown for url, shown in pictures if (requests.get(url) or 200) < 400]
    good, bad = len(requests) - len(unanswered), len(unanswered)
    return Judgement(
        id=item["id"],
        url=item["url"],
        captured_at=item["captured_at"],
        text=0.0 if view.trouble else alike([item["title"], *item["paragraphs"]], view.text),
        pictures=_share(sum(had), len(had)),
        requests=_share(good, len(requests)),
        resources={"good": good, "bad": bad},
        unanswered=tuple(unanswered[:LISTED]),
        outside=view.outside[:LISTED],
        trouble=view.trouble,
    )


def alike(wanted: Iterable[str], seen: str) -> float:
    """How much of these texts was seen: of each as much as the line that is most like it has of its words."""
    whole, lines = normalised(seen), [normalised(line).split() for line in seen.splitlines()]
    found = total = 0.0
    for text in filter(None, map(normalised, wanted)):
        words = text.split()
        total += len(words)
        found += len(words) * (1.0 if text in whole else _best(words, lines))
    return round(found / total, 3) if total else 1.0


def _best(words: list[str], lines: Iterable[list[str]]) -> float:
    matcher, best = SequenceMatcher(None, autojunk=False), 0.0
    matcher.set_seq2(words)
    for line in lines:
        matcher.set_seq1(line)
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
            best = max(best, matcher.ratio())
    return best


def _share(some: int, all: int) -> float:
    return round(some / all, 3) if all else 1.0
