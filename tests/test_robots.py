"""robots.txt by RFC 9309: its own examples, those of Google's parser in our words, and what others trip over."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.manners.robots import LIMIT, Robots, Rule, path_of, token_of

US = "anapress-archiver"
SITE = "http://anapress.net"


def allows(text: str | bytes, path: str, token: str = US) -> bool:
    body = text.encode() if isinstance(text, str) else text
    return Robots.parse(body, token).allows(SITE + path)


def rules(*lines: str) -> str:
    return "\n".join(("User-agent: *", *lines))


# Which group is ours (2.2.1)


@pytest.mark.parametrize(
    "line",
    [
        "User-agent: anapress-archiver",
        "user-AGENT:ANAPRESS-Archiver",
        "User-agent: anapress-archiver/2.1",
        "User-agent: anapress-archiver images",
        "User-agent: anapress-archiver # us",
        "User-agent anapress-archiver",
        "User agent: anapress-archiver",
        "User-agent: *",
        "User-agent: * # all",
        "User-agent: another\nUser-agent: anapress-archiver",
        "User-agent: anapress-archiver\nSitemap: http://anapress.net/s\nUser-agent: another",
        "User-agent: anapress-archiver\nCrawl-delay: 1\nUser-agent: another",
        "User-agent: anapress-archiver\n\n# a blank line ends nothing\n",
    ],
)
def test_a_group_is_ours_by_our_token_or_by_a_star(line: str) -> None:
    assert not allows(f"{line}\nDisallow: /\n", "/a/1")


@pytest.mark.parametrize(
    "name",
    ["a", "archiver", "anapress", "anapress-archiver-images", "https", "", "/", "*bot", "éanapress-archiver"],
)
def test_a_group_of_another_name_is_not_ours_though_ours_contains_it(name: str) -> None:
    assert allows(f"User-agent: {name}\nDisallow: /\n", "/a/1")


def test_groups_of_one_name_are_one() -> None:
    text = "User-agent: anapress-archiver\nDisallow: /b\n\nUser-agent: *\nDisallow: /c\n\nUser-agent: ANAPRESS-ARCHIVER\nDisallow: /a\n"
    assert [allows(text, path) for path in ("/a", "/b", "/c")] == [False, False, True]


def test_the_stars_group_counts_only_for_those_without_their_own() -> None:
    text = "User-agent: anapress-archiver\n\nUser-agent: *\nDisallow: /\n"
    assert not allows(text, "/a"), "both names stand before the rule"
    assert allows("User-agent: anapress-archiver\nAllow: /x\n\nUser-agent: *\nDisallow: /\n", "/a")


def test_rules_before_any_group_are_nobodys() -> None:
    assert allows("Disallow: /\nUser-agent: another\nDisallow: /\n", "/a/1")


@pytest.mark.parametrize(
    ("agent", "token"),
    [("anapress-archiver/0.1 (+mailto:a@b)", US), ("Foo_Bar", "Foo_Bar"), ("Mozilla/5.0 (x)", "Mozilla"), ("7z", ""), ("", "")],
)  # fmt: skip
def test_our_token_is_how_our_user_agent_begins(agent: str, token: str) -> None:
    assert token_of(agent) == token


# Which rule decides (2.2.2)


@pytest.mark.parametrize(
    ("lines", "path", "allowed"),
    [
        (["Disallow: /"], "/", False),
        (["Disallow:"], "/a", True),
        (["Allow:"], "/a", True),
        (["Disallow: /x/page.html", "Allow: /x/"], "/x/page.html", False),
        (["Allow: /x/page.html", "Disallow: /x/"], "/x/page.html", True),
        (["Disallow: ", "Allow: "], "/x/page.html", True),
        (["Disallow: /", "Allow: /"], "/x/page.html", True),
        (["Disallow: /x", "Allow: /x/"], "/x", False),
        (["Disallow: /x", "Allow: /x/"], "/x/", True),
        (["Disallow: /x/page.html", "Allow: /x/page.html"], "/x/page.html", True),
        (["Allow: /page", "Disallow: /*.html"], "/page.html", False),
        (["Allow: /page", "Disallow: /*.html"], "/page", True),
        (["Allow: /x/page.", "Disallow: /*.html"], "/x/page.html", True),
        (["Disallow: /x/", "Allow: /"], "/x/page.html", False),
        (["Allow: /p", "Disallow: /"], "/page", True),
        (["Allow: /folder", "Disallow: /folder"], "/folder/page", True),
        (["Allow: /page", "Disallow: /*.htm"], "/page.htm", False),
        (["Allow: /$", "Disallow: /"], "/", True),
        (["Allow: /$", "Disallow: /"], "/page.html", False),
        (["Disallow: /X/"], "/x/y", True),
        (["Disallow: /"], "/robots.txt", True),
        (["Disalow: /", "unknown: x", "=(:"], "/a", False),
        (["DISALLOW:/a"], "/a", False),
        (["Disallow /a"], "/a", False),
        (["Disallow: /a#b"], "/a", False),
    ],
)
def test_the_longest_rule_that_fits_decides_and_of_two_as_long_the_one_that_allows(
    lines, path, allowed
) -> None:
    assert allows(rules(*lines), path) is allowed
    assert allows(rules(*reversed(lines)), path) is allowed, "their order does not count"


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("/fish", ["/fish", "/fish.html", "/fish/salmon", "/fishheads", "/fish.php?id=1"], ["/Fish.asp", "/catfish", "/?id=fish"]),
        ("/fish*", ["/fish", "/fish.html", "/fishheads/x"], ["/Fish", "/catfish"]),
        ("/fish/", ["/fish/", "/fish/?id=1", "/fish/salmon.htm"], ["/fish", "/fish.html", "/Fish/x"]),
        ("/*.php", ["/f.php", "/d/f.php", "/d/f.php?p", "/d/any.php.any"], ["/", "/windows.PHP"]),
        ("/*.php$", ["/f.php", "/d/f.php"], ["/f.php?p", "/f.php/", "/f.php5"]),
        ("/fish*.php", ["/fish.php", "/fishheads/catfish.php?p"], ["/Fish.PHP"]),
        ("/", ["/", "/a"], []),
        ("/$", ["/"], ["/a", "/?q=1"]),
        ("*", ["/", "/a"], []),
        ("*/a", ["/a", "/x/a"], ["/b"]),
        ("/a*a$", ["/aa", "/aba"], ["/a", "/ab"]),
        ("/a**b", ["/ab", "/axb"], ["/a"]),
        ("/*?", ["/a?b", "/?"], ["/a"]),
        ("/a$b", ["/a$b", "/a$bc"], ["/a", "/ab"]),
        ("/this/*/that", ["/this/x/that", "/this/x/y/that"], ["/this/that"]),
    ],
)  # fmt: skip
def test_a_star_is_anything_and_a_last_dollar_the_end(
    pattern: str, fits: list[str], fits_not: list[str]
) -> None:
    text = rules(f"Disallow: {pattern}")
    assert [path for path in fits if allows(text, path)] == []
    assert [path for path in fits_not if not allows(text, path)] == []


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/foo/bar?baz=quux", "/foo/bar?baz=quux"),
        ("/foo/bar?baz=http://foo.bar", "/foo/bar?baz=http%3A%2F%2Ffoo.bar"),
        ("/foo/bar?baz=http%3a%2f%2ffoo.bar", "/foo/bar?baz=http://foo.bar"),
        ("/foo/bar/ツ", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84"),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
        ("/foo/bar/baz", "/foo/bar/%62%61%7A"),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html"),
        ("/path/foo-%24", "/path/foo-$"),
        ("/~user", "/%7Euser"),
        ("/أنا", "/%D8%A3%D9%86%D8%A7"),
        ("/a b", "/a%20b"),
        ('/a"b', "/a%22b"),
    ],
)
def test_what_is_percent_encoded_is_compared_as_what_it_is(pattern: str, path: str) -> None:
    assert not allows(rules(f"Disallow: {pattern}"), path)


@pytest.mark.parametrize(
    ("pattern", "path"), [("/a%2Fb", "/a/b"), ("/a/b", "/a%2Fb"), ("/a%3Fb", "/a?b"), ("/x-%2A", "/x-y"), ("/%zz", "/%aa")]
)  # fmt: skip
def test_an_encoded_mark_is_not_the_mark_itself(pattern: str, path: str) -> None:
    assert allows(rules(f"Disallow: {pattern}"), path)


@pytest.mark.parametrize("url", [SITE, f"{SITE}?q", f"{SITE}#x", f"{SITE}/#/a"])
def test_a_url_without_a_path_has_the_root(url: str) -> None:
    assert path_of(url) in ("/", "/?q")


# How it is written


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\n\n", "\n\r"])
def test_lines_end_in_any_way(end: str) -> None:
    assert not allows(end.join(["User-agent: *", "Disallow: /a", ""]), "/a")


def test_a_byte_order_mark_and_bytes_that_are_no_utf_8_do_no_harm() -> None:
    assert not allows(b"\xef\xbb\xbfUser-agent: *\nDisallow: /\xff\xfe\nDisallow: /a\n", "/a")
    assert not allows(b"User-agent: *\nDisallow: /\xff\n", "/%FF")


def test_lines_that_we_do_not_know_are_passed_over() -> None:
    assert not allows(rules("Host: x", "Clean-param: a", ": ", "no colon at all", "Disallow: /a"), "/a")


def test_what_stands_behind_the_limit_is_not_read_nor_half_a_line_before_it() -> None:
    head = b"User-agent: *\n"
    room = LIMIT - len(head)
    assert not allows(head + b"#" * (room - 14) + b"\nDisallow: /a\n", "/a")
    assert allows(head + b"#" * (room - 5) + b"\nDisallow: /a\n", "/a")
    assert allows(b"x" * (LIMIT + 1), "/a")


# Crawl-delay


@pytest.mark.parametrize(
    ("value", "delay"), [("5", 5.0), ("0.5", 0.5), (".5", 0.5), ("-1", None), ("1e9", None), ("nan", None), ("soon", None), ("", None)]
)  # fmt: skip
def test_a_crawl_delay_is_a_plain_number(value: str, delay: float | None) -> None:
    assert Robots.parse(f"User-agent: *\nCrawl-delay: {value}\n".encode(), US).delay == delay


def test_the_longer_of_two_delays_counts_and_another_s_does_not() -> None:
    text = (
        b"User-agent: *\nCrawl-delay: 2\nCrawl-delay: 1\nDisallow: /x\nUser-agent: another\nCrawl-delay: 9\n"
    )
    assert Robots.parse(text, US).delay == 2


# For any file

PATHS = st.text(alphabet="/ab*$?%2Fé ", max_size=12).map(lambda text: "/" + text)


@given(st.binary(max_size=300), PATHS)
def test_no_file_and_no_path_is_too_odd(body: bytes, path: str) -> None:
    assert Robots.parse(body, US).allows(SITE + path) in (True, False)


@given(PATHS, st.text(alphabet="/ab", max_size=8))
def test_a_pattern_fits_as_its_regular_expression_does(pattern: str, path: str) -> None:
    (rule,) = Robots.parse(f"User-agent: *\nDisallow: {pattern}".encode(), US).rules
    end = "$" if rule.pattern.endswith("$") else ""
    expression = re.escape(rule.pattern.removesuffix("$")).replace(r"\*", ".*") + ("\\Z" if end else "")
    assert rule.matches("/" + path) == (re.match(expression, "/" + path, re.DOTALL) is not None)


@given(st.lists(PATHS, max_size=4), PATHS)
def test_an_allow_never_forbids(patterns: list[str], path: str) -> None:
    before = Robots(tuple(Rule(allows=False, pattern=path_of(SITE + each)) for each in patterns))
    after = Robots((*before.rules, Rule(allows=True, pattern=path_of(SITE + path))))
    assert not before.allows(SITE + path) or after.allows(SITE + path)
