"""How our own store and crawl are told of a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from crawler.stores.access import S3Access
from tests.s3.endpoint import Endpoint


def access_to(endpoint: Endpoint, home: Path, **changed: Any) -> S3Access:
    """The access of a store; tried a few times only, in a hurry."""
    access = S3Access(
        uploads=home / "uploads",
        endpoint=endpoint.url,
        region=endpoint.region,
        key=endpoint.access_key,
        secret=endpoint.secret_key,
        addressing="path",
        attempts=3,
        seconds=5,
        part_bytes=5 << 20,
    )
    return replace(access, **changed)


def settings_of(endpoint: Endpoint) -> dict[str, object]:
    """The same as a crawl's settings."""
    return {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_REGION_NAME": endpoint.region,
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
        "S3_ADDRESSING": "path",
    }
