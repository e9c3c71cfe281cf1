"""`scrapy verify`: proves the archive."""

from __future__ import annotations

import argparse
import os
import sys
import time

from crawler import archive
from crawler.audit import Findings, audit
from crawler.command import ArchiveCommand, Progress
from crawler.errors import WrongUse
from crawler.housing import Housing


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
        began, tell = time.monotonic(), Progress()

        def progress(findings: Findings) -> None:
            tell(f"{findings.commits} commits, {findings.records} records")

        findings = audit(store, progress, processes=os.cpu_count() or 1)
        for fault in findings.faults:
            sys.stdout.write(f"FAULT {fault}\n")
        for stray in findings.strays:
            sys.stdout.write(f"stray {stray}: no commit names it (harmless)\n")
        sys.stdout.write(_summary(findings, time.monotonic() - began) + "\n")
        self.exitcode = 1 if findings.faults else 0


def _summary(findings: Findings, seconds: float) -> str:
    counts = findings.counts
    assert counts is not None
    verdict = f"{len(findings.faults)} FAULTS" if findings.faults else "sound"
    return (
        f"{verdict}: {findings.commits} commits, {findings.records} records, {findings.takes} takes, "
        f"{findings.items} items; known {counts.known} = settled {counts.settled} + left {counts.left}; "
        f"{len(findings.strays)} strays; {seconds:.1f} s, {findings.takes / max(seconds, 1e-9):.0f} takes/s"
    )
