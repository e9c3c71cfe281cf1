"""What came through an archive service, or out of somebody's file, replays as what the site gave does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import parsedate_to_datetime

import pytest

from crawler.fingerprint import normalised
from tests.browser import Window, keep, settle
from tests.crawling import House
from tests.replaying import Replay, replaying
from tests.services import CommonCrawl, Crawl, Held, Wayback, held_pages, running
from tests.services.files import arc, chunked, packed, plain, record, warcinfo, zipped
from tests.site import Site, id_of, running_site, truth

ARTICLES = 40
SHOWN = [id for id in map(id_of, range(ARTICLES)) if not (truth(id) or {})["nonce"]][:9]
PLAYED, COPIED, FILED = SHOWN[:3], SHOWN[3:5], SHOWN[5:]
AT = {"wayback": "20120304050607", "commoncrawl": "20140506070809", "warc": "20160708091011"}
FAST = ("WAYBACK_INDEX_SECONDS", "WAYBACK_SECONDS", "COMMONCRAWL_INDEX_SECONDS", "COMMONCRAWL_SECONDS")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), articles=ARTICLES, log=False) as site:
        yield site


def held(source: str, ids: list[int]) -> list[Held]:
    return list(held_pages(ids, articles=ARTICLES, at=AT[source]))


@pytest.fixture(scope="module")
def house(site: Site, tmp_path_factory: pytest.TempPathFactory) -> House:
    """One archive, filled from each of the three; no page of it comes from the site."""
    house = House(tmp_path_factory.mktemp("house"), site)
    played, copied = held("wayback", PLAYED), held("commoncrawl", COPIED)
    machine = Wayback(played, play={played[1].at: "hidden_gzip", played[2].at: "double_gzip"})
    common = CommonCrawl([Crawl("CC-MAIN-2014-15", tuple(copied))])
    with ExitStack() as up:
        for service in (machine, common):
            service.base = up.enter_context(running(service)).url
        urls = {"WAYBACK_URL": machine.base, "COMMONCRAWL_INDEX_URL": common.base}
        settings = dict.fromkeys(FAST, 0) | urls | {"COMMONCRAWL_DATA_URL": common.base}
        for source, ids in (("wayback", PLAYED), ("commoncrawl", COPIED)):
            ran = house.crawl(ids, f"-asource={source}", "-adiscover=none", **settings)
            assert ran.code == 0, ran.said
    ran = house.crawl(None, "-asource=warc", f"-awarcs={theirs(house)}", "-adiscover=none")
    assert ran.code == 0, ran.said
    return house


def theirs(house: House) -> str:
    """Files in which a page is chunked, compressed, in an ARC, and a revisit of another file's."""
    one, two, three, four = held("warc", FILED)
    head = plain(four).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    elsewhere = Held(url="http://www.anapress.net/a/1", at="20160101000000", body=four.body)
    named = f"WARC-Payload-Digest: sha1:{four.digest}"
    folder = house.folder / "theirs"
    folder.mkdir()
    (folder / "a.warc.gz").write_bytes(
        packed(warcinfo(), record(one, chunked(one)), record(two, zipped(two)))
    )
    (folder / "b.arc").write_bytes(arc(three))
    (folder / "c.warc").write_bytes(
        record(four, head, named, kind="revisit") + record(elsewhere, plain(elsewhere), named)
    )
    return str(folder)


@pytest.fixture(scope="module")
def replay(house: House) -> Iterator[Replay]:
    with replaying(house.settings()) as replay:
        yield replay


@pytest.mark.parametrize("source", AT)
def test_an_articles_page_is_given_at_its_url_and_date_as_it_was(replay: Replay, source: str) -> None:
    ids = {"wayback": PLAYED, "commoncrawl": COPIED, "warc": FILED}[source]
    for one in held(source, ids):
        given = replay.page(one.url, moment=one.at)
        assert (given.status, given.body) == (200, one.body), one.url
        date = parsedate_to_datetime(given.headers["memento-datetime"])
        assert f"{date:%Y%m%d%H%M%S}" == one.at


@pytest.mark.parametrize("source", AT)
def test_a_browser_shows_it_whole(house: House, replay: Replay, chromium: Window, source: str) -> None:
    id = {"wayback": PLAYED, "commoncrawl": COPIED, "warc": FILED}[source][-1]
    (one,) = held(source, [id])
    item, page = house.archive.items()[id], chromium.page()
    page.goto(f"{replay.url}anapress/{one.at}/{one.url}")
    frame = page.frame(name="replay_iframe")
    assert frame
    settle(frame)
    keep(page, f"pywb-source-{source}")
    seen = normalised(frame.inner_text("body"))
    for text in (item["title"], *item["paragraphs"]):
        assert normalised(text) in seen
    assert f"/{one.at}mp_/" in frame.url
    assert not chromium.elsewhere
