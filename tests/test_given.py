"""What a user mistyped: told in a sentence with the nearest right name, before anything is done."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import scrapy as framework
from scrapy.settings import Settings

from crawler.arguments import ABOUT
from crawler.given import known, where
from crawler.spelling import nearest
from tests.crawling import CHECKOUT, scrapy

READS = re.compile(r"""settings(?:\.get\w*\(|\[)\s*["']([A-Z][A-Z_0-9]+)["']""")
IDS = "-aids=203367206718582"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DOWNLOAD_DELEY", "DOWNLOAD_DELAY"),
        ("download_delay", "DOWNLOAD_DELAY"),
        ("ARCHIV_URL", "ARCHIVE_URL"),
        ("ARCHIVE", "ARCHIVE_URL"),
        ("SPOOLDIR", "SPOOL_DIR"),
        ("CONTCAT", "CONTACT"),
        ("PLAYWRIGHT_MAX_CONTEXT", "PLAYWRIGHT_MAX_CONTEXTS"),
    ],
)
def test_a_mistyped_name_is_near_the_right_one(name: str, meant: str) -> None:
    assert nearest(name, known()) == meant


@pytest.mark.parametrize(
    "name",
    # Kubernetes puts such into the environment of each pod beside a service named anapress
    "SERVICE_HOST SERVICE_PORT PORT PORT_80_TCP PORT_80_TCP_ADDR PORT_80_TCP_PROTO"
    " MONGO_URI TELEMETRY_ENABLED X".split(),
)
def test_a_name_of_somebody_elses_is_near_none(name: str) -> None:
    assert nearest(name, known()) is None


@pytest.mark.parametrize("package", ["scrapy", "scrapy_playwright"])
def test_every_setting_that_an_installed_package_reads_is_known(package: str) -> None:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None  # noqa: PT018 -- for mypy
    source = "".join(path.read_text() for path in Path(spec.origin).parent.rglob("*.py"))
    assert set(READS.findall(source)) <= known(), framework.__version__


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["-sDOWNLOAD_DELEY=1"], {}, "-s DOWNLOAD_DELEY is not known: did you mean -s DOWNLOAD_DELAY?"),
        (
            [],
            {"ANAPRESS_ARCHIV_URL": "x"},
            "ANAPRESS_ARCHIV_URL is not known: did you mean ANAPRESS_ARCHIVE_URL?",
        ),
        (["-sROBOTSTXT_OBEY=maybe"], {}, "-s ROBOTSTXT_OBEY is 'maybe': give 0 or 1."),
        (["-sLOG_JSON=maybe"], {}, "-s LOG_JSON is 'maybe': give 0 or 1."),
        (["-sLOG_LEVEL=loud"], {}, "-s LOG_LEVEL is 'loud': give one of CRITICAL,"),
        ([], {"ANAPRESS_CONCURRENT_ITEMS": "many"}, "ANAPRESS_CONCURRENT_ITEMS is 'many': give a number."),
        (["-sEXTENSIONS={"], {}, "-s EXTENSIONS is '{': give an object in JSON."),
        (
            ["-sDUPEFILTER_CLASS=nobody.Knows"],
            {},
            "-s DUPEFILTER_CLASS is 'nobody.Knows': give something that",
        ),
        (["-aidz=1"], {}, "-a idz=… is not known: did you mean -a ids=…?"),
    ],
    ids=lambda given: " ".join(given) if given and not isinstance(given, str) else "",
)
def test_a_mistake_is_one_sentence_and_exit_2(
    tmp_path: Path, words: list[str], environment: dict[str, str], said: str
) -> None:
    ran = scrapy("crawl", "anapress", IDS, f"-sARCHIVE_URL={tmp_path}/a", *words, environment=environment)
    assert (ran.code, len(ran.said.splitlines()), ran.last[-8:]) == (2, 1, "(exit 2)"), ran.said
    assert ran.last.startswith(said)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("-O/proc/none/x.jsonl", "The feed /proc/none/x.jsonl can't be written: No such file or directory."),
        ("-O/proc:jsonl", "The feed /proc can't be written: Is a directory."),
        (
            '-sDEFAULT_REQUEST_HEADERS={"X-Who": "a\\nb"}',
            "DEFAULT_REQUEST_HEADERS, 'X-Who' is 'X-Who: a\\nb': give text of one line, for it stands in each request.",
        ),
    ],
)
def test_what_no_crawl_can_go_on_with_is_told_before_it_begins(tmp_path: Path, word: str, said: str) -> None:
    ran = scrapy("crawl", "anapress", IDS, f"-sARCHIVE_URL={tmp_path}/a", word)
    assert (ran.code, ran.last) == (2, f"{said} (exit 2)")
    assert not list(tmp_path.iterdir())


