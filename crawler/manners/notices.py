"""What one worker of a fleet fetches for all of them: a host's robots.txt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

from msgspec import MsgspecError, msgpack

from crawler.manners.fleet import Board, BoardAway

CLAIM_SECONDS = 60.0  #: for which a worker may take to fetch it, before another does
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Notice:
    """A text that holds until then; None: somebody is fetching it."""

    until: float = 0.0
    text: bytes | None = None

    @classmethod
    def parse(cls, data: bytes | None) -> Self:
        try:
            return msgpack.decode(data or b"", type=cls)
        except MsgspecError:
            return cls()


class Notices:
    """Texts on a board, each of which is fetched by one worker for all."""

    def __init__(
        self,
        board: Board,
        ask: Callable[[Callable[[], object]], Awaitable[object]],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._board, self._ask, self._sleep = board, ask, sleep

    async def get(self, name: str, fetch: Callable[[], Awaitable[bytes]], fresh: float) -> bytes:
        """The text of that name; fetched if nobody has it, and then it holds so many seconds."""
        try:
            while not isinstance(found := await self._ask(partial(self._find, name)), Notice):
                await self._sleep(LOOK_SECONDS)
        except BoardAway:
            return await fetch()
        if found.text is not None:
            return found.text
        try:
            text = await fetch()
        except BaseException:
            await self._put(name, found, Notice())  # the next one may try
            raise
        await self._put(name, found, Notice(found.until - CLAIM_SECONDS + fresh, text))
        return text

    def _find(self, name: str) -> Notice | None:
        """The notice; the claim that makes us fetch it; None if another has that."""
        data, now = self._board.read(name)
        there = Notice.parse(data)
        if now < there.until:
            return there if there.text is not None else None
        claim = Notice(now + CLAIM_SECONDS)
        return claim if self._board.swap(name, data, msgpack.encode(claim)) else None

    async def _put(self, name: str, claim: Notice, notice: Notice) -> None:
        try:
            await self._ask(partial(self._board.swap, name, msgpack.encode(claim), msgpack.encode(notice)))
        except BoardAway:
            return  # the claim ends by itself
