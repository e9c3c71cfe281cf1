"""How an S3 server is reached."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from crawler.errors import WrongUse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ADDRESSING = ("auto", "path", "virtual")
ENCRYPTION = ("", "AES256", "aws:kms")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """What the settings say of S3; else boto3's own chain speaks (environment, files, roles)."""

    uploads: Path  #: where the journals of large uploads lie
    endpoint: str = ""
    region: str = ""
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    addressing: str = "auto"
    storage_class: str = ""  #: of warcs/ only: the rest is read at every start
    encryption: str = ""
    kms_key: str = ""
    attempts: int = 8  #: of one request: with their back-off a minute or two
    seconds: float = 60  #: without a byte
    part_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        if self.addressing not in ADDRESSING:
            raise WrongUse(f"S3_ADDRESSING is {self.addressing!r}: give one of {', '.join(ADDRESSING)}.")
        if self.encryption not in ENCRYPTION:
            raise WrongUse(f"S3_ENCRYPTION is {self.encryption!r}: give AES256 or aws:kms, or nothing.")
        if self.kms_key and self.encryption != "aws:kms":
            raise WrongUse("S3_KMS_KEY is set, but S3_ENCRYPTION is not aws:kms.")

    def client(self) -> S3Client:
        """A client of boto3; it may be used by several threads."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        for chatty in ("boto3", "botocore", "urllib3"):  # at DEBUG they tell whole requests, signatures too
            logging.getLogger(chatty).setLevel(logging.INFO)
        config = Config(
            connect_timeout=min(10, self.seconds),
            read_timeout=self.seconds,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
            s3={"addressing_style": cast("Any", self.addressing)},
            proxies={},  # an environment's http_proxy is nobody's decision about an archive
            # each body goes with its MD5, which every server compares; not all know the newer checksums
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            user_agent_extra="anapress-crawler",
        )
        try:
            session = boto3.session.Session(
                aws_access_key_id=self.key or None,
                aws_secret_access_key=self.secret or None,
                aws_session_token=self.token or None,
                region_name=self.region or None,
            )
            return session.client("s3", endpoint_url=self.endpoint or None, config=config)
        except (BotoCoreError, ValueError) as error:
            raise WrongUse(f"S3 can't be reached so: {error}") from error

    def kept_so(self, key: str) -> dict[str, Any]:
        """The arguments of a put that say how an object is kept."""
        kept: dict[str, Any] = {}
        if self.storage_class and key.startswith("warcs/"):
            kept["StorageClass"] = self.storage_class
        if self.encryption:
            kept["ServerSideEncryption"] = self.encryption
        if self.kms_key:
            kept["SSEKMSKeyId"] = self.kms_key
        return kept
