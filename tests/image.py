"""The Dockerfiles' own steps without Docker: in a clean folder, with only what they copy."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from tests.crawling import CHECKOUT, Ran, run

DOCKERFILE = CHECKOUT / "deploy" / "Dockerfile"
REPLAY = DOCKERFILE.with_name("Dockerfile.replay")  #: on top of the other
BROWSER = DOCKERFILE.with_name("Dockerfile.browser")  #: so is this
_DEBIAN = re.compile(r"apt-get install -y --no-install-recommends ([a-z0-9 -]+?) &&")
SECONDS = 800  # most of it pip's, where its cache is cold


@dataclass(frozen=True, slots=True)
class Image:
    """A folder that was built as the image's is, and how the image is started."""

    folder: Path
    made_of: tuple[Path, ...] = (DOCKERFILE,)  #: each on top of the one before

    def run(self, *arguments: str, **environment: object) -> Ran:
        """The entry command, with arguments in the place of CMD; of our environment it gets nothing."""
        entry, usual = (json.loads(self._said(word)[-1]) for word in ("ENTRYPOINT", "CMD"))
        return self.command(*entry, *(arguments or usual), **environment)

    def command(self, *words: str, **environment: object) -> Ran:
        """Anything else that the image holds, with what the Dockerfile and the caller set."""
        names = {name: str(value) for name, value in environment.items()}
        clean = {"PATH": os.defpath, **dict(each.split("=", 1) for each in self._said("ENV")), **names}
        return run(
            "env", "-i", *(f"{name}={value}" for name, value in clean.items()), *words, cwd=self.folder
        )

    def healthy(self) -> bool:
        return self.command(*json.loads(self._said("HEALTHCHECK")[-1].partition("CMD ")[2])).code == 0

    def files(self) -> dict[Path, int]:
        """All that lies there, the spool's apart, and when it was last written."""
        paths = (path.relative_to(self.folder) for path in self.folder.rglob("*"))
        return {path: (self.folder / path).lstat().st_mtime_ns for path in paths if path.parts[0] != "spool"}

    def _said(self, word: str) -> list[str]:
        """What the instructions of that name say."""
        return [rest for each in self.made_of for name, rest in steps(each) if name == word]


def build(folder: Path, dockerfile: Path = DOCKERFILE) -> Image:
    """Do what COPY and RUN say. `python3` is the Python that runs the tests, and pip may use its cache."""
    for word, rest in steps(dockerfile):
        if word == "COPY":
            source, target = rest.split()
            _copy(source, folder / target, dockerfile)
        elif word == "RUN":
            _run(rest.replace("--no-cache-dir ", ""), folder)
    return Image(folder)


def steps(dockerfile: Path = DOCKERFILE) -> Iterator[tuple[str, str]]:
    """A Dockerfile's instructions in their order."""
    lines = (line for line in dockerfile.read_text().splitlines(keepends=True) if not line.startswith("#"))
    for line in "".join(lines).replace("\\\n", "").splitlines():
        if line:
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def packages(dockerfile: Path) -> list[str]:
    """What it has of Debian."""
    (wanted,) = [found[1] for word, rest in steps(dockerfile) if (found := _DEBIAN.search(rest))]
    return wanted.split()


def ignored(path: PurePath, dockerfile: Path = DOCKERFILE) -> bool:
    """Whether Docker leaves the path out: the last pattern that fits it or a folder above it decides."""
    verdict = False
    for line in patterns(dockerfile):
        kept, pattern = re.fullmatch(r"(!?)(.*)", line).groups()
        if any(fnmatchcase(str(each), pattern) for each in (path, *path.parents)):
            verdict = not kept
    return verdict


def patterns(dockerfile: Path) -> list[str]:
    lines = dockerfile.with_name(f"{dockerfile.name}.dockerignore").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def _copy(source: str, target: Path, dockerfile: Path) -> None:
    def left(folder: str, names: list[str]) -> list[str]:
        place = Path(folder).relative_to(CHECKOUT)
        return [name for name in names if ignored(place / name, dockerfile)]

    assert not ignored(PurePath(source), dockerfile), f"{source} is not in the build's context"
    if (CHECKOUT / source).is_dir():
        shutil.copytree(CHECKOUT / source, target, ignore=left)
    else:
        shutil.copy2(CHECKOUT / source, target)


def _run(command: str, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        ["sh", "-c", command], cwd=folder, env={**os.environ, "PATH": path}, check=True, timeout=SECONDS
    )
