"""Settings that are secrets: no log shows them."""

from __future__ import annotations

from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings

SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Secret(str):
    """Text that shows as stars wherever settings are logged."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def hide_secrets(settings: BaseSettings) -> None:
    """Scrapy logs the settings that differ from its own; CrawlerProcess sets the command line's once more."""
    ledger = settings["LEDGER_URL"] or ""
    names = (*SECRETS, "LEDGER_URL") if "@" in ledger or "?" in ledger else SECRETS
    for name in names:
        if settings[name]:
            settings.set(name, Secret(settings[name]), priority=SETTINGS_PRIORITIES["cmdline"] + 1)
