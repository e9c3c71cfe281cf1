"""`scrapy qa`: whether articles can be seen as they were."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import secrets
import sys
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from crawler import archive, commits, exclusions
from crawler.browser.chromium import Chromium
from crawler.clock import utc_now
from crawler.command import ArchiveCommand
from crawler.corpus import Corpus
from crawler.errors import WrongUse
from crawler.housing import Housing
from crawler.qa import report
from crawler.qa.report import Report
from crawler.qa.view import Judgement, judged
from crawler.qa.viewer import viewing
from crawler.replay.serving import Replay, serving
from crawler.stores import Store
from crawler.wording import left_out

SAMPLE, MOST, THRESHOLD = 20, 10_000, 0.9
OURS = b'"warc":"warcs/'  #: in a line whose record a replay has; in a text its quotes would be escaped


class Command(ArchiveCommand):
    def syntax(self) -> str:
        return "[--sample N] [--seed N] [--threshold X]"

    def short_desc(self) -> str:
        return "Replay a sample of articles in Chromium, its network shut, and tell what is missing"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--sample", metavar="N", default=str(SAMPLE), help=f"articles (default {SAMPLE})")
        parser.add_argument("--seed", metavar="N", default="0", help="another one draws other articles")
        parser.add_argument(
            "--threshold",
            metavar="X",
            default=str(THRESHOLD),
            help=f"exit 4 if a mean score is less, of 0 to 1 (default {THRESHOLD})",
        )

    def act(self, housing: Housing, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise WrongUse("scrapy qa takes no arguments: ARCHIVE_URL names the archive.")
        assert self.settings is not None
        count, seed = _whole("--sample", opts.sample, 1, MOST), _whole("--seed", opts.seed, 0, 2**63)
        threshold = _share(opts.threshold)
        chromium = Chromium.of(self.settings)
        store = housing.open_store()
        archive.found(store)
        start = utc_now()
        items = _drawn(store, count, seed)
        with serving(store, "127.0.0.1", 0, (), _say) as replay:
            articles = asyncio.run(_seen(chromium, replay, items))
        made = Report(
            worker=secrets.token_hex(4),
            start=start,
            end=utc_now(),
            seed=seed,
            threshold=threshold,
            scores=report.means(articles),
            articles=articles,
        )
        report.keep(made, store)
        _tell(made)
        self.exitcode = 0 if made.good else 4


def _whole(option: str, given: str, least: int, most: int) -> int:
    if not (re.fullmatch("[0-9]{1,19}", given) and least <= int(given) <= most):
        raise WrongUse(f"{option} is {given!r}: give a whole number from {least} to {most}.")
    return int(given)


def _share(given: str) -> float:
    if not re.fullmatch(r"0?\.[0-9]{1,9}|[01](\.0*)?", given):
        raise WrongUse(f"--threshold is {given!r}: give a number from 0 to 1, such as 0.9.")
    return float(given)


def _drawn(store: Store, count: int, seed: int) -> list[dict[str, Any]]:
    """So many articles of the corpus, by chance: the same of the same archive with the same seed."""
    random, drawn = Random(seed), list[bytes]()  # noqa: S311 -- a sample, no secret
    lines = Corpus(store, exclusions.excluded(exclusions.read(store)))
    for at, line in enumerate(line for line in lines if OURS in line):
        if at < count:
            drawn.append(line)
        elif (place := random.randrange(at + 1)) < count:
            drawn[place] = line
    if not drawn:
        elsewhere = commits.foreign(store, commits.log(store))
        raise WrongUse(left_out(len(elsewhere)) if elsewhere else f"{store.url} has no article to look at.")
    return [json.loads(line) for line in drawn]


async def _seen(chromium: Chromium, replay: Replay, items: Iterable[dict[str, Any]]) -> Sequence[Judgement]:
    found = []
    async with viewing(chromium, replay.url) as viewer:
        for item in items:
            moment = "".join(filter(str.isdigit, item["captured_at"]))[:14]
            found.append(judged(item, await viewer.look(item["url"], moment), replay.holdings.hides))
    return found


def _tell(made: Report) -> None:
    for line in made.table():
        _say(line)
    _say(made.key)
    if not made.good:
        low = [name for name in report.SCORES if made.scores[name] < made.threshold]
        sys.stderr.write(f"{' and '.join(low)}: less than {made.threshold} (exit 4)\n")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
