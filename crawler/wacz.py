"""An archive, or some of it, as one file that ReplayWeb.page opens: WACZ 1.1.1.

archive/*.warc.gz, indexes/index.cdx.gz with index.idx over it (a line a block, so that a reader in a browser
fetches a block and not the whole), pages/pages.jsonl. The same commits and wishes give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, filterfalse, islice
from pathlib import Path

from zlib_ng import zlib_ng

from crawler import excerpt
from crawler.cdxj import shows_nothing
from crawler.choice import Wish, choose
from crawler.commits import Commit, foreign, outcomes
from crawler.errors import WrongUse
from crawler.excerpt import Excerpt
from crawler.foreign.elsewhere import Elsewhere
from crawler.hidden import Hidden
from crawler.items import ForeignFile, RecordRef
from crawler.lines import OutcomeLine, canonical
from crawler.merge import Runs
from crawler.package import Package
from crawler.pages import page_list
from crawler.pulled import pulled
from crawler.sink import Sink
from crawler.stores import Store
from crawler.wording import number, size

INDEX, OVER_IT, PAGES = "indexes/index.cdx.gz", "indexes/index.idx", "pages/pages.jsonl"
BLOCK = 1024  #: index lines that are packed together, as py-wacz does
_LEVEL, _GZIP = 6, 31


@dataclass(slots=True)
class Packed:
    """What a WACZ has so far."""

    warcs: int = 0
    captures: int = 0
    pages: int = 0
    bytes: int = 0  #: of WARCs

    def __str__(self) -> str:
        held = ", ".join((number(self.pages, "page"), number(self.captures, "capture")))
        return f"{held}, {number(self.warcs, 'WARC')} of {size(self.bytes)}"


class Contents:
    """What is to go into a WACZ, looked up but not read yet; WrongUse if that is nothing."""

    def __init__(
        self, store: Store, log: Sequence[Commit], wish: Wish, elsewhere: Elsewhere | None = None
    ) -> None:
        self._store, self._log, self._wish, self._elsewhere = store, log, wish, elsewhere
        self.hidden = Hidden.of(store, log)
        self._offsets = None if wish.all else choose(store, log, wish, self.hidden)
        self._warcs = [(each, file) for each in log if self._has(each) and (file := each.file("warc"))]
        self._alone = foreign(store, log) if elsewhere else frozenset()
        refs = ((each, self._referred(each)) for each in log if each.foreign and self._alone)
        self._foreign = [(each, some) for each, some in refs if some]
        if not self._warcs and not self._foreign:
            raise WrongUse(f"{self.nothing()}: no WACZ was made.")

    @property
    def most(self) -> int:
        """About how many bytes the WACZ may have, at most."""
        ours = sum(file.bytes for commit in self._log for file in commit.files)
        return ours + sum(file.bytes for commit in self._log for file in commit.foreign)

    def excerpts(self) -> Iterator[Excerpt]:
        """The WARC files, in the order of the log."""
        for commit, file in self._warcs:
            if self._offsets is not None:
                at = self._offsets[commit.segment]
                yield excerpt.chosen(self._store, commit, file, self.hidden, at)
            elif self.hidden:
                yield excerpt.shown(self._store, commit, file, self.hidden)
            else:
                yield excerpt.whole(self._store, commit, file)
        sound: set[ForeignFile] = set()  # read once, however many commits name them
        for commit, refs in self._foreign:
            assert self._elsewhere
            yield pulled(commit, refs, self._elsewhere, sound)

    def pages(self, folder: Path) -> Iterator[bytes]:
        """The lines of the page list; once the excerpts are taken, for then all that is hidden is known."""
        return page_list(self._store, self._log, folder, self._listed)

    def nothing(self) -> str:
        """Why there is no capture to take."""
        if self._wish.ids and self._wish.ids <= self.hidden.ids:
            return "All of that is excluded"
        if self._wish.all:
            return "All of that is excluded" if self.hidden else f"{self._store.url} has no captures yet"
        return f"{self._store.url} holds nothing of that"

    def _has(self, commit: Commit) -> bool:
        return self._offsets is None or commit.segment in self._offsets

    def _listed(self, line: OutcomeLine) -> bool:
        ids = self._wish.ids
        wished = (ids is None or line.article_id in ids) and self._wish.within(line.captured_at or "")
        return wished and not self.hidden.outcome(line)

    def _referred(self, commit: Commit) -> Sequence[RecordRef]:
        """The records in files of others that takes of the commit refer to, each once."""
        refs: dict[RecordRef, None] = {}
        for line in outcomes(self._store, commit):
            capture = (line.url, line.captured_at)
            shown = self._listed(line) and not self.hidden.url(line.url)
            if line.record and line.record.foreign and shown and capture in self._alone:
                refs[line.record] = None
        return list(refs)


def write(
    contents: Contents,
    sink: Sink,
    folder: Path,
    at: datetime,
    about: Mapping[str, str],
    progress: Callable[[Packed], None] = lambda _: None,
) -> Packed:
    """Write the WACZ; WrongUse if all of it is hidden.

    Index and pages are sorted in the folder; of the WARCs there is no other copy than the sink's.
    """
    runs, packed = Runs(folder), Packed()
    with Package(sink, at) as package:
        for each in contents.excerpts():
            if (first := next(each.chunks, None)) is None:
                continue  # all of it is hidden
            chunks = _told(chain([first], each.chunks), packed, progress)
            package.add(f"archive/{each.name}", chunks, most=each.most)
            packed.warcs += 1
            for line in each.lines():
                runs.add(line + b"\n")
                packed.captures += 1
        if not packed.captures:
            raise WrongUse(f"{contents.nothing()}: no WACZ was made.")
        blocks: list[bytes] = []
        package.add(INDEX, _blocks(filterfalse(shows_nothing, runs.lines()), blocks))
        package.add(OVER_IT, blocks, packed=True)
        package.add(PAGES, _counted(contents.pages(folder), packed), packed=True)
        package.close(about)
    return packed


def _told(chunks: Iterable[bytes], packed: Packed, progress: Callable[[Packed], None]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        packed.bytes += len(chunk)
        progress(packed)


def _blocks(lines: Iterator[bytes], over: list[bytes]) -> Iterator[bytes]:
    """The index lines in gzip members of a block each; over gets a line a block, which says where it lies."""
    meta = {"format": "cdxj-gzip-1.0", "filename": INDEX.rpartition("/")[2]}
    over.append(b"!meta 0 " + canonical(meta).encode() + b"\n")
    offset = 0
    while block := list(islice(lines, BLOCK)):
        data = zlib_ng.compress(b"".join(block), _LEVEL, _GZIP)
        key, timestamp, _ = block[0].split(b" ", 2)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        place = {"offset": offset, "length": len(data), "digest": digest}
        over.append(b" ".join((key, timestamp, canonical(place).encode())) + b"\n")
        offset += len(data)
        yield data


def _counted(lines: Iterator[bytes], packed: Packed) -> Iterator[bytes]:
    yield next(lines)  # the head of the list
    for line in lines:
        packed.pages += 1
        yield line
