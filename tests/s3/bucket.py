"""A bucket as a folder, for readers that know only those."""

from __future__ import annotations

from pathlib import Path

from tests.s3.endpoint import Endpoint


def fetched(endpoint: Endpoint, bucket: str, prefix: str, folder: Path) -> Path:
    """Every object under prefix, as a file of the folder."""
    client = endpoint.client()
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for each in page.get("Contents", ()):
            path = folder / each["Key"].removeprefix(f"{prefix}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())
    client.close()
    return folder
