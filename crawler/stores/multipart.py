"""A large file on its way to S3 in parts, with a journal on disk: cut anywhere, it goes on where it was.

The journal is a JSON line that says which upload it is, then one line a part that the server has:
`[number, etag]`. Only uploads that such a journal names are ever aborted: others are another worker's.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.exceptions import ClientError

from crawler.disk import Disk, make_folder
from crawler.errors import StoreError
from crawler.stores.answer import whole
from crawler.stores.ranged import Ranged
from crawler.stores.refusal import code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PARTS = 9_000  #: S3 takes 10,000
GONE = "NoSuchUpload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One upload in parts: which file, to where, under which number of the server's."""

    key: str
    sha256: str
    part_bytes: int
    upload_id: str


class Part(Ranged):
    """Some bytes of a file, as a file: what boto3 sends without holding it in memory."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        super().__init__(length)
        self._file, self._start = file, start

    def _read(self, wanted: int) -> bytes:
        self._file.seek(self._start + self._at)
        return self._file.read(wanted)


class Multipart:
    """Sends one file in parts; afterwards it is there whole, or the next try goes on."""

    def __init__(self, client: S3Client, bucket: str, journal: Path, disk: Disk) -> None:
        self._client, self._bucket, self._journal, self._disk = client, bucket, journal, disk

    def send(self, file: Path, key: str, sha256: str, part_bytes: int, kept_so: Mapping[str, Any]) -> None:
        """The whole way. Whether it is there, a HEAD must tell: the last answer may have been lost."""
        part_bytes = max(part_bytes, -(-file.stat().st_size // PARTS))
        upload, done = self._begun(key, sha256, part_bytes) or (
            self._begin(key, sha256, part_bytes, kept_so),
            {},
        )
        try:
            parts = list(self._parts(file, upload, done))
            self._client.complete_multipart_upload(
                **self._which(upload), MultipartUpload={"Parts": cast("Any", parts)}
            )
        except ClientError as error:
            if (
                code(error) != GONE
            ):  # else it was completed, and the answer lost; or a lifecycle rule cleared it
                raise
        self._forget()

    def _parts(self, file: Path, upload: Upload, done: Mapping[int, str]) -> list[dict[str, Any]]:
        size, step = file.stat().st_size, upload.part_bytes
        with file.open("rb") as source:
            return [
                {
                    "PartNumber": number,
                    "ETag": done.get(number) or self._part(source, number, start, size, upload),
                }
                for number, start in enumerate(range(0, size, step), 1)
            ]

    def _part(self, source: BinaryIO, number: int, start: int, size: int, upload: Upload) -> str:
        part = Part(source, start, min(upload.part_bytes, size - start))
        digest = _md5(part)

        def ask() -> Mapping[str, Any]:
            part.seek(0)
            return self._client.upload_part(
                **self._which(upload),
                PartNumber=number,
                Body=cast("Any", part),
                ContentMD5=b64encode(digest).decode(),
            )

        answer = whole(ask, "ETag")
        agree(upload.key, digest, answer)
        etag = str(answer["ETag"])
        with self._disk.open(self._journal) as journal:
            self._disk.write(journal, json.dumps([number, etag]).encode() + b"\n")
            self._disk.sync(journal)
        return etag

    def _begin(self, key: str, sha256: str, part_bytes: int, kept_so: Mapping[str, Any]) -> Upload:
        answer = whole(
            lambda: self._client.create_multipart_upload(
                Bucket=self._bucket, Key=key, Metadata={"sha256": sha256}, **kept_so
            ),
            "UploadId",
        )
        upload = Upload(key=key, sha256=sha256, part_bytes=part_bytes, upload_id=answer["UploadId"])
        make_folder(self._disk, self._journal.parent)
        with self._disk.open(self._journal) as journal:
            self._disk.write(journal, json.dumps(asdict(upload)).encode() + b"\n")
            self._disk.sync(journal)
        self._disk.sync_folder(self._journal.parent)
        return upload

    def _begun(self, key: str, sha256: str, part_bytes: int) -> tuple[Upload, dict[int, str]] | None:
        """The upload that the journal names, if it still fits, and the parts that both sides know of."""
        if not self._journal.exists():
            return None
        upload, ours = _read(self._journal)
        if upload is None or (upload.key, upload.sha256, upload.part_bytes) != (key, sha256, part_bytes):
            self._abort(upload)
            return None
        try:
            theirs = self._listed(upload)
        except ClientError as error:
            if code(error) != GONE:
                raise
            self._forget()
            return None
        return upload, {number: etag for number, etag in ours.items() if theirs.get(number) == etag}

    def _listed(self, upload: Upload) -> dict[int, str]:
        pages = self._client.get_paginator("list_parts").paginate(**self._which(upload))
        return {part["PartNumber"]: part["ETag"] for page in pages for part in page.get("Parts", [])}

    def _abort(self, upload: Upload | None) -> None:
        if upload is not None:
            try:
                self._client.abort_multipart_upload(**self._which(upload))
            except ClientError as error:
                if code(error) != GONE:
                    raise
        self._forget()

    def _forget(self) -> None:
        self._disk.remove(self._journal)

    def _which(self, upload: Upload) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": upload.key, "UploadId": upload.upload_id}


def agree(key: str, digest: bytes, answer: Mapping[str, Any]) -> None:
    """StoreError if the server says that it has other bytes; under a KMS key its ETag is no sum."""
    if str(answer.get("ServerSideEncryption", "")).startswith("aws:kms"):
        return
    if (etag := answer["ETag"].strip('"')) != digest.hex():
        raise StoreError(f"{key}: the store has bytes of MD5 {etag}, we sent {digest.hex()}")


def _md5(part: Part) -> bytes:
    digest = md5(usedforsecurity=False)
    while data := part.read(1 << 20):
        digest.update(data)
    return digest.digest()


def _read(journal: Path) -> tuple[Upload | None, dict[int, str]]:
    """What the journal holds, up to where a crash tore it."""
    lines = journal.read_bytes().split(os.linesep.encode())[:-1]
    try:
        upload = Upload(**json.loads(lines[0]))
        return upload, dict(map(json.loads, lines[1:]))
    except (ValueError, TypeError, IndexError):
        return None, {}
