"""Pages in a real Chromium: exact bytes, articles from the DOM, and nothing that a page does harms the crawl."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
import trustme

from crawler.browser.chromium import Chromium
from tests.crawling import SCRAPY, Archive, House, Ran, Record
from tests.site import FAULTS, LIVELY, LOST, SEED_ID, WHOLE, Logged, Site, id_of, running_site

ARTICLES = 40
PLAIN = {"seed": SEED_ID, "one": id_of(1), "chunked": id_of(5)}
ODD = {
    name: FAULTS[name] for name in ("status_404", "pdf", "redirect_other_301", "redirect_www", "gzip_false")
}
CALM = ("all", "secure", "shell", "inward", "forbidden", "download", "popup", "away", "cut_image")
TAKEN = PLAIN | ODD | {name: LIVELY[name] for name in CALM}
FOUND = {"CHROMIUM": "", "BROWSER_SANDBOX": ""}
T = TypeVar("T")
TRIALS = int(os.environ.get("BROWSER_TRIALS", "1"))
MARK = "ANAPRESS_TEST_RUN"  #: in the environment of a run's processes


def processes(mark: str) -> dict[int, str]:
    """What runs of a crawl, by its environment, or by the folder of its browser's profile: Chromium's
    renderers write over their environment. A zombie has neither.
    """
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes() or mark.encode() in command:
                found[int(folder.name)] = command.decode(errors="replace")
        except OSError:
            continue
    return found


def grouped(leaders: list[int]) -> list[int]:
    """All processes of these browsers, zombies too: Playwright gives each browser a group of its own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError):
            if os.getpgid(int(folder.name)) in leaders:
                found.append(int(folder.name))
    return found


def browsers(mark: str) -> list[int]:
    """The browsers' first processes."""
    return [pid for pid, line in processes(mark).items() if "proxy.invalid" in line and "--type=" not in line]


def drivers(mark: str) -> list[int]:
    """Playwright's own processes, between the crawl and the browser."""
    return [pid for pid, line in processes(mark).items() if "run-driver" in line]


def gone(left: Callable[[], T], seconds: float = 60) -> T:
    """What is left after so long at most."""
    deadline = time.monotonic() + seconds
    while (still := left()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return still


@contextmanager
def marked() -> Iterator[tuple[str, dict[str, str]]]:
    """A mark, and the environment that puts it on all processes of a run."""
    with TemporaryDirectory(
        prefix="run", ignore_cleanup_errors=True
    ) as folder:  # a short path: Chromium makes a socket there
        yield (mark := Path(folder).name), {MARK: mark, "TMPDIR": folder}


@dataclass(frozen=True)
class Rendered:
    """A crawl in the browser, and what it left."""

    house: House
    ran: Ran
    mark: str
    site: list[Logged]

    @cached_property
    def records(self) -> list[Record]:
        return self.house.archive.records()

    @cached_property
    def takes(self) -> dict[int, dict[str, Any]]:
        return {id: takes[-1] for id, takes in self.house.archive.takes().items()}

    @cached_property
    def items(self) -> dict[int, dict[str, Any]]:
        return self.house.archive.items()

    def record(self, id: str) -> Record:
        return next(record for record in self.records if record.id == id)

    def responses(self, path: str) -> list[Record]:
        uris = (f"http://anapress.net{path}", f"https://anapress.net{path}")
        kinds = ("response", "revisit")
        return [r for r in self.records if r.type in kinds and r.headers["WARC-Target-URI"] in uris]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Path]]:
    folder = tmp_path_factory.mktemp("site")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert("anapress.net", "www.anapress.net")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(folder / "chain.pem", append=True)
    with running_site(folder, articles=ARTICLES, tls=(folder / "chain.pem", folder / "key.pem")) as running:
        yield running, folder / "ca.pem"


def rendered(
    folder: Path, site: Site, authority: Path, ids: Any, *arguments: str, **settings: object
) -> Rendered:
    house = House(folder, site)
    before = len(site.exchanges())
    given = {"BROWSER_SECONDS": 30, "RETRY_TIMES": 1, **settings}
    with marked() as (mark, environment):
        environment["SSL_CERT_FILE"] = str(authority)
        ran = house.crawl(ids, "-adiscover=none", *arguments, environment=environment, **given)
    return Rendered(house, ran, mark, site.exchanges()[before:])


