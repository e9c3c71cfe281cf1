"""The audit: reads a whole archive as a stranger would, and proves it."""

from crawler.audit.archive import Fault, Findings, audit

__all__ = ["Fault", "Findings", "audit"]
