"""Where one crawl's things lie, as the settings say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scrapy.settings import BaseSettings

from crawler.disk import Disk, open_disk
from crawler.errors import WrongUse
from crawler.ledger import Ledger, open_ledger
from crawler.stores import Store, open_store
from crawler.stores.local import LEDGER
from crawler.writer.process import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Housing:
    """The archive, its ledger and its spool."""

    archive: str
    ledger: str
    spool: Path
    contact: str
    disk: str
    segment_bytes: int
    segment_seconds: float

    @classmethod
    def of(cls, settings: BaseSettings) -> Self:
        """From the settings; WrongUse if one of them can't be."""
        archive = str(settings["ARCHIVE_URL"] or "")
        if not archive:
            raise WrongUse("ARCHIVE_URL is empty: give a folder for the archive.")
        home = Path(archive.removeprefix("file://")).absolute()
        spool = settings["SPOOL_DIR"]
        return cls(
            archive=archive,
            ledger=str(settings["LEDGER_URL"] or f"sqlite://{home / LEDGER}"),
            spool=Path(spool).absolute() if spool else home.with_name("spool"),
            contact=str(settings["CONTACT"] or ""),
            disk=str(settings["DISK"]),
            segment_bytes=_number(settings, "SEGMENT_BYTES"),
            segment_seconds=_number(settings, "SEGMENT_SECONDS"),
        )

    def open_disk(self) -> Disk:
        return open_disk(self.disk)

    def open_store(self) -> Store:
        return open_store(self.archive, self.open_disk())

    def open_ledger(self, file: Path | None = None) -> Ledger:
        """The ledger, or another of its kind in that file."""
        return open_ledger(f"sqlite://{file}" if file else self.ledger)

    def ledger_file(self) -> Path:
        """Where the SQLite ledger lies; WrongUse if it is none."""
        if not self.ledger.startswith("sqlite:///"):
            raise WrongUse(f"LEDGER_URL is {self.ledger!r}: only a file of SQLite can be made anew.")
        return Path(self.ledger.removeprefix("sqlite://"))

    def plan(self, spool: Path, about: dict[str, str]) -> Plan:
        """How the writer makes this crawl's segments."""
        return Plan(
            spool=str(spool),
            ledger=self.ledger,
            disk=self.disk,
            segment_bytes=self.segment_bytes,
            segment_seconds=self.segment_seconds,
            about=about | ({"operator": self.contact} if self.contact else {}),
        )


def _number(settings: BaseSettings, name: str) -> int:
    try:
        number = int(settings[name])
    except (TypeError, ValueError):
        number = 0
    if number <= 0:
        raise WrongUse(f"{name} is {settings[name]!r}: give a whole number above 0.")
    return number
