"""Where an S3 server is, and a plain client for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY = "anapress-tests"
SECRET_KEY = "only/of+this=machine"  # letters that a URL, a log or a signature may stumble over


@dataclass(frozen=True, slots=True)
class Endpoint:
    """All that a client has to know of a server."""

    url: str
    access_key: str = ACCESS_KEY
    secret_key: str = field(default=SECRET_KEY, repr=False)
    region: str = "us-east-1"

    def client(self, **config: Any) -> S3Client:
        """A client that tries once, so that each fault is seen as it is; config goes to botocore."""
        import boto3
        from botocore.config import Config

        once: dict[str, Any] = {
            "retries": {"total_max_attempts": 1},
            "s3": {"addressing_style": "path"},
            "proxies": {},
        }
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(**(once | config)),
        )

    def bucket(self) -> str:
        """The name of a new bucket."""
        name = f"test-{uuid4().hex[:12]}"
        client = self.client()
        client.create_bucket(Bucket=name)
        client.close()
        return name
