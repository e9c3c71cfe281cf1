"""What there is on the site: its articles and what is true of each (the gold values)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from tests.site import words
from tests.site.ids import ERAS, SEED_ID, id_of, is_fault, n_of, seed_ids

DAMASCUS = timezone(timedelta(hours=3))
ARTICLES = 200  #: of a site that is not told how many
SECTIONS = (
    ("news", "أخبار"),
    ("reports", "تقارير"),
    ("opinion", "رأي"),
    ("culture", "ثقافة"),
    ("photos", "صور"),
)
AUTHORS = ("ليلى الحسن", "عمر درويش", "هبة قاسم", "أنا برس")
PHOTO_TEXTS = 5  #: photo pages share so few texts that many are the same
POOL = 40  #: headlines that the ticker and the list of the most read take turns with


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One article as the site holds it; `count`, the how manieth fetch, changes the rest."""

    id: int
    number: int  #: what its text and all else is made from
    era: int
    title: str
    paragraphs: tuple[str, ...]
    time: str  #: the clock beside the title
    views: int
    box: int  #: the id in the box between the paragraphs
    others: tuple[int, ...]  #: the ids below the text
    static: bool = False
    counting: bool = True  #: the view counter moves
    nonce: bool = False
    photo: bool = False
    dated: bool = True
    ticker: tuple[str, ...] = ()
    duplicate_of: int | None = None

    @property
    def section(self) -> tuple[str, str]:
        return SECTIONS[self.number % len(SECTIONS)]

    @property
    def author(self) -> str:
        return AUTHORS[self.number % len(AUTHORS)]

    @property
    def published(self) -> datetime:
        hours, minutes = map(int, self.time.split(":"))
        return datetime(2015, 1, 1, hours, minutes, tzinfo=DAMASCUS) + timedelta(days=self.number % 1800)


@dataclass(frozen=True, slots=True)
class World:
    """All of a site that has this many articles, and shows the seed page in this markup."""

    articles: int = ARTICLES
    seed_era: int = 0

    def article(self, article_id: int) -> Article | None:
        """The article with this id; every fault has one too, that some of them show."""
        if article_id == SEED_ID:
            return self._seed(article_id, self.seed_era)
        if article_id in seed_ids():
            return self._seed(article_id, seed_ids().index(article_id))
        if is_fault(article_id):
            return self._plain(article_id, article_id // 20_000)  # their ids are that far apart
        n = n_of(article_id)
        return self._generated(article_id, n) if n is not None and n < self.articles else None

    def headline(self, article_id: int) -> str:
        """The title of an article, without the cost of its text."""
        n = n_of(article_id)
        return _headline(n) if n is not None else seed_text()[0]

    def ids(self) -> list[int]:
        """Every id that the site's own lists name, newest first."""
        return [SEED_ID, *map(id_of, reversed(range(self.articles)))]

    def pool(self) -> tuple[tuple[int, str], ...]:
        """The ids and titles of the headlines that take turns."""
        return _pool(min(POOL, self.articles))

    def _generated(self, article_id: int, n: int) -> Article:
        text = _photo_text(n) if is_photo(n) else _text(_source(n))
        source = id_of(_source(n)) if _source(n) != n else None
        return self._made(
            article_id,
            n,
            *text,
            static=is_static(n),
            nonce=has_nonce(n),
            photo=is_photo(n),
            duplicate_of=source,
        )

    def _plain(self, article_id: int, number: int) -> Article:
        return self._made(article_id, number, *_text(number), static=True)

    def _made(
        self, article_id: int, n: int, title: str, paragraphs: tuple[str, ...], *, static: bool, **flags: Any
    ) -> Article:
        rng = Random(n + 1)
        return Article(
            id=article_id,
            number=n,
            era=n % ERAS,
            title=title,
            paragraphs=paragraphs,
            time=f"{rng.randrange(24):02}:{rng.randrange(60):02}",
            views=rng.randrange(40, 9000),
            box=self._near(n + 1),
            others=(self._near(n // 2), self._near(n * 3 + 2)),
            static=static,
            counting=not static,
            **flags,
        )

    def _near(self, n: int) -> int:
        return id_of(n % self.articles)

    def _seed(self, article_id: int, era: int) -> Article:
        title, paragraphs, ticker = seed_text()
        return Article(
            id=article_id,
            number=era,
            era=era,
            title=title,
            paragraphs=paragraphs,
            time="10:08",
            views=426,
            box=id_of(0),
            others=(self._near(1), self._near(2)),
            counting=False,
            dated=False,  # its text shows no date, and none may be guessed
            ticker=ticker,
            duplicate_of=SEED_ID if article_id != SEED_ID else None,
        )


@lru_cache(maxsize=1)
def seed_text() -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Title, paragraphs and ticker of the one real page that we hold as text."""
    lines = Path(__file__).with_name("seed.txt").read_text("utf-8").splitlines()
    lines = [line.strip() for line in lines]
    body = lines[lines.index("حجم الخط:") + 1 :]
    paragraphs = tuple(line for line in body if line and line != "موضوع ذا صلة")
    ticker = lines[1 : lines.index("")]
    return lines[len(ticker) + 2], paragraphs, tuple(ticker)


def is_static(n: int) -> bool:
    return n % 7 == 3


def is_photo(n: int) -> bool:
    return n % 13 == 12


def has_nonce(n: int) -> bool:
    return n % 5 == 4 and not is_static(n) and not is_photo(n)


def _source(n: int) -> int:
    """Whose text article n shows: its own, or that of one before it in another markup."""
    copies = n % 11 == 10 and not any(has_nonce(m) or is_photo(m) for m in (n, n - 3))
    return n - 3 if copies else n


def _photo(n: int) -> int:
    return n // 13 % PHOTO_TEXTS


def _photo_text(n: int) -> tuple[str, tuple[str, ...]]:
    return words.headline(_photo(n)), (words.caption(_photo(n)),)


def _text(number: int) -> tuple[str, tuple[str, ...]]:
    return words.headline(number), words.paragraphs(number)


@lru_cache(maxsize=16)
def _pool(size: int) -> tuple[tuple[int, str], ...]:
    return tuple((id_of(n), _headline(n)) for n in range(size))


@lru_cache(maxsize=1 << 14)
def _headline(n: int) -> str:
    return words.headline(_photo(n) if is_photo(n) else _source(n))
