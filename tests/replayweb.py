"""deploy/replay as it is set up: the page with ReplayWeb.page, nginx before it, and an article in it."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page

from tests.browser import SECONDS, settle
from tests.crawling import CHECKOUT

HERE = CHECKOUT / "deploy" / "replay"


def set_up(folder: Path) -> Path:
    """The folder that a server of the page has, as the README makes it."""
    subprocess.run(["sh", HERE / "get.sh", folder], check=True, timeout=SECONDS)
    shutil.copytree(HERE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("ui.js", "sw.js"))
    return folder


@dataclass(frozen=True, slots=True)
class Server:
    """nginx with our configuration, and what it was asked for."""

    url: str
    log: Path

    def asked(self) -> list[str]:
        return self.log.read_text().splitlines()


@contextmanager
def nginx(root: Path, home: Path) -> Iterator[Server]:
    """Debian's nginx with deploy/replay/nginx.conf, its port and its root apart."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = (HERE / "nginx.conf").read_text()
    for there, ours in {
        "listen 8080": f"listen 127.0.0.1:{port}",
        "root /srv/replay": f"root {root}",
    }.items():
        assert there in text
        text = text.replace(there, ours)
    (home / "replay.conf").write_text(text)
    (home / "nginx.conf").write_text(
        f"""daemon off; pid {home}/pid; error_log {home}/error.log; worker_processes 1; user root;
        events {{}}
        http {{
            include /etc/nginx/mime.types;
            log_format ranges '$request_method $uri $status $http_range';
            access_log {home}/access.log ranges; gzip on; gzip_types *;
            client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
            uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
            include {home}/replay.conf;
        }}"""
    )
    with subprocess.Popen(["nginx", "-e", home / "error.log", "-c", home / "nginx.conf"]) as process:
        try:
            _await(port, process)
            yield Server(f"http://127.0.0.1:{port}/", home / "access.log")
        finally:
            process.terminate()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "nginx did not start"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def points_to(folder: Path, archive: str) -> None:
    """Have the page show this archive, as whoever sets it up does."""
    text = (HERE / "index.html").read_text()
    (folder / "index.html").write_text(re.sub(r'(name="archive" content=)"[^"]*"', rf'\1"{archive}"', text))


def article(tab: Page, pages: Server, id: int) -> Any:
    """The frame in which ReplayWeb.page shows an article, once it does."""
    tab.goto(f"{pages.url}index.html?url={quote(f'http://anapress.net/a/{id}')}")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        tab.wait_for_timeout(200)
        for frame in tab.frames:
            if f"/http://anapress.net/a/{id}" in frame.url and "/w/" in frame.url:
                settle(frame)
                return frame
    raise AssertionError([frame.url for frame in tab.frames])
