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
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from longtake.settings import home_folder
from longtake.web.door import KEY_COOKIE

MODELS = home_folder() / "models"
"""The user's own, which `make models` has fetched; every test has another home."""
SHOTS = os.environ.get("LONGTAKE_SHOTS", "")
PATIENCE = 90_000
KEY = "the-key-of-these-pages"
LET_IN: Any = {
    "cookies": [
        {"name": KEY_COOKIE, "value": KEY, "domain": "127.0.0.1", "path": "/", "expires": -1,
         "httpOnly": True, "secure": False, "sameSite": "Lax"}
    ],
    "origins": [],
}  # fmt: skip
"""What a browser keeps that was let in by any of these pages."""
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}

FAINT = """() => {
  const brush = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const read = (color) => {
    brush.clearRect(0, 0, 1, 1); brush.fillStyle = color; brush.fillRect(0, 0, 1, 1);
    return [...brush.getImageData(0, 0, 1, 1).data].map((n) => n / 255);
  };
  const over = ([...top], under) => under.map((n, k) => top[k] * top[3] + n * (1 - top[3]));
  const light = (rgb) => rgb.map((n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4)
    .reduce((sum, n, k) => sum + n * [0.2126, 0.7152, 0.0722][k], 0);
  const above = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host;
  const ground = (node) => {
    if (!node) return [1, 1, 1];
    const own = read(getComputedStyle(node).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, ground(above(node)));
  };
  const faded = (node) => node ? getComputedStyle(node).opacity * faded(above(node)) : 1;
  const found = [];
  let seen = 0;
  const look = (root) => {
    for (const node of root.querySelectorAll('*')) {
      if (node.shadowRoot) look(node.shadowRoot);
      const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
      const idle = node.closest(':disabled, [data-testid=stRadio]:has(:disabled)');
      const out = idle || node.closest('.unseen, style, title, [data-testid=stIconMaterial]');
      if (!own || out || !node.checkVisibility()) continue;
      const style = getComputedStyle(node), under = ground(node), ink = read(style.color);
      ink[3] *= faded(node);
      const [a, b] = [light(over(ink, under)), light(under)].sort((x, y) => y - x);
      const big = parseFloat(style.fontSize);
      const need = big >= 24 || (big >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
      const ratio = (a + 0.05) / (b + 0.05);
      seen += 1;
      if (ratio < need) found.push(`${ratio.toFixed(2)} ${node.textContent.trim().slice(0, 40)}`);
    }
  };
  look(document);
  return [seen, found];
}"""
"""How many texts are seen, and those whose contrast is below WCAG 2.2's 1.4.3 (level AA)."""


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
    site = Site(home, port, {"allow_private_addresses": "1", "page_key": KEY, **settings})
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
