"""What the services hold: captures of pages, made of the replica's articles or of any bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.site.markups import html_of
from tests.site.world import World

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One capture as a service holds it: what the site sent, taken apart."""

    url: str
    at: str  #: 14 digits
    body: bytes
    status: int = 200
    kind: str = HTML
    headers: tuple[tuple[str, str], ...] = (("Server", "nginx"),)
    location: str | None = None
    revisit: bool = False  #: listed as warc/revisit, without a status
    digest_of: bytes | None = None  #: the body that the crawler hashed, if not this one

    @property
    def digest(self) -> str:
        return base64.b32encode(hashlib.sha1(self.digest_of or self.body).digest()).decode()

    @property
    def moment(self) -> datetime:
        return datetime.strptime(self.at, "%Y%m%d%H%M%S")  # noqa: DTZ007

    @property
    def key(self) -> str:
        """The SURT under which it is listed: no www, no scheme, no default port, no slash at the end."""
        host, _, path = self.url.partition("://")[2].partition("/")
        labels = host.lower().removeprefix("www.").partition(":")[0].split(".")
        return ",".join(reversed(labels)) + ")/" + path.rstrip("/").lower()


def held_pages(
    ids: Iterable[int], *, articles: int, at: str = "20160102030405", every: int = 1
) -> Iterator[Held]:
    """Captures of the replica's own pages, a minute apart; `every` so many captures of each id."""
    world = World(articles)
    for n, id in enumerate(ids):
        article = world.article(id)
        assert article is not None
        for count in range(every):
            moment = datetime.strptime(at, "%Y%m%d%H%M%S") + timedelta(minutes=n, days=count)  # noqa: DTZ007
            html = html_of(world, article, count=count, nonce=f"held-{count}").encode()
            yield Held(url=f"http://anapress.net/a/{id}", at=f"{moment:%Y%m%d%H%M%S}", body=html)
