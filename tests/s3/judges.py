"""The servers that judge our store, and which one does so now."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from tests.s3.endpoint import Endpoint
from tests.s3.seaweed import running_seaweed

JUDGES = {"seaweed": running_seaweed}


def running_judge(folder: Path) -> AbstractContextManager[Endpoint]:
    """The server that the environment's S3_JUDGE names."""
    return JUDGES[os.environ.get("S3_JUDGE", "seaweed")](folder)
