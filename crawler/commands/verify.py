"""`scrapy verify`: proves the archive."""

from __future__ import annotations

import argparse
import os
import sys
import time

from crawler import archive
from crawler.audit import Findings, audit
from crawler.command import ArchiveCommand
from crawler.errors import WrongUse
from crawler.housing import Housing

SECONDS = 2  # between two lines of progress


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return ""

    def short_desc(self) -> str:
        return "Read the whole archive as a stranger would, and prove it (exit 1 if it is at fault)"

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        if args:
            raise WrongUse("scrapy verify takes no arguments: ARCHIVE_URL names the archive.")
        store = housing.open_store()
        archive.found(store)
        began = time.monotonic()
        findings = audit(store, _Progress(), processes=os.cpu_count() or 1)
        for fault in findings.faults:
            sys.stdout.write(f"FAULT {fault}\n")
        for stray in findings.strays:
            sys.stdout.write(f"stray {stray}: no commit names it (harmless)\n")
        sys.stdout.write(_summary(findings, time.monotonic() - began) + "\n")
        self.exitcode = 1 if findings.faults else 0


class _Progress:
    """A line now and then."""

    def __init__(self) -> None:
        self._next = time.monotonic() + SECONDS

    def __call__(self, findings: Findings) -> None:
        if time.monotonic() >= self._next:
            sys.stderr.write(f"… {findings.commits} commits, {findings.records} records\n")
            self._next = time.monotonic() + SECONDS


def _summary(findings: Findings, seconds: float) -> str:
    counts = findings.counts
    assert counts is not None
    verdict = f"{len(findings.faults)} FAULTS" if findings.faults else "sound"
    return (
        f"{verdict}: {findings.commits} commits, {findings.records} records, {findings.takes} takes, "
        f"{findings.items} items; known {counts.known} = settled {counts.settled} + left {counts.left}; "
        f"{len(findings.strays)} strays; {seconds:.1f} s, {findings.takes / max(seconds, 1e-9):.0f} takes/s"
    )
