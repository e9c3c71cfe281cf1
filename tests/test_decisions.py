"""The rules of DESIGN part 4, a sentence each: what is the same, what is a version, what counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from crawler.decisions import SHORT, Decider, Decision, known_line
from crawler.drafts import Draft
from crawler.items import Absent, Article, ArticleId, Outcome, RecordRef
from crawler.ledger.sqlite import SqliteLedger
from crawler.lines import Original, canonical
from tests import takes

ONE, TWO = ArticleId(1), ArticleId(2)
TEXT, OTHER = "first " + takes.LONG, "second " + takes.LONG
CAPTURE = takes.exchange("http://anapress.net/a/1", b"page", id=UUID(int=9))
FAILED = takes.absent(Outcome.FAILED, "timeout")


def ref(number: int) -> RecordRef:
    return RecordRef(
        segment="s",
        warc="warcs/s.warc.gz",
        offset=number,
        length=1,
        record_id=f"<{UUID(int=number).urn}>",
        payload_digest="sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N",
    )


def draft(id: int, take: int, result: Article | Absent | str | None, *, found: tuple[int, ...] = ()) -> Draft:
    result = takes.article(id, result) if isinstance(result, str) else result
    capture = ref(id) if result else ref(100 + take)  # a 304 is a revisit
    return Draft.of(takes.take(id, take, result, CAPTURE, found=found), capture, ref(id))


class Archive:
    """A log in the making: each call is a commit, decided against the ledger and applied to it."""

    def __init__(self, path: Path) -> None:
        self.ledger = SqliteLedger(path / "ledger.db")

    def commit(self, *drafts: Draft) -> list[Decision]:
        """The decisions on these drafts in one commit, but for ids that became known."""
        return [
            each
            for each in self.write(Decider(self.ledger).decide(drafts))
            if each.outcome.outcome is not Outcome.KNOWN
        ]

    def write(self, decisions: Iterator[Decision]) -> list[Decision]:
        made = list(decisions)
        n = self.ledger.n() + 1
        self.ledger.apply(n, f"s{n}", "2026-11-23T00:00:00.000Z", (each.outcome for each in made), ())
        return made


@pytest.fixture
def archive(tmp_path) -> Iterator[Archive]:
    archive = Archive(tmp_path)
    yield archive
    archive.ledger.close()


def one(decisions: list[Decision]) -> tuple[Outcome, int | None, bool]:
    """Of the only decision: outcome, version, and whether it makes a line."""
    (decision,) = decisions
    return decision.outcome.outcome, decision.outcome.version, decision.item is not None


def test_a_new_text_is_an_article_with_a_line(archive) -> None:
    assert one(archive.commit(draft(1, 1, TEXT))) == (Outcome.ARTICLE, 1, True)


def test_the_line_names_the_record_that_holds_the_page(archive) -> None:
    (decision,) = archive.commit(draft(1, 1, TEXT))
    item = json.loads(decision.item)
    assert item["record"]["record_id"] == ref(1).record_id
    assert item["capture"] is None
    assert decision.outcome.record == ref(1)


def test_where_the_capture_is_a_revisit_the_line_names_both(archive) -> None:
    (decision,) = archive.commit(replace(draft(1, 1, TEXT), capture=ref(8)))
    item = json.loads(decision.item)
    assert item["record"]["record_id"] == ref(1).record_id
    assert item["capture"]["record_id"] == ref(8).record_id
    assert decision.outcome.record == ref(8)


def test_the_same_text_again_is_unchanged_and_makes_no_line(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    assert one(archive.commit(draft(1, 2, TEXT))) == (Outcome.UNCHANGED, 1, False)


def test_white_space_and_marks_do_not_make_a_text_another(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    assert one(archive.commit(draft(1, 2, f"  {TEXT}\u200f\n"))) == (Outcome.UNCHANGED, 1, False)


def test_another_text_of_an_id_is_changed_with_the_next_version(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    assert one(archive.commit(draft(1, 2, OTHER))) == (Outcome.CHANGED, 2, True)


def test_a_return_to_an_earlier_text_is_changed_with_its_number_and_no_new_line(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    archive.commit(draft(1, 2, OTHER))
    assert one(archive.commit(draft(1, 3, TEXT))) == (Outcome.CHANGED, 1, False)
    assert one(archive.commit(draft(1, 4, "third" + takes.LONG))) == (Outcome.CHANGED, 3, True)


def test_another_ids_text_is_a_duplicate_and_makes_no_line(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    (decision,) = archive.commit(draft(2, 1, TEXT))
    assert one([decision]) == (Outcome.DUPLICATE, None, False)
    assert decision.outcome.duplicate_of == Original(id="1", version=1)


def test_a_duplicate_is_seen_within_one_commit_too(archive) -> None:
    first, second = archive.commit(draft(1, 1, TEXT), draft(2, 1, TEXT))
    assert one([first])[0] is Outcome.ARTICLE
    assert second.outcome.duplicate_of == Original(id="1", version=1)


def test_a_duplicate_names_the_id_that_brought_the_text_first(archive) -> None:
    archive.commit(draft(2, 1, TEXT))
    archive.commit(draft(1, 1, TEXT))
    (decision,) = archive.commit(draft(3, 1, TEXT))
    assert decision.outcome.duplicate_of == Original(id="2", version=1)


def test_an_id_that_leaves_anothers_text_gets_its_own_first_version(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    archive.commit(draft(2, 1, TEXT))
    assert one(archive.commit(draft(2, 2, OTHER))) == (Outcome.ARTICLE, 1, True)


def test_an_id_that_comes_back_from_anothers_text_is_changed(archive) -> None:
    archive.commit(draft(1, 1, TEXT), draft(2, 1, OTHER))
    archive.commit(draft(2, 2, TEXT))
    assert one(archive.commit(draft(2, 3, OTHER))) == (Outcome.CHANGED, 1, False)


@pytest.mark.parametrize(("length", "outcome"), [(SHORT - 1, Outcome.ARTICLE), (SHORT, Outcome.DUPLICATE)])
def test_below_200_letters_a_text_is_never_another_ids_duplicate(archive, length, outcome) -> None:
    archive.commit(draft(1, 1, "ا" * length))
    assert one(archive.commit(draft(2, 1, "ا" * length)))[0] is outcome


def test_a_short_text_that_stays_is_unchanged_as_any(archive) -> None:
    archive.commit(draft(1, 1, "photo"), draft(2, 1, "photo"))
    assert one(archive.commit(draft(2, 2, "photo"))) == (Outcome.UNCHANGED, 1, False)


def test_a_304_is_unchanged_with_the_text_that_stood(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    (decision,) = archive.commit(draft(1, 2, None))
    assert one([decision]) == (Outcome.UNCHANGED, 1, False)
    assert decision.outcome.content_hash == takes.article(1, TEXT).content_hash
    assert decision.outcome.reason == "not_modified"


def test_a_304_of_another_ids_text_is_unchanged_and_still_names_whose_it_is(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    (first,) = archive.commit(draft(2, 1, TEXT))
    (again,) = archive.commit(draft(2, 2, None))
    assert first.outcome.outcome is Outcome.DUPLICATE
    assert one([again]) == (Outcome.UNCHANGED, None, False)
    assert again.outcome.content_hash == first.outcome.content_hash
    assert again.outcome.duplicate_of == first.outcome.duplicate_of == Original(id="1", version=1)


def test_a_304_that_came_after_somebody_elses_take_gives_no_line(archive) -> None:
    archive.commit(draft(1, 1, TEXT), draft(1, 2, OTHER))
    assert archive.commit(draft(1, 2, None)) == []


@pytest.mark.parametrize("place", [ref(1), None], ids=["no revisit", "not found"])
def test_a_304_whose_page_was_not_found_is_failed_and_keeps_no_validators(archive, place) -> None:
    archive.commit(draft(1, 1, TEXT))
    take = takes.take(1, 2, None, CAPTURE, etag='"1"')
    (decision,) = archive.commit(Draft.of(take, place, place))
    assert one([decision]) == (Outcome.FAILED, None, False)
    assert (decision.outcome.reason, decision.outcome.etag) == ("no_original", None)


@pytest.mark.parametrize(
    "outcome", [Outcome.GONE, Outcome.NOT_ARTICLE, Outcome.REFUSED, Outcome.FAILED], ids=str
)
def test_what_is_absent_says_so_with_its_reason(archive, outcome) -> None:
    (decision,) = archive.commit(draft(1, 1, takes.absent(outcome, "why")))
    assert one([decision]) == (outcome, None, False)
    assert decision.outcome.reason == "why"


def test_an_article_that_was_gone_and_is_back_as_it_was_is_unchanged(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    archive.commit(draft(1, 2, takes.absent(Outcome.GONE)))
    assert one(archive.commit(draft(1, 3, TEXT))) == (Outcome.UNCHANGED, 1, False)


def test_a_take_that_was_settled_meanwhile_gives_no_line(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    assert archive.commit(draft(1, 1, OTHER)) == []
    assert archive.ledger.standing(ONE).takes == 1


def test_a_take_settled_earlier_in_the_same_commit_gives_no_line(archive) -> None:
    assert len(archive.commit(draft(1, 1, TEXT), draft(1, 1, OTHER))) == 1


@pytest.mark.parametrize("beaten", [Outcome.FAILED, Outcome.REFUSED], ids=str)
def test_an_article_that_comes_late_still_beats_failed_and_refused_as_the_next_take(archive, beaten) -> None:
    archive.commit(draft(1, 1, takes.absent(beaten)))
    (decision,) = archive.commit(draft(1, 1, TEXT))
    assert (decision.outcome.outcome, decision.outcome.take) == (Outcome.ARTICLE, 2)


@pytest.mark.parametrize("stands", [Outcome.GONE, Outcome.NOT_ARTICLE], ids=str)
def test_an_article_that_comes_late_beats_nothing_else(archive, stands) -> None:
    archive.commit(draft(1, 1, takes.absent(stands)))
    assert archive.commit(draft(1, 1, TEXT)) == []


def test_a_failure_that_comes_late_beats_nothing(archive) -> None:
    archive.commit(draft(1, 1, FAILED))
    assert archive.commit(draft(1, 1, FAILED)) == []


def test_an_id_becomes_known_before_it_is_settled_and_only_once(archive) -> None:
    decisions = archive.write(Decider(archive.ledger).decide([draft(1, 1, TEXT), draft(1, 2, TEXT)]))
    assert [each.outcome.outcome for each in decisions] == [Outcome.KNOWN, Outcome.ARTICLE, Outcome.UNCHANGED]


def test_links_become_known_ids(archive) -> None:
    decisions = archive.write(Decider(archive.ledger).decide([draft(1, 1, TEXT, found=(2, 3, 1))]))
    known = [each.outcome for each in decisions if each.outcome.outcome is Outcome.KNOWN]
    assert [(line.id, line.found) for line in known] == [("1", "list"), ("2", "link"), ("3", "link")]
    assert archive.ledger.standing(TWO).left


def test_the_links_of_a_take_that_is_dropped_become_known_all_the_same(archive) -> None:
    archive.commit(draft(1, 1, TEXT))
    archive.commit(draft(1, 1, OTHER, found=(2,)))
    assert archive.ledger.logged(TWO)


def test_a_known_id_is_not_made_known_again(archive) -> None:
    archive.write(Decider(archive.ledger).know(ONE, "list"))
    assert list(Decider(archive.ledger).know(ONE, "link")) == []


def test_a_requeued_id_is_left_again_and_keeps_its_takes(archive) -> None:
    archive.commit(draft(1, 1, FAILED))
    (decision,) = archive.write(Decider(archive.ledger).requeue(ONE, 1))
    assert decision.outcome.reason == "requeued"
    standing = archive.ledger.standing(ONE)
    assert (standing.left, standing.takes) == (True, 1)
    assert one(archive.commit(draft(1, 2, TEXT)))[0] is Outcome.ARTICLE


def test_an_id_that_was_taken_meanwhile_is_not_requeued(archive) -> None:
    archive.commit(draft(1, 1, FAILED))
    archive.commit(draft(1, 2, TEXT))
    assert list(Decider(archive.ledger).requeue(ONE, 1)) == []


def test_an_id_that_is_left_anyway_is_not_requeued(archive) -> None:
    archive.write(Decider(archive.ledger).know(ONE, "list"))
    assert list(Decider(archive.ledger).requeue(ONE, 0)) == []


def test_a_known_line_carries_the_ids_own_url() -> None:
    line = known_line(ONE, "link")
    assert (line.url, line.take, line.record) == ("http://anapress.net/a/1", 0, None)


def test_a_draft_reads_back_as_it_was_spooled() -> None:
    for result in (TEXT, FAILED, None):
        made = draft(1, 1, result, found=(2, 3))
        assert Draft.parse(canonical(made).encode()) == made
