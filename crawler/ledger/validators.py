"""A page's validators in an entry of the Redis ledger, with the digest of the payload that they came with."""

from __future__ import annotations

import re
from base64 import b32decode, b32encode
from calendar import timegm
from email.utils import formatdate, parsedate
from struct import Struct

from msgspec import msgpack

from crawler.validators import Validators

USUAL = Struct(">B20sI")  #: how the entity tag behind it is written; SHA-1; when changed, by unix time, or 0
ODD, AS_IT_IS, NUMBER = range(3)
DIGITS = "0123456789abcdef-"  #: of the tags that most servers give: as a number they take half the bytes
_SHA1 = re.compile("sha1:[A-Z2-7]{32}")
_DATE = re.compile("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}(:[0-9]{2}){2} GMT")
_NUMBER = re.compile('"[0-9a-f-]{1,64}"')
_pack = msgpack.Encoder().encode
_unpack = msgpack.Decoder(tuple[str | None, str | None, str]).decode


def pack(held: Validators, digest: str) -> bytes:
    """A page's validators and its payload's digest, whatever they are; few bytes if they are usual ones."""
    date = _seconds(held.last_modified or "")
    if not _SHA1.fullmatch(digest) or bool(date) != (held.last_modified is not None) or held.etag == "":
        return bytes((ODD,)) + _pack((held.etag, held.last_modified, digest))
    etag, sha1 = held.etag or "", b32decode(digest[5:])
    if _NUMBER.fullmatch(etag):
        number = int("1" + etag[1:-1].replace("-", "g"), len(DIGITS))  # which keeps zeros that it begins with
        return USUAL.pack(NUMBER, sha1, date) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    return USUAL.pack(AS_IT_IS, sha1, date) + etag.encode()


def unpack(data: bytes) -> tuple[Validators, str]:
    """What was packed."""
    if data[0] == ODD:
        etag, last_modified, digest = _unpack(data[1:])
        return Validators(etag, last_modified), digest
    form, sha1, date = USUAL.unpack_from(data)
    tag = data[USUAL.size :]
    etag = f'"{_digits(int.from_bytes(tag, "big"))}"' if form == NUMBER else tag.decode()
    held = Validators(etag or None, formatdate(date, usegmt=True) if date else None)
    return held, f"sha1:{b32encode(sha1).decode()}"


def _digits(number: int) -> str:
    digits = ""
    while number >= len(DIGITS):
        number, digit = divmod(number, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits


def _seconds(date: str) -> int:
    """A date in the one form of RFC 9110, 5.6.7; 0 for any other text, and for what is too far away."""
    parsed = parsedate(date) if _DATE.fullmatch(date) else None
    seconds = timegm(parsed) if parsed else 0
    return seconds if 0 < seconds < 1 << 32 and formatdate(seconds, usegmt=True) == date else 0
