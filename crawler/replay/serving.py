"""A replay while it runs: the holdings, pywb before them, and an address."""

from __future__ import annotations

import errno
import json
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from crawler.errors import ArchiveError, WrongUse
from crawler.foreign.records import Bad, scan
from crawler.replay import READY, environment, ranges
from crawler.replay.folder import passing_folder
from crawler.replay.holdings import INDEX, Holdings
from crawler.replay.page import COLLECTION
from crawler.stores import Store

STOP_SECONDS = 10  #: that pywb may take to end; it takes one


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that runs."""

    url: str
    holdings: Holdings
    process: subprocess.Popen[bytes]


@contextmanager
def serving(
    store: Store, bind: str, port: int, also: Sequence[Path], tell: Callable[[str], object]
) -> Iterator[Replay]:
    """Serve the archive while the block runs; nothing of it is left afterwards."""
    with ExitStack() as let_go:
        listener = let_go.enter_context(_listening(bind, port))
        python = environment.python(tell)
        folder = let_go.enter_context(passing_folder())
        for bad in filter(None, map(broken, also)):
            tell(bad)
        holdings = Holdings(store, folder, _indexed(python, also, folder) if also else None)
        holdings.refresh()
        warcs = let_go.enter_context(ranges.serving(holdings.open))
        _configure(folder, warcs)
        process = let_go.enter_context(_started(python, listener, folder))
        host, at = listener.getsockname()[:2]
        yield Replay(f"http://{f'[{host}]' if ':' in host else host}:{at}/", holdings, process)


def broken(file: Path) -> str:
    """Where a WARC of others is cut or spoiled, in a sentence; nothing if it is whole."""
    with file.open("rb") as stream:
        for step in scan(stream):
            if isinstance(step, Bad):
                return f"{file}, offset {step.offset}: {step.why}. What is there is not shown."
    return ""


def _listening(bind: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        return socket.create_server((bind, port), family=family)
    except OSError as error:
        other = "--port, or 0" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--bind"
        why = (error.strerror or str(error)).partition(" (while")[0]  # Python says the address once more
        raise WrongUse(f"{bind} port {port} can't be listened at ({why}): give another {other}.") from error


def _configure(folder: Path, warcs: str) -> None:
    """Write pywb's settings; JSON is YAML."""
    paths = [warcs, f"{folder / 'also'}/"]
    collection = {"index": str(folder / INDEX), "archive_paths": paths}
    config = {"collections": {COLLECTION: collection}, "enable_auto_colls": False}
    (folder / "config.yaml").write_text(json.dumps(config))


def _indexed(python: Path, also: Sequence[Path], folder: Path) -> Path:
    """The index of other WARC files, sorted; they stand under names of their own in a folder of links."""
    (folder / "also").mkdir()
    links = [folder / "also" / f"also-{n}-{file.name}" for n, file in enumerate(also)]
    for link, file in zip(links, also, strict=True):
        link.symlink_to(file.absolute())
    index = folder / "also.cdxj"
    command: list[str | Path] = [python, "-m", "pywb.indexer.cdxindexer", "-j", "-s", "-o", index]
    command += links
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- our own
    if done.returncode or done.stderr.strip():
        said = (done.stderr.strip().splitlines() or ["no word why"])[-1]
        raise WrongUse(f"{', '.join(map(str, also))}: no WARC file that can be read: {said}")
    return index


@contextmanager
def _started(python: Path, listener: socket.socket, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """pywb, once it answers; it ends when our end of its stdin is closed, so with us, however we end."""
    process = subprocess.Popen(  # noqa: S603 -- our own
        [python, "-m", "crawler.replay.server", str(listener.fileno())],
        cwd=folder,
        env={"PYTHONPATH": str(environment.CHECKOUT)},  # no key, and no proxy between us and ourselves
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[listener.fileno()],
        start_new_session=True,  # a terminal's Ctrl-C is for us
    )
    assert process.stdin
    assert process.stdout
    try:
        if process.stdout.readline() != READY:
            raise ArchiveError("pywb did not start; what it said stands above.")
        yield process
    finally:
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()
        process.stdout.close()
