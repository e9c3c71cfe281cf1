"""What the operator gave in confidence is nowhere: not in the archive, not in a log (case 57)."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crawling import Archive, Ran, scrapy
from tests.faults.case import Article
from tests.faults.serving import Hosts, proxied, serving
from tests.raw import Answer
from tests.test_faults import SETTINGS

USER, PASSWORD = "harvester", "pr0xy-pa55word"
KEY, SECRET, TOKEN = "AKIAKEYOFTHETESTS", "s3cret/of+the/tests", "t0ken-of-the-tests"
ENCODED = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, ENCODED, KEY, SECRET, TOKEN)
PAGE, DEAD = 1, 2


@dataclass(frozen=True, slots=True)
class Crawled:
    ran: Ran
    hosts: Hosts
    folder: Path
    tunnels: list[bytes]


@pytest.fixture(scope="module", params=["settings", "environment"])
def crawled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    """A crawl through a proxy that wants a password, with the keys of a bucket at hand; one host is not there."""
    folder = tmp_path_factory.mktemp("secrets")
    page = Answer([Article(PAGE).whole("Set-Cookie: session=c00kie")])
    answers = {PAGE: [page], DEAD: [Article(DEAD).moved("http://anapress.net./a/{}")]}
    with serving(answers, folder) as hosts, proxied(hosts.port) as proxy:
        secret = {
            "WIRE_PROXY": f"http://{USER}:{PASSWORD}@127.0.0.1:{proxy.port}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": TOKEN,
        }
        open_ = {
            **SETTINGS,
            "ARCHIVE_URL": folder / "archive",
            "CONNECT_TO": f"anapress.net:80:127.0.0.1:{hosts.port}",
        }
        given = {**open_, **(secret if request.param == "settings" else {})}
        environment = {
            f"ANAPRESS_{name}": value for name, value in secret.items() if request.param == "environment"
        }
        environment["TEST_EDGE_LOG"] = str(folder / "edge.log")
        settings = [f"-s{name}={value}" for name, value in given.items()]
        ran = scrapy(
            "crawl",
            "anapress",
            "-arequisites=0",
            f"-aids={PAGE},{DEAD}",
            "-adiscover=none",
            *settings,
            environment=environment,
        )
        yield Crawled(ran, hosts, folder, [one.request for one in proxy.log])


@pytest.mark.fault(57)
def test_the_crawl_went_through_the_proxy_with_its_password(crawled: Crawled) -> None:
    assert len(Archive(crawled.folder / "archive").items()) == 1
    assert any(ENCODED.encode() in tunnel for tunnel in crawled.tunnels)


@pytest.mark.fault(57)
def test_no_secret_is_in_a_log(crawled: Crawled) -> None:
    assert "WIRE_PROXY" not in crawled.ran.said or "***" in crawled.ran.said
    assert not [secret for secret in SECRETS if secret in crawled.ran.said + crawled.ran.out]


@pytest.mark.fault(57)
def test_no_secret_is_in_the_archive_or_the_spool(crawled: Crawled) -> None:
    files = [path for path in crawled.folder.rglob("*") if path.is_file() and path.name != "ca.pem"]
    assert len(files) > 5
    for path in files:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        assert not [secret for secret in SECRETS if secret.encode() in data], path


@pytest.mark.fault(57)
def test_a_cookie_stays_in_the_record_that_brought_it_and_is_never_sent(crawled: Crawled) -> None:
    assert not [one for one in crawled.hosts.log if b"\r\nCookie:" in one.request]
    records = [
        record for record in Archive(crawled.folder / "archive").records() if b"c00kie" in record.block
    ]
    assert [record.type for record in records] == ["response"]
