"""Where things lie on a server: in small hashes, which take few bytes a field."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Self

from crawler.items import ArticleId

BITS = 17  #: of a bucket's number: at ten million, fields enough to be cheap, few enough to be found quickly
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
        return self.tag(b"%d" % id)[0]

    def tag(self, data: bytes) -> tuple[str, bytes]:
        """In which bucket, and by which field, what these bytes name is found."""
        hash = self._hash.copy()
        hash.update(data)
        number, tag = _split(hash.digest())
        return f"{number >> 32 - BITS:x}", tag
