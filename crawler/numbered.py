"""Files that stand for the log up to a commit, and are named by its number: snapshots, merged indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crawler.stores import Store


@dataclass(frozen=True, slots=True)
class Numbered:
    """A folder of such files."""

    folder: str  #: with its slash
    suffix: str

    def key(self, n: int) -> str:
        return f"{self.folder}{n:010d}{self.suffix}"

    def numbers(self, store: Store) -> list[int]:
        """Of which commits there is one, the newest first."""
        return sorted(self.among(name for name, _ in store.list(self.folder)), reverse=True)

    def among(self, keys: Iterable[str]) -> Iterator[int]:
        """The commits of those keys that are such a file's."""
        for name in keys:
            number = name.removeprefix(self.folder).removesuffix(self.suffix)
            if number.isascii() and number.isdigit() and self.key(int(number)) == name:
                yield int(number)