@pytest.fixture(scope="module")
def crawled(site: tuple[Site, Path], tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    return rendered(tmp_path_factory.mktemp("browser"), *site, TAKEN.values(), "-arender=browser")


def test_articles_are_made_of_what_the_browser_shows(crawled: Rendered) -> None:
    shown = [*PLAIN, "all", "secure", "shell", "inward", "forbidden", "download", "popup", "redirect_www"]
    assert {name: crawled.takes[TAKEN[name]]["outcome"] for name in shown} == dict.fromkeys(shown, "article")
    for name in shown:
        item, gold = crawled.items[TAKEN[name]], crawled.house.site.truth(TAKEN[name])
        assert gold is not None
        assert (item["title"], item["paragraphs"][0]) == (gold["title"], gold["paragraphs"][0])


def test_what_is_no_page_to_be_shown_is_judged_as_a_plain_answer_is(crawled: Rendered) -> None:
    told = {
        name: crawled.takes[id]["reason"]
        for name, id in ODD.items()
        if name not in ("redirect_www", "gzip_false")
    }
    assert told == {
        "status_404": "http_404",
        "pdf": "non_html",
        "redirect_other_301": f"redirected_to:{id_of(0)}",
    }


def test_a_page_that_leads_its_reader_inside_is_refused(crawled: Rendered) -> None:
    take = crawled.takes[LIVELY["away"]]
    assert (take["outcome"], take["reason"]) == ("refused", "ssrf_blocked")


def test_an_articles_record_is_the_dom_concurrent_to_its_page(crawled: Rendered) -> None:
    for id, item in crawled.items.items():
        dom = crawled.record(item["record"]["record_id"])
        page = crawled.record(dom.headers["WARC-Concurrent-To"])
        assert (dom.type, page.type) == ("resource", "response")
        assert dom.headers["WARC-Target-URI"] == f"urn:dom:{page.headers['WARC-Target-URI']}"
        assert dom.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["WARC-Target-URI"].endswith(f"/a/{id}")


def test_verify_makes_the_lines_again_from_there(crawled: Rendered) -> None:
    verified = crawled.house.scrapy("verify")
    assert (verified.code, verified.out.split()[0]) == (0, "sound:")


def test_every_exchange_of_the_browser_is_in_the_archive_byte_for_byte(crawled: Rendered) -> None:
    """What the browser left before its end is there as far as it came."""
    missed = [logged for logged in crawled.site if not any(_is(logged, kept) for kept in _exchanges(crawled))]
    assert not [f"{logged.end} {logged.target}" for logged in missed]


def test_nothing_is_in_the_archive_that_the_site_did_not_see(crawled: Rendered) -> None:
    asked = Counter(logged.request for logged in crawled.site)
    kept = Counter(request.block for request in crawled.records if request.type == "request")
    assert kept == asked


@pytest.mark.parametrize(
    "path",
    [
        *("/lively/style.css", "/lively/font.woff2", "/lively/moved", "/img/moved.png", "/lively/eof.svg"),
        *("/lively/all.js", "/lively/echo", "/lively/tagged", "/lively/events", "/lively/socket"),
        *("/lively-sw.js", "/lively/by-worker", "/lively/worked", "/lively/build.js", "/lively/file.bin"),
        *(f"/lively/page/a/{LIVELY['shell']}", f"/img/lazy-{LIVELY['all']}.png", "/favicon.ico"),
    ],
)
def test_whatever_a_page_asks_for_is_kept(crawled: Rendered, path: str) -> None:
    assert crawled.responses(path)


def test_a_page_that_is_asked_for_again_within_a_visit_gets_a_true_304(crawled: Rendered) -> None:
    assert {record.block.split(b" ")[1] for record in crawled.responses("/lively/tagged")} >= {b"200", b"304"}


def test_a_websocket_is_kept_as_far_as_it_came(crawled: Rendered) -> None:
    socket = crawled.responses("/lively/socket")[0]
    assert socket.block.startswith(b"HTTP/1.1 101 ")
    frames, goodbye = socket.block.partition(b"\r\n\r\n")[2], b"\x88\x02\x03\xe9"
    assert frames in (b"\x81\x03one", b"\x81\x03one" + goodbye)  # which may not have come in time
    assert socket.headers.get("WARC-Truncated") == "disconnect" or frames.endswith(goodbye)


def test_a_download_within_a_page_is_kept_whole(crawled: Rendered) -> None:
    assert any("WARC-Truncated" not in record.headers for record in crawled.responses("/lively/file.bin"))


def test_only_gzip_is_offered(crawled: Rendered) -> None:
    offers = {
        line
        for logged in crawled.site
        for line in logged.request.lower().split(b"\r\n")
        if b"accept-enc" in line
    }
    assert offers == {b"accept-encoding: gzip"}


def test_no_inward_address_is_asked_for_anything(crawled: Rendered) -> None:
    uris = [record.headers.get("WARC-Target-URI", "") for record in crawled.records]
    assert not [uri for uri in uris if "//127." in uri or "//169." in uri or "//10." in uri]
    assert "/img/x.png" not in {logged.target for logged in crawled.site}


def test_robots_txt_binds_the_browser_too(crawled: Rendered) -> None:
    assert not [logged.target for logged in crawled.site if logged.target.startswith("/private/")]


def test_nothing_of_the_browser_is_left_when_the_crawl_ends(crawled: Rendered) -> None:
    assert not gone(lambda: processes(crawled.mark))


def test_plain_and_browser_give_the_same_articles(
    crawled: Rendered, site: tuple[Site, Path], tmp_path: Path
) -> None:
    plain = rendered(tmp_path, *site, PLAIN.values())
    for id in PLAIN.values():
        of_both = [
            {
                key: value
                for key, value in items[id].items()
                if key not in ("captured_at", "record", "capture", "views")
            }
            for items in (plain.items, crawled.items)
        ]
        assert of_both[0] == of_both[1]


def test_auto_takes_the_browser_for_empty_shells_only(site: tuple[Site, Path], tmp_path: Path) -> None:
    ran = rendered(tmp_path, *site, [LIVELY["shell"], id_of(2), FAULTS["status_404"]], "-arender=auto")
    assert {ran.takes[LIVELY["shell"]]["outcome"], ran.takes[id_of(2)]["outcome"]} == {"article"}
    made = [record.headers["WARC-Target-URI"] for record in ran.records if record.type == "resource"]
    assert made == [f"urn:dom:http://anapress.net/a/{LIVELY['shell']}"]
    assert ran.house.scrapy("verify").code == 0


def test_what_a_page_shows_is_kept_on_request_beside_its_dom(site: tuple[Site, Path], tmp_path: Path) -> None:
    looks = {"BROWSER_KEEP": "text,view,thumbnail", "BROWSER_PAGES": 1}  # each page in a browser of its own
    ran = rendered(tmp_path, *site, [id_of(1), id_of(2)], "-arender=browser", **looks)
    url = f"http://anapress.net/a/{id_of(1)}"
    kept = {record.headers["WARC-Target-URI"]: record for record in ran.records if record.type == "resource"}
    assert ran.items[id_of(1)]["paragraphs"][0] in kept[f"urn:text:{url}"].block.decode()
    assert kept[f"urn:view:{url}"].block.startswith(b"\x89PNG")
    assert kept[f"urn:thumbnail:{url}"].block.startswith(b"\xff\xd8\xff")
    assert (
        len({kept[f"urn:{look}:{url}"].headers["WARC-Concurrent-To"] for look in ("dom", "text", "view")})
        == 1
    )
    assert ran.house.scrapy("verify").code == 0


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "BROWSER_KEEP",
            "text,films",
            "BROWSER_KEEP has 'films': give a comma list of text, view, thumbnail.",
        ),
        ("BROWSER_WAIT", "long", "BROWSER_WAIT is 'long': give idle or load."),
        ("CHROMIUM", "/no/chromium", "CHROMIUM is '/no/chromium', and no program."),
    ],
)
def test_a_browser_that_can_not_be_had_as_asked_for_is_wrong_use(
    site: tuple[Site, Path], tmp_path: Path, name: str, value: str, told: str
) -> None:
    ran = rendered(tmp_path, *site, [id_of(1)], "-arender=browser", **{name: value})
    assert (ran.ran.code, ran.site) == (2, [])
    assert ran.ran.last.startswith(told)


