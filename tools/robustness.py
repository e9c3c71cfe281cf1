"""Writes docs/ROBUSTNESS.md from the tests: `python -m tools.robustness`; with `-` to stdout."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from crawler import settings
from tests.faults import CASES, TRIES, Case
from tests.faults.addresses import URLS
from tests.faults.wanted import DIFFERS, PARTS
from tests.test_limits import LIMITS

CHECKOUT = Path(__file__).parents[1]
DOC = CHECKOUT / "docs" / "ROBUSTNESS.md"
INTRO = f"""\
# What comes over the wire, and what becomes of it

Made from the tests by `make robustness`. Each row was sent to a whole crawl by a raw server; the WARC,
the items, the log and the ledger were looked at. The numbers are those of our list of faults; its last 20
(storage, frontier) are what the crash tests are for (docs/RECOVERY.md).

*Becomes*: the outcome and its reason (docs/DATA.md), and in brackets what is noted at DEBUG and counted.
*Archive*: what the WARC holds of the answer; `whole` is byte for byte. *Asked*: how many requests the site
saw, where RETRY_TIMES is {TRIES - 1}. What gave no article gave no item; its id is settled, and
`scrapy ids requeue` takes it again.
"""
LIMITS_INTRO = """\

## Limits

| setting | default | beyond it |
|---|---|---|
"""
ROWS = """
| # | what comes | becomes | archive | asked |
|---|---|---|---|---|
"""


class Rules:
    """The sentences of the tests that have a fault's number, as pytest collects them."""

    def __init__(self) -> None:
        self.said: dict[int, dict[str, str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            for mark in item.iter_markers("fault"):
                sentence = getattr(item, "originalname", item.name).removeprefix("test_").replace("_", " ")
                self.said.setdefault(mark.args[0], {})[sentence] = item.path.name


def main() -> None:
    text = document(collected().said)
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(text)
    else:
        DOC.write_text(text)


def collected() -> Rules:
    rules = Rules()
    tests = sorted(CHECKOUT.glob("tests/test_*.py"))
    marked = [str(path) for path in tests if "mark.fault(" in path.read_text()]
    with redirect_stdout(io.StringIO()) as said:
        code = pytest.main(["--collect-only", "-q", "-p", "no:xdist", *marked], plugins=[rules])
    if code:
        sys.exit(said.getvalue())
    return rules


def document(said: dict[int, dict[str, str]]) -> str:
    """The whole page."""
    parts = (part(name, numbers, said) for name, numbers in PARTS.items())
    return INTRO + LIMITS_INTRO + "".join(limits()) + "".join(parts)


def limits() -> Iterator[str]:
    for name, (*_, reason) in LIMITS.items():
        yield f"| `{name}` | {getattr(settings, name):,} | failed `{reason}` |\n"
    yield f"| `CONNECT_SECONDS` | {settings.CONNECT_SECONDS} | failed `connect_failed`, `tls_error` |\n"


def part(name: str, numbers: range, said: dict[int, dict[str, str]]) -> str:
    rows = "".join(map(row, (case for case in CASES if case.number in numbers)))
    rows += "".join(forms(numbers))
    rules = "".join(proved(numbers, said))
    differs = "".join(f"* {number}: {why}\n" for number, why in DIFFERS.items() if number in numbers)
    return (
        f"\n## {name}\n{ROWS}{rows}"
        + (f"\nAnd by tests of their own:\n\n{rules}" if rules else "")
        + (f"\nWhere ours differs from the list, and why:\n\n{differs}" if differs else "")
    )


def row(case: Case) -> str:
    outcome, _, reason = case.becomes.partition(" ")
    becomes = f"{outcome} `{reason}`" if reason else outcome
    noted = f" (`{case.odd}`)" if case.odd else ""
    return f"| {case.number} | {plain(case.comes)} | {becomes}{noted} | {case.kept.value} | {case.asked} |\n"


def forms(numbers: range) -> Iterator[str]:
    for number in numbers:
        if urls := [url for one, url in URLS if one == number]:
            some = ", ".join(f"`{ascii(url)[1:-1]}`" for url in urls[:: len(urls) // 4][:4])
            comes = f"a redirect to {len(urls)} forms, such as {some.replace('/latest/meta-data', '')}"
            yield f"| {number} | {comes} | no connect | the redirect | 1 |\n"


def proved(numbers: range, said: dict[int, dict[str, str]]) -> Iterator[str]:
    """What is said of these numbers outside of the tables, each sentence once."""
    table = {case.number for case in CASES}
    spoken: dict[str, list[int]] = {}
    for number in numbers:
        for sentence, name in sorted(said.get(number, {}).items()):
            if name != "test_faults.py" or number not in table:
                spoken.setdefault(f"{sentence} ({name})", []).append(number)
    return (f"* {', '.join(map(str, each))}: {sentence}\n" for sentence, each in spoken.items())


def plain(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;") if "`" not in text else text


if __name__ == "__main__":
    main()
