"""`scrapy verify`: proves the archive."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from crawler import archive
from crawler.audit import Findings, audit
from crawler.command import ArchiveCommand, Progress
from crawler.errors import LedgerError, WrongUse
from crawler.housing import Housing
from crawler.ledger import Ledger, read_ledger
from crawler.stores import Store


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

        with ExitStack() as let_go:
            if ledger := _own(housing, store):
                let_go.callback(ledger.close)
            processes = os.cpu_count() or 1
            findings = audit(
                store,
                progress,
                processes=processes,
                ledger=ledger,
                opener=housing,
                bring=self._bring,
            )
        for fault in findings.faults:
            sys.stdout.write(f"FAULT {fault}\n")
        for stray in findings.strays:
            sys.stdout.write(f"stray {stray}: no commit names it (harmless)\n")
        sys.stdout.write(_summary(findings, time.monotonic() - began) + "\n")
        self.exitcode = 1 if findings.faults else 0


def _own(housing: Housing, store: Store) -> Ledger | None:
    """The ledger that lies in the archive; another may be that of a copy which has gone on."""
    file = Path(housing.ledger.removeprefix("sqlite://"))
    try:
        return read_ledger(housing.ledger) if Path(store.url) in file.parents else None
    except (LedgerError, WrongUse):
        return None  # it can be made anew, so it is no fault of the archive


def _summary(findings: Findings, seconds: float) -> str:
    counts = findings.counts
    assert counts is not None
    verdict = f"{len(findings.faults)} FAULTS" if findings.faults else "sound"
    return (
        f"{verdict}: {findings.commits} commits, {findings.records} records, {findings.takes} takes, "
        f"{findings.items} items; known {counts.known} = settled {counts.settled} + left {counts.left}; "
        f"{len(findings.strays)} strays; {seconds:.1f} s, {findings.takes / max(seconds, 1e-9):.0f} takes/s"
    )
