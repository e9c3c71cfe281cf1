"""pywb in a real Chromium: what a reader sees of an article, without a word to anybody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crawler.fingerprint import normalised
from tests.browser import Window, keep, pictures, settle
from tests.crawling import House
from tests.replaying import LOOKED_AT, Replay, replaying
from tests.site import SEED_ID, id_of
from tests.site.dressed import DRESSED_ID


@pytest.fixture(scope="module")
def replay(taken_twice: House) -> Iterator[Replay]:
    with replaying(taken_twice.settings()) as replay:
        yield replay


def shown(replay: Replay, chromium: Window, id: int, name: str, *, height: int = 900) -> Any:
    """The frame in which pywb shows the article's newest capture."""
    page = chromium.page(height=height)
    page.goto(f"{replay.url}anapress/http://anapress.net/a/{id}")
    frame = page.frame(name="replay_iframe")
    assert frame
    settle(frame)
    keep(page, f"pywb-{name}")
    return frame


@pytest.mark.parametrize("id", LOOKED_AT)
def test_an_article_is_seen_whole(taken_twice: House, replay: Replay, chromium: Window, id: int) -> None:
    frame, item = shown(replay, chromium, id, str(id)), taken_twice.archive.items()[id]
    seen = normalised(frame.inner_text("body"))
    for text in (item["title"], *item["paragraphs"], item["published_time"] or ""):
        assert normalised(text) in seen
    assert frame.evaluate("getComputedStyle(document.documentElement).direction") == "rtl"
    assert all(pictures(frame).values())
    assert frame.evaluate(
        "[...document.styleSheets].some(sheet => sheet.href && sheet.cssRules.length > 100)"
    )
    assert not chromium.elsewhere


def test_the_seed_page_has_its_time_its_counter_and_its_picture(replay: Replay, chromium: Window) -> None:
    frame = shown(replay, chromium, SEED_ID, "seed", height=1400)
    lines = [line.strip() for line in frame.inner_text("body").splitlines()]
    assert "10:08" in lines
    assert "426" in lines
    assert pictures(frame)[f"http://anapress.net/img/{SEED_ID}.png"]
    place = frame.locator(f"img[src$='{SEED_ID}.png']").first.bounding_box()
    assert place["y"] < frame.locator("h1, h2").first.bounding_box()["y"]
    assert place["x"] > 1000, "a page from right to left has it at its right"


def test_fonts_backgrounds_scripts_and_lazy_pictures_are_there(replay: Replay, chromium: Window) -> None:
    frame = shown(replay, chromium, DRESSED_ID, "dressed")
    style = "getComputedStyle(document.body).backgroundImage"
    assert "/img/paper.png" in frame.evaluate(style)
    assert frame.evaluate("document.fonts.size") >= 1
    there = pictures(frame)
    assert there["http://anapress.net/img/small.png"]
    assert there["http://anapress.net/moved/here.png"], "a picture that was redirected"
    assert not there["http://anapress.net/img/none/at/all.png"], "which the site did not have either"
    assert not chromium.elsewhere


def test_a_reader_goes_from_the_list_to_an_article_and_on_by_its_links(
    replay: Replay, chromium: Window
) -> None:
    page = chromium.page()
    page.goto(replay.url)
    keep(page, "list")
    page.fill("input[name=q]", "تدمر مجزرة")
    page.press("input[name=q]", "Enter")
    page.wait_for_url("**/?q=*")
    keep(page, "search")
    page.click(f"a[href*='{SEED_ID}']")
    page.wait_for_url(f"**/a/{SEED_ID}")
    page.wait_for_load_state("networkidle")
    frame = page.frame(name="replay_iframe")
    assert frame
    with page.expect_event("framenavigated", lambda moved: moved.name == "replay_iframe"):
        frame.locator(f"a[href*='/a/{id_of(0)}']").first.click()
    page.wait_for_load_state("networkidle")
    frame = page.frame(name="replay_iframe")
    assert frame
    assert str(id_of(0)) in frame.url
    assert not chromium.elsewhere
