"""report.html in a real browser, without a network: on a phone, in dark, in print."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from longtake.report.html import as_html
from tests.report.test_html import WORSE, draw_thumbs, make_talk, make_whole
from tests.web.test_browser import FAINT, shoot

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or os.environ.get("CHROMIUM")
        assert path, "there is no Chromium here: make chromium"
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Of a film whose every text is hostile."""
    path = tmp_path / "report.html"
    path.write_text(as_html(make_whole(WORSE), draw_thumbs([1, 2])), encoding="utf-8")
    return path


def watch(page: Page) -> list[str]:
    """What a page says, asks for and opens, from now on."""
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text))
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda asked: seen.append(asked.url[:80]))
    return seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_hostile_report_does_nothing_and_can_be_read_everywhere(
    chromium: Browser, report: Path, size: Any, scheme: Any
) -> None:
    context = chromium.new_context(viewport=size, color_scheme=scheme, offline=True)
    page = context.new_page()
    seen = watch(page)
    page.goto(report.as_uri())
    shoot(page, f"7-report-{size['width']}-{scheme}")
    assert [said for said in seen if said[:5] not in ("file:", "data:")] == []
    assert len([said for said in seen if said.startswith("file:")]) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    texts, faint = page.evaluate(FAINT)
    assert texts > 40 and not faint
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(250, 250, 248)", "dark": "rgb(22, 24, 27)"}[scheme]
    context.close()


def test_click_on_a_time_opens_the_closed_list_at_its_chunk(
    chromium: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(as_html(make_talk(200), draw_thumbs([150])), encoding="utf-8")
    page = chromium.new_page(viewport=PHONE)
    page.goto(path.as_uri())
    chunk = page.locator("#c150")
    assert not chunk.is_visible()
    page.locator(".sheet a").click()
    assert chunk.is_visible()
    box = chunk.bounding_box()
    assert box and -1 < box["y"] < PHONE["height"]
    page.close()


def test_print_shows_what_is_closed_on_the_screen_and_is_light(
    chromium: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(as_html(make_talk(60), draw_thumbs([1])), encoding="utf-8")
    page = chromium.new_page(viewport=WIDE, color_scheme="dark")
    page.goto(path.as_uri())
    assert not page.locator("#c60").is_visible() and page.locator("nav").is_visible()
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("#c60").is_visible() and not page.locator("nav").is_visible()
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    page.close()
