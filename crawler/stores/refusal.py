"""What an S3 server or its client says went wrong, in a sentence that says what to mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)
from urllib3.exceptions import HTTPError

from crawler.clock import utc_now
from crawler.errors import StoreError, StoreRefused

KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or boto3's own chain"
ADVICE = {
    "InvalidAccessKeyId": f"the access key is not known there: mend {KEYS}",
    "SignatureDoesNotMatch": f"the secret key does not fit the access key: mend {KEYS}",
    "InvalidToken": "the session token is not valid: fetch new credentials",
    "ExpiredToken": "the credentials have expired: fetch new ones",
    "ExpiredTokenException": "the credentials have expired: fetch new ones",
    "AccessDenied": "these credentials may not do that: give them s3:ListBucket, GetObject and PutObject",
    "AllAccessDisabled": "access to the bucket is disabled",
    "NoSuchBucket": "there is no such bucket: make it, or mend ARCHIVE_URL",
    "InvalidBucketName": "that is no bucket's name: mend ARCHIVE_URL",
    "PermanentRedirect": "the bucket lies in another region: set AWS_REGION_NAME",
    "AuthorizationHeaderMalformed": "the bucket lies in another region: set AWS_REGION_NAME",
    "IllegalLocationConstraintException": "the bucket lies in another region: set AWS_REGION_NAME",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it right",
    "NotImplemented": "the store has no conditional writes (If-None-Match on PutObject): use one that has",
    "InvalidStorageClass": "S3_STORAGE_CLASS names a class that the store does not have",
    "KMS.NotFoundException": "S3_KMS_KEY names a key that is not there",
}
STATUS = {
    301: "PermanentRedirect",
    403: "AccessDenied",
    409: "ConditionalRequestConflict",
    412: "PreconditionFailed",
    416: "InvalidRange",
    501: "NotImplemented",
}  #: what an answer without its body means: a HEAD's, or one that was cut
SKEW = timedelta(minutes=15)  #: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
MISSING = ("NoSuchKey", "404", "NotFound")


def code(error: ClientError) -> str:
    """The error's name; of an answer without a body, the one that its status stands for."""
    name = str(error.response.get("Error", {}).get("Code", ""))
    if not (name.isascii() and name.isdigit()):
        return name
    meant = STATUS.get(int(name), name)
    return "RequestTimeTooSkewed" if meant == "AccessDenied" and _skewed(error) else meant


def _skewed(error: ClientError) -> bool:
    """Whether the server's clock, as its answer shows it, is too far from ours for any signature."""
    said = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return abs(parsedate_to_datetime(said) - utc_now()) > SKEW
    except (ValueError, TypeError):  # no date, or one without a zone
        return False


@contextmanager
def named(url: str, deed: str) -> Iterator[None]:
    """Raise what goes wrong inside as StoreRefused (a person must mend it) or StoreError (it failed)."""
    try:
        yield
    except ClientError as error:
        if advice := ADVICE.get(code(error)):
            raise StoreRefused(f"{url}: {deed} was refused: {advice}.") from error
        told = error.response.get("Error", {})
        said = f"{told.get('Code', '?')} {told.get('Message', '')}".strip()
        raise StoreError(f"{url}: {deed} failed: {said[:300]}") from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StoreRefused(f"{url}: there are no whole credentials: set {KEYS}.") from error
    except NoRegionError as error:
        raise StoreRefused(f"{url}: no region is known: set AWS_REGION_NAME.") from error
    except ParamValidationError as error:
        raise StoreRefused(f"{url}: {deed} can't be asked for: {error}") from error
    except EndpointConnectionError as error:
        raise StoreError(f"{url}: {deed} failed: nobody answers at AWS_ENDPOINT_URL or the region") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise StoreError(f"{url}: {deed} failed: {error}") from error
