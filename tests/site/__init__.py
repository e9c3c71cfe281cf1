"""A small anapress.net of our own, raw enough to send any bytes: for tests, demo and benchmark.

`running_site` starts one; `python -m tests.site --port N` does so by hand. Nothing here needs more
than the standard library, nor anything of the crawler, so that its mistakes are not ours.
"""

from tests.site.dressed import DRESSED_ID
from tests.site.faults import FAULTS, SHOWN
from tests.site.ids import ERAS, SEED_ID, fault_id, id_of, is_fault, n_of, seed_ids
from tests.site.lively import LIVELY
from tests.site.log import CUT, LOST, OPEN, WHOLE, Logged, read_log
from tests.site.running import Site, running_site
from tests.site.truth import truth
from tests.site.world import ARTICLES

__all__ = [
    "ARTICLES",
    "CUT",
    "DRESSED_ID",
    "ERAS",
    "FAULTS",
    "LIVELY",
    "LOST",
    "OPEN",
    "SEED_ID",
    "SHOWN",
    "WHOLE",
    "Logged",
    "Site",
    "fault_id",
    "id_of",
    "is_fault",
    "n_of",
    "read_log",
    "running_site",
    "seed_ids",
    "truth",
]
