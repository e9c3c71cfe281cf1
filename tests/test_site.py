"""The replica site: the same every time, true to its gold values, and honest in its log."""

from __future__ import annotations

import gzip
import hashlib
import html
import re
import socket
import ssl
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import trustme

from tests.site import (
    CUT,
    ERAS,
    FAULTS,
    LOST,
    SEED_ID,
    SHOWN,
    WHOLE,
    Logged,
    Site,
    id_of,
    is_fault,
    n_of,
    read_log,
    running_site,
    seed_ids,
    truth,
)
from tests.site.log import END, REQUEST, RESPONSE, Log
from tests.site.markups import html_of
from tests.site.replies import DATE
from tests.site.running import CHECKOUT
from tests.site.world import World

ARTICLES = 60
ENOUGH = 1 << 20  #: of an endless body
CUT_FAULTS = {
    "body_cut",
    "chunked_cut",
    "chunked_no_end",
    "chunked_bad_size",
    "status_line_only",
    "head_cut",
    "empty_reply",
}


def request(path: str, *lines: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: anapress.net", *lines, "", "")).encode()


def exchange(site: Site, sent: bytes, *, most: int = 1 << 30) -> bytes:
    """What a client gets that sends these bytes, says no more, and listens to the end."""
    with socket.create_connection((site.host, site.port), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = bytearray()
        while len(received) < most and (data := connection.recv(1 << 16)):
            received += data
        return bytes(received)


def fetch(site: Site, path: str, *lines: str) -> tuple[bytes, bytes]:
    head, _, body = exchange(site, request(path, *lines)).partition(b"\r\n\r\n")
    return head, body


def article(site: Site, article_id: int, *lines: str) -> str:
    head, body = fetch(site, f"/a/{article_id}", *lines)
    return (dechunked(body) if b"chunked" in head else body).decode()


def dechunked(body: bytes) -> bytes:
    whole = bytearray()
    while size := int(body.partition(b"\r\n")[0].partition(b";")[0], 16):
        start = body.index(b"\r\n") + 2
        whole += body[start : start + size]
        body = body[start + size + 2 :]
    return bytes(whole)


def shown_text(page: str) -> str:
    """What a reader sees, roughly: no scripts, no tags, blanks folded."""
    page = re.sub(r"(?is)<(script|style|title)\b.*?</\1>|<!--.*?-->", " ", page)
    page = re.sub(r"(?i)</?(div|p|td|tr|br|li|h\d|figure|article|aside|img)\b[^>]*>", " \n ", page)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).split())


def assert_in_order(text: str, *parts: str) -> None:
    at = 0
    for part in parts:
        found = text.find(part, at)
        assert found >= 0, part
        at = found + len(part)


def last(site: Site, article_id: int) -> Logged:
    return [logged for logged in site.exchanges() if logged.article_id == article_id][-1]


def test_every_number_has_a_sparse_id_and_is_had_back_from_it() -> None:
    ids = [id_of(n) for n in range(5000)]
    assert [n_of(id_) for id_ in ids] == list(range(5000))
    assert {len(str(id_)) for id_ in ids} == {15}
    assert not set(range(ids[7] - 1000, ids[7] + 1000)) & set(ids) - {ids[7]}


def test_faults_and_the_seed_are_nobodys_numbers() -> None:
    assert {n_of(id_) for id_ in (*FAULTS.values(), SEED_ID, *seed_ids())} == {None}
    assert len(set(FAULTS.values())) == len(FAULTS)
    assert all(is_fault(id_) and len(str(id_)) == 15 for id_ in FAULTS.values())


def test_the_same_pages_are_made_in_every_process() -> None:
    program = (
        "import hashlib; from tests.site.world import World; from tests.site.markups import html_of; from tests.site.ids import id_of\n"
        "world = World(90)\n"
        "pages = [html_of(world, world.article(id_of(n)), count=n, nonce='x') for n in range(90)]\n"
        "print(hashlib.sha256(''.join(pages).encode()).hexdigest())"
    )
    world = World(90)
    pages = [
        html_of(world, found, count=n, nonce="x") for n in range(90) if (found := world.article(id_of(n)))
    ]
    ours = hashlib.sha256("".join(pages).encode()).hexdigest()
    theirs = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert theirs.stdout.strip() == ours


