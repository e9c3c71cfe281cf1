"""Lists of ids as a user gives them."""

from __future__ import annotations

import gzip
from io import BytesIO

import pytest

from crawler import idlist
from crawler.errors import WrongUse

A, B, C = 203367206718582, 203367206718583, 7


def nothing(url: str) -> BytesIO:
    raise WrongUse(f"There is no object {url}.")


def ids(argument: object, stdin: bytes = b"") -> list[int]:
    return list(idlist.read(str(argument), stdin=BytesIO(stdin), opened=nothing))


def refusal(argument: object, stdin: bytes = b"") -> str:
    with pytest.raises(WrongUse) as caught:
        ids(argument, stdin)
    return str(caught.value)


@pytest.fixture
def listed(tmp_path):
    def write(content: bytes, name: str = "ids.txt"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def test_one_number_is_an_id() -> None:
    assert ids(A) == [A]


def test_a_comma_list_may_mix_ids_and_urls() -> None:
    assert ids(f"{A},http://anapress.net/a/{B}, {C} ,") == [A, B, C]


def test_digits_are_an_id_even_where_a_file_has_that_name(listed, monkeypatch, tmp_path) -> None:
    listed(b"8\n", "7")
    monkeypatch.chdir(tmp_path)
    assert ids("7") == [7]


def test_the_part_of_a_mixed_list_that_is_no_id_is_named() -> None:
    assert "'foo.txt' is no id" in refusal("12,foo.txt")


@pytest.mark.parametrize("part", ["007", "0", str(2**63), "http://example.org/a/7", "http://anapress.net/"])
def test_what_was_meant_as_an_id_is_never_taken_for_a_path(part) -> None:
    assert f"{part!r} is no id" in refusal(part)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("0", "ids begin with 1"),
        ("000", "ids begin with 1"),
        ("007", "no id begins with a zero"),
        (str(2**63), f"the largest is {2**63 - 1}"),
        ("9" * 4000, f"the largest is {2**63 - 1}"),
        ("٧", "its digits must be 0 to 9"),
    ],
)
@pytest.mark.parametrize("form", ["{}", "http://anapress.net/a/{}", "https://anapress.net/a/{}/"])
def test_a_number_that_is_no_id_is_told_why(listed, number: str, why: str, form: str) -> None:
    for message in (refusal(form.format(number)), refusal(listed(form.format(number).encode()))):
        assert f"is no id: {why}. An id is a number such as" in message


def test_what_is_no_number_is_told_the_form_alone() -> None:
    assert "'http://example.org/b/7' is no id. An id is" in refusal("http://example.org/b/7")


def test_a_largest_id_is_one() -> None:
    assert ids(2**63 - 1) == [2**63 - 1]


def test_a_closed_stdin_is_told() -> None:
    with pytest.raises(WrongUse, match="stdin is closed"):
        idlist.read("-", stdin=None, opened=nothing)


def test_a_file_has_an_id_a_line(listed) -> None:
    assert ids(listed(f"{A}\nhttp://anapress.net/a/{B}\n{C}".encode())) == [A, B, C]


def test_a_file_may_have_a_comma_in_its_name(listed) -> None:
    assert ids(listed(b"7\n", "a,b.txt")) == [7]


def test_comments_blank_lines_spaces_crlf_and_a_bom_are_no_part_of_it(listed) -> None:
    content = (
        f"\ufeff# the first\r\n\r\n  {A}  \r\n\t{B} # why\r\n   # indented\r\nhttp://anapress.net/a/7#top\r\n"
    )
    assert ids(listed(content.encode())) == [A, B, C]


def test_a_bom_may_stand_right_before_an_id(listed) -> None:
    assert ids(listed(f"\ufeff{A}\n".encode())) == [A]


def test_gzip_is_known_by_its_bytes_whatever_the_name(listed) -> None:
    assert ids(listed(gzip.compress(b"1\n2\n") + gzip.compress(b"3\n"), "ids.txt")) == [1, 2, 3]


def test_a_plain_file_may_be_named_gz(listed) -> None:
    assert ids(listed(b"1\n", "ids.gz")) == [1]


def test_a_dash_is_stdin() -> None:
    assert ids("-", b"1\n2\n") == [1, 2]


def test_stdin_may_be_gzip_too_and_stays_open() -> None:
    stdin = BytesIO(gzip.compress(b"1\n2\n"))
    assert list(idlist.read("-", stdin=stdin, opened=nothing)) == [1, 2]
    assert not stdin.closed


def test_a_file_is_read_as_its_ids_are_taken(listed) -> None:
    taken = idlist.read(str(listed(b"1\n2\nnonsense\n")), stdin=BytesIO(), opened=nothing)
    assert [next(taken), next(taken)] == [1, 2]


def test_a_wrong_line_is_named_with_file_and_number(listed) -> None:
    path = listed(b"1\n# comment\nabc\n")
    message = refusal(path)
    assert f"{path}, line 3: 'abc' is no id" in message
    assert "203367206718582" in message


def test_a_wrong_line_is_shown_short_and_printable(listed) -> None:
    message = refusal(listed(b"\x1b[31m" + b"x" * 1000 + b"\n"))
    assert r"'\x1b[31mxxx" in message
    assert message.isprintable()
    assert len(message) < 400


def test_a_line_without_end_is_not_read_into_memory(listed) -> None:
    assert "line 1 is longer than 4096 bytes: '1111" in refusal(listed(b"1" * 100_000))


def test_what_is_not_utf8_is_refused(listed) -> None:
    assert r"line 2 is not UTF-8: '7\\xff\\xfe'." in refusal(listed(b"1\n7\xff\xfe\n"))


def test_a_torn_gzip_is_refused_after_what_it_held(listed) -> None:
    assert "can't be read to its end" in refusal(listed(gzip.compress(b"1\n" * 50_000)[:-30]))


def test_a_gzip_with_a_flipped_byte_is_refused(listed) -> None:
    packed = bytearray(gzip.compress(bytes(f"{A}\n" * 100, "ascii")))
    packed[-6] ^= 1
    assert "can't be read to its end" in refusal(listed(bytes(packed)))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# nothing\n", gzip.compress(b"")])
def test_an_empty_file_is_refused(listed, content) -> None:
    assert "lists no id" in refusal(listed(content))


@pytest.mark.parametrize("argument", ["", " ", ",,"])
def test_an_empty_list_is_refused(argument) -> None:
    assert "empty" in refusal(argument)


def test_a_missing_file_is_refused_with_the_system_s_reason(tmp_path) -> None:
    assert "No such file" in refusal(tmp_path / "missing.txt")


def test_a_folder_is_refused(tmp_path) -> None:
    assert "Is a directory" in refusal(tmp_path)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    assert "no file that can be read" in refusal("a\0b")


def test_a_list_in_s3_is_read_as_a_file_is() -> None:
    def opened(url: str) -> BytesIO:
        assert url == "s3://bucket/lists/ids.txt.gz"
        return BytesIO(gzip.compress(b"1\n2 # two\n"))

    assert list(idlist.read("s3://bucket/lists/ids.txt.gz", stdin=BytesIO(), opened=opened)) == [1, 2]


def test_a_list_in_s3_that_is_not_there_is_refused() -> None:
    assert refusal("s3://bucket/ids.txt") == "There is no object s3://bucket/ids.txt."
