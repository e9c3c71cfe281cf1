"""Where one crawl's things lie, as the settings say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Self

from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings

from crawler import snapshots
from crawler.disk import Disk, open_disk
from crawler.errors import WrongUse
from crawler.ledger import Ledger, open_ledger
from crawler.stores import Store, open_store
from crawler.stores.access import S3Access
from crawler.stores.local import LEDGER
from crawler.writer.process import Plan

DAY, QUARTER = 86_400, 900  #: SEGMENT_SECONDS on a folder and on S3, whose jobs' machines may vanish


@dataclass(frozen=True, slots=True, kw_only=True)
class Housing:
    """The archive, its ledger and its spool, and what they may take."""

    archive: str
    ledger: str
    spool: Path
    s3: S3Access
    contact: str
    disk: str
    segment_bytes: int
    segment_seconds: float
    spool_bytes: int
    min_disk_bytes: int
    remote: bool  #: the archive lies elsewhere, and outlives this machine with its ledger
    lock_seconds: float
    stop_seconds: float

    @classmethod
    def of(cls, settings: BaseSettings) -> Self:
        """From the settings; WrongUse if one of them can't be."""
        archive = str(settings["ARCHIVE_URL"] or "")
        if not archive:
            raise WrongUse("ARCHIVE_URL is empty: give a folder for the archive, or s3://BUCKET/PREFIX.")
        home = None if archive.startswith("s3://") else Path(archive.removeprefix("file://")).absolute()
        beside = home.with_name("spool") if home else Path("spool").absolute()
        spool = Path(settings["SPOOL_DIR"]).absolute() if settings["SPOOL_DIR"] else beside
        segment, most = _number(settings, "SEGMENT_BYTES"), _number(settings, "SPOOL_BYTES")
        if most < 2 * segment:
            raise WrongUse(
                f"SPOOL_BYTES is {most}: give room for two segments, or make SEGMENT_BYTES smaller."
            )
        seconds = settings["SEGMENT_SECONDS"]
        return cls(
            archive=archive,
            ledger=str(settings["LEDGER_URL"] or f"sqlite://{(home or spool) / LEDGER}"),
            spool=spool,
            s3=_access(settings, spool),
            contact=str(settings["CONTACT"] or ""),
            disk=str(settings["DISK"]),
            segment_bytes=segment,
            segment_seconds=_number(settings, "SEGMENT_SECONDS") if seconds else DAY if home else QUARTER,
            spool_bytes=most,
            min_disk_bytes=_number(settings, "MIN_DISK_BYTES", least=0),
            remote=home is None,
            lock_seconds=_number(settings, "LOCK_SECONDS", least=0),
            stop_seconds=_number(settings, "STOP_SECONDS"),
        )

    def open_disk(self) -> Disk:
        return open_disk(self.disk)

    def open_store(self, url: str | None = None) -> Store:
        """The archive's store, or the one at url."""
        return open_store(url or self.archive, self.open_disk(), self.s3)

    def open_object(self, url: str) -> BinaryIO:
        """The object at `s3://BUCKET/KEY`; WrongUse if there is none."""
        place, _, key = url.rpartition("/")
        stream = self.open_store(place).read(key) if place.count("/") > 1 and key else None
        if stream is None:
            raise WrongUse(f"There is no object {url}.")
        return stream

    def open_ledger(self, store: Store) -> Ledger:
        """The ledger of the archive in the store; a new one begins with the newest snapshot."""
        return open_ledger(self.ledger, partial(snapshots.fetch, store) if self.remote else None)

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


LARGEST = 256 << 20  #: bytes of a body: `verify` holds a record in memory
NUMBERS = (
    *("HEAD_BYTES", "DECODED_BYTES", "PAGE_BYTES", "DOWNLOAD_MAXSIZE"),
    *("CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN"),
)
SECONDS = (
    *("IDLE_SECONDS", "DOWNLOAD_TIMEOUT", "DOWNLOAD_DELAY", "RETRY_TIMES", "CLOSESPIDER_TIMEOUT"),
    *("RETRY_SECONDS", "WAIT_SECONDS", "ROBOTS_SECONDS", "CRAWL_DELAY_SECONDS"),
    *("AUTOTHROTTLE_START_DELAY", "AUTOTHROTTLE_MAX_DELAY"),
)
COUNTS = ("STOP_AFTER_WAITS", "STOP_AFTER_MISSES", "STOP_AFTER_USELESS")


def check_numbers(settings: BaseSettings) -> None:
    """WrongUse if a limit of the wire is no number: it would only show when every id had failed of it."""
    for name in NUMBERS:
        _number(settings, name)
    for name in COUNTS:
        _number(settings, name, least=0)
    for name in SECONDS:
        try:
            wrong = float(settings[name]) < 0
        except (TypeError, ValueError):
            wrong = True
        if wrong:
            raise WrongUse(f"{name} is {settings[name]!r}: give a number, 0 or more.")
    if settings.getint("DOWNLOAD_MAXSIZE") > LARGEST:
        raise WrongUse(f"DOWNLOAD_MAXSIZE is {settings['DOWNLOAD_MAXSIZE']!r}: the largest is {LARGEST}.")


SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Secret(str):
    """Text that shows as stars wherever settings are logged."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def hide_secrets(settings: BaseSettings) -> None:
    """Scrapy logs the settings that differ from its own; CrawlerProcess sets the command line's once more."""
    for name in SECRETS:
        if settings[name]:
            settings.set(name, Secret(settings[name]), priority=SETTINGS_PRIORITIES["cmdline"] + 1)


def _access(settings: BaseSettings, spool: Path) -> S3Access:
    def text(name: str) -> str:
        return str(settings[name] or "")

    return S3Access(
        uploads=spool / "uploads",
        endpoint=text("AWS_ENDPOINT_URL"),
        region=text("AWS_REGION_NAME"),
        key=text("AWS_ACCESS_KEY_ID"),
        secret=text("AWS_SECRET_ACCESS_KEY"),
        token=text("AWS_SESSION_TOKEN"),
        addressing=text("S3_ADDRESSING"),
        storage_class=text("S3_STORAGE_CLASS"),
        encryption=text("S3_ENCRYPTION"),
        kms_key=text("S3_KMS_KEY"),
        attempts=_number(settings, "S3_ATTEMPTS"),
        seconds=_number(settings, "S3_SECONDS"),
        part_bytes=_number(settings, "S3_PART_BYTES", least=5 << 20),
    )


def _number(settings: BaseSettings, name: str, *, least: int = 1) -> int:
    try:
        number = int(settings[name])
    except (TypeError, ValueError):
        number = least - 1
    if number < least:
        raise WrongUse(f"{name} is {settings[name]!r}: give a whole number, {least} or more.")
    return number