@pytest.mark.parametrize("seed_id", [SEED_ID, *seed_ids()])
def test_the_seed_is_shown_in_each_markup_as_its_text_has_it(site: Site, seed_id: int) -> None:
    gold = site.truth(seed_id)
    assert gold is not None
    assert len(gold["paragraphs"]) == 7
    clues = (
        gold["title"],
        "10:08",
        f"http://anapress.net/a/{seed_id}",
        "426 مشاهدة",
        gold["title"],
        "حجم الخط:",
    )
    text = shown_text(article(site, seed_id))
    assert_in_order(text, "المزيد", *clues, *gold["paragraphs"][:4], "موضوع ذا صلة", *gold["paragraphs"][4:])


def test_the_seeds_pages_are_of_four_markups() -> None:
    assert [truth(id_)["era"] for id_ in seed_ids()] == list(range(ERAS))
    assert [truth(SEED_ID, seed_era=era)["era"] for era in range(ERAS)] == list(range(ERAS))


def test_every_article_shows_its_gold_values(site: Site) -> None:
    for n in range(ARTICLES):
        gold = site.truth(id_of(n))
        text = shown_text(article(site, id_of(n)))
        assert_in_order(
            text,
            "المزيد",
            gold["title"],
            gold["published_time"],
            "مشاهدة",
            gold["title"],
            "حجم الخط:",
            *gold["paragraphs"],
        )
        assert gold["views"] is None or f"{gold['views']} مشاهدة" in text


def test_markups_have_no_class_name_in_common() -> None:
    world = World(ARTICLES)
    names = [
        set(
            re.findall(
                r"class=\"?([a-z0-9]+)", html_of(world, world.article(id_of(n)), count=0), re.IGNORECASE
            )
        )
        for n in range(ERAS)
    ]
    assert all(names)
    assert sum(map(len, names)) == len(set().union(*names))


def test_most_pages_change_at_every_fetch_and_static_ones_never(site: Site) -> None:
    for n in range(14):
        static = site.truth(id_of(n))["static"]
        assert (article(site, id_of(n)) == article(site, id_of(n))) is static


def test_a_nonce_page_never_shows_the_same_text_twice(site: Site) -> None:
    assert site.truth(id_of(4))["nonce"]
    lines = [re.search("رمز هذه القراءة[^.]*", article(site, id_of(4)))[0] for _ in range(5)]
    assert len(set(lines)) == 5


def test_duplicates_and_photo_pages_show_what_others_show() -> None:
    golds = [truth(id_of(n), articles=500) for n in range(500)]
    copies = [gold for gold in golds if gold["duplicate_of"]]
    photos = [gold for gold in golds if gold["photo"]]
    assert copies
    for gold in copies:
        source = truth(gold["duplicate_of"], articles=500)
        assert (source["title"], source["paragraphs"], source["duplicate_of"]) == (
            gold["title"],
            gold["paragraphs"],
            None,
        )
        assert source["era"] != gold["era"]
    assert all(len(gold["title"] + "".join(gold["paragraphs"])) < 200 for gold in photos)
    assert len({gold["title"] for gold in photos}) < len(photos)


def test_texts_are_told_apart_but_for_copies_and_photos() -> None:
    golds = [truth(id_of(n), articles=2000) for n in range(2000)]
    own = [
        (gold["title"], *gold["paragraphs"])
        for gold in golds
        if not gold["photo"] and not gold["duplicate_of"]
    ]
    assert len(set(own)) == len(own)


def test_from_one_article_links_lead_to_all(site: Site) -> None:
    seen, left = set(), [SEED_ID]
    while left:
        links = {
            int(id_)
            for id_ in re.findall(
                r'href="(?:http://anapress\.net)?/a/(\d+)"', article(site, left.pop()), re.IGNORECASE
            )
        }
        left += links - seen
        seen |= links
    assert seen == {id_of(n) for n in range(ARTICLES)}


