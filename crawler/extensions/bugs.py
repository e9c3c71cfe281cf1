"""Our own errors that Scrapy catches, and would only log: in the spider, and in the pipelines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from scrapy.http import Response
from twisted.python.failure import Failure

from crawler.account import Account
from crawler.errors import ArchiveError, CrawlerError
from crawler.extensions.chores import Chores
from crawler.extensions.course import Course
from crawler.extensions.leases import Leases
from crawler.items import Absent, Outcome, Take


class Bugs:
    """Each is loud: it fails the page that it is about, or ends the run."""

    def __init__(
        self,
        course: Course,
        account: Account,
        leases: Leases,
        chores: Chores,
        settle: Callable[[Take], Awaitable[None]],
    ) -> None:
        self._course, self._account, self._leases = course, account, leases
        self._chores, self._settle = chores, settle

    def spider_failed(self, failure: Failure, response: Response | Failure) -> None:
        """A page that our code can't read without an error fails alone; the run ends with exit 1."""
        if not isinstance(response, Response):  # no page: it was an answer to a failure
            self._course.stumble(response.request.url, failure.value)  # type: ignore[attr-defined]
            return
        self._account.bugs += 1
        lease = response.request.cb_kwargs.get("lease") if response.request else None
        if lease is not None and lease.id in self._leases:
            result = Absent(outcome=Outcome.FAILED, reason=f"error:{type(failure.value).__name__}")
            take = Take(
                lease=lease,
                url=response.url,
                result=result,
                capture=None,
                captured_at=None,
                status=response.status,
                attempts=lease.attempts + 1,
            )
            self._chores.begin(self._settled(take))  # a signal's handler is not waited for

    def item_failed(self, failure: Failure) -> None:
        """A take that could not be drafted ends the crawl: its id is left, and the next run takes it."""
        error = failure.value
        self._course.fail(error if isinstance(error, CrawlerError) else CrawlerError(f"{error!r}"))

    async def _settled(self, take: Take) -> None:
        with suppress(ArchiveError):  # it ends the crawl; the id is left
            await self._settle(take)
