"""The requisites of a run: those that wait to be asked for, and what became of the others."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from crawler.items import ArticleId
from crawler.ledger.roster import Claims

MOST = 1000  #: that wait; while there are more, no new id is begun
LISTED = 200  #: of those that are missing, that the run's file names
DROPPED = 2000  #: of those that the run's end dropped, that it names: the next run asks for them
HOSTS = 20  #: of others, that it names
WITH_OTHERS = 10_000  #: that other workers have claimed; more of these we take ourselves, too
HELD = "too_large"  #: why one is missing of which the archive has what there is to be had


@dataclass(frozen=True, slots=True)
class Need:
    """One requisite, to be asked for."""

    url: str
    page: ArticleId  #: whose page needed it first
    depth: int = 0  #: styles and redirects between that page and it

    def told(self) -> dict[str, Any]:
        """As a run's file has it."""
        return {"url": self.url, "page": str(self.page), "depth": self.depth}

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """The same read back; an error where it is none."""
        return cls(str(raw["url"]), ArticleId(int(raw["page"])), int(raw["depth"]))


@dataclass(frozen=True, slots=True)
class Missing:
    """A requisite that the archive lacks, and why."""

    url: str
    page: str
    reason: str


class Needs:
    """Those found are claimed, those claimed wait, then fly; `room` is called when few enough wait again.

    What another worker has claimed is with others, until the archive has it or it falls to us.
    """

    def __init__(self, room: Callable[[], None] = lambda: None) -> None:
        self._room = room
        self._found: dict[str, Need] = {}  # the archive may have them
        self._with_others: dict[str, Need] = {}
        self._waiting: deque[Need] = deque()
        self._flying: dict[str, Need] = {}
        self._let_go: list[str] = []  # others may claim them
        self._missing: list[Missing] = []
        self._dropped: list[Need] = []
        self.taken = 0
        self.missing: Counter[str] = Counter()  #: how many, by reason
        self._elsewhere: Counter[str] = Counter()

    @property
    def flying(self) -> int:
        return len(self._flying)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def left(self) -> int:
        """How many have not come to their end."""
        return self.ours + len(self._with_others)

    @property
    def ours(self) -> int:
        """The same, but for those that are with others."""
        return len(self._found) + len(self._waiting) + len(self._flying)

    @property
    def remaining(self) -> Sequence[Need]:
        """Those that this run leaves to the next, as it stands."""
        return (*self._dropped, *self._not_ended())

    @property
    def full(self) -> bool:
        """Whether so many wait that nothing should be begun that needs more."""
        return len(self._found) + len(self._waiting) >= MOST

    @property
    def counts(self) -> dict[str, int]:
        """Those taken, missing and waiting, as far as there are any."""
        each = {"taken": self.taken, "missing": self.missing.total(), "waiting": self.left}
        return {name: count for name, count in each.items() if count}

    def find(self, needs: Iterable[Need]) -> None:
        for need in needs:
            if need.url not in self._with_others:
                self._found.setdefault(need.url, need)

    def found(self) -> Sequence[Need]:
        """Those that are not claimed yet."""
        return tuple(self._found.values())

    def with_others(self) -> Sequence[Need]:
        """Those that another worker had claimed when that was asked last."""
        return tuple(self._with_others.values())

    def claimed(self, asked: Sequence[Need], claims: Claims) -> None:
        """Of those that were asked about, these are to be had; the archive has the rest."""
        was_full = self.full
        for need in asked:
            self._found.pop(need.url, None)
            self._with_others.pop(need.url, None)
            theirs = need.url in claims.others
            if theirs and len(self._with_others) < WITH_OTHERS:
                self._with_others[need.url] = need
            elif theirs or need.url in claims.ours:
                self._waiting.append(need)
        self._tell(was_full=was_full)

    def unclaimed(self) -> Sequence[str]:
        """The URLs that others may claim by now, each told once."""
        urls, self._let_go = self._let_go, []
        return urls

    def next(self) -> Need:
        """The one that has waited longest; it flies now."""
        was_full = self.full
        need = self._waiting.popleft()
        self._flying[need.url] = need
        self._tell(was_full=was_full)
        return need

    def take(self, need: Need, *, held: bool = True) -> None:
        """It came; `held`, the archive has it for good with the next commit."""
        self._land(need, held=held)
        self.taken += 1

    def miss(self, need: Need, reason: str) -> None:
        """It did not come, or not whole, or was not asked for."""
        self._land(need, held=reason == HELD)
        self._lack(need, reason)

    def pass_by(self, host: str) -> None:
        """One is on a host that we don't ask."""
        if host in self._elsewhere or len(self._elsewhere) < MOST:
            self._elsewhere[host] += 1

    def drop(self) -> None:
        """The run is over: what has not come to its end is left to the next."""
        if dropped := self._not_ended():
            self._dropped += dropped
            self.missing["dropped"] += len(dropped)
        self._flying.clear()
        self._waiting.clear()
        self._found.clear()
        self._with_others.clear()

    def told(self) -> dict[str, Any]:
        """What the run's file says of them; nothing of a run that needed none."""
        if not (self.taken or self.missing or self._elsewhere):
            return {}
        return {
            "taken": self.taken,
            "missing": dict(self.missing.most_common()),
            "elsewhere": dict(self._elsewhere.most_common(HOSTS)),
            "listed": [asdict(each) for each in self._missing],
            "dropped": [need.told() for need in self._dropped[:DROPPED]],
            "unlisted": self.missing.total() - len(self._missing) - len(self._dropped[:DROPPED]),
        }

    def _not_ended(self) -> Sequence[Need]:
        ours = (*self._flying.values(), *self._waiting, *self._found.values())
        return (*ours, *self._with_others.values())

    def _land(self, need: Need, *, held: bool) -> None:
        """It flies no more, if it did; what the archive will not have for good may be another's."""
        if self._flying.pop(need.url, None) is not None and not held:
            self._let_go.append(need.url)

    def _tell(self, *, was_full: bool) -> None:
        if was_full and not self.full:
            self._room()

    def _lack(self, need: Need, reason: str) -> None:
        self.missing[reason] += 1
        if len(self._missing) < LISTED:
            self._missing.append(Missing(need.url, str(need.page), reason))
