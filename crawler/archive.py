"""archive.json: which archive this is."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from uuid import UUID, uuid4

from crawler import commits
from crawler.errors import Damaged, WrongUse
from crawler.lines import canonical
from crawler.stores import Store

KEY = "archive.json"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An archive's card: its format and its name for ever."""

    format: int
    uuid: str
    collection: str
    contact: str | None

    @property
    def id(self) -> UUID:
        return UUID(self.uuid)


def find(store: Store) -> Archive | None:
    """The archive in the store; None if there is none. WrongUse if a newer program wrote it."""
    if (stream := store.read(KEY)) is None:
        if commits.read(store, 1) is not None:
            raise Damaged(f"{store.url} has commits, but no {KEY}: bring it back from a copy of the archive.")
        return None
    with closing(stream):
        try:
            raw = json.loads(stream.read())
            if raw["format"] > FORMAT:
                raise WrongUse(
                    f"{store.url} has archive format {raw['format']}, we know {FORMAT}: use a newer program."
                )
            archive = Archive(**raw)
            _ = archive.id
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Damaged(f"{store.url}: {KEY} can't be read: {error}") from error
    return archive


def found(store: Store) -> Archive:
    """The archive in the store, for commands that only read."""
    if (archive := find(store)) is None:
        raise WrongUse(f"there is no archive at {store.url}: set ARCHIVE_URL to one, or crawl first.")
    return archive


def ensure(store: Store, contact: str | None, new_id: Callable[[], UUID] = uuid4) -> Archive:
    """The archive in the store, made if there is none yet."""
    if find(store) is None:
        new = Archive(format=FORMAT, uuid=str(new_id()), collection="anapress", contact=contact or None)
        store.create(KEY, canonical(asdict(new)).encode() + b"\n")
    store.keep(KEY)
    return found(store)
