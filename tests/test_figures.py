"""What the panel, the log's lines and the summary make of figures."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler import panel
from crawler.commits import Commit, File
from crawler.figures import Figures, Host, Pace, Reason
from crawler.items import ArticleId
from crawler.made import Made
from crawler.runs import Run
from crawler.summary import summary
from crawler.wording import counts, size, span

ID = ArticleId(203367206718582)
FIGURES = Figures(
    phase="crawling",
    seconds=83,
    outcomes={"article": 390, "gone": 20, "failed": 14},
    reasons=[
        Reason(outcome="failed", reason="http_503", count=14, last=ID),
        Reason(outcome="gone", reason="http_404", count=20, last=ID),
    ],
    left=576,
    pace=2.0,
    hosts=[Host(name="anapress.net", flying=1, most=1, delay=0.5, waiting=14)],
    received=23_400_000,
    written=8_100_000,
    spool=8_200_000,
    spool_most=20_000_000_000,
    commits=0,
)
COLOR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (2e10, "20.0 GB"),
    ],
)
def test_a_size_has_one_digit_behind_its_point(count: float, told: str) -> None:
    assert size(count) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (83, "1 min 23 s"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_span_has_at_most_two_units(seconds: float, told: str) -> None:
    assert span(seconds) == told


def test_counts_name_the_most_first() -> None:
    assert counts({"gone": 20, "article": 1390}) == "1,390 article, 20 gone"


def test_the_pace_is_that_of_the_last_minute() -> None:
    pace = Pace()
    assert pace.at(0, 0) is None
    assert pace.at(10, 20) == 2
    for moment in range(11, 200):
        told = pace.at(moment, 20 + moment)
    assert told == 1


def test_without_a_pace_no_end_is_foretold() -> None:
    assert replace(FIGURES, pace=None).eta is None
    assert FIGURES.eta == 300


def test_only_mishaps_are_errors() -> None:
    assert [each.outcome for each in FIGURES.mishaps] == ["failed"]


@settings(max_examples=60)
@given(width=st.integers(1, 200), height=st.integers(1, 60), color=st.booleans())
def test_a_panel_is_never_larger_than_its_room(width: int, height: int, color: bool) -> None:
    lines = panel.lines(FIGURES, width, height, color=color)
    assert len(lines) <= height
    assert all(len(COLOR.sub("", line)) <= width for line in lines)


def test_a_host_that_wants_to_be_left_alone_is_told() -> None:
    resting = replace(FIGURES, hosts=[replace(FIGURES.hosts[0], pause=90)])
    shown = "\n".join(panel.lines(resting, 100, 20, color=False))
    assert "anapress.net: left alone for 1 min 30 s, 14 wait" in shown
    assert "; anapress.net is left alone for 1 min 30 s; " in str(resting)


def test_the_log_tells_the_same_in_one_line() -> None:
    assert str(FIGURES) == (
        "424 of 1,000 done (390 article, 20 gone, 14 failed); 576 left; 2.0/s; 5 min to go; "
        "received 23.4 MB, WARC 8.1 MB, spool 8.2 MB; failed http_503 14"
    )


def test_of_a_fleet_s_ids_a_worker_tells_only_what_it_took_itself() -> None:
    one = replace(FIGURES, left=None)
    assert str(one).startswith("424 takes (390 article, 20 gone, 14 failed); 2.0/s; received ")
    shown = panel.lines(one, 100, 20, color=False)
    assert [line.rstrip() for line in shown if line.startswith("done")] == ["done     424 · 2.0/s"]
    assert not any("━" in line for line in shown)


# The summary

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN = Run(
    worker="000000aa",
    start=START,
    end=START + timedelta(seconds=62),
    exit_code=0,
    reason="Done.",
    outcomes={"article": 2, "not_article": 12},
    reasons={"not_article": {f"redirected_to:{n}": 1 for n in range(12)}},
    left=0,
    commits=(3,),
    versions={},
    settings={},
)


def test_reasons_that_differ_in_their_particulars_are_told_as_one() -> None:
    examples = {("not_article", "redirected_to"): [ArticleId(7), ArticleId(8)]}
    assert "                  12 redirected_to, such as 7, 8\n" in summary(RUN, Made(), examples)


def test_what_comes_next_names_only_what_there_is_to_do() -> None:
    def verbs(run: Run) -> list[str]:
        return re.findall(r"scrapy (\w+).* -s ARCHIVE_URL=x\n", summary(run, Made(), {}, " -s ARCHIVE_URL=x"))

    assert verbs(RUN) == ["verify", "export"]
    assert verbs(replace(RUN, left=3)) == ["crawl", "verify", "export"]
    assert verbs(replace(RUN, outcomes={"failed": 1})) == ["ids", "crawl", "verify"]


def test_a_fleet_is_gone_on_with_as_a_fleet() -> None:
    told = summary(replace(RUN, left=3), Made(), {}, " -s ARCHIVE_URL=x", "fleet -n 2")
    assert "go on     scrapy fleet -n 2 -s ARCHIVE_URL=x\n" in told


def test_a_run_that_took_nothing_has_no_summary() -> None:
    assert summary(replace(RUN, outcomes={}), Made(), {}) == ""


def test_files_are_counted_with_what_is_in_them() -> None:
    def file(kind: str, count: int) -> File:
        return File(path="", kind=kind, bytes=500, sha256="", count=count)

    files = [file("warc", 9), file("index", 8), file("items", 1), file("outcomes", 14)]
    made = Made().plus(commit(1, *files)).plus(commit(2, file("warc", 1), file("items", 2)))
    told = "made      2 commits, 2 WARCs, 3 item lines, 14 outcome lines; 3.0 kB\n"
    assert told in summary(RUN, made, {})


def test_an_id_that_was_made_known_is_no_take() -> None:
    made = Made().plus(commit(1, known=7)).plus(commit(2, article=2, gone=1)).plus(commit(3, article=1))
    assert made.outcomes == {"article": 3, "gone": 1}


def commit(n: int, *files: File, **counts: int) -> Commit:
    return Commit(n=n, segment="", at="", worker="", files=files, counts=counts)
