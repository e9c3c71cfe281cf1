"""Debian's Chromium, or another: where it lies, and how it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from crawler.errors import WrongUse

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PROXY = "proxy.invalid"  #: our proxy's name in the browser (RFC 6761, 6.4: it is nobody's)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chromium:
    """The browser's program."""

    path: str
    sandbox: bool

    @classmethod
    def of(cls, settings: Mapping[Any, Any]) -> Self:
        """The one that the setting CHROMIUM names, or the first there is; WrongUse if there is none."""
        given, sandbox = settings["CHROMIUM"], str(settings["BROWSER_SANDBOX"])
        if given:
            path = shutil.which(given)
        else:
            path = next((path for name in NAMES if (path := shutil.which(name))), None)
        if path is None:
            wanted = f"CHROMIUM is {given!r}, and no program." if given else "There is no Chromium."
            raise WrongUse(
                f"{wanted} A browser is needed: apt-get install chromium, or set CHROMIUM to its path."
            )
        # its sandbox refuses root, as it should
        return cls(path=path, sandbox=sandbox not in ("0", "False") if sandbox else os.geteuid() != 0)

    def options(self, *, own_port: int, spki: str) -> dict[str, object]:
        """How Playwright launches it. What it wants for itself goes to `own_port`, each page has another."""
        return {
            "executable_path": self.path,
            "chromium_sandbox": self.sandbox,
            "args": [
                "--disable-quic",  # no protocol that goes past a proxy
                "--webrtc-ip-handling-policy=disable_non_proxied_udp",
                # nothing is looked up or connected to but our proxy: not by WebRTC or WebTransport either
                f"--host-resolver-rules=MAP {PROXY} 127.0.0.1, MAP * ~NOTFOUND",
                f"--ignore-certificate-errors-spki-list={spki}",
            ],
            "proxy": {"server": f"http://{PROXY}:{own_port}"},
            # the crawl decides when the browser ends, and how
            "handle_sigint": False,
            "handle_sigterm": False,
            "handle_sighup": False,
        }


def context(port: int, *, user_agent: str, languages: str) -> dict[str, object]:
    """A browser context of its own for one page: no cookies, no cache, its own port of the proxy."""
    return {
        "proxy": {"server": f"http://{PROXY}:{port}", "bypass": "<-loopback>"},
        "user_agent": user_agent,
        "locale": languages.partition(",")[0].partition(";")[0].strip() or "ar",
    }
