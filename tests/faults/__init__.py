"""The list of faults: what comes over the wire, and what we make of it (docs/ROBUSTNESS.md is made from it)."""

from tests.faults.case import TRIES, Article, Case, Kept
from tests.faults.coding import CODING
from tests.faults.framing import FRAMING
from tests.faults.limits import LIMITS
from tests.faults.network import NETWORK
from tests.faults.redirects import REDIRECTS
from tests.faults.text import TEXT

__all__ = ["CASES", "TRIES", "Article", "Case", "Kept"]

CASES: tuple[Case, ...] = (*FRAMING, *CODING, *LIMITS, *TEXT, *REDIRECTS, *NETWORK)