def test_every_command_on_an_archive_looks_for_mistakes(tmp_path: Path) -> None:
    for command in (["ids", "status"], ["verify"], ["export", "-"], ["status"], ["copy", "a", "b"]):
        ran = scrapy(*command, f"-sARCHIV_URL={tmp_path}/a")
        assert (ran.code, ran.said) == (
            2,
            "-s ARCHIV_URL is not known: did you mean -s ARCHIVE_URL? (exit 2)\n",
        )


def test_a_mistake_is_a_line_of_json_where_logs_are() -> None:
    ran = scrapy("crawl", "anapress", IDS, "-sLOG_JSON=1", "-sLOG_LEVEL=loud")
    assert (ran.code, ran.said.count("\n"), '"exit_code":2' in ran.said) == (2, 1, True)


def test_a_name_that_is_near_none_is_warned_of_once(tmp_path: Path) -> None:
    words = [f"-sARCHIVE_URL={tmp_path}/a", "-sTELEMETRY_ENABLED=1"]  # no ids: ends before it begins
    ran = scrapy("crawl", "anapress", *words, environment={"ANAPRESS_SERVICE_HOST": "10.0.0.1"})
    for name in ("-s TELEMETRY_ENABLED", "ANAPRESS_SERVICE_HOST"):
        assert ran.said.count(f"WARNING: {name} sets nothing that Scrapy or this program reads") == 1


# What comes next


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://HOST:6379/0", "redis://HOST:6379/0"),
        ("redis://us:secret@HOST:6379/0", "redis://HOST:6379/0"),
        ("rediss://:s%40cr@t@HOST/0?ssl_ca_certs=ca.pem", "'rediss://HOST/0?ssl_ca_certs=ca.pem'"),
        ("unix://:secret@/run/s?db=3", "'unix:///run/s?db=3'"),
        ("redis://HOST/0?username=us&password=secret", "redis://HOST/0"),
        ("rediss://HOST?db=3&%70assword=s%40cr@t&ssl_password=secret", "'rediss://HOST?db=3'"),
    ],
)
def test_the_next_command_names_the_ledger_and_shows_no_password(url: str, told: str) -> None:
    settings = Settings()
    settings.setdict({"LEDGER_URL": url, "ARCHIVE_URL": "/data/me@home"}, "cmdline")
    assert where(settings) == f" -s ARCHIVE_URL=/data/me@home -s LEDGER_URL={told}"


def test_what_the_environment_names_the_next_command_finds_there() -> None:
    assert where(Settings({"LEDGER_URL": "redis://:secret@HOST/0"})) == ""


# Help


def test_help_at_the_prompt_tells_every_argument() -> None:
    ran = scrapy("crawl", "anapress", "-h", environment={"COLUMNS": "80"})
    told = " ".join(ran.out.split())
    for form, meaning in ABOUT.items():
        assert f"-a {form} {meaning}" in told
    assert max(map(len, ran.out.splitlines())) <= 80


def test_the_docs_tell_every_argument_as_the_prompt_does() -> None:
    docs = (CHECKOUT / "docs/CRAWL.md").read_text()
    for form, meaning in ABOUT.items():
        assert f"| `-a {form}` | {meaning} |" in docs
