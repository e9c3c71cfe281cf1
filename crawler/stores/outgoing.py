"""A large object on its way to S3 that lies nowhere before: it is sent in parts while it is made."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import md5
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from crawler.errors import StoreError
from crawler.stores.answer import whole
from crawler.stores.multipart import GONE, agree
from crawler.stores.refusal import MISSING, code, named

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST = 10_000  #: parts that S3 takes


class Outgoing:
    """Takes an object's bytes; it is there, whole, after `finish`, and nothing of it after `drop`."""

    def __init__(
        self, client: S3Client, bucket: str, key: str, part_bytes: int, kept_so: Mapping[str, Any]
    ) -> None:
        self._client, self._part_bytes, self._kept_so = client, part_bytes, kept_so
        self._where: dict[str, Any] = {"Bucket": bucket, "Key": key}
        self._name = f"s3://{bucket}/{key}"
        self._upload = ""
        self._etags: list[str] = []
        self._waiting = bytearray()
        self._size = 0

    def write(self, data: bytes, /) -> None:
        self._waiting += data
        self._size += len(data)
        while len(self._waiting) > self._part_bytes:
            with named(self._name, "the upload"):
                self._part(bytes(self._waiting[: self._part_bytes]))
            del self._waiting[: self._part_bytes]

    def finish(self) -> None:
        """Send the rest; what is there then is what was sent, whatever became of the answers."""
        with named(self._name, "the upload"):
            self._part(bytes(self._waiting))
            parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(self._etags, 1)]
            try:
                self._client.complete_multipart_upload(
                    **self._which(), MultipartUpload={"Parts": cast("Any", parts)}
                )
            except ClientError as error:
                if code(error) != GONE:  # else it was completed, and the answer lost
                    raise
            self._upload = ""
            self._compare()

    def drop(self) -> None:
        """Whatever was sent goes, unless it is finished."""
        if self._upload:
            try:
                self._client.abort_multipart_upload(**self._which())
            except (ClientError, BotoCoreError):
                return  # the bucket's lifecycle rule clears it; what went wrong before is the news

    def _part(self, data: bytes) -> None:
        if not self._upload:
            begin = self._client.create_multipart_upload
            self._upload = str(whole(lambda: begin(**self._where, **self._kept_so), "UploadId")["UploadId"])
        if len(self._etags) >= MOST:
            raise StoreError(f"{self._name} has grown beyond {MOST} parts of {self._part_bytes} bytes")
        digest = md5(data, usedforsecurity=False).digest()
        send, number = self._client.upload_part, len(self._etags) + 1
        sums = b64encode(digest).decode()
        answer = whole(lambda: send(**self._which(), PartNumber=number, Body=data, ContentMD5=sums), "ETag")
        agree(self._name, digest, answer)
        self._etags.append(str(answer["ETag"]))

    def _compare(self) -> None:
        try:
            head = whole(lambda: self._client.head_object(**self._where), "ContentLength", "ETag")
        except ClientError as error:
            if code(error) not in MISSING:
                raise
            raise StoreError(f"{self._name} is not there though it was sent; try again.") from error
        if head["ContentLength"] != self._size:
            raise StoreError(f"{self._name} has {head['ContentLength']} bytes, {self._size} were sent")

    def _which(self) -> dict[str, Any]:
        return {**self._where, "UploadId": self._upload}
