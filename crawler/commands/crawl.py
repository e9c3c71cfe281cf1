"""`scrapy crawl`: Scrapy's own command, with exit codes that mean something (DESIGN part 2)."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from scrapy.commands.crawl import Command as Crawl
from scrapy.exceptions import UsageError

from crawler import logs
from crawler.arguments import Arguments
from crawler.ending import Ending, code_of
from crawler.errors import CrawlerError, WrongUse
from crawler.extensions.archivist import Archivist
from crawler.housing import Housing, check_numbers
from crawler.wire.address import ConnectTo
from crawler.wire.dial import Proxy, open_resolver

logger = logging.getLogger("anapress")


class Command(Crawl):
    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        assert self.settings is not None
        if self.settings.getbool("LOG_JSON"):
            logs.install(self.settings)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) != 1:
            raise UsageError
        assert self.settings is not None
        assert self.crawler_process is not None
        try:
            Arguments.of(opts.spargs)
            Housing.of(self.settings).open_store()
            check_numbers(self.settings)
            if args[0] not in self.crawler_process.spider_loader.list():
                raise WrongUse(f"There is no spider {args[0]!r}: it is `scrapy crawl anapress`.")
            ConnectTo.parse(self.settings["CONNECT_TO"] or "")
            if proxy := self.settings["WIRE_PROXY"]:
                Proxy.parse(proxy)
            open_resolver(self.settings["RESOLVE"])
        except CrawlerError as error:
            self._end(Ending(code_of(error), str(error)))
            return
        crawler = self._create_crawler(args[0])
        self.crawler_process.crawl(crawler, **opts.spargs)
        self.crawler_process.start()
        archivist = crawler.get_extension(Archivist) if crawler.extensions else None
        stopped = archivist is not None and archivist.stopping
        self._end((archivist and archivist.ending) or Ending.unfinished(stopped=stopped))
        if archivist is not None and archivist.busy:
            logging.shutdown()
            os._exit(self.exitcode)  # else Python would wait for an upload that nobody waits for any more

    def _end(self, ending: Ending) -> None:
        assert self.settings is not None
        if self.settings.getbool("LOG_JSON"):
            logger.log(
                logging.INFO if ending.code in (0, 3) else logging.ERROR,
                ending.sentence,
                extra={"told": {"exit_code": ending.code}},
            )
        else:
            sys.stderr.write(f"{ending.sentence} (exit {ending.code})\n")
        self.exitcode = ending.code
