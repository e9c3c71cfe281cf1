"""The programs and settings at work, as warcinfo records and run files tell them: never a secret."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Self

import scrapy
from scrapy.settings import BaseSettings

VERSION = "0.1.0"
WARC = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"
INFO = ("CONCURRENT_REQUESTS_PER_DOMAIN", "DOWNLOAD_DELAY", "DOWNLOAD_MAXSIZE", "RETRY_TIMES")
TOLD = (
    *INFO,
    *("ARCHIVE_URL", "CONTACT", "CONNECT_TO", "ROBOTSTXT_OBEY", "USER_AGENT", "CLOSESPIDER_TIMEOUT"),
    *("CLOSESPIDER_ITEMCOUNT", "SEGMENT_BYTES", "SEGMENT_SECONDS", "SPOOL_BYTES", "STOP_SECONDS"),
    *("S3_ADDRESSING", "S3_STORAGE_CLASS", "S3_ENCRYPTION"),
)
"""Settings that a run file tells: named one by one, so that no secret slips in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """What runs, and how it was set."""

    about: dict[str, str]  #: the fields of each warcinfo
    versions: dict[str, str]
    settings: dict[str, str]

    @classmethod
    def of(cls, settings: BaseSettings) -> Self:
        about = {
            "software": f"anapress-crawler/{VERSION} Scrapy/{scrapy.__version__}",
            "format": "WARC File Format 1.1",
            "conformsTo": WARC,
            "robots": "obey" if settings.getbool("ROBOTSTXT_OBEY") else "ignore",
            "http-header-user-agent": str(settings["USER_AGENT"]),
            **{name.lower().replace("_", "-"): str(settings[name]) for name in INFO},
        }
        versions = {
            "anapress": VERSION,
            "scrapy": scrapy.__version__,
            "python": platform.python_version(),
            "system": platform.platform(),
        }
        return cls(
            about=about,
            versions=versions,
            settings={name: str(settings[name]) for name in TOLD if settings[name] not in (None, "")},
        )
