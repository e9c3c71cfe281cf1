"""What a page may do before we look at it, and how long that may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from playwright.async_api import Page

LOOK_SECONDS = 15.0  #: for what should take none: a page that does not answer in that time never will
QUIET_SECONDS = 0.5  #: without an exchange, after which the network counts as idle
_SCROLL = """async () => {
  const pause = () => new Promise(done => setTimeout(done, 50))
  for (let at = 0; at < document.documentElement.scrollHeight && at < 100000; at += innerHeight) {
    scrollTo(0, at); await pause()
  }
  scrollTo(0, 0)
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a page counts as done."""

    idle: bool  #: its network is quiet; else when it says that it has loaded
    scroll: bool  #: once down, for pictures that wait to be seen
    seconds: float  #: at the latest


async def settle(page: Page, quiet: Callable[[float], Awaitable[None]], rules: Rules) -> bool:
    """Whether the page is done by the rules in time; if not, it is taken as it stands."""
    with suppress(TimeoutError):
        async with asyncio.timeout(rules.seconds):
            await page.wait_for_load_state("load", timeout=0)
            if rules.scroll:
                await page.evaluate(_SCROLL)
            if rules.idle:
                await quiet(QUIET_SECONDS)
            return True
    return False


async def dom(page: Page) -> bytes:
    """The page as it stands, as HTML; TimeoutError if its script does not let us look."""
    async with asyncio.timeout(LOOK_SECONDS):
        text = await page.content()
    return text.encode("utf-8", "replace")  # scripts can make half a character, UTF-8 has none
