from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.wire.failure import BadMessage, Cut, EmptyReply, Failure, HeadTooLarge
from crawler.wire.message import Dechunker, Message, dechunk, parse_head

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ODD_CHUNKS = b'003;x="y"\r\nabc\r\n2 \nde\n0\r\nTrail: er\r\n\r\n'


def saying(head: bytes, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body


# name: method, wire bytes, payload
WHOLE = {
    "by length": ("GET", saying(b"Content-Length: 5", b"hello"), b"hello"),
    "empty by length": ("GET", saying(b"Content-Length: 0"), b""),
    "equal lengths": ("GET", saying(b"Content-Length: 5\r\ncontent-length: 5, 5", b"hello"), b"hello"),
    "chunked": ("GET", CHUNKED + ODD_CHUNKS, b"abcde"),
    "chunked beats a length": (
        "GET",
        saying(b"Content-Length: 3\r\nTransfer-Encoding: Chunked", ODD_CHUNKS),
        b"abcde",
    ),
    "answer to HEAD": ("HEAD", saying(b"Content-Length: 5"), b""),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b""),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", b""),
    "interim heads": (
        "GET",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\nLink: x\n\n"
        + saying(b"Content-Length: 1", b"x"),
        b"x",
    ),
    "only line feeds": ("GET", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab", b"ab"),
    "mixed line ends": ("GET", b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\nab", b"ab"),
    "blank lines first": ("GET", b"\r\n\n" + saying(b"Content-Length: 2", b"ab"), b"ab"),
    "no reason": ("GET", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab", b"ab"),
    "line without colon": ("GET", saying(b"what is this\r\nContent-Length: 2", b"ab"), b"ab"),
    "folded length": ("GET", saying(b"X: a\r\n  b\r\nContent-Length:\r\n 2", b"ab"), b"ab"),
    "8-bit head": ("GET", saying("X: خبر".encode("cp1256") + b"\r\nContent-Length: 2", b"ab"), b"ab"),
}
# what the end of the connection ends
OPEN = {
    "HTTP/1.0 without length": (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello"),
    "negative length": (saying(b"Content-Length: -5", b"hello"), b"hello"),
    "malformed length": (saying(b"Content-Length: five", b"hello"), b"hello"),
    "length beyond any number": (saying(b"Content-Length: " + b"9" * 1500, b"hello"), b"hello"),
    "another transfer coding": (saying(b"Transfer-Encoding: gzip", b"hello"), b"hello"),
    "101": (b"HTTP/1.1 101 Switching Protocols\r\n\r\nhello", b"hello"),
}
BROKEN = {
    "HTTP/0.9": (b"<html>hello", BadMessage),
    "garbage": (b"\x00\x01\x02", BadMessage),
    "version of two digits": (b"HTTP/11.1 200 OK\r\n\r\n", BadMessage),
    "code of one digit": (b"HTTP/1.1 2 OK\r\n\r\n", BadMessage),
    "no code": (b"HTTP/1.1\r\n\r\n", BadMessage),
    "two lengths": (saying(b"Content-Length: 5\r\nContent-Length: 6", b"hello!"), BadMessage),
    "long line": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 3000, HeadTooLarge),
    "long head": (saying(b"X: " + b"x" * 3000), HeadTooLarge),
    "many lines": (saying(b"\r\n".join([b"a:"] * 60)), HeadTooLarge),
    "many blank lines": (b"\r\n" * 2000 + saying(b"Content-Length: 0"), HeadTooLarge),
    "endless interim": (b"HTTP/1.1 102 Processing\r\n\r\n" * 200, HeadTooLarge),
    "chunk size is no number": (CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n", BadMessage),
    "chunk size is negative": (CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", BadMessage),
    "chunk size lies": (CHUNKED + b"2\r\nabcdef\r\n0\r\n\r\n", BadMessage),
    "chunk size without end": (CHUNKED + b"1;" + b"x" * 5000, BadMessage),
    "endless trailer": (CHUNKED + b"0\r\n" + b"a: b\r\n" * 5000, BadMessage),
}
CUT = {
    "in the status line": b"HTTP/1.1 20",
    "in the head": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
    "after an interim head": b"HTTP/1.1 100 Continue\r\n\r\n",
    "in the body": saying(b"Content-Length: 5", b"hell"),
    "in a chunk": CHUNKED + b"5\r\nhell",
    "before the last chunk": CHUNKED + b"5\r\nhello\r\n",
    "in the trailer": CHUNKED + b"0\r\nTrail: er\r\n",
    "only a line end": b"\r\n",
}


class Fed:
    """A message after it was fed, and everything that it gave."""

    def __init__(self, pieces: list[bytes], method: str = "GET") -> None:
        body, payload = bytearray(), bytearray()
        self.message = Message(
            method, body=body.extend, payload=payload.extend, head_bytes=2048, head_lines=50
        )
        self.taken = 0
        self.error: type[Failure] | None = None
        try:
            for piece in pieces:
                self.taken += (taken := self.message.feed(piece))
                if taken < len(piece):
                    break
        except Failure as failure:
            self.error = type(failure)
        self.body, self.payload = bytes(body), bytes(payload)

    @property
    def wire(self) -> bytes:
        return self.message.interim + self.message.raw_head + self.body


def split(data: bytes, places: list[int]) -> list[bytes]:
    cuts = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(cuts)]


places = st.lists(st.integers(0, 10_000), max_size=8)


@given(
    st.sampled_from(sorted(WHOLE)), places, st.sampled_from([b"", b"x", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n"])
)
def test_any_split_gives_the_same_message_and_leaves_the_tail(
    name: str, places: list[int], tail: bytes
) -> None:
    method, wire, payload = WHOLE[name]
    fed = Fed(split(wire + tail, places), method)
    assert fed.error is None
    assert fed.message.done
    assert fed.taken == len(wire)
    assert fed.wire == wire
    assert fed.payload == payload


@given(st.sampled_from(sorted(OPEN)), places)
def test_what_has_no_length_ends_with_the_connection(name: str, places: list[int]) -> None:
    wire, payload = OPEN[name]
    fed = Fed(split(wire, places))
    assert not fed.message.done
    fed.message.close()
    assert fed.message.done
    assert not fed.message.reusable
    assert (fed.wire, fed.payload) == (wire, payload)


@given(st.sampled_from(sorted(BROKEN)), places)
def test_what_is_not_http_is_refused_however_it_is_split(name: str, places: list[int]) -> None:
    wire, error = BROKEN[name]
    assert Fed(split(wire, places)).error is error


@given(st.sampled_from(sorted(CUT)), places)
def test_a_close_before_the_end_is_a_cut(name: str, places: list[int]) -> None:
    fed = Fed(split(CUT[name], places))
    with pytest.raises(Cut):
        fed.message.close()


@given(st.binary(max_size=200), places)
def test_no_bytes_can_do_more_than_be_refused(junk: bytes, places: list[int]) -> None:
    once, split_up = Fed([CHUNKED + junk]), Fed(split(CHUNKED + junk, places))
    assert (once.error, once.payload) == (split_up.error, split_up.payload)
    assert once.error or once.taken == split_up.taken


@given(st.binary(max_size=200))
def test_a_head_of_any_bytes_is_read_or_refused(junk: bytes) -> None:
    assert parse_head(b"HTTP/1.1 200 OK\r\n" + junk + b"\r\n\r\n").status == 200


def test_a_close_without_a_byte_is_an_empty_reply() -> None:
    with pytest.raises(EmptyReply):
        Message().close()


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, CLOSE\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
    ],
)
def test_the_head_decides_whether_the_connection_lives_on(head: bytes, reusable: bool) -> None:
    assert Fed([head]).message.reusable is reusable


def test_the_interim_heads_are_kept_apart() -> None:
    _, wire, _ = WHOLE["interim heads"]
    message = Fed([wire]).message
    assert message.interim == b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\nLink: x\n\n"
    assert message.raw_head == b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"


def test_a_head_keeps_order_case_and_repeats() -> None:
    head = parse_head(
        b"HTTP/1.0 299 So  so \r\nsErVeR: x\r\nX : 1\r\nbad\r\n folded nowhere\r\nx:\r\n  2\r\n:no\r\n\r\n"
    )
    assert (head.version, head.status, head.reason) == (b"HTTP/1.0", 299, b"So  so ")
    assert head.headers == ((b"sErVeR", b"x"), (b"X", b"1"), (b"x", b" 2"))
    assert head.get(b"SERVER") == b"x"
    assert head.all(b"x") == (b"1", b" 2")
    assert head.get(b"y") is None


def test_dechunk_gives_what_was_there_of_a_cut_or_broken_body() -> None:
    assert dechunk(ODD_CHUNKS) == b"abcde"
    assert dechunk(b"5\r\nhel") == b"hel"
    assert dechunk(b"3\r\nabc\r\nzz\r\nabc") == b"abc"
    assert dechunk(b"") == b""


@example(chunks=[b"a" * 70000], places=[1, 2, 70003])
@given(chunks=st.lists(st.binary(min_size=1, max_size=50), max_size=5), places=places)
def test_dechunking_undoes_chunking(chunks: list[bytes], places: list[int]) -> None:
    wire = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    payload = bytearray()
    dechunker = Dechunker(payload.extend)
    for piece in split(wire, places):
        assert dechunker.feed(piece) == len(piece)
    assert dechunker.done
    assert payload == b"".join(chunks) == dechunk(wire + b"tail")