def test_sitemap_and_sections_name_every_article(site: Site) -> None:
    assert b"/sitemap-1.xml.gz" in fetch(site, "/sitemap.xml")[1]
    listed = set(re.findall(rb"/a/(\d+)<", gzip.decompress(fetch(site, "/sitemap-1.xml.gz")[1])))
    assert {int(id_) for id_ in listed} == {SEED_ID, *(id_of(n) for n in range(ARTICLES))}
    path, found = "/section/news", set()
    while path:
        body = fetch(site, path)[1].decode()
        found |= set(re.findall(r"/a/(\d+)", body))
        path = next(iter(re.findall(r'rel="next" href="([^"]+)', body)), "")
    assert {str(id_of(n)) for n in range(0, ARTICLES, 5)} <= found


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/robots.txt",
        "/rss",
        "/css/site.css",
        "/js/site.js",
        "/img/5.png",
        "/private/x",
        "/section/photos",
    ],
)
def test_the_rest_of_the_site_is_there(site: Site, path: str) -> None:
    assert fetch(site, path)[0].startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "path",
    [
        "/a/1",
        "/a/x",
        "/nothing",
        "/section/none",
        "/section/news?page=99",
        "/sitemap-9.xml.gz",
        f"/a/{id_of(ARTICLES)}",
    ],
)
def test_what_is_not_there_is_a_404(site: Site, path: str) -> None:
    assert fetch(site, path)[0].startswith(b"HTTP/1.1 404 ")


def test_a_static_page_is_not_sent_to_who_holds_it(site: Site) -> None:
    path = f"/a/{id_of(3)}"
    etag = re.search(rb"ETag: (.*)", fetch(site, path)[0])[1].decode().strip()
    since = f"If-Modified-Since: {DATE}"
    for held in (
        [f"If-None-Match: {etag}"],
        [f'If-None-Match: "other", W/{etag}'],
        ["If-None-Match: *"],
        [since],
    ):
        assert exchange(site, request(path, *held)).startswith(b"HTTP/1.1 304 ")
    assert exchange(site, request(path, 'If-None-Match: "other"', since)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("name", FAULTS)
def test_the_log_holds_what_a_client_saw(site: Site, name: str) -> None:
    article_id = FAULTS[name]
    sent = request(f"/a/{article_id}", "X-Odd:  Case ")
    received = exchange(site, sent, most=ENOUGH if name == "endless" else 1 << 30)
    logged = last(site, article_id)
    assert logged.request == sent
    if name == "endless":
        assert logged.response.startswith(received)
        return
    assert logged.interim + logged.response + logged.surplus == received
    assert logged.end == (CUT if name in CUT_FAULTS else WHOLE)


def test_a_client_that_goes_first_is_told_as_lost(site: Site) -> None:
    exchange(site, request(f"/a/{FAULTS['endless']}"), most=ENOUGH)
    exchange(site, request("/robots.txt"))  # the site has one thread: what came before is done
    ends = {logged.end for logged in site.exchanges() if logged.article_id == FAULTS["endless"]}
    assert LOST in ends


def test_a_refusal_passes_by_the_count_of_fetches(tmp_path: Path) -> None:
    path = f"/a/{FAULTS['status_503_then_ok']}"
    with running_site(tmp_path, articles=1) as fresh:
        heads = [fetch(fresh, path)[0] for _ in range(3)]
        assert fresh.fetches(FAULTS["status_503_then_ok"]) == 3
    assert [head.split(b" ")[1] for head in heads] == [b"503", b"503", b"200"]
    assert b"\r\nRetry-After: 1" in heads[0]


@pytest.mark.parametrize("name", ["stale_closed", "stale_doomed"])
def test_a_stale_connection_gives_the_next_request_nothing(site: Site, name: str) -> None:
    sent = request(f"/a/{FAULTS[name]}") + request("/a/1", "X-Second: yes")
    received = exchange(site, sent)
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert b"\r\nConnection: close" not in received
    assert received.count(b"HTTP/1.1") == 1


def test_requests_on_one_connection_are_answered_in_turn(site: Site) -> None:
    received = exchange(
        site,
        b"".join(request(path) for path in ("/robots.txt", "/css/site.css", f"/a/{FAULTS['drip']}", "/a/1")),
    )
    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [
        b"200",
        b"200",
        b"200",
        b"404",
    ]


def test_odd_chunks_make_the_article(site: Site) -> None:
    gold = truth(FAULTS["chunked_odd"])
    text = shown_text(article(site, FAULTS["chunked_odd"]))
    assert_in_order(text, *gold["paragraphs"])


def test_the_bomb_is_small_and_bursts(site: Site) -> None:
    body = fetch(site, f"/a/{FAULTS['gzip_bomb']}")[1]
    unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16)
    size = len(unpacked.decompress(body, 5 << 20))
    while unpacked.unconsumed_tail:
        size += len(unpacked.decompress(unpacked.unconsumed_tail, 5 << 20))
    assert unpacked.eof
    assert size == 200 << 20
    assert len(body) < 1 << 18


