"""A running server of the page, and a real browser before it: what its tests share.

Screenshots go to the folder in LONGTAKE_SHOTS, where it is set.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from longtake.settings import home_folder

MODELS = home_folder() / "models"
"""The user's own, which `make models` has fetched; every test has another home."""
SHOTS = os.environ.get("LONGTAKE_SHOTS", "")
PATIENCE = 90_000
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@dataclass
class Site:
    """A running server of the page; `start` and `kill` may be called again and again."""

    home: Path
    port: int
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        variables = {f"LONGTAKE_{name.upper()}": value for name, value in self.settings.items()}
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "longtake", "app", "--port", str(self.port)],
                env=os.environ | variables | {"LONGTAKE_HOME": str(self.home)},
                stdout=log,
                stderr=log,
            )
        for _ in range(300):
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/_stcore/health"):
                return
            time.sleep(0.1)
        raise AssertionError((self.home / "server.log").read_text())

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()


@contextmanager
def open_site(home: Path, **settings: str) -> Iterator[Site]:
    """A page of its own, with the models of the user."""
    home.mkdir(parents=True)
    if MODELS.is_dir():
        (home / "models").symlink_to(MODELS)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    site = Site(home, port, {"allow_private_addresses": "1", **settings})
    site.start()
    try:
        yield site
    finally:
        site.kill()
        for state in home.glob("runs/*/state.json"):
            facts = json.loads(state.read_text())
            if facts["state"] == "running":
                with suppress(ProcessLookupError):
                    os.killpg(facts["pid"], signal.SIGKILL)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or os.environ.get("CHROMIUM")
        assert path, "there is no Chromium here: make chromium"
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


def shoot(page: Page, name: str) -> None:
    """A picture for who looks at them."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def paste(page: Page, site: Site, link: str) -> None:
    page.goto(site.url)
    page.get_by_label("Paste a link").fill(link)
    page.get_by_label("Paste a link").press("Enter")
    expect(page.get_by_role("button", name="Start")).to_be_visible(timeout=PATIENCE)


def start(page: Page) -> None:
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"\?run=[0-9a-f]{24}"))


def wait_for_summary(page: Page) -> Locator:
    headline = page.locator(".headline").first
    expect(headline).to_be_visible(timeout=PATIENCE)
    return headline
