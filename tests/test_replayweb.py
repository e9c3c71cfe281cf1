"""deploy/replay: a WACZ in a real Chromium, from nginx and from a bucket, read by ranges from another origin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from playwright.sync_api import Page

from crawler.fingerprint import normalised
from tests.browser import SECONDS, Window, keep, pictures
from tests.crawling import House
from tests.replaying import LOOKED_AT
from tests.replayweb import HERE, Server, article, nginx, points_to, set_up
from tests.s3 import Endpoint
from tests.site import SEED_ID


@pytest.fixture(scope="module")
def wacz(taken_twice: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wacz") / "archive.wacz"
    assert taken_twice.scrapy("wacz", str(path)).code == 0
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return set_up(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def pages(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with nginx(page, tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture(scope="module")
def files(wacz: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another origin, with the WACZ."""
    with nginx(wacz.parent, tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture(scope="module")
def tab(chromium: Window) -> Page:
    """One for all: ReplayWeb.page begins anew in every other window."""
    return chromium.page(1300, 1000)


# What the servers say


def test_nginx_gives_ranges_to_another_origin(files: Server, wacz: Path) -> None:
    port = int(files.url.rsplit(":", 1)[1].strip("/"))
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    asked = {"Origin": "https://else.example", "Range": "bytes=2-5", "Accept-Encoding": "gzip"}
    connection.request("GET", "/archive.wacz", headers=asked)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (206, wacz.read_bytes()[2:6])
    assert answer.headers["Content-Range"] == f"bytes 2-5/{wacz.stat().st_size}"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Range" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Content-Type"] == "application/wacz"
    connection.request("OPTIONS", "/archive.wacz", headers={"Origin": "https://else.example"})
    assert (connection.getresponse().status, answer.headers["Access-Control-Allow-Headers"]) == (204, "Range")
    connection.close()


# What a reader sees


@pytest.mark.parametrize("id", LOOKED_AT)
def test_an_article_of_a_wacz_on_another_server_is_seen_whole(
    taken_twice: House, page: Path, pages: Server, files: Server, chromium: Window, tab: Page, id: int
) -> None:
    points_to(page, f"{files.url}archive.wacz")
    frame, item = article(tab, pages, id), taken_twice.archive.items()[id]
    keep(frame.page, f"replayweb-{id}")
    seen = normalised(frame.inner_text("body"))
    for text in (item["title"], *item["paragraphs"]):
        assert normalised(text) in seen
    assert frame.evaluate("getComputedStyle(document.documentElement).direction") == "rtl"
    assert all(pictures(frame).values())
    assert frame.evaluate(
        "[...document.styleSheets].some(sheet => sheet.href && sheet.cssRules.length > 100)"
    )
    assert not chromium.elsewhere


def test_only_parts_of_the_wacz_are_fetched(files: Server) -> None:
    gets = [line for line in files.asked() if line.startswith("GET /archive.wacz")]
    assert gets
    assert all(line.split()[2] == "206" for line in gets)


def test_a_bucket_with_our_cors_rules_will_do(
    wacz: Path, page: Path, pages: Server, s3: Endpoint, tab: Page
) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=s3.url,
        region_name=s3.region,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
    )
    bucket = s3.bucket()
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration=json.loads((HERE / "cors.json").read_text()))
    client.upload_file(str(wacz), bucket, "archive.wacz")
    signed = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "archive.wacz"})
    points_to(page, signed.replace("&", "&amp;"))
    frame = article(tab, pages, SEED_ID)
    assert "10:08" in frame.inner_text("body")
    assert all(pictures(frame).values())


def test_the_list_of_pages_is_in_arabic(page: Path, pages: Server, files: Server, chromium: Window) -> None:
    """The last one, for its new window closes the one that the others share."""
    points_to(page, f"{files.url}archive.wacz")
    tab = chromium.page(1300, 1000)
    tab.goto(f"{pages.url}index.html")
    title = "[title*='تنظيم الدولة يتمدد سريعا في تدمر']"
    tab.frame_locator("iframe").locator(f"wr-page-entry {title}").first.wait_for()
    keep(tab, "replayweb-list")
    assert not chromium.elsewhere
