"""The fault proxy: what a plain client sees of each fault, and what the real server behind it has then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from math import inf
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from tests.s3 import (
    Act,
    Endpoint,
    Fault,
    Proxy,
    corrupt,
    cut_answer,
    cut_request,
    delay,
    error,
    hang,
    ignore_condition,
    lose_answer,
    running_proxy,
    slow,
)

BODY = bytes(range(256)) * 400


@dataclass(frozen=True)
class Bench:
    """A bucket, a client that goes through the proxy, and one that does not."""

    proxy: Proxy
    bucket: str
    through: Any
    direct: Any

    def put(self, key: str = "a", body: Any = BODY, **more: Any) -> Any:
        return self.through.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def get(self, key: str = "a") -> bytes:
        return self.through.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def kept(self, key: str = "a") -> bytes | None:
        """What the server has."""
        try:
            return self.direct.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.direct.exceptions.NoSuchKey:
            return None

    def fault(self, act: Act, **when: Any) -> None:
        self.proxy.faults.add(Fault(act, **when))


def code(refusal: ClientError) -> str:
    return refusal.response["Error"]["Code"]


@pytest.fixture
def proxy(s3: Endpoint) -> Iterator[Proxy]:
    with running_proxy(s3) as proxy:
        yield proxy


@pytest.fixture
def bench(s3: Endpoint, proxy: Proxy) -> Iterator[Bench]:
    with closing(proxy.endpoint.client(read_timeout=10)) as through, closing(s3.client()) as direct:
        yield Bench(proxy, s3.bucket(), through, direct)


def test_what_is_signed_for_the_proxy_is_taken_by_the_server_unchanged(bench) -> None:
    bench.put(body=BytesIO(BODY))
    assert bench.get() == bench.kept() == BODY
    put, get = bench.proxy.requests
    assert (put.method, put.target, put.status, put.fault) == ("PUT", f"/{bench.bucket}/a", 200, "")
    assert put.headers["host"] == bench.proxy.endpoint.url.removeprefix("http://")
    assert put.headers["expect"] == "100-continue"
    assert (get.method, get.status) == ("GET", 200)


def test_listings_heads_deletes_and_empty_objects_go_through(bench) -> None:
    for n in range(30):
        bench.put(f"k/{n:02}", b"")
    listed = bench.through.list_objects_v2(Bucket=bench.bucket, Prefix="k/")["Contents"]
    assert [entry["Key"] for entry in listed] == [f"k/{n:02}" for n in range(30)]
    assert bench.through.head_object(Bucket=bench.bucket, Key="k/07")["ContentLength"] == 0
    bench.through.delete_object(Bucket=bench.bucket, Key="k/07")
    with pytest.raises(ClientError, match="404"):
        bench.through.head_object(Bucket=bench.bucket, Key="k/07")
    assert bench.proxy.requests[-1].status == 404


@pytest.mark.parametrize(
    ("name", "status"),
    [("InternalError", 500), ("SlowDown", 503), ("ExpiredToken", 400), ("RequestTimeTooSkewed", 403)],
)
@pytest.mark.parametrize("body", [BODY, BytesIO(BODY)], ids=["bytes", "stream that waits for leave"])
def test_an_error_is_read_as_s3s_own_and_the_server_has_nothing(bench, name, status, body) -> None:
    bench.fault(error(name))
    with pytest.raises(ClientError) as refusal:
        bench.put(body=body)
    assert code(refusal.value) == name
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert bench.proxy.requests[-1].status == status
    assert bench.kept() is None
    bench.put()
    assert bench.kept() == BODY


def test_a_part_whose_upload_is_cut_is_not_there(bench) -> None:
    upload = bench.through.create_multipart_upload(Bucket=bench.bucket, Key="a")["UploadId"]
    bench.fault(cut_request(5000), path="partNumber=2")
    part = {"Bucket": bench.bucket, "Key": "a", "UploadId": upload}
    bench.through.upload_part(**part, PartNumber=1, Body=BytesIO(BODY))
    with pytest.raises(ConnectionClosedError):
        bench.through.upload_part(**part, PartNumber=2, Body=BytesIO(BODY))
    assert [each["PartNumber"] for each in bench.direct.list_parts(**part)["Parts"]] == [1]
    assert bench.proxy.requests[-1].fault == "cut_request"
    assert bench.proxy.requests[-1].status is None


@pytest.mark.parametrize("after", [0, 1000, 1 << 30])
def test_an_object_whose_upload_is_cut_is_not_there(bench, after) -> None:
    bench.fault(cut_request(after))
    with pytest.raises(ConnectionClosedError):
        bench.put()
    assert bench.kept() is None


def test_a_cut_request_without_a_body_never_reaches_the_server(bench) -> None:
    bench.put()
    bench.fault(cut_request(0), method="DELETE")
    with pytest.raises(ConnectionClosedError):
        bench.through.delete_object(Bucket=bench.bucket, Key="a")
    assert bench.kept() == BODY


def test_an_object_is_there_when_only_the_answer_was_lost(bench) -> None:
    bench.fault(lose_answer())
    with pytest.raises(ConnectionClosedError):
        bench.put(IfNoneMatch="*")
    assert bench.kept() == BODY
    assert bench.proxy.requests[-1].status == 200
    with pytest.raises(ClientError) as refusal:
        bench.put(IfNoneMatch="*")
    assert code(refusal.value) == "PreconditionFailed"


def test_a_condition_that_is_ignored_lets_a_put_overwrite(bench) -> None:
    bench.put("folder/a b+ü", b"one")
    bench.fault(ignore_condition(), times=2)
    bench.put("folder/a b+ü", b"two", IfNoneMatch="*")
    assert bench.proxy.requests[-1].status == 200
    assert bench.kept("folder/a b+ü") == b"two"


def test_a_multipart_upload_is_complete_when_only_the_answer_was_lost(bench) -> None:
    whole = {"Bucket": bench.bucket, "Key": "a"}
    upload = whole | {"UploadId": bench.through.create_multipart_upload(**whole)["UploadId"]}
    etag = bench.through.upload_part(**upload, PartNumber=1, Body=BODY)["ETag"]
    bench.fault(lose_answer(), method="POST", path="uploadId=")
    with pytest.raises(ConnectionClosedError):
        bench.through.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
        )
    assert bench.kept() == BODY


@pytest.mark.parametrize("after", [-1, 1000])
def test_an_answer_that_is_cut_ends_too_early(bench, after) -> None:
    bench.put()
    bench.fault(cut_answer(after))
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        bench.get()
    assert bench.get() == BODY


def test_an_answer_that_is_cut_in_its_first_line_is_none(bench) -> None:
    bench.fault(cut_answer(8))
    with pytest.raises(HTTPClientError):
        bench.put()
    assert bench.kept() == BODY


def test_an_answer_that_is_cut_in_its_headers_looks_like_an_empty_object_to_boto3(bench) -> None:
    bench.put()
    bench.fault(cut_answer(20))
    assert bench.get() == b""
    assert bench.kept() == BODY


def test_a_request_that_hangs_ends_by_the_clients_clock_or_with_the_proxy(s3) -> None:
    bucket = s3.bucket()
    with running_proxy(s3) as proxy, closing(proxy.endpoint.client(read_timeout=0.3)) as client:
        proxy.faults.add(Fault(hang()))
        with pytest.raises(ReadTimeoutError):
            client.put_object(Bucket=bucket, Key="a", Body=BODY)
        ended = time.monotonic()
    assert time.monotonic() - ended < 2
    with closing(s3.client()) as client:
        assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_slow_link_is_slow_both_ways(bench) -> None:
    bench.fault(slow(len(BODY) / 0.5), times=2)
    for step in (bench.put, bench.get):
        begun = time.monotonic()
        step()
        assert time.monotonic() - begun > 0.4
    assert bench.kept() == BODY


def test_a_delayed_request_arrives_all_the_same(bench) -> None:
    bench.fault(delay(0.3))
    begun = time.monotonic()
    bench.put()
    assert time.monotonic() - begun > 0.3
    assert bench.kept() == BODY


@pytest.mark.parametrize("checked", ["signature", "crc32"])
def test_a_flipped_bit_is_refused_by_the_server(bench, checked) -> None:
    sums = {"ChecksumAlgorithm": "CRC32"} if checked == "crc32" else {}
    bench.fault(corrupt())
    with pytest.raises(ClientError) as refusal:
        bench.put(body=BytesIO(BODY), **sums)
    assert code(refusal.value) in {"XAmzContentSHA256Mismatch", "BadDigest", "SignatureDoesNotMatch"}
    assert bench.kept() is None


def test_all_connections_are_refused_while_it_is_down(bench) -> None:
    bench.put("before")
    bench.proxy.down = True
    for _ in range(2):
        with pytest.raises(EndpointConnectionError):
            bench.put("while")
    bench.proxy.down = False
    bench.put("after")
    assert [bench.kept(key) for key in ("before", "while", "after")] == [BODY, None, BODY]


def test_going_down_cuts_what_is_under_way(bench) -> None:
    bench.fault(slow(1000))
    with pytest.raises(ConnectionClosedError):
        bench.put(body=Downing(BODY, bench.proxy))
    assert bench.kept() is None


class Downing(BytesIO):
    """A body whose last bytes are only asked for when the store has gone away."""

    def __init__(self, body: bytes, proxy: Proxy) -> None:
        super().__init__(body)
        self.proxy = proxy

    def read(self, size: int | None = -1) -> bytes:
        if self.proxy.requests:
            self.proxy.down = True
        return super().read(size)


def test_a_fault_comes_at_its_nth_hit_and_as_often_as_asked(bench) -> None:
    bench.fault(error("SlowDown"), method="PUT", path="/b$", nth=2, times=2)
    seen = []
    for key in "abbabbb":
        try:
            bench.put(key)
            seen.append(key)
        except ClientError:
            seen.append("x")
    assert "".join(seen) == "abxaxbb"
    assert len(bench.proxy.faults) == 0


def test_a_fault_that_comes_always_ends_when_the_faults_are_cleared(bench) -> None:
    bench.fault(error("SlowDown"), times=inf)
    for _ in range(4):
        with pytest.raises(ClientError):
            bench.put()
    bench.proxy.faults.clear()
    bench.put()
    assert bench.kept() == BODY


def storm(s3: Endpoint, seed: int) -> list[tuple[str, int | None]]:
    """25 puts through chaos, each tried again until it is through: the faults in their order."""
    bucket = s3.bucket()
    with running_proxy(s3) as proxy, closing(proxy.endpoint.client(read_timeout=10)) as client:
        proxy.faults.chaos(seed, rate=0.5)
        for n in range(25):
            for _ in range(3):
                try:
                    client.put_object(Bucket=bucket, Key=f"{n}", Body=BODY)
                except (ClientError, HTTPClientError):
                    continue
                break
            else:
                pytest.fail("three in a row")
        proxy.faults.clear()
        got = [client.get_object(Bucket=bucket, Key=f"{n}")["Body"].read() for n in range(25)]
        assert {sha256(each).digest() for each in got} == {sha256(BODY).digest()}
        return [(seen.fault, seen.status) for seen in proxy.requests]


def test_chaos_is_the_same_for_the_same_seed_and_lets_the_third_try_through(s3) -> None:
    once, again, other = storm(s3, 7), storm(s3, 7), storm(s3, 8)
    assert once == again != other
    assert {"", "error SlowDown", "cut_request", "lose_answer", "cut_answer"} <= {fault for fault, _ in once}
