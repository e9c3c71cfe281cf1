"""docs/ROBUSTNESS.md says what the tests say."""

import sys

from tests.crawling import CHECKOUT, run
from tests.faults import CASES
from tests.faults.wanted import DIFFERS, PARTS


def test_the_page_of_robustness_is_made_from_the_tests() -> None:
    ran = run(sys.executable, "-m", "tools.robustness", "-")
    assert ran.code == 0, ran.said
    assert (CHECKOUT / "docs" / "ROBUSTNESS.md").read_text() == ran.out, "make robustness"


def test_no_number_is_outside_of_the_list() -> None:
    numbers = {number for part in PARTS.values() for number in part}
    assert numbers == set(range(1, 58))
    assert {case.number for case in CASES} | DIFFERS.keys() <= numbers
