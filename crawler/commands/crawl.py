"""`scrapy crawl`: Scrapy's own command, with exit codes that mean something (DESIGN part 2)."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from scrapy.commands import ScrapyHelpFormatter
from scrapy.commands.crawl import Command as Crawl
from scrapy.exceptions import UsageError
from scrapy.settings import Settings
from scrapy.utils.conf import arglist_to_dict

from crawler import given, logs, numbers
from crawler.arguments import ABOUT, Arguments, Render
from crawler.browser.chromium import Chromium
from crawler.browser.page import Rules
from crawler.ending import Ending, code_of
from crawler.errors import CrawlerError, WrongUse
from crawler.extensions.archivist import Archivist
from crawler.housing import Housing
from crawler.summary import summary
from crawler.wire.address import ConnectTo
from crawler.wire.dial import Proxy, open_resolver
from crawler.wire.handler import named_hosts

logger = logging.getLogger("anapress")
HEADING = "Arguments Of anapress"
COLUMN = 24  #: where argparse begins what it says of an option


class Help(ScrapyHelpFormatter):
    """Scrapy's own, in which our table of arguments keeps its lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if not text.startswith(HEADING):
            return super()._fill_text(text, width, indent)
        lines = (
            textwrap.fill(f"  -a {form:<{COLUMN - 6}} {told}", width, subsequent_indent=COLUMN * " ")
            for form, told in ABOUT.items()
        )
        return "\n".join((HEADING, "=" * len(HEADING), *lines))


class Command(Crawl):
    _strange: Sequence[str] = ()  # settings that nobody reads, as far as we know

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.formatter_class = Help
        parser.epilog = HEADING

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        with suppress(ValueError):  # no NAME=VALUE: Scrapy says that itself
            options = arglist_to_dict(opts.set)
            try:
                self._strange = given.check(options)
                Arguments.of(arglist_to_dict(opts.spargs))
            except WrongUse as error:
                self._refuse(error, options)
        super().process_options(args, opts)
        if self._json:
            logs.install(self._settings)

    def _refuse(self, mistake: WrongUse, options: Mapping[str, str]) -> NoReturn:
        """End before anything begins: nobody wants to read how it would have been set."""
        self._settings.setdict({"LOG_JSON": options.get("LOG_JSON", self._settings["LOG_JSON"])}, "cmdline")
        if self._json:
            self._settings.set("LOG_LEVEL", "INFO", "cmdline")  # it may be the mistake
            logs.install(self._settings)
        self._end(Ending(code_of(mistake), str(mistake)))
        sys.exit(self.exitcode)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) != 1:
            raise UsageError
        assert self.crawler_process is not None
        try:
            self._check(args[0], opts)
        except CrawlerError as error:
            self._end(Ending(code_of(error), str(error)))
            return
        for name in self._strange:
            logger.warning("%s sets nothing that Scrapy or this program reads", name)
        logs.hush(self._settings)
        crawler = self._create_crawler(args[0])
        self.crawler_process.crawl(crawler, **opts.spargs)
        self.crawler_process.start()
        archivist = None
        with suppress(RuntimeError):  # it did not come as far as its extensions
            archivist = crawler.get_extension(Archivist)
        told = self._settings.getbool("SUMMARY") and not self._json
        if archivist is not None and archivist.parting.run is not None and told:
            where = given.where(self._settings)
            sys.stderr.write(
                summary(archivist.parting.run, archivist.made, archivist.account.examples, where)
            )
        # what did not fail to begin, and has no ending, was stopped by a signal before it had one
        failed = self.crawler_process.bootstrap_failed
        stopped = archivist is not None and (archivist.course.stopping or not failed)
        self._end((archivist and archivist.parting.ending) or Ending.unfinished(stopped=stopped))
        if archivist is not None and archivist.parting.busy:
            logging.shutdown()
            os._exit(self.exitcode)  # else Python would wait for an upload that nobody waits for any more

    def _check(self, spider: str, opts: argparse.Namespace) -> None:
        """CrawlerError says which setting or argument can't be, before anything begins."""
        assert self.crawler_process is not None
        Housing.of(self._settings).open_store()
        numbers.check(self._settings)
        given.require(self._settings)
        if spider not in self.crawler_process.spider_loader.list():
            raise WrongUse(f"There is no spider {spider!r}: it is `scrapy crawl anapress`.")
        ConnectTo.parse(self._settings["CONNECT_TO"] or "")
        named_hosts(self._settings)
        if proxy := self._settings["WIRE_PROXY"]:
            Proxy.parse(proxy)
        open_resolver(self._settings["RESOLVE"])
        Rules.of(self._settings)
        if Arguments.of(opts.spargs).render is not Render.PLAIN:
            Chromium.of(self._settings)

    @property
    def _settings(self) -> Settings:
        assert self.settings is not None
        return self.settings

    @property
    def _json(self) -> bool:
        return logs.in_json(self._settings)

    def _end(self, ending: Ending) -> None:
        if self._json:
            logger.log(ending.level, ending.sentence, extra={"told": {"exit_code": ending.code}})
        else:
            sys.stderr.write(f"{ending.sentence} (exit {ending.code})\n")
        self.exitcode = ending.code
