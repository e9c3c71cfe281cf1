"""A crawl with nothing to do, where others on the same archive may still bring it something."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from crawler.account import Account
from crawler.errors import ArchiveError
from crawler.extensions.course import Course
from crawler.extensions.thread import Thread
from crawler.extensions.uploads import Uploads
from crawler.extensions.writing import Writing
from crawler.needs import Needs
from crawler.worker import Worker

SECONDS = 2  #: between two looks whether other workers gave anything back


class Lull:
    """Brings our takes into the log, for others wait for us as we do for them, and looks what they left."""

    def __init__(
        self,
        worker: Worker,
        writing: Writing,
        uploads: Uploads,
        course: Course,
        account: Account,
        needs: Needs,
        *,
        leasing: Thread,
        committing: Thread,
        shared: bool,
    ) -> None:
        self._worker, self._writing, self._uploads = worker, writing, uploads
        self._course, self._account, self._needs = course, account, needs
        self._leasing, self._committing, self._shared = leasing, committing, shared

    async def passes(self) -> bool:
        """Whether there may be something to lease, after a while; False if nobody can bring any."""
        if not self._worker.waits or self._account.postponed:
            return False  # what waits for another run is held by us until we end: nobody may wait for that
        if (holds := await _told(self._leasing, self._worker.desk.holds)) is None:
            return False
        if holds:
            await self.hand_in()
            await self._leasing.take(self._worker.desk.give_back)  # what a lost answer has left with us
        elif self._shared and not self._needs.ours:  # else more requisites come: each would be a commit
            await self.hand_in()
        return await self._lasts(self._worker.await_others)

    async def awaits_claims(self) -> bool:
        """Whether, after a while, what others have claimed may be in the archive, or ours to take."""
        await self.hand_in()  # they may wait for us as we do for them
        return await self._lasts(self._worker.await_claims)

    async def hand_in(self) -> None:
        """Bring what we have into the log."""
        with suppress(ArchiveError):  # it ends the crawl
            await self._writing.seal()
            await self._uploads.done(None)

    async def _lasts(self, step: Callable[[], bool]) -> bool:
        goes_on = bool(await _told(self._committing, step))
        if goes_on:
            await self._course.rest(SECONDS)
        return goes_on


async def _told(thread: Thread, step: Callable[[], bool]) -> bool | None:
    """What the step says; None if it failed, which ends the crawl."""
    answer: list[bool] = []
    return answer[0] if await thread.take(lambda: answer.append(step())) else None
