"""An archive in a bucket of S3, or of anything that speaks its protocol."""

from __future__ import annotations

import logging
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import md5, sha1, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from crawler.disk import Disk
from crawler.errors import StoreError, StoreRefused, WrongUse
from crawler.stores.access import S3Access
from crawler.stores.answer import whole
from crawler.stores.multipart import Multipart, agree
from crawler.stores.outgoing import Outgoing
from crawler.stores.refusal import MISSING, code, named
from crawler.stores.stream import WINDOW, Body, ObjectStream, buffered

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)
CONFLICTS = 8  #: times that a create-only put is sent again because another was under way
PROBE = "probe/"
OUTGOING_PARTS = 8_000  #: of an object whose size is only about known: S3 takes 10,000


class S3Store:
    """Keeps an archive under `s3://bucket/prefix`; what was put, the server has confirmed by a sum."""

    def __init__(self, url: str, access: S3Access, disk: Disk) -> None:
        self.url = url
        self._bucket, self._prefix = _place(url)
        self._access, self._disk = access, disk
        self._client: S3Client = access.client()

    def __reduce__(self) -> tuple[Any, ...]:
        return S3Store, (self.url, self._access, self._disk)  # a client can't go to another process

    def put(self, file: Path, key: str) -> None:
        with self._named(f"the upload of {key}"):
            size, digest, sha = _sums(file)
            if size > self._access.part_bytes:
                self._multipart(key).send(
                    file, self._key(key), sha, self._access.part_bytes, self._access.kept_so(key)
                )
            else:
                self._put(file, key, digest, sha)
            self._compare(key, size, sha)

    def create(self, key: str, data: bytes) -> bool:
        with self._named(f"the create-only put of {key}"):
            for attempt in range(CONFLICTS):
                try:
                    self._create(key, data)
                except ClientError as error:
                    if code(error) == "PreconditionFailed":
                        return self._content(key) == data  # ours, if our first answer was lost
                    if code(error) != "ConditionalRequestConflict":
                        raise
                    time.sleep(min(0.1 * 2**attempt, 5))
                else:
                    return True
        raise StoreError(f"{self.url}: {key} is being written by others again and again")

    def keep(self, key: str) -> None:
        """Nothing to do: what S3 shows, lasts."""

    def read(self, key: str) -> BinaryIO | None:
        with self._named(f"reading {key}"):
            try:
                first = whole(lambda: self._get(key, 0, WINDOW), "ContentRange", "ETag")
            except ClientError as error:
                if code(error) in MISSING:
                    return None
                if code(error) != "InvalidRange":  # an empty object has no first byte
                    raise
                return cast("BinaryIO", buffered(ObjectStream(partial(self._fetch, key, ""), 0)))
        size = int(first["ContentRange"].rpartition("/")[2])
        stream = ObjectStream(partial(self._fetch, key, first["ETag"]), size, first["Body"])
        return cast("BinaryIO", buffered(stream))

    def list(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        with self._named("the listing"):
            for page in self._pages(self._key(prefix)):
                found += ((each["Key"], each["Size"]) for each in page.get("Contents", ()))
        found.sort()  # SeaweedFS goes folder by folder
        for key, size in found:
            yield key.removeprefix(self._prefix), size

    def remove(self, key: str) -> None:
        try:
            with self._named(f"the removal of {key}"):
                self._client.delete_object(Bucket=self._bucket, Key=self._key(key))
        except StoreRefused as error:
            logger.warning("%s It stays there, and harms nobody.", error)

    def outgoing(self, key: str, size: int) -> Outgoing:
        """Takes an object of about that size, piece by piece, to the key."""
        part_bytes = max(self._access.part_bytes, -(-size // OUTGOING_PARTS))
        kept_so = self._access.kept_so(key)
        return Outgoing(self._client, self._bucket, self._key(key), part_bytes, kept_so)

    def preflight(self) -> None:
        key = f"{PROBE}{secrets.token_hex(8)}"
        if not self.create(key, b"one") or self._content(key) != b"one":
            raise StoreRefused(f"{self.url}: what is put there does not come back: use another store.")
        if [found for found, _ in self.list(key)] != [key]:
            raise StoreRefused(f"{self.url}: its listing does not show what was put: use another store.")
        overwritten = self.create(key, b"two")
        self.remove(key)
        if overwritten:
            raise StoreRefused(
                f"{self.url}: the store ignores If-None-Match on PutObject, so two jobs could "
                "overwrite each other's commits: use one that has conditional writes."
            )

    def _put(self, file: Path, key: str, digest: bytes, sha: str) -> None:
        def ask() -> Mapping[str, Any]:
            with file.open("rb") as body:
                return self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._key(key),
                    Body=body,
                    ContentMD5=b64encode(digest).decode(),
                    Metadata={"sha256": sha},
                    **self._access.kept_so(key),
                )

        agree(key, digest, whole(ask, "ETag"))

    def _create(self, key: str, data: bytes) -> None:
        digest = md5(data, usedforsecurity=False).digest()
        self._client.put_object(
            Bucket=self._bucket,
            Key=self._key(key),
            Body=data,
            ContentMD5=b64encode(digest).decode(),
            IfNoneMatch="*",
            **self._access.kept_so(key),
        )

    def _compare(self, key: str, size: int, sha: str) -> None:
        """Whether the object that is there is the one that was sent, whatever became of the answers."""
        try:
            head = whole(
                lambda: self._client.head_object(Bucket=self._bucket, Key=self._key(key)),
                "ContentLength",
                "ETag",
            )
        except ClientError as error:
            if code(error) not in MISSING:
                raise
            raise StoreError(f"{self.url}: {key} is not there though it was sent; try again.") from error
        if (head["ContentLength"], head["Metadata"].get("sha256")) != (size, sha):
            raise StoreError(f"{self.url}: {key} has {head['ContentLength']} other bytes than were sent")

    def _multipart(self, key: str) -> Multipart:
        name = sha1(f"{self.url} {key}".encode(), usedforsecurity=False).hexdigest()
        return Multipart(self._client, self._bucket, self._access.uploads / f"{name}.upload", self._disk)

    def _pages(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """A listing's answers; boto3's own paginator takes one that was cut for the last."""
        more: dict[str, Any] = {}
        while True:
            page = whole(
                partial(self._client.list_objects_v2, Bucket=self._bucket, Prefix=prefix, **more), "KeyCount"
            )
            yield page
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _content(self, key: str) -> bytes | None:
        if (stream := self.read(key)) is None:
            return None
        with stream:
            return stream.read()

    def _get(self, key: str, start: int, end: int, etag: str = "") -> Any:
        same: dict[str, Any] = {"IfMatch": etag} if etag else {}
        return self._client.get_object(
            Bucket=self._bucket, Key=self._key(key), Range=f"bytes={start}-{end - 1}", **same
        )

    def _fetch(self, key: str, etag: str, start: int, end: int) -> Body:
        with self._named(f"reading {key}"):
            return cast("Body", self._get(key, start, end, etag)["Body"])

    def _key(self, key: str) -> str:
        return self._prefix + key

    @contextmanager
    def _named(self, deed: str) -> Iterator[None]:
        with named(self.url, deed):
            yield


def _place(url: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix`; a prefix ends with a slash, or is empty."""
    parts = urlsplit(url)
    if not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise WrongUse(f"{url!r} is no place in S3: give s3://BUCKET or s3://BUCKET/PREFIX.")
    prefix = parts.path.strip("/")
    return parts.netloc, f"{prefix}/" if prefix else ""


def _sums(file: Path) -> tuple[int, bytes, str]:
    """Bytes, MD5 and SHA-256 of a file."""
    quick, strong, size = md5(usedforsecurity=False), sha256(), 0
    with file.open("rb") as source:
        while data := source.read(1 << 20):
            quick.update(data)
            strong.update(data)
            size += len(data)
    return size, quick.digest(), strong.hexdigest()
