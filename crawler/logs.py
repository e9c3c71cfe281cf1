"""Logs as JSON lines (LOG_JSON=1), for whoever collects them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from scrapy.settings import BaseSettings, Settings

from crawler.clock import stamp
from crawler.lines import canonical


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        told = line(at, record.levelno, record.name, record.getMessage())
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return canonical(told | getattr(record, "told", {}))


def line(at: datetime, level: int, logger: str, message: str) -> dict[str, Any]:
    """What every line of such a log has."""
    return {"time": stamp(at), "level": logging.getLevelName(level), "logger": logger, "message": message}


def in_json(settings: BaseSettings) -> bool:
    """Whether that is asked for; read so that it can be asked before anybody has looked for mistakes."""
    return str(settings["LOG_JSON"]) in ("1", "True", "true")


def hush(settings: Settings) -> None:
    """No record that nobody would see: Scrapy makes several a page, and its handler drops them.

    Nor, in a fleet, what it says of its settings and stats: every worker says the same.
    """
    level = settings["LOG_LEVEL"]
    quiet = settings.getbool("FLEET") and level == "INFO"
    logging.getLogger("scrapy").setLevel("WARNING" if quiet else level)


def install(settings: Settings) -> None:
    """Log in JSON from the first line on, to LOG_FILE or stderr, in place of Scrapy's own handler."""
    settings.set("LOG_INSTALL_ROOT_HANDLER", value=False, priority="cmdline")
    name = settings["LOG_FILE"]
    mode = "a" if settings.getbool("LOG_FILE_APPEND") else "w"
    handler = logging.FileHandler(name, mode, encoding="utf-8") if name else logging.StreamHandler()
    handler.setFormatter(JsonLines())
    handler.setLevel(settings["LOG_LEVEL"])
    logging.root.setLevel(logging.NOTSET)
    logging.root.addHandler(handler)
