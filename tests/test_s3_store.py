"""The store in S3, when the way there or the server fails: a put is whole and known, or an error that says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from math import inf
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from crawler.clock import utc_now
from crawler.disk import Disk
from crawler.errors import StoreError, StoreRefused, WrongUse
from crawler.stores import Store, open_store, refusal
from crawler.stores.access import S3Access
from tests.crawling import CHECKOUT
from tests.s3 import (
    Act,
    Endpoint,
    Fault,
    Proxy,
    corrupt,
    cut_answer,
    cut_request,
    error,
    hang,
    ignore_condition,
    lose_answer,
    running_proxy,
    slow,
)
from tests.s3.access import access_to

MB = 1 << 20
KEY = "warcs/a.warc.gz"


@pytest.fixture
def proxy(s3: Endpoint) -> Iterator[Proxy]:
    with running_proxy(s3) as running:
        yield running


@pytest.fixture
def bucket(s3: Endpoint) -> str:
    return s3.bucket()


@pytest.fixture
def store(proxy: Proxy, bucket: str, tmp_path: Path) -> Store:
    return opened(proxy.endpoint, bucket, tmp_path)


def opened(endpoint: Endpoint, bucket: str, home: Path, **changed: object) -> Store:
    return open_store(f"s3://{bucket}/home", Disk(), access_to(endpoint, home, **changed))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    path.write_bytes(os.urandom(200_000))
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Of three parts."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(12 * MB))
    return path


def content(store: Store, key: str) -> bytes | None:
    if (stream := store.read(key)) is None:
        return None
    with stream:
        return stream.read()


def parts(proxy: Proxy) -> list[str]:
    """The numbers of the parts that were sent, in their order."""
    sent = (seen.target for seen in proxy.requests if seen.method == "PUT" and "partNumber=" in seen.target)
    return [target.partition("partNumber=")[2].partition("&")[0] for target in sent]


def journals(home: Path) -> list[Path]:
    return list((home / "uploads").glob("*"))


FAILING = {
    "500": error("InternalError"),
    "503": error("SlowDown"),
    "cut upload": cut_request(1000),
    "lost answer": lose_answer(),
    "cut answer": cut_answer(20),
    "flipped bit": corrupt(),
}


@pytest.mark.parametrize("act", FAILING.values(), ids=FAILING)
def test_a_put_gets_through_a_fault(act: Act, store: Store, proxy: Proxy, small: Path) -> None:
    proxy.faults.add(Fault(act, method="PUT"))
    if act == corrupt():  # the server finds it out, and it is no failure of the way that is tried again
        with pytest.raises(StoreError, match=r"BadDigest|InvalidDigest|Mismatch"):
            store.put(small, KEY)
        assert store.read(KEY) is None
    store.put(small, KEY)
    assert content(store, KEY) == small.read_bytes()


@pytest.mark.parametrize("act", [act for act in FAILING.values() if act != corrupt()])
@pytest.mark.parametrize("where", ["partNumber=2", r"\?uploads", "uploadId=[^&]*$"])
def test_a_large_put_gets_through_a_fault(
    act: Act, where: str, store: Store, proxy: Proxy, large: Path, tmp_path: Path
) -> None:
    """Of a part, of the beginning, and of the end."""
    proxy.faults.add(Fault(act, method="PUT|POST", path=where))
    store.put(large, KEY)
    assert content(store, KEY) == large.read_bytes()
    assert journals(tmp_path) == []


@pytest.mark.parametrize("act", [lose_answer(), cut_answer(20)])
def test_an_end_whose_every_answer_is_lost_is_settled_by_a_look(
    act: Act, store: Store, proxy: Proxy, large: Path, tmp_path: Path
) -> None:
    proxy.faults.add(Fault(act, method="POST", path="uploadId=[^&]*$", times=2))
    store.put(large, KEY)
    assert content(store, KEY) == large.read_bytes()
    assert journals(tmp_path) == []


def test_an_upload_that_was_cut_goes_on_where_it_was(
    store: Store, proxy: Proxy, bucket: str, large: Path, tmp_path: Path
) -> None:
    proxy.faults.add(Fault(error("InternalError"), method="PUT", path="partNumber=3", times=inf))
    with pytest.raises(StoreError, match="InternalError"):
        store.put(large, KEY)
    assert store.read(KEY) is None
    proxy.faults.clear()
    proxy.requests.clear()
    opened(proxy.endpoint, bucket, tmp_path).put(large, KEY)  # another process's
    assert parts(proxy) == ["3"]
    assert content(store, KEY) == large.read_bytes()


def test_an_upload_that_the_bucket_cleared_away_begins_anew(
    store: Store, s3: Endpoint, proxy: Proxy, bucket: str, large: Path
) -> None:
    begun(store, proxy, large)
    client = s3.client()
    (upload,) = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    store.put(large, KEY)
    assert content(store, KEY) == large.read_bytes()


def test_an_upload_of_a_file_that_was_cut_back_meanwhile_is_given_up(
    store: Store, s3: Endpoint, proxy: Proxy, bucket: str, large: Path
) -> None:
    begun(store, proxy, large)
    large.write_bytes(large.read_bytes()[: 11 * MB])  # as recovery does
    store.put(large, KEY)
    assert content(store, KEY) == large.read_bytes()
    assert s3.client().list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_uploads_of_others_are_left_alone(
    store: Store, s3: Endpoint, proxy: Proxy, bucket: str, large: Path
) -> None:
    theirs = s3.client().create_multipart_upload(Bucket=bucket, Key=f"home/{KEY}")["UploadId"]
    begun(store, proxy, large)
    large.write_bytes(large.read_bytes()[: 11 * MB])
    store.put(large, KEY)
    left = s3.client().list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [upload["UploadId"] for upload in left] == [theirs]


def begun(store: Store, proxy: Proxy, large: Path) -> None:
    """An upload that failed at its third part."""
    proxy.faults.add(Fault(error("InternalError"), method="PUT", path="partNumber=3", times=inf))
    with pytest.raises(StoreError):
        store.put(large, KEY)
    proxy.faults.clear()


@pytest.mark.parametrize("keep", [0, 1, 20, 150, 350])
def test_a_journal_that_a_power_cut_tore_costs_no_more_than_the_parts(
    keep: int, store: Store, proxy: Proxy, large: Path, tmp_path: Path
) -> None:
    begun(store, proxy, large)
    (journal,) = journals(tmp_path)
    journal.write_bytes(journal.read_bytes()[:keep])
    store.put(large, KEY)
    assert content(store, KEY) == large.read_bytes()


@pytest.mark.parametrize("act", [lose_answer(), cut_answer(20), error("InternalError"), cut_request(0)])
def test_a_create_whose_answer_was_lost_knows_its_own(act: Act, store: Store, proxy: Proxy) -> None:
    proxy.faults.add(Fault(act, method="PUT"))
    assert store.create("commits/1.json", b"ours")
    assert content(store, "commits/1.json") == b"ours"


def test_a_create_whose_answer_was_lost_does_not_take_anothers_for_its_own(
    store: Store, s3: Endpoint, bucket: str, proxy: Proxy
) -> None:
    s3.client().put_object(Bucket=bucket, Key="home/commits/1.json", Body=b"theirs")
    proxy.faults.add(Fault(lose_answer(), method="PUT"))
    assert not store.create("commits/1.json", b"ours")


def test_a_create_that_meets_another_under_way_is_sent_again(store: Store, proxy: Proxy) -> None:
    proxy.faults.add(Fault(error("ConditionalRequestConflict"), method="PUT", times=2))
    assert store.create("commits/1.json", b"ours")


def test_only_a_create_is_conditional(store: Store, proxy: Proxy, small: Path, large: Path) -> None:
    store.put(small, "items/a")
    store.put(large, KEY)
    store.create("commits/1.json", b"x")
    conditional = [seen.target for seen in proxy.requests if "if-none-match" in seen.headers]
    assert [target.partition("?")[0].rpartition("/")[2] for target in conditional] == ["1.json"]


def test_a_read_that_is_cut_goes_on_where_it_was(store: Store, proxy: Proxy, large: Path) -> None:
    store.put(large, KEY)
    proxy.faults.add(*(Fault(cut_answer(100_000 * nth), method="GET", nth=nth) for nth in (1, 2, 3)))
    assert content(store, KEY) == large.read_bytes()


def test_an_object_that_changes_while_it_is_read_is_an_error(store: Store, large: Path, small: Path) -> None:
    store.put(large, "lock.json")
    with store.read("lock.json") as stream:
        stream.read(10)
        store.put(small, "lock.json")
        stream.seek(11 * MB)
        with pytest.raises(StoreError):
            stream.read()


@pytest.mark.parametrize("act", [hang(), slow(10)])
def test_a_server_that_does_not_answer_is_given_up(
    act: Act, proxy: Proxy, bucket: str, tmp_path: Path, small: Path
) -> None:
    proxy.faults.add(Fault(act, times=inf))
    store = opened(proxy.endpoint, bucket, tmp_path, attempts=2, seconds=1)
    with pytest.raises(StoreError, match=r"[Tt]imed? ?out"):
        store.put(small, KEY)


def test_a_server_that_is_away_is_an_error_that_says_so(store: Store, proxy: Proxy, small: Path) -> None:
    proxy.down = True
    with pytest.raises(StoreError, match="nobody answers"):
        store.put(small, KEY)


def test_the_storage_class_is_that_of_warcs_alone(
    proxy: Proxy, bucket: str, tmp_path: Path, small: Path
) -> None:
    store = opened(proxy.endpoint, bucket, tmp_path, storage_class="STANDARD_IA", encryption="AES256")
    for key in (KEY, "indexes/a.cdxj", "snapshots/1.db.gz"):
        proxy.faults.add(
            Fault(error("AccessDenied"), method="PUT")
        )  # whether the server has such a class or not
        with pytest.raises(StoreRefused):
            store.put(small, key)
    told = [seen.headers for seen in proxy.requests]
    assert [headers.get("x-amz-storage-class") for headers in told] == ["STANDARD_IA", None, None]
    assert [headers.get("x-amz-server-side-encryption") for headers in told] == ["AES256"] * 3


# The preflight: one sentence that says what to mend

WRONG = {
    "access key": ({"key": "nobody"}, "access key is not known|may not do that"),
    "secret": ({"secret": "wrong"}, "secret key does not fit|may not do that"),
}


@pytest.mark.parametrize(("changed", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_credentials_are_named(
    changed, sentence: str, s3: Endpoint, bucket: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreRefused, match=sentence) as caught:
        opened(s3, bucket, tmp_path, **changed).preflight()
    assert s3.secret_key not in str(caught.value)


def test_a_bucket_that_is_not_there_is_named(s3: Endpoint, tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="no such bucket"):
        opened(s3, "not-there-at-all", tmp_path).preflight()


SAID = {
    "AuthorizationHeaderMalformed": "another region: set AWS_REGION_NAME",
    "RequestTimeTooSkewed": "clock is wrong",
    "NotImplemented": "no conditional writes",
    "ExpiredToken": "credentials have expired",
    "AccessDenied": "may not do that",
}


@pytest.mark.parametrize("code", SAID)
def test_what_the_server_says_of_us_is_told_as_what_to_mend(code: str, store: Store, proxy: Proxy) -> None:
    proxy.faults.add(Fault(error(code), method="PUT", times=inf))
    with pytest.raises(StoreRefused, match=SAID[code]):
        store.preflight()


@pytest.mark.parametrize(
    ("minutes", "cause"), [(-60, "RequestTimeTooSkewed"), (60, "RequestTimeTooSkewed"), (5, "AccessDenied")]
)
def test_a_refusal_without_a_body_has_its_cause_in_the_clock_if_the_server_s_differs(
    minutes: int, cause: str
) -> None:
    date = format_datetime(utc_now() + timedelta(minutes=minutes), usegmt=True)
    refused = ClientError(
        {
            "Error": {"Code": "403", "Message": "Forbidden"},
            "ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": {"date": date}},
        },
        "HeadObject",
    )
    assert refusal.code(refused) == cause


def test_a_store_that_ignores_the_condition_of_a_create_is_named_and_left_clean(
    store: Store, proxy: Proxy
) -> None:
    proxy.faults.add(Fault(ignore_condition(), method="PUT", times=inf))
    with pytest.raises(StoreRefused, match="ignores If-None-Match on PutObject"):
        store.preflight()
    assert not list(store.list())


@pytest.mark.parametrize("url", ["s3://", "s3:///key", "s3://user@bucket/x", "s3://bucket/x?y"])
def test_a_place_that_can_not_be_in_s3_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no place in S3"):
        open_store(url, Disk(), S3Access(uploads=tmp_path))


@pytest.mark.parametrize(
    "wrong", [{"addressing": "host"}, {"encryption": "rot13"}, {"kms_key": "k"}, {"endpoint": "no url"}]
)
def test_settings_that_can_not_be_are_named(wrong, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="S3"):
        open_store("s3://bucket/x", Disk(), S3Access(uploads=tmp_path, **({"region": "r"} | wrong)))


def test_an_access_shows_no_secret(s3: Endpoint, tmp_path: Path) -> None:
    shown = repr(access_to(s3, tmp_path, token="t0ken"))
    assert not any(secret in shown for secret in (s3.secret_key, s3.access_key, "t0ken"))


MEASURE = """
import json, resource, sys
from pathlib import Path
from crawler.disk import Disk
from crawler.stores import open_store
from crawler.stores.access import S3Access
url, file, uploads, told = sys.argv[1:]
store = open_store(url, Disk(), S3Access(uploads=Path(uploads), **json.loads(told)))
store.preflight()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store.put(Path(file), "warcs/a")
with store.read("warcs/a") as stream:
    while stream.read(1 << 20):
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_stays_flat_whatever_the_size(s3: Endpoint, bucket: str, tmp_path: Path) -> None:
    file = tmp_path / "200 MB"
    with file.open("wb") as made:
        for _ in range(200):
            made.write(os.urandom(MB))
    told = {"endpoint": s3.url, "region": s3.region, "key": s3.access_key, "secret": s3.secret_key}
    arguments = [
        f"s3://{bucket}/x",
        str(file),
        str(tmp_path / "up"),
        json.dumps(told | {"addressing": "path"}),
    ]
    command = [sys.executable, "-c", MEASURE, *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 64 * MB
