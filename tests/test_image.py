"""The image's own steps and entry command, run without Docker in a clean folder."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest
import yaml

from tests.crawling import CHECKOUT, QUICK, Archive
from tests.image import BROWSER, DOCKERFILE, REPLAY, Image, build, ignored, packages
from tests.replaying import replaying
from tests.s3 import Endpoint
from tests.site import Site, id_of, running_site

COMPOSE = CHECKOUT / "deploy" / "compose.yaml"
ARTICLES = 12
pytestmark = pytest.mark.timeout(
    900
)  # the image takes a minute, most of it pip's; more where its cache is cold


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), articles=ARTICLES, log=False) as site:
        yield site


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return build(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def built(image: Image) -> dict[Path, int]:
    """What the image held before anything was run in it."""
    return image.files()


@pytest.fixture(scope="module")
def archive(
    image: Image, built: dict[Path, int], site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Archive:
    """What a job makes of one id, with its settings from the environment."""
    archive = Archive(tmp_path_factory.mktemp("data") / "archive")
    environment = environment_of(archive, site)
    assert image.run("ids", "add", str(id_of(0)), **environment).code == 0
    ran = image.run(**environment)
    assert ran.code == 0, ran.said
    return archive


def test_the_image_holds_only_what_a_crawl_needs(built: dict[Path, int]) -> None:
    top = {path.parts[0] for path in built}
    assert top == {".venv", "crawler", "pipelines", "requirements.lock", "scrapy.cfg", "spiders"}


@pytest.mark.parametrize("path", [".git/config", ".venv/bin/scrapy", "demo/archive/archive.json", ".env"])
def test_nothing_else_of_a_checkout_gets_to_the_builder(path: str) -> None:
    assert ignored(PurePath(path))


def test_the_entry_command_crawls_to_the_end(archive: Archive) -> None:
    assert len(archive.takes()) > ARTICLES // 2
    assert id_of(0) in archive.items()


def test_the_image_verifies_what_it_made(image: Image, archive: Archive, site: Site) -> None:
    ran = image.run("verify", **environment_of(archive, site))
    assert ran.code == 0, ran.said


def test_compose_makes_the_bucket_once_and_crawls_into_it(image: Image, site: Site, s3: Endpoint) -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    given = {
        **services["crawler"]["environment"],
        "AWS_ENDPOINT_URL": s3.url,
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "ANAPRESS_CONNECT_TO": site.connect_to,
        "ANAPRESS_DOWNLOAD_DELAY": 0,
    }
    make_bucket = (*services["bucket"]["entrypoint"], *services["bucket"]["command"])
    assert [image.command(*make_bucket, **given).code for _ in range(2)] == [0, 0]
    assert image.run("ids", "add", str(id_of(0)), **given).code == 0
    ran = image.run(**given)
    assert ran.code == 0, ran.said


def test_a_run_writes_nothing_but_its_spool_and_archive(
    image: Image, built: dict[Path, int], archive: Archive
) -> None:
    assert archive.commits()
    assert image.files() == built


@pytest.mark.usefixtures("archive")
def test_health_is_a_sign_of_life_that_is_younger_than_a_minute(image: Image) -> None:
    alive = image.folder / "spool" / "alive"
    ages = {}
    for age in (0, 50, 70, 3600):
        os.utime(alive, (then := time.time() - age, then))
        ages[age] = image.healthy()
    alive.unlink()
    assert ages == {0: True, 50: True, 70: False, 3600: False}
    assert not image.healthy()


def test_the_browser_image_shows_pages_to_chromium(image: Image, site: Site, tmp_path: Path) -> None:
    """Its packages are those that the tests have (tools/debian.sh): nothing is installed here."""
    archive, render = Archive(tmp_path / "archive"), Image(image.folder, (DOCKERFILE, BROWSER))
    given = {**environment_of(archive, site), "ANAPRESS_BROWSER_SECONDS": 30}
    ran = render.run("crawl", "anapress", "-arender=browser", f"-aids={id_of(0)}", "-adiscover=none", **given)
    assert ran.code == 0, ran.said
    assert any(record.type == "resource" for record in archive.records())


def test_the_browser_image_has_of_debian_what_the_tests_have() -> None:
    ours = (CHECKOUT / "tools" / "debian.sh").read_text()
    (listed,) = re.findall(r"for package in (.*); do", ours)
    assert set(packages(BROWSER)) <= set(listed.split())


def test_the_replay_image_serves_an_archive(image: Image, archive: Archive) -> None:
    """The last one: what it adds to the image would be news to the others."""
    build(image.folder, REPLAY)
    with replaying([f"-sARCHIVE_URL={archive.folder}"], checkout=image.folder) as replay:
        assert "pywb" not in replay.said, "it was installed when the image was built"
        assert id_of(0) in replay.ids()
        assert replay.page(f"http://anapress.net/a/{id_of(0)}").status == 200


def environment_of(archive: Archive, site: Site) -> dict[str, object]:
    ours = {"ARCHIVE_URL": archive.folder, "CONNECT_TO": site.connect_to, "LOG_JSON": 1}
    return {f"ANAPRESS_{name}": value for name, value in {**QUICK, **ours}.items()}