def test_a_program_that_is_no_browser_ends_the_crawl(site: tuple[Site, Path], tmp_path: Path) -> None:
    ran = rendered(tmp_path, *site, [id_of(1)], "-arender=browser", CHROMIUM="/bin/false")
    assert (ran.ran.code, ran.takes) == (2, {})
    assert ran.ran.last.startswith("/bin/false can't be started (")


def test_a_browser_that_is_killed_as_it_starts_costs_no_attempt(
    site: tuple[Site, Path], tmp_path: Path
) -> None:
    program, started = tmp_path / "chromium", tmp_path / "started"
    first = f"[ -e {started} ] || {{ touch {started}; kill -9 $$; }}"
    program.write_text(f'#!/bin/sh\n{first}\nexec {Chromium.of(FOUND).path} "$@"\n')
    program.chmod(0o755)
    ran = rendered(tmp_path, *site, [id_of(1)], "-arender=browser", RETRY_TIMES=0, CHROMIUM=program)
    assert (ran.ran.code, ran.takes[id_of(1)]["outcome"]) == (0, "article")


def test_a_stranger_that_is_away_ends_no_run(site: tuple[Site, Path], tmp_path: Path) -> None:
    dead = f"{site[0].connect_to},ads.test:80:127.0.0.1:1"
    ids = [LIVELY["stranger"], id_of(1)]
    ran = rendered(tmp_path, *site, ids, "-arender=browser", CONNECT_TO=dead, STOP_AFTER_MISSES=1)
    assert (ran.ran.code, {id: take["outcome"] for id, take in ran.takes.items()}) == (
        0,
        dict.fromkeys(ids, "article"),
    )


