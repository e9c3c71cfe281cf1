"""The environment that pywb runs in: what it pins is not what a crawl can have."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from crawler.errors import WrongUse

CHECKOUT = Path(__file__).parents[2]
LOCK = CHECKOUT / "requirements-replay.lock"
FOLDER = CHECKOUT / ".venv-replay"
MARK = FOLDER / "made-of"  #: the lock's sum, written last: half an environment has none


def python(tell: Callable[[str], object]) -> Path:
    """The environment's interpreter; first it is made, unless it is what the lock says already."""
    wanted = sha256(LOCK.read_bytes()).hexdigest()
    if not _is_made_of(wanted):
        with LOCK.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # two first replays at one time make it once
            if not _is_made_of(wanted):
                tell(f"Installing pywb and what it needs ({LOCK.name}) into {FOLDER.name}, this once …")
                _make()
                MARK.write_text(wanted)
    return FOLDER / "bin" / "python"


def _is_made_of(wanted: str) -> bool:
    return MARK.exists() and MARK.read_text() == wanted


def _make() -> None:
    pip: list[str | Path] = [
        FOLDER / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
    ]
    _run([sys.executable, "-m", "venv", "--clear", FOLDER])
    _run([*pip, "--require-hashes", "-r", LOCK])


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- our own
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no word why").splitlines()[-1]
        raise WrongUse(f"{FOLDER.name} can't be made: {said}. Mend that, and run it again.")
