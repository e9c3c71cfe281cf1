"""What the browser's crawl captured, with the network shut: in pywb and ReplayWeb.page it looks as it did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Frame

from crawler.fingerprint import normalised
from tests.browser import ARTEFACTS, Window, difference, pictures, seen
from tests.crawling import House
from tests.replaying import Replay, replaying
from tests.replayweb import Server, article, nginx, points_to, set_up
from tests.site import LIVELY, SEED_ID, Site, running_site

TAKEN = {"seed": SEED_ID, "all": LIVELY["all"], "shell": LIVELY["shell"]}
MOST = 0.01  #: of the points may differ: a frame has an edge, and a ticker has moved on


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), articles=40, log=False) as site:
        yield site


@pytest.fixture(scope="module")
def house(site: Site, tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("house"), site)
    looks = {"BROWSER_KEEP": "view", "BROWSER_SECONDS": 30}
    ran = house.crawl(TAKEN.values(), "-adiscover=none", "-arender=browser", **looks)
    assert ran.code == 0, ran.said
    return house


@pytest.fixture(scope="module")
def views(house: House) -> dict[str, bytes]:
    """What the crawl's browser saw on the site itself, in the visit that is replayed."""
    records = {record.headers.get("WARC-Target-URI"): record.block for record in house.archive.records()}
    found = {name: records[f"urn:view:http://anapress.net/a/{id}"] for name, id in TAKEN.items()}
    ARTEFACTS.mkdir(exist_ok=True)
    for name, view in found.items():
        (ARTEFACTS / f"seen-{name}-live.png").write_bytes(view)
    return found


@pytest.fixture(scope="module")
def replay(house: House) -> Iterator[Replay]:
    with replaying(house.settings()) as replay:
        yield replay


@pytest.fixture(scope="module")
def pages(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """ReplayWeb.page with a WACZ of the archive."""
    folder = set_up(tmp_path_factory.mktemp("page"))
    assert house.scrapy("wacz", str(folder / "archive.wacz")).code == 0
    with nginx(folder, tmp_path_factory.mktemp("nginx")) as server:
        points_to(folder, f"{server.url}archive.wacz")
        yield server


def in_pywb(replay: Replay, chromium: Window, id: int) -> Frame:
    page = chromium.page()
    page.goto(f"{replay.url}anapress/http://anapress.net/a/{id}")
    frame = page.frame(name="replay_iframe")
    assert frame
    frame.wait_for_load_state("networkidle")
    return frame


@pytest.mark.parametrize("name", TAKEN)
def test_pywb_shows_what_the_browser_saw(
    house: House, views: dict[str, bytes], replay: Replay, chromium: Window, name: str
) -> None:
    frame = in_pywb(replay, chromium, TAKEN[name])
    view = seen(frame, f"seen-{name}-pywb")
    assert _is_whole(frame, house, TAKEN[name])
    assert difference(chromium.browser, views[name], view) <= MOST
    assert not chromium.elsewhere


@pytest.mark.parametrize("name", TAKEN)
def test_replayweb_page_shows_what_the_browser_saw(
    house: House, views: dict[str, bytes], pages: Server, chromium: Window, name: str
) -> None:
    frame = article(chromium.page(), pages, TAKEN[name])
    view = seen(frame, f"seen-{name}-replayweb")
    assert _is_whole(frame, house, TAKEN[name])
    assert difference(chromium.browser, views[name], view) <= MOST
    assert not chromium.elsewhere


def test_another_page_would_be_told_apart(views: dict[str, bytes], chromium: Window) -> None:
    assert difference(chromium.browser, views["seed"], views["seed"]) == 0
    assert difference(chromium.browser, views["seed"], views["shell"]) > 10 * MOST


def _is_whole(frame: Frame, house: House, id: int) -> bool:
    """Whether it shows all of the article, and every picture."""
    item, text = house.archive.items()[id], normalised(frame.inner_text("body"))
    return all(normalised(part) in text for part in (item["title"], *item["paragraphs"])) and all(
        pictures(frame).values()
    )