def test_a_page_that_breaks_the_browser_costs_its_own_attempts_only(
    site: tuple[Site, Path], tmp_path: Path
) -> None:
    traps = {name: LIVELY[name] for name in ("hog", "busy", "alerts")} | {"body_cut": FAULTS["body_cut"]}
    ids = [*traps.values(), id_of(1), id_of(2)]
    ran = rendered(
        tmp_path, *site, ids, "-arender=browser", RETRY_TIMES=0, BROWSER_SECONDS=8, BROWSER_BYTES=600 << 20
    )
    assert ran.ran.code == 4, ran.ran.said
    told = {name: ran.takes[id]["reason"] for name, id in traps.items()}
    assert told.pop("hog") in ("browser_failed", "browser_timeout")
    assert told == {"busy": "browser_timeout", "alerts": "browser_timeout", "body_cut": "dataloss"}
    assert {ran.takes[id]["outcome"] for id in (id_of(1), id_of(2))} == {"article"}
    assert not gone(lambda: processes(ran.mark))


@pytest.mark.crash
@pytest.mark.parametrize("seed", range(TRIALS))
@pytest.mark.parametrize("victim", ["browser", "driver", "crawl", "crawl, asked"])
def test_a_kill_at_any_moment_loses_nothing(
    site: tuple[Site, Path], tmp_path: Path, victim: str, seed: int
) -> None:
    house = House(tmp_path, site[0])
    ids = [id_of(n) for n in range(10, 16)]
    settings = house.settings(BROWSER_SECONDS=5 if victim == "driver" else 30)
    command = [
        str(SCRAPY),
        "crawl",
        "anapress",
        f"-aids={','.join(map(str, ids))}",
        "-arender=browser",
        "-adiscover=none",
    ]
    with (
        marked() as (mark, environment),
        subprocess.Popen(
            [*command, *settings], env=os.environ | environment, stderr=subprocess.DEVNULL
        ) as crawl,
    ):
        _let_begin(mark)
        time.sleep(Random(f"{victim} {seed}").uniform(0, 2))  # a moment of the run, whichever it is
        first = browsers(mark)
        pids = {"browser": first, "driver": drivers(mark)}.get(victim, [crawl.pid])
        for pid in pids:
            os.kill(pid, signal.SIGTERM if victim == "crawl, asked" else signal.SIGKILL)
        if victim == "browser":  # whoever lives on takes it away
            assert not gone(lambda: grouped(first))
        crawl.wait(120)
    assert (
        crawl.returncode
        in {"browser": [0], "driver": [0], "crawl": [-signal.SIGKILL], "crawl, asked": [0, 3]}[victim]
    )
    assert not gone(lambda: processes(mark))
    assert not gone(lambda: grouped(first))
    house.crawl(None, "-arender=browser", "-adiscover=none", BROWSER_SECONDS=30, BROWSER_PAGES=2)
    archive: Archive = house.archive
    assert {id: [take["outcome"] for take in takes] for id, takes in archive.takes().items()} == {
        id: ["article"] for id in ids
    }
    assert house.scrapy("verify").code == 0


def _let_begin(mark: str) -> None:
    deadline = time.monotonic() + 60
    while not browsers(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert browsers(mark)


@dataclass(frozen=True)
class Kept:
    request: bytes
    response: bytes
    truncated: str | None
    whole: bytes  #: of the record that a revisit names


def _exchanges(crawled: Rendered) -> list[Kept]:
    by_id = {record.id: record for record in crawled.records}
    kept = []
    for record in crawled.records:
        if record.type == "request" and "WARC-Concurrent-To" not in record.headers:
            kept.append(Kept(record.block, b"", "disconnect", b""))  # left before anything came
        elif record.type == "request":
            answer = by_id[record.headers["WARC-Concurrent-To"]]
            original = by_id.get(answer.headers.get("WARC-Refers-To", ""))
            truncated = answer.headers.get("WARC-Truncated") if original is None else None
            kept.append(Kept(record.block, answer.block, truncated, original.block if original else b""))
    return kept


def _is(logged: Logged, kept: Kept) -> bool:
    if logged.request != kept.request:
        return False
    if kept.whole:
        return logged.response.startswith(kept.response) and (
            logged.response.partition(b"\r\n\r\n")[2] == kept.whole.partition(b"\r\n\r\n")[2]
        )
    if logged.end == WHOLE or (logged.end == LOST and kept.truncated is None):  # its last byte was on its way
        return logged.response == kept.response and kept.truncated is None
    return logged.response.startswith(kept.response) and kept.truncated == "disconnect"
