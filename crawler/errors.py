"""What can go wrong, by name.

CrawlerError
├── WrongUse             the user's mistake: nothing was fetched (exit 2)
├── ArchiveHeld          another job holds the archive (exit 5)
├── WireError            the exchange did not come to a whole response
├── ArchiveError         a disk, store, ledger or writer failed: the crawl stops (exit 6)
│   ├── StoreError       the store did not take, or give, an object whole
│   │   └── StoreRefused a person must mend something before the store serves us
│   ├── LedgerError      the ledger can't be read or written
│   ├── SpoolError       the spool on this disk can't be used
│   ├── WriterDied       the process that writes the segment is gone
│   └── Damaged          a file of the archive is not what its commit says
├── Stumbled             our own code did what nobody foresaw (exit 1)
├── Undecodable          a body that its Content-Encoding does not describe
└── LayoutUnknown        no layout fits this page
"""


class CrawlerError(Exception):
    """Something this crawler can name went wrong."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.__doc__)


class WrongUse(CrawlerError):
    """The command was used wrongly."""


class ArchiveHeld(CrawlerError):
    """Another job holds the archive."""


class WireError(CrawlerError):
    """The exchange did not come to a whole response."""


class Undecodable(CrawlerError):
    """The body is not what its Content-Encoding says."""


class Stumbled(CrawlerError):
    """Our own code did what nobody foresaw."""


class LayoutUnknown(CrawlerError):
    """No layout fits this page."""


class ArchiveError(CrawlerError):
    """The archive can't be written; what was committed is safe."""


class StoreError(ArchiveError):
    """The store did not take, or give, the object whole."""


class StoreRefused(StoreError):
    """The store refuses us; a person must mend that."""


class LedgerError(ArchiveError):
    """The ledger can't be read or written."""


class SpoolError(ArchiveError):
    """The spool on this disk can't be used."""


class WriterDied(ArchiveError):
    """The process that writes the segment is gone."""


class Damaged(ArchiveError):
    """A file of the archive is not what its commit says."""
