"""Which number stands behind an id: articles, the seed page, faults."""

from __future__ import annotations

from zlib import crc32

ERAS = 4
SEED_ID = 203367206718582
MOST = 10_000_000  #: articles that a site can have

_SPAN = 8 * 10**14
_STEP = 494_427_190_999_917  # coprime to the span, near its golden section: neighbours lie far apart
_BACK = pow(_STEP, -1, _SPAN)
_FIRST = 10**14
_FAULTS = _FIRST + _SPAN


def id_of(n: int) -> int:
    """The id of article n: 15 digits, sparse, never a fault's or the seed's."""
    return _FIRST + n * _STEP % _SPAN


def n_of(article_id: int) -> int | None:
    """The number of the article with this id, None where there is none."""
    if not _FIRST <= article_id < _FAULTS:
        return None
    n = (article_id - _FIRST) * _BACK % _SPAN
    return n if n < MOST else None


def seed_ids() -> tuple[int, ...]:
    """An id for each markup whose page shows the seed's text; SEED_ID itself is apart."""
    return tuple(SEED_ID + 1 + era for era in range(ERAS))


def fault_id(name: str) -> int:
    """The id of a fault: by its name, so that new faults don't move the old ones."""
    return _FAULTS + crc32(name.encode()) * 20_000 + 7


def is_fault(article_id: int) -> bool:
    return article_id >= _FAULTS
