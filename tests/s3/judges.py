"""The servers that judge our store, and which one does so now."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from tests.s3.ceph import running_ceph
from tests.s3.endpoint import Endpoint
from tests.s3.process import NotUp
from tests.s3.seaweed import running_seaweed

JUDGES = {"seaweed": running_seaweed, "ceph": running_ceph}


def running_judge(folder: Path) -> AbstractContextManager[Endpoint]:
    """The server that the environment's S3_JUDGE names."""
    name = os.environ.get("S3_JUDGE", "seaweed")
    if name not in JUDGES:
        raise NotUp(f"S3_JUDGE is {name!r}: give {' or '.join(JUDGES)}.")
    return JUDGES[name](folder)
