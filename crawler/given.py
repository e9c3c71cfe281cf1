"""The settings that a user gave, behind -s and in the environment: what is mistyped there is told at once."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings, default_settings
from scrapy.utils.misc import load_object

from crawler import settings as ours
from crawler.errors import WrongUse
from crawler.spelling import nearest

PLAYWRIGHT = (
    *("ABORT_REQUEST", "BROWSER_PROVIDER", "BROWSER_TYPE", "CDP_KWARGS", "CDP_URL", "CONNECT_KWARGS"),
    *("CONNECT_URL", "CONTEXTS", "DEFAULT_NAVIGATION_TIMEOUT", "DOWNLOAD_TIMEOUT", "LAUNCH_OPTIONS"),
    *("MAX_CONTEXTS", "MAX_PAGES_PER_CONTEXT", "PROCESS_REQUEST_HEADERS", "RESTART_DISCONNECTED_BROWSER"),
)
"""What scrapy-playwright reads, as PLAYWRIGHT_<that>: it declares none of them."""
UNDECLARED = {"CONCURRENT_REQUESTS_PER_IP", "META_COPY_WARN_SKIP_KEYS"}
"""What Scrapy reads, and has no default for."""
PLACES = ("ARCHIVE_URL", "LEDGER_URL")
CREDENTIALS = ("username", "password", "ssl_password")  #: that may stand in the query of a server's URL, too
LEVELS = ", ".join(logging.getLevelNamesMapping())
HEADERS = ("USER_AGENT", "CONTACT")
DOTTED = re.compile(r"[a-z_]+(\.\w+)+")  #: a default that is an object's place
KINDS: tuple[tuple[type, str, str], ...] = (  # a bool is an int, too
    (bool, "getbool", "0 or 1"),
    (int, "getfloat", "a number"),
    (float, "getfloat", "a number"),
    (list, "getlist", "a comma list, or a list in JSON"),
    (dict, "getdict", "an object in JSON"),
)


NEEDED = {
    "EXTENSIONS": (
        *("crawler.extensions.archivist.Archivist", "crawler.extensions.manners.Manners"),
        "crawler.extensions.browser.Browser",
        "crawler.extensions.requisites.Requisites",
        "crawler.extensions.discovery.Discovery",
    ),
    "DOWNLOADER_MIDDLEWARES": ("crawler.middlewares.archive.Archive", "crawler.middlewares.stop.Stop"),
    "ITEM_PIPELINES": ("pipelines.draft.Draft",),
}
"""Without these nothing is archived, or a crawl has no end, or not all that it was asked for."""


def where(settings: BaseSettings) -> str:
    """What the next command needs behind it to find the same archive."""
    behind = SETTINGS_PRIORITIES["cmdline"]
    places = [(name, settings[name]) for name in PLACES if settings.getpriority(name) == behind]
    return "".join(f" -s {name}={shlex.quote(_nameless(place))}" for name, place in places)


def _nameless(place: str) -> str:
    """A URL without the name and the password in it: the screen is no place for them."""
    who, at, _ = urlsplit(place).netloc.rpartition("@")
    start, mark, query = place.replace(who + at, "", 1).partition("?")
    told = [each for each in query.split("&") if unquote(each.partition("=")[0]) not in CREDENTIALS]
    return start + (mark if told else "") + "&".join(told)


def require(settings: BaseSettings) -> None:
    """WrongUse if the settings, wherever they were set, lack or hold what no crawl can go on with."""
    _require_components(settings)
    _require_feeds(settings)
    for name in HEADERS:
        _check_header(name, str(settings[name] or ""))
    for name, value in settings.getdict("DEFAULT_REQUEST_HEADERS").items():
        _check_header(f"DEFAULT_REQUEST_HEADERS, {name!r}", f"{name}: {value}")


def _require_components(settings: BaseSettings) -> None:
    for name, needed in NEEDED.items():
        there = settings.getdict(name)
        for component in needed:
            if there.get(component) is None:
                raise WrongUse(f"{name} lacks {component}, without which nothing is archived: add it.")


def _require_feeds(settings: BaseSettings) -> None:
    """Scrapy opens a feed when the crawl runs already, and only logs that it could not."""
    for feed in map(str, settings.getdict("FEEDS")):
        path = Path(feed.removeprefix("file://"))
        if "://" in feed.removeprefix("file://") or feed.startswith("stdout:") or "%(" in feed:
            continue
        if path.exists() and not path.is_file() and not path.is_dir():
            continue  # a pipe: to open it would wait for its reader
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()
        except OSError as error:
            raise WrongUse(f"The feed {feed} can't be written: {error.strerror}.") from error


def known() -> set[str]:
    """The names of all settings that Scrapy, this program or scrapy-playwright reads."""
    theirs = {name for name in vars(default_settings) if name.isupper()}
    return theirs | ours.defaults.keys() | UNDECLARED | {f"PLAYWRIGHT_{name}" for name in PLAYWRIGHT}


def check(options: Mapping[str, str]) -> list[str]:
    """WrongUse if a name behind -s or in the environment is nearly a known one, or a value can't be.

    What is near nothing is given back, as it was given: somebody's own extension may read it.
    """
    told = {f"-s {name}": (name, value) for name, value in options.items()}
    told |= {f"ANAPRESS_{name}": (name, value) for name, value in ours.environment().items()}
    names = known()
    strange = []
    for where, (name, value) in told.items():
        if name in names:
            _check_value(where, name, value)
        elif meant := nearest(name, names):
            right = where.removesuffix(name) + meant
            raise WrongUse(f"{where} is not known: did you mean {right}?")
        else:
            strange.append(where)
    return strange


def _check_value(where: str, name: str, value: str) -> None:
    """A value is of its default's kind."""
    default = getattr(default_settings, name, ours.defaults.get(name))
    for kind, getter, wanted in KINDS:
        if isinstance(default, kind) and not _reads(name, value, getter):
            raise WrongUse(f"{where} is {value!r}: give {wanted}.")
    if isinstance(default, str) and DOTTED.fullmatch(default) and "." in value and not _loads(value):
        raise WrongUse(f"{where} is {value!r}: give something that can be imported, as {default}.")
    if name in HEADERS:
        _check_header(where, value)
    if name == "LOG_LEVEL" and not _is_level(value):
        raise WrongUse(f"{where} is {value!r}: give one of {LEVELS}.")


def _check_header(where: str, value: str) -> None:
    if not value.isprintable():
        raise WrongUse(f"{where} is {value!r}: give text of one line, for it stands in each request.")


def _reads(name: str, value: str, getter: str) -> bool:
    try:
        getattr(BaseSettings({name: value}), getter)(name)
    except (TypeError, ValueError):
        return False
    return True


def _loads(value: str) -> bool:
    try:
        load_object(value)
    except (ImportError, NameError, ValueError):
        return False
    return True


def _is_level(value: str) -> bool:
    return value in logging.getLevelNamesMapping()
