"""How much of anything a host may send us, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one exchange may cost."""

    head_bytes: int = MIB // 4  # browsers stop there too
    head_lines: int = 1000
    body_bytes: int = 1024 * MIB
    payload_bytes: int = 16 * MIB  #: of which more is not held in memory
    spool_bytes: int = MIB  #: of which more goes to a file
    idle_seconds: float = 60
    connect_seconds: float = 15  #: for one address, and for a TLS handshake
    keep_seconds: float = 15  #: unused connections; servers seldom keep them longer

    def within(self, body_bytes: int | None) -> Self:
        """The same, with a smaller limit of the body if one is given."""
        return replace(self, body_bytes=min(body_bytes, self.body_bytes)) if body_bytes else self


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLimits:
    """What a whole body may come to before it is read."""

    decoded_bytes: int = 16 * MIB
    decoded_ratio: int = 200  #: times its size on the wire, from the first MiB on

    def decoded(self, size: int) -> int:
        """To how many bytes a body of this size may be decoded."""
        return min(self.decoded_bytes, max(MIB, self.decoded_ratio * size))
