"""A replica in a process of its own, as tests hold it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.site.log import Logged, read_log
from tests.site.truth import truth
from tests.site.world import ARTICLES

CHECKOUT = Path(__file__).parents[2]
HOSTS = ("anapress.net", "www.anapress.net")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running replica: where it listens, and what it saw."""

    host: str
    port: int
    tls_port: int | None
    articles: int
    seed_era: int
    log: Path | None

    @property
    def connect_to(self) -> str:
        """The CONNECT_TO setting that leads the site's names here, so that no fault leads elsewhere."""
        ports = {80: self.port, 443: self.tls_port or self.port}
        return ",".join(
            f"{name}:{asked}:{self.host}:{port}" for asked, port in ports.items() for name in HOSTS
        )

    def exchanges(self) -> list[Logged]:
        """Every exchange so far; one whose last byte a client holds is whole in it."""
        assert self.log is not None, "this site keeps no log"
        return read_log(self.log)

    def fetches(self, article_id: int) -> int:
        """How often this id was asked for."""
        return sum(logged.article_id == article_id for logged in self.exchanges())

    def truth(self, article_id: int) -> dict[str, Any] | None:
        return truth(article_id, articles=self.articles, seed_era=self.seed_era)


@contextmanager
def running_site(
    folder: Path,
    *,
    articles: int = ARTICLES,
    tls: tuple[Path, Path] | None = None,
    seed_era: int = 0,
    log: bool = True,
    port: int = 0,
) -> Iterator[Site]:
    """A site with this many articles while the block runs; `tls` is (certificate chain, key), as PEM files.

    Its log lies in the folder, and a second site in the same folder goes on with it.
    """
    log_file = folder / "site.log" if log else None
    arguments = ["--port", str(port), "--articles", str(articles), "--seed", str(seed_era)]
    arguments += ["--log", str(log_file)] if log_file else []
    arguments += ["--tls-cert", str(tls[0]), "--tls-key", str(tls[1])] if tls else []
    command = [sys.executable, "-m", "tests.site", "--until-stdin", *arguments]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            addresses = [process.stdout.readline().strip() for _ in range(2 if tls else 1)]
            assert all(addresses), "the replica site did not start"
            ports = [int(address.rpartition(":")[2]) for address in addresses]
            yield Site(
                host="127.0.0.1",
                port=ports[0],
                tls_port=ports[1] if tls else None,
                articles=articles,
                seed_era=seed_era,
                log=log_file,
            )
        finally:
            process.terminate()
