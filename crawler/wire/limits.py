"""How much of anything a host may send us, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass

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
