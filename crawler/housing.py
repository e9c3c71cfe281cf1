"""Where one crawl's things lie, as the settings say."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Self

from scrapy.settings import BaseSettings

from crawler import archive, commits, snapshots
from crawler.archive import Archive
from crawler.disk import Disk, open_disk
from crawler.errors import WrongUse
from crawler.ledger import Ledger, checked, is_shared, open_ledger, read_ledger
from crawler.numbers import whole
from crawler.sink import Sink, file_sink, object_sink, stdout_sink
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
    shared: bool  #: several workers crawl at the same time, on one ledger
    lock_seconds: float
    lease_seconds: float
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
        segment, most = whole(settings, "SEGMENT_BYTES"), whole(settings, "SPOOL_BYTES")
        if most < 2 * segment:
            raise WrongUse(
                f"SPOOL_BYTES is {most}: give room for two segments, or make SEGMENT_BYTES smaller."
            )
        seconds = settings["SEGMENT_SECONDS"]
        ledger = checked(str(settings["LEDGER_URL"] or f"sqlite://{(home or spool) / LEDGER}"))
        return cls(
            archive=archive,
            ledger=ledger,
            spool=spool,
            s3=_access(settings, spool),
            contact=str(settings["CONTACT"] or ""),
            disk=str(settings["DISK"]),
            segment_bytes=segment,
            segment_seconds=whole(settings, "SEGMENT_SECONDS") if seconds else DAY if home else QUARTER,
            spool_bytes=most,
            min_disk_bytes=whole(settings, "MIN_DISK_BYTES", least=0),
            remote=home is None,
            shared=is_shared(ledger) or settings.getbool("FLEET"),
            lock_seconds=whole(settings, "LOCK_SECONDS", least=0),
            lease_seconds=whole(settings, "LEASE_SECONDS"),
            stop_seconds=whole(settings, "STOP_SECONDS"),
        )

    def open_disk(self) -> Disk:
        return open_disk(self.disk)

    def open_store(self, url: str | None = None) -> Store:
        """The archive's store, or the one at url."""
        return open_store(url or self.archive, self.open_disk(), self.s3)

    def open_object(self, url: str) -> BinaryIO:
        """The object at `s3://BUCKET/KEY`; WrongUse if there is none."""
        if (stream := self._read(url)) is None:
            raise WrongUse(f"There is no object {url}.")
        return stream

    def has_object(self, url: str) -> bool:
        """Whether something is at `s3://BUCKET/KEY`."""
        if (stream := self._read(url)) is None:
            return False
        stream.close()
        return True

    def open_sink(self, target: str, most: int = 0) -> AbstractContextManager[Sink]:
        """Takes so many bytes, at most, to - (stdout), a file or `s3://BUCKET/KEY`, not in the archive."""
        if target == "-":
            return stdout_sink()
        if _lies_in(target, self.archive):
            raise WrongUse(f"{target} lies in the archive, which holds nothing else: give another place.")
        if not target.startswith("s3://"):
            return file_sink(Path(target))
        from crawler.stores.s3 import S3Store

        place, key = _object(target)
        return object_sink(S3Store(place, self.s3, self.open_disk()), key, most)

    def _read(self, url: str) -> BinaryIO | None:
        place, key = _object(url)
        return self.open_store(place).read(key)

    def ensure_archive(self, store: Store) -> Archive:
        """The archive in the store, made if there is none; a mistake in LEDGER_URL leaves none behind."""
        if archive.find(store) is None:
            self.try_ledger(store)
        return archive.ensure(store, self.contact)

    def try_ledger(self, store: Store) -> None:
        """WrongUse or LedgerError where LEDGER_URL leads to none of this archive's; one may be made yet."""
        bound = self.bound()
        home = archive.find(store)  # after that: who makes an archive meanwhile ties a ledger to it at last
        if bound is not None and (home is None or bound != home.uuid):
            raise WrongUse(
                f"LEDGER_URL leads to the ledger of archive {bound}, but {store.url} is "
                f"{home.uuid if home else 'none yet'}: set it or ARCHIVE_URL to the one that you mean."
            )

    def bound(self) -> str | None:
        """The archive whose ledger LEDGER_URL leads to; None if there is none yet, or it is nobody's."""
        if (ledger := read_ledger(self.ledger)) is None:
            return None
        with closing(ledger):
            return ledger.bound()

    def open_ledger(self, store: Store) -> Ledger:
        """The ledger of the archive in the store; a new one is made of the newest snapshot and the log."""
        seed = partial(snapshots.fetch, store) if self.remote else None
        return open_ledger(
            self.ledger, seed, partial(commits.follow, store), lease_seconds=self.lease_seconds
        )

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


def _lies_in(target: str, archive: str) -> bool:
    if archive.startswith("s3://") or target.startswith("s3://"):
        return target.startswith(f"{archive.rstrip('/')}/")
    return Path(archive.removeprefix("file://")).resolve() in Path(target).resolve().parents


def _object(url: str) -> tuple[str, str]:
    """The place and the key of `s3://BUCKET/KEY`."""
    place, _, key = url.rpartition("/")
    if place.count("/") < 2 or not key:
        raise WrongUse(f"{url} names no object: give s3://BUCKET/KEY.")
    return place, key


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
        attempts=whole(settings, "S3_ATTEMPTS"),
        seconds=whole(settings, "S3_SECONDS"),
        part_bytes=whole(settings, "S3_PART_BYTES", least=5 << 20),
    )
