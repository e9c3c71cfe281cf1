"""How a run parts from its archive: what is left goes up, all is let go of, and the end is told."""

from __future__ import annotations

import asyncio
from functools import partial

from crawler.account import Account
from crawler.clock import utc_now
from crawler.ending import Ending
from crawler.errors import StoreError
from crawler.extensions.course import Course
from crawler.extensions.thread import Thread
from crawler.extensions.uploads import Uploads
from crawler.housing import Housing
from crawler.needs import Needs
from crawler.programs import Programs
from crawler.runs import MOST_SECTIONS, Run, Search
from crawler.worker import Worker


class Parting:
    """The last steps of a run; where somebody waits for its end (`hurried`), within STOP_SECONDS."""

    def __init__(
        self,
        housing: Housing,
        programs: Programs,
        worker: Worker,
        uploads: Uploads,
        course: Course,
        account: Account,
        needs: Needs,
        *,
        leasing: Thread,
        committing: Thread,
    ) -> None:
        self._housing, self._programs, self._worker = housing, programs, worker
        self._uploads, self._course, self._account, self._needs = uploads, course, account, needs
        self._leasing, self._committing = leasing, committing
        self._began = utc_now()
        self._under_way = False  # the last steps of the archive
        self.ending: Ending | None = None
        self.run: Run | None = None  #: as it was in the end

    @property
    def busy(self) -> bool:
        """Whether a step of the archive is under way that nobody waits for any more."""
        return not self._uploads.idle or self._under_way

    async def upload_rest(self, *, hurried: bool) -> None:
        """Wait for what is sealed to be committed; the run has failed if that takes too long."""
        if not await self._uploads.done(self._course.seconds_left(hurried=hurried)):
            self._course.fail(
                StoreError(
                    f"{self._uploads.waiting} bytes were not committed within STOP_SECONDS: "
                    f"they lie in {self._housing.spool}, and the next run there commits them"
                )
            )

    async def part(self, reason: str, *, hurried: bool) -> None:
        """Let go of the archive, unless an upload is still under way, and tell how the run ended."""
        if self._uploads.idle:
            self._under_way = True
            steps = asyncio.ensure_future(self._let_go(reason, hurried=hurried))
            await asyncio.wait([steps], timeout=self._course.seconds_left(hurried=hurried))
            self._under_way = not steps.done()
            if steps.done() and (error := steps.exception()) is not None:
                self._course.stumble("the end of the run", error)
        self.ending = self._ended(reason)
        self.run = self._run(self.ending) if self._worker.moved_in else None

    async def _let_go(self, reason: str, *, hurried: bool) -> None:
        await self._leasing.take(self._worker.release, last=True)  # behind a lease that may be under way
        await self._committing.take(partial(self._move_out, reason, hurried=hurried), last=True)

    def _move_out(self, reason: str, *, hurried: bool) -> None:
        """With a store that is away, no step that needs it."""
        away = isinstance(self._course.failure, StoreError)
        try:
            if self._worker.moved_in:
                self._worker.finish(hurried=hurried or away)
                if not away:
                    self._worker.report(self._run(self._ended(reason)))
        finally:
            self._worker.move_out(away=away)

    def _ended(self, reason: str) -> Ending:
        worker = self._worker
        return Ending.of(
            self._course.reason(reason),
            self._course.failure,
            worker.took,
            worker.left,
            worker.errand.missed,
            self._account.bugs,
            settled=worker.errand.settled,
            postponed=self._account.postponed,
            unseen=walked.unseen if (walked := self._account.walked) else {},
            barren=walked is not None and not (worker.known or walked.ids),
        )

    def _run(self, ending: Ending) -> Run:
        worker = self._worker
        return Run(
            worker=worker.spool.worker,
            start=self._began,
            end=utc_now(),
            exit_code=ending.code,
            reason=ending.sentence,
            outcomes=worker.took.outcomes,
            reasons=worker.took.reasons,
            requisites=self._needs.told(),
            left=worker.left,
            commits=tuple(worker.commits),
            versions=self._programs.versions,
            settings=self._programs.settings,
            search=self._search(),
        )

    def _search(self) -> Search | None:
        """What later runs may build on."""
        if (walked := self._account.walked) is None or not self._account.added:
            return None
        sections = sorted(walked.sections)[:MOST_SECTIONS]
        return Search(
            pages=walked.pages,
            found=dict(walked.ids),
            unseen=dict(walked.unseen),
            over=walked.over,
            sections=sections,
        )
