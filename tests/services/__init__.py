"""Archive services of our own, that answer as the real ones do (their traps included): for tests.

Written from what was observed of the Wayback Machine and Common Crawl, with the standard library alone;
nothing of the crawler is used, so that its mistakes are not ours.
"""

from tests.services.commoncrawl import CommonCrawl, Crawl
from tests.services.held import Held, held_pages
from tests.services.listening import Answer, Asked, Service, running
from tests.services.wayback import Wayback

__all__ = [
    "Answer",
    "Asked",
    "CommonCrawl",
    "Crawl",
    "Held",
    "Service",
    "Wayback",
    "held_pages",
    "running",
]
