"""An archive looked at: to a full disk, a read-only mount and a running crawl it is all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from crawler import commits, snapshots
from crawler.archive import Archive
from crawler.housing import Housing
from crawler.ledger import Ledger, Seed, open_ledger, read_ledger
from crawler.ledger.roster import Presence
from crawler.stores import Store


@contextmanager
def ledger(housing: Housing, store: Store, home: Archive) -> Iterator[Ledger]:
    """A ledger as of the newest commit: the one that is there, unchanged, or one that is made for now."""
    commits.look_over(store)
    if (there := read_ledger(housing.ledger, lease_seconds=housing.lease_seconds)) is None:
        with _made(store, home, partial(snapshots.fetch, store)) as made:
            yield made
        return
    with closing(there):
        there.bind(home.id)
        if commits.read(store, there.n() + 1) is None:
            commits.follow(store, there)  # which finds nothing, but looks whether the log is long enough
            yield there
        else:
            with _made(store, home, partial(_seed, store, there)) as made:
                yield made


def roster(housing: Housing) -> tuple[Sequence[Presence], Mapping[str, str | None]]:
    """Who works on the archive, and who searches where: of a ledger that is made for now nobody is heard."""
    if (there := read_ledger(housing.ledger, lease_seconds=housing.lease_seconds)) is None:
        return [], {}
    with closing(there):
        return there.present(), there.searches()


def _seed(store: Store, there: Ledger, file: Path) -> bool:
    return there.dump(file) >= 0 or snapshots.fetch(store, file)


@contextmanager
def _made(store: Store, home: Archive, seed: Seed) -> Iterator[Ledger]:
    """A ledger in a temporary folder, brought to the newest commit."""
    with (
        TemporaryDirectory(prefix="ledger-") as folder,
        closing(open_ledger(f"sqlite://{Path(folder).absolute()}/ledger.db", seed)) as made,
    ):
        made.bind(home.id)
        commits.follow(store, made)
        yield made
