"""Settings that are numbers."""

from __future__ import annotations

from math import inf

from scrapy.settings import BaseSettings

from crawler.errors import WrongUse
from crawler.manners.services import BUDGETS
from crawler.remake import DECODED_BYTES

LARGEST = {
    "DOWNLOAD_MAXSIZE": 256 << 20,  # bytes: `verify` holds a record in memory
    "DECODED_BYTES": DECODED_BYTES,  # what `verify` can make again
}
NUMBERS = (
    *("HEAD_BYTES", "HEAD_LINES", "PAGE_BYTES", "DECODED_RATIO", "PAGE_TAGS", *LARGEST),
    *("PAGE_REQUISITES", "REQUISITE_BYTES"),
    *("DISCOVER_PAGES", "DISCOVER_IDS", "DISCOVER_BYTES"),
    *("CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN"),
    *("BROWSER_CONTEXTS", "BROWSER_PAGES", "BROWSER_BYTES"),
)
SECONDS = (
    *("IDLE_SECONDS", "DOWNLOAD_TIMEOUT", "DOWNLOAD_DELAY", "CLOSESPIDER_TIMEOUT"),
    *("CONNECT_SECONDS", "RETRY_SECONDS", "WAIT_SECONDS", "ROBOTS_SECONDS", "CRAWL_DELAY_SECONDS"),
    *("AUTOTHROTTLE_START_DELAY", "AUTOTHROTTLE_MAX_DELAY", "BROWSER_SECONDS"),
    *("SERVICE_PAUSE_SECONDS", *(budget.setting for budget in BUDGETS.values())),
)
COUNTS = (
    *("RETRY_TIMES", "REDIRECT_MAX_TIMES", "STOP_AFTER_WAITS", "STOP_AFTER_MISSES", "STOP_AFTER_USELESS"),
    "DISCOVER_DEPTH",
)


def check(settings: BaseSettings) -> None:
    """WrongUse if a limit is no number: it would only show in a traceback, or as every id failed of it."""
    for name in NUMBERS:
        whole(settings, name)
    for name in COUNTS:
        whole(settings, name, least=0)
    for name in SECONDS:
        try:
            wrong = not 0 <= float(settings[name]) < inf  # nan is neither
        except (TypeError, ValueError):
            wrong = True
        if wrong:
            raise WrongUse(f"{name} is {settings[name]!r}: give a number, 0 or more.")
    for name, largest in LARGEST.items():
        if settings.getint(name) > largest:
            raise WrongUse(f"{name} is {settings[name]!r}: the largest is {largest}.")


def whole(settings: BaseSettings, name: str, *, least: int = 1) -> int:
    """The setting, a whole number of at least so much; WrongUse if it is none."""
    try:
        number = int(settings[name])
    except (TypeError, ValueError):
        number = least - 1
    if number < least:
        raise WrongUse(f"{name} is {settings[name]!r}: give a whole number, {least} or more.")
    return number
