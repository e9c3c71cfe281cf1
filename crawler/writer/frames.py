"""What the crawl and its writer say to each other over their socket pair: length-prefixed pickles.

Both ends are this program on this machine; nothing from outside is ever unpickled here.
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass

from crawler.items import Copy, Exchange, ForeignFile, Resource, Take

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Committed:
    """The segment's commit is applied: the ledger answers for its payloads now."""

    segment: str


@dataclass(frozen=True, slots=True)
class Seal:
    """Seal what is open: nothing more comes for a while."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Make all that came before survive a crash, and say so."""


@dataclass(frozen=True, slots=True)
class Together:
    """Orders that one checkpoint makes safe: all of them, or none."""

    orders: tuple[Exchange | Copy | ForeignFile | Resource | Take, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Seal what is open, and end."""


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """So many more takes survive a crash now."""

    takes: int


@dataclass(frozen=True, slots=True)
class Synced:
    """What came before the Sync survives a crash now."""


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """The segment takes nothing more and can be committed."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class AllSealed:
    """Nothing is open any more."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The writer can't go on."""

    message: str


Order = Exchange | Copy | ForeignFile | Resource | Take | Together | Committed | Sync | Seal | Close
Report = Checkpointed | Synced | SealedSegment | AllSealed | Broken


def packed(message: Order | Report) -> bytes:
    data = pickle.dumps(message, protocol=5)
    return _LENGTH.pack(len(data)) + data


class Unpacker:
    """Whole messages out of a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> list[Order | Report]:
        """The messages that data completes."""
        self._buffer += data
        messages: list[Order | Report] = []
        at = 0
        while len(self._buffer) - at >= _LENGTH.size:
            end = at + _LENGTH.size + _LENGTH.unpack_from(self._buffer, at)[0]
            if len(self._buffer) < end:
                break
            with memoryview(self._buffer) as view:
                messages.append(pickle.loads(view[at + _LENGTH.size : end]))  # noqa: S301 -- our own end
            at = end
        del self._buffer[:at]
        return messages
