"""What is done to which crawl of a trial: the phases in their turn, the rest by the seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

KILLS = 4  #: crawls of a trial that don't come to their end

STEPS = (
    "commit/put",
    "commit/follow",
    "commit/decide",
    "commit/put/items",
    "commit/put/outcomes",
    "commit/create",
    "commit/apply",
    "commit/clean",
)
CALLS = ("write", "sync", "folder", "rename", "link", "remove")
WRITERS = ("checkpoint/warc", "checkpoint/journal", "seal")
RECOVERY = ("recover", "recover/release")
RANDOM = ("random/crawl", "random/writer", "random/both")
CUT, FULL = "cut", "full"
FIRST = (*RANDOM, *CALLS, *WRITERS, *STEPS)
PHASES = (*FIRST, *RECOVERY, CUT, FULL)
_BETWEEN = (CUT, RECOVERY[0], CUT, FULL, RECOVERY[1])
LATER = tuple(
    phase for turn, each in enumerate(FIRST) for phase in (each, _BETWEEN[turn % len(_BETWEEN)])
)  #: there is something to recover then

OFTEN = {"write": 60, "sync": 20, "folder": 12, "rename": 6, "link": 8, "remove": 10}
OFTEN |= {"checkpoint/warc": 6, "checkpoint/journal": 6, "recover/release": 1}  #: how late a kill may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One crawl's end."""

    phase: str
    point: str  #: of the disk; empty for a kill at a random moment
    nth: int
    role: str
    both: bool
    after: bool
    moment: float  #: seconds from its first durable step on


def plans(seed: int) -> list[Plan]:
    """The ends of a trial's crawls."""
    rng = Random(f"plans {seed}")
    first = FIRST[seed % len(FIRST)]
    later = [LATER[(seed * (KILLS - 1) + k) % len(LATER)] for k in range(KILLS - 1)]
    return [_plan(phase, rng) for phase in (first, *later)]


def _plan(phase: str, rng: Random) -> Plan:
    point, role, both = phase, rng.choice(("crawl", "writer")), rng.random() < 0.5
    if phase in (CUT, FULL):
        point = rng.choice((*CALLS, *WRITERS, *STEPS, *RECOVERY)) if phase == CUT else "write"
        both = phase == CUT
    if phase in RANDOM:
        point, role = "", phase.rpartition("/")[2]
        both = role == "both"
    elif point in WRITERS:
        role = "writer"
    elif point in (*STEPS, *RECOVERY, "rename", "link", "remove"):
        role = "crawl"
    nth = rng.randint(1, OFTEN.get(point, 3))
    return Plan(
        phase=phase,
        point=point,
        nth=nth,
        role=role,
        both=both,
        after=rng.random() < 0.5,
        moment=rng.uniform(0, 1.0),
    )
