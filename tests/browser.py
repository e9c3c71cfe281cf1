"""A real Chromium that can reach this machine only, and whose every try to reach another is noted."""

from __future__ import annotations

import re
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import Browser, Frame, Page, sync_playwright

from tests.crawling import CHECKOUT

CHROMIUM = "/usr/bin/chromium"
ARTEFACTS = CHECKOUT / "artefacts"  #: screenshots, to be looked at
SECONDS = 120  #: a busy machine takes its time
OWN = re.compile(
    r"\.google(apis)?\.com[:/ ]"
)  #: Chromium's own errands, which no flag stops; they are refused as well
SEEN = {"width": 1280, "height": 720}  #: of the crawl's own browser
DIFFERENCE = """async urls => {
  const [one, other] = await Promise.all(urls.map(async url => {
    const image = new Image(); image.src = url; await image.decode()
    const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext('2d')
    context.drawImage(image, 0, 0)
    return context.getImageData(0, 0, image.width, image.height)
  }))
  if (one.width != other.width || one.height != other.height) return 1
  let different = 0
  for (let at = 0; at < one.data.length; at += 4)
    if ([0, 1, 2].some(channel => Math.abs(one.data[at + channel] - other.data[at + channel]) > 32)) different++
  return different / (one.width * one.height)
}"""
PICTURES = "() => [...document.images].map(i => [i.src, i.complete && i.naturalWidth > 0])"


@dataclass(frozen=True, slots=True)
class Window:
    """The browser, and what it tried to reach elsewhere."""

    browser: Browser
    asked: list[str] = field(default_factory=list)

    @property
    def elsewhere(self) -> list[str]:
        return [line for line in self.asked if not OWN.search(line)]

    def page(self, width: int = 1100, height: int = 900) -> Page:
        """A new page, in a window of its own; the one before is closed."""
        for context in self.browser.contexts:
            context.close()
        page = self.browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(SECONDS * 1000)
        return page


@contextmanager
def window() -> Iterator[Window]:
    """Whatever is not for 127.0.0.1 goes to a proxy of ours, names and addresses alike; it answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as proxy, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--proxy-bypass-list=127.0.0.1"],
            proxy={"server": f"http://127.0.0.1:{proxy.getsockname()[1]}", "bypass": "127.0.0.1"},
        )
        opened = Window(browser)
        Thread(target=_refuse, args=(proxy, opened.asked), daemon=True).start()
        try:
            yield opened
        finally:
            browser.close()
            proxy.shutdown(socket.SHUT_RDWR)


def _refuse(proxy: socket.socket, asked: list[str]) -> None:
    while True:
        try:
            connection, _ = proxy.accept()
        except OSError:
            return
        with connection:
            asked.append(connection.recv(4096).partition(b"\r\n")[0].decode("latin-1"))


def pictures(frame: Any) -> dict[str, bool]:
    """The pictures of a page, and whether each is shown."""
    return dict(frame.evaluate(PICTURES))


def settle(frame: Frame) -> None:
    """Wait until a page and all its pictures have loaded, or can't be."""
    frame.wait_for_load_state("load")
    frame.evaluate("for (const image of document.images) image.loading = 'eager'")  # far below, too
    end = time.monotonic() + SECONDS
    while not frame.evaluate("[...document.images].every(image => image.complete)"):
        assert time.monotonic() < end, "there are pictures that never come"
        frame.page.wait_for_timeout(100)


def keep(page: Page, name: str) -> Path:
    """A screenshot among the artefacts."""
    ARTEFACTS.mkdir(exist_ok=True)
    path = ARTEFACTS / f"{name}.png"
    page.screenshot(path=path)
    return path


def seen(frame: Frame, name: str) -> bytes:
    """A screenshot of what a frame shows at its top, as large as the crawl's browser takes it; it is kept."""
    frame.evaluate("scrollTo(0, document.documentElement.scrollHeight)")  # some pictures wait to be seen
    settle(frame)
    frame.evaluate("scrollTo(0, 0)")
    page, element = frame.page, frame.frame_element()
    for _ in range(2):
        room, has = page.viewport_size, element.bounding_box()
        assert room
        assert has
        page.set_viewport_size({side: round(room[side] + SEEN[side] - has[side]) for side in SEEN})
    ARTEFACTS.mkdir(exist_ok=True)
    return element.screenshot(path=ARTEFACTS / f"{name}.png", animations="disabled")


def difference(browser: Browser, one: bytes, other: bytes) -> float:
    """The share of two pictures' points in which anybody sees a difference; 1 if they differ in size."""
    context = browser.new_context()
    urls = [f"data:image/png;base64,{b64encode(picture).decode()}" for picture in (one, other)]
    share = context.new_page().evaluate(DIFFERENCE, urls)
    context.close()
    return float(share)
