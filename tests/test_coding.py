import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import Undecodable
from crawler.wire.coding import decode

TEXT = ("خبر عاجل " * 3000).encode()


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ("payload", "coding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), "X-GZip"),
        (gzip.compress(TEXT[:99]) + gzip.compress(b"") + gzip.compress(TEXT[99:]), "gzip"),
        (gzip.compress(TEXT) + b"\0\0garbage", "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (raw_deflate(TEXT), "deflate"),
        (gzip.compress(raw_deflate(gzip.compress(TEXT))), "gzip, deflate,identity , gzip"),
        (TEXT, "gzip"),
        (gzip.compress(TEXT), "gzip, gzip"),
    ],
)
def test_a_body_is_decoded_to_what_it_was(payload: bytes, coding: str) -> None:
    assert decode(payload, coding, limit=len(TEXT)) == TEXT


@given(st.binary(max_size=300_000), st.sampled_from(["gzip", "deflate", "gzip, deflate"]))
def test_decoding_undoes_coding(data: bytes, coding: str) -> None:
    payload = data
    for name in coding.split(", "):
        payload = gzip.compress(payload) if name == "gzip" else zlib.compress(payload)
    assert decode(payload, coding, limit=300_100) == data


def test_an_empty_body_is_empty_in_every_coding() -> None:
    assert decode(b"", "gzip", limit=1) == decode(b"", "deflate", limit=1) == b""


@pytest.mark.parametrize(
    ("payload", "coding", "reason"),
    [
        (TEXT, "br", "unknown_coding"),
        (TEXT, "gzip, zstd", "unknown_coding"),
        (gzip.compress(TEXT)[:-12], "gzip", "truncated"),
        (gzip.compress(TEXT)[:1], "gzip", "truncated"),
        (gzip.compress(TEXT)[:7], "gzip", "truncated"),
        (zlib.compress(TEXT)[:-50], "deflate", "truncated"),
        (gzip.compress(TEXT)[:-8] + b"12345678", "gzip", "corrupt"),
        (gzip.compress(TEXT)[:20] + b"\xff" * 200, "gzip", "corrupt"),
        (b"<html>" + TEXT, "deflate", "corrupt"),
        (gzip.compress(bytes(TEXT)), "gzip", "bomb"),
        (TEXT, "", "bomb"),
        (gzip.compress(b"") * 5000, "gzip", "bomb"),
        (b"", ", ".join(["gzip"] * 6), "bomb"),
    ],
)
def test_what_cannot_be_decoded_says_why(payload: bytes, coding: str, reason: str) -> None:
    with pytest.raises(Undecodable, match=reason):
        decode(payload, coding, limit=len(TEXT) - 1)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_is_never_held_beyond_the_limit(coding: str) -> None:
    limit = 1_000_000
    bomb = gzip.compress(bytes(50 * limit)) if coding == "gzip" else zlib.compress(bytes(50 * limit))
    tracemalloc.start()
    try:
        with pytest.raises(Undecodable, match="bomb"):
            decode(bomb, coding, limit=limit)
        assert tracemalloc.get_traced_memory()[1] < limit + 256 * 1024  # zlib's own window is in it
    finally:
        tracemalloc.stop()
