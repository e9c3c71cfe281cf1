"""What a page may do before we look at it, how long that may take, and what we keep of what it shows."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from crawler.errors import WrongUse
from crawler.items import DOM

if TYPE_CHECKING:  # dear to import
    from playwright.async_api import Page

WAITS = ("idle", "load")
LOOK_SECONDS = 15.0  #: for what should take none: a page that does not answer in that time never will
QUIET_SECONDS = 0.5  #: without an exchange, after which the network counts as idle
_SCROLL = """async () => {
  const pause = () => new Promise(done => setTimeout(done, 50))
  for (let at = 0; at < document.documentElement.scrollHeight && at < 100000; at += innerHeight) {
    scrollTo(0, at); await pause()
  }
  scrollTo(0, 0)
}"""


class Look(NamedTuple):
    """One way to look at a page: what its record is called (as Browsertrix calls it), and how it is done."""

    uri: str
    content_type: str
    take: Callable[[Page], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a page counts as done, and what is kept of it beside its DOM."""

    idle: bool  #: its network is quiet; else when it says that it has loaded
    scroll: bool  #: once down, for pictures that wait to be seen
    seconds: float  #: at the latest
    keep: tuple[Look, ...]

    @classmethod
    def of(cls, settings: Mapping[Any, Any]) -> Self:
        """As the settings say; WrongUse where they say nothing that we know."""
        wait, keep = settings["BROWSER_WAIT"], str(settings["BROWSER_KEEP"] or "")
        if wait not in WAITS:
            raise WrongUse(f"BROWSER_WAIT is {wait!r}: give {' or '.join(WAITS)}.")
        names = [name.strip() for name in keep.split(",") if name.strip()]
        if strange := [name for name in names if name not in LOOKS]:
            raise WrongUse(f"BROWSER_KEEP has {strange[0]!r}: give a comma list of {', '.join(LOOKS)}.")
        return cls(
            idle=wait == "idle",
            scroll=str(settings["BROWSER_SCROLL"]) not in ("0", "False", "false"),
            seconds=float(settings["BROWSER_SECONDS"]),
            keep=tuple(LOOKS[name] for name in names),
        )


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


async def looked(page: Page, look: Look) -> bytes:
    """What the page shows; TimeoutError if its script does not let us look."""
    async with asyncio.timeout(LOOK_SECONDS):
        return await look.take(page)


async def _dom(page: Page) -> bytes:
    return _utf8(await page.content())


async def _text(page: Page) -> bytes:
    return _utf8(await page.inner_text("body"))


async def _view(page: Page) -> bytes:
    return await page.screenshot(type="png", animations="disabled")


async def _thumbnail(page: Page) -> bytes:
    size = page.viewport_size or {"width": 1280, "height": 720}
    session = await page.context.new_cdp_session(page)
    shot = {"format": "jpeg", "quality": 75, "clip": {"x": 0, "y": 0, **size, "scale": 0.25}}
    return b64decode((await session.send("Page.captureScreenshot", shot))["data"])


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # scripts can make half a character, UTF-8 has none


DOM_LOOK = Look(DOM, "text/html; charset=utf-8", _dom)
LOOKS = {
    "text": Look("urn:text:", "text/plain; charset=utf-8", _text),
    "view": Look("urn:view:", "image/png", _view),
    "thumbnail": Look("urn:thumbnail:", "image/jpeg", _thumbnail),
}
