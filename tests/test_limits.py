"""Each limit is a setting: a crawl with small ones, where what is just below passes and what is above ends by name."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from tests.crawling import Archive, scrapy
from tests.faults.case import Article, head
from tests.faults.serving import serving
from tests.raw import Answer
from tests.test_faults import SETTINGS

Above = Callable[[Article], list[Answer]]


DIGITS = "".join(str(n * n) for n in range(200_000))  # compress to a third or so


def page(size: int = 0, tags: int = 0, zipped: bool = False, filler: str = " " * 2_000_000) -> Above:
    """The article in so many bytes more, with so many tags more."""

    def answer(article: Article) -> list[Answer]:
        body = article.html(above="<br>" * tags + f"<!-- {filler[:size]} -->").encode()
        if zipped:
            return [Answer([article.whole("Content-Encoding: gzip", body=gzip.compress(body, mtime=0))])]
        return [Answer([article.whole(body=body)])]

    return answer


def headers(count: int, size: int = 1) -> Above:
    return lambda article: [Answer([article.whole(*(f"X-{at}: {'x' * size}" for at in range(count)))])]


def hops(count: int) -> Above:
    return lambda article: [*(article.moved(f"/a/{{}}?{n}") for n in range(count)), Answer([article.whole()])]


def slow(pause: float, pieces: int, then: str = "keep") -> Above:
    """The page a piece at a time, each after a pause; or never its last one."""

    def answer(article: Article) -> list[Answer]:
        step = len(article.page) // pieces
        cut = [article.page[at * step : (at + 1) * step] for at in range(pieces - 1)]
        last = [article.page[step * (pieces - 1) :]] if then == "keep" else []
        return [Answer([head(f"Content-Length: {len(article.page)}"), *cut, *last], then, pause)]

    return answer


# setting: its value, what passes, what does not, and why not
LIMITS: dict[str, tuple[object, Above, Above, str]] = {
    "HEAD_BYTES": (9_000, headers(3, 2_000), headers(5, 2_000), "header_too_large"),
    "HEAD_LINES": (50, headers(40), headers(60), "header_too_large"),
    "DOWNLOAD_MAXSIZE": (1_600_000, page(1_000), page(1_700_000), "too_large"),
    "PAGE_BYTES": (1_400_000, page(1_300_000), page(1_500_000), "large"),
    "DECODED_BYTES": (
        1_500_000,
        page(1_300_000, zipped=True, filler=DIGITS),
        page(1_600_000, zipped=True, filler=DIGITS),
        "bomb",
    ),
    "DECODED_RATIO": (300, page(1_000_000, zipped=True), page(1_400_000, zipped=True), "bomb"),
    "PAGE_TAGS": (100, page(tags=70), page(tags=100), "layout_unknown:too_many_tags"),
    "REDIRECT_MAX_TIMES": (2, hops(2), hops(3), "redirect_loop"),
    "IDLE_SECONDS": (3, slow(0.2, 3), slow(0, 3, "hang"), "idle"),
    "DOWNLOAD_TIMEOUT": (6, slow(0.2, 3), slow(0.5, 40), "timeout"),
}
NAMES = list(LIMITS)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[str, str | None]]:
    """Ids 1, 2 … pass below each limit, 101, 102 … run into it."""
    folder = tmp_path_factory.mktemp("limits")
    answers = {1 + at: LIMITS[name][1](Article(1 + at)) for at, name in enumerate(NAMES)}
    answers |= {101 + at: LIMITS[name][2](Article(101 + at)) for at, name in enumerate(NAMES)}
    with serving(answers, folder) as hosts:
        settings = {
            **SETTINGS,
            "ARCHIVE_URL": folder / "archive",
            "CONNECT_TO": hosts.connect_to,
            "RETRY_TIMES": 0,
        }
        settings |= {name: value for name, (value, *_) in LIMITS.items()}
        ids = f"-aids={','.join(map(str, answers))}"
        environment = {"TEST_EDGE_LOG": str(folder / "edge.log")}
        scrapy(
            "crawl",
            "anapress",
            "-arequisites=0",
            ids,
            *(f"-s{n}={v}" for n, v in settings.items()),
            environment=environment,
        )
    takes = Archive(folder / "archive").takes()
    return {id: (take["outcome"], take["reason"]) for id, (take,) in takes.items()}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_below_the_limit_is_read(outcomes: dict[int, tuple[str, str | None]], name: str) -> None:
    assert outcomes[1 + NAMES.index(name)] == ("article", None)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_above_ends_by_name(outcomes: dict[int, tuple[str, str | None]], name: str) -> None:
    assert outcomes[101 + NAMES.index(name)] == ("failed", LIMITS[name][3])