@pytest.mark.parametrize("name", ["cp1256_meta", "cp1256_header", "cp1256_header_says_utf8", "cp1256_unsaid"])
def test_a_page_in_windows_1256_has_its_text(site: Site, name: str) -> None:
    text = shown_text(fetch(site, f"/a/{FAULTS[name]}")[1].decode("cp1256"))
    assert_in_order(text, *truth(FAULTS[name])["paragraphs"])


def test_every_fault_that_ends_well_has_gold_values_and_no_other() -> None:
    assert FAULTS.keys() >= SHOWN
    assert {name for name, id_ in FAULTS.items() if truth(id_)} == SHOWN


def test_faults_are_shown_in_every_markup() -> None:
    assert {truth(FAULTS[name])["era"] for name in SHOWN} == set(range(ERAS))


@pytest.mark.parametrize("name", [name for name in FAULTS if name.endswith("_unsaid")])
def test_an_unsaid_charset_is_said_nowhere(site: Site, name: str) -> None:
    assert b"charset" not in exchange(site, request(f"/a/{FAULTS[name]}")).lower()


def test_redirects_into_private_networks_point_back_at_the_log(site: Site) -> None:
    head, _ = fetch(site, f"/a/{FAULTS['redirect_loopback']}")
    assert f"Location: http://127.0.0.1:{site.port}/".encode() in head


def test_over_tls_the_same_site_speaks(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("anapress.net", "www.anapress.net").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "site.pem"
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with (
        running_site(tmp_path, articles=5, tls=(tmp_path / "site.pem", tmp_path / "site.pem")) as secure,
        socket.create_connection((secure.host, secure.tls_port)) as plain,
        context.wrap_socket(plain, server_hostname="anapress.net") as connection,
    ):
        connection.sendall(request("/robots.txt", "Connection: close"))
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        assert [logged.response for logged in secure.exchanges()] == [received]


def test_the_log_of_a_killed_site_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "site.log"
    with Log(path) as log:
        log.add(1, 1, (REQUEST, b"GET /a/7 HTTP/1.1\r\n\r\n"), (RESPONSE, b"\0\r\nwhole"), (END, b"whole"))
        log.add(1, 2, (REQUEST, b"GET /a/8 HTTP/1.1\r\n\r\n"), (RESPONSE, b"torn away"))
    path.write_bytes(path.read_bytes()[:-4])
    assert [(logged.article_id, logged.response, logged.end) for logged in read_log(path)] == [
        (7, b"\0\r\nwhole", "whole"),
        (8, b"", "open"),
    ]
    with running_site(tmp_path, articles=1) as again:
        fetch(again, "/robots.txt")
        assert [logged.target for logged in again.exchanges()] == ["/a/7", "/a/8", "/robots.txt"]


def test_a_site_stops_when_its_starter_is_gone() -> None:
    command = [sys.executable, "-m", "tests.site", "--port", "0", "--until-stdin"]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("127.0.0.1:")
        process.stdin.close()
        assert process.wait(timeout=20) == 0
