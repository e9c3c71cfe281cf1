"""Where things lie on a server: in small hashes, which take few bytes a field."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Self

from crawler.items import ArticleId

IDS = 17  #: bits of a bucket's number: at ten million, enough fields to be cheap, and few to be quick
TAGS = 18  #: the same, of what lies under tags: a commit looks through more of those
DIGEST = Struct(">I8s")  #: what the bucket's number is the beginning of; the tag
_split = DIGEST.unpack


class Keys:
    """Buckets and tags of one ledger, keyed by its epoch: no site can know them, and crowd a bucket.

    Nor can it make two things that have one tag. Of ten million that nobody chose two have the same bucket
    and tag with one chance in 10^10; that is why a tag stands for a hash of four times its length.
    """

    def __init__(self, epoch: str) -> None:
        self._hash = blake2b(digest_size=DIGEST.size, key=epoch.encode())

    @classmethod
    @lru_cache(maxsize=4)
    def of(cls, epoch: str) -> Self:
        return cls(epoch)

    def bucket(self, id: ArticleId) -> str:
        """Which bucket has the id, in hex."""
        return f"{self._digest(b'%d' % id)[0] >> 32 - IDS:x}"

    def tag(self, data: bytes) -> tuple[str, bytes]:
        """In which bucket, and by which field, what these bytes name is found."""
        number, tag = self._digest(data)
        return f"{number >> 32 - TAGS:x}", tag

    def _digest(self, data: bytes) -> tuple[int, bytes]:
        hash = self._hash.copy()
        hash.update(data)
        return _split(hash.digest())
