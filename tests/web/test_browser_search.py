"""In a real browser: search over all runs, a moment opened at its second, and questions."""

import json
import re
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import ROOT
from tests.servers import Answer, Asked, ScriptedServer, as_chat, serve
from tests.web.sites import (
    FAINT,
    LET_IN,
    PATIENCE,
    PHONE,
    WIDE,
    Site,
    open_browser,
    open_site,
    paste,
    shoot,
    start,
    wait_for_summary,
)
from tests.webs import as_page, serve_folder

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

HOSTILE = "<script>window.owned=1</script> <img src=x onerror=alert(1)> is what the sign says."
SAID = [
    (2, 5, "Welcome to the harbour of the old town."),
    (30, 34, "Here a sailor mends his fishing nets."),
    (60, 64, HOSTILE),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedServer]:
    """Where the links lead: a talk with captions; and a model that tells of the nets."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copy(ROOT / "examples" / "lecture.mp4", folder / "talk.mp4")
    cues = [f"00:{a // 60:02}:{a % 60:02}.000 --> 00:{b // 60:02}:{b % 60:02}.000\n{escape(text)}\n"
            for a, b, text in SAID]  # fmt: skip
    captions = "WEBVTT\n\n" + "\n".join(cues)
    with serve_folder(folder) as served:
        served.set("/c.vtt", Answer(200, captions.encode(), {"Content-Type": "text/vtt"}))
        video = '<video src="talk.mp4"><track src="c.vtt" kind="captions" srclang="en"></video>'
        served.set("/talk.html", as_page(video, head="<title>The harbour</title>"))
        yield served


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A page whose visitors are told apart, as behind a proxy."""
    with pytest.MonkeyPatch.context() as patch:
        user = tmp_path_factory.mktemp("site")
        (user / ".streamlit").mkdir()
        (user / ".streamlit/config.toml").write_text('[server]\nallowedHosts = ["127.0.0.1"]\n')
        patch.setenv("HOME", str(user))
        home = user / "home"
        with open_site(
            home, engine="sketch", reconciler="digest", read_text="off", embedder="words"
        ) as opened:
            yield opened


@pytest.fixture(scope="module")
def mine(browser: Browser, site: Site, web: ScriptedServer) -> Iterator[tuple[Page, str]]:
    """A visitor's page, and the address of his finished run."""
    context = browser.new_context(storage_state=LET_IN, viewport=WIDE)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    paste(page, site, f"{web.url}/talk.html")
    start(page)
    wait_for_summary(page)
    expect(page.get_by_label("Search all videos")).to_be_visible()
    expect(page.get_by_text("Edit the descriptions")).to_be_visible()
    yield page, page.url
    context.close()


def wait_for_time(page: Page, due: float) -> None:
    for _ in range(200):
        if abs(play_time(page) - due) < 0.6:
            return
        page.wait_for_timeout(50)
    raise AssertionError(play_time(page))


def play_time(page: Page) -> float:
    return float(page.locator("video").evaluate("video => video.currentTime"))


def test_moment_that_is_found_opens_at_its_second_and_so_does_its_address(
    mine: tuple[Page, str],
) -> None:
    page, run = mine
    page.goto(run)
    page.get_by_label("Search all videos").fill("sailor mends nets")
    page.get_by_label("Search all videos").press("Enter")
    page.wait_for_url(re.compile(r"\?q=sailor"))
    found = page.locator(".grid-of .found")
    expect(found.first).to_contain_text("Here a sailor mends his fishing nets.")
    expect(found.first.locator("b").first).to_have_text("Said")
    expect(found.first.locator("img")).to_be_visible()
    shoot(page, "30-search")
    page.reload()
    expect(found.first).to_contain_text("sailor mends")
    found.first.locator("a").click()
    page.wait_for_url(f"{run}&at=30")
    wait_for_time(page, 30)
    page.reload()
    wait_for_time(page, 30)
    page.go_back()
    expect(found.first).to_contain_text("sailor mends")


def test_another_visitor_finds_nothing_of_mine(
    browser: Browser, site: Site, mine: tuple[Page, str]
) -> None:
    other = browser.new_context(storage_state=LET_IN, viewport=WIDE)
    page = other.new_page()
    page.goto(f"{site.url}/?q=sailor+mends+nets")
    expect(page.get_by_text("There is no video to search yet")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".found")).to_have_count(0)
    page.get_by_label("Ask about all videos").last.fill("Who mends the nets?")
    page.get_by_label("Ask about all videos").last.press("Enter")
    expect(page.locator(".told")).to_contain_text("There is no video to search yet")
    expect(page.locator(".found")).to_have_count(0)
    other.close()


def test_question_without_a_model_shows_the_moments_and_says_what_is_missing(
    mine: tuple[Page, str],
) -> None:
    page, run = mine
    page.goto(run)
    page.get_by_role("tab", name="Ask").click()
    page.locator(".asker .ask-field").fill("Who mends the fishing nets?")
    page.locator(".asker .ask-field").press("Enter")
    expect(page.locator(".told")).to_contain_text("No text model is here")
    page.locator(".turn .found a").first.click()
    wait_for_time(page, 30)
    shoot(page, "31-ask-in-run")


def test_hostile_words_that_are_found_show_as_text(mine: tuple[Page, str], site: Site) -> None:
    page, _ = mine
    shown: list[str] = []
    page.on("dialog", lambda dialog: (shown.append(dialog.message), dialog.dismiss()))
    page.goto(f"{site.url}/?q=what+the+sign+says")
    expect(page.locator(".grid-of .found").first).to_contain_text("<script>window.owned=1</script>")
    page.get_by_label("Search all videos").fill("<img src=x onerror=alert(1)>" + "x" * 10_000)
    page.get_by_label("Search all videos").press("Enter")
    expect(page.locator(".search [role=status]").first).to_contain_text("letters; at most")
    assert page.evaluate("window.owned") is None and not shown
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_search_fits_a_phone_and_no_text_of_it_is_faint(
    browser: Browser, mine: tuple[Page, str], site: Site, scheme: Any
) -> None:
    cookies = mine[0].context.cookies()
    context = browser.new_context(
        storage_state=LET_IN, viewport=PHONE, color_scheme=scheme, is_mobile=True
    )
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{site.url}/?q=sailor+mends+nets")
    expect(page.locator(".grid-of .found").first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Ask").first.click()
    expect(page.locator(".told")).to_contain_text("No text model is here")
    expect(page.locator(".turn .found").first).to_be_visible()
    shoot(page, f"32-search-phone-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    seen, faint = page.evaluate(FAINT)
    assert seen > 10 and faint == []
    context.close()


def test_answer_has_times_to_click_and_the_next_question_knows_it(
    browser: Browser, web: ScriptedServer, tmp_path: Path
) -> None:
    shown: list[str] = []

    def reply(asked: Asked, _connection: object) -> Answer:
        system, *_, last = [json.dumps(m, ensure_ascii=False) for m in asked.json["messages"]]
        if "needed" in system:
            return as_chat('{"needs": "moment"}')
        shown.append(last)
        number = re.findall(r"\[(\d+)\] [^\[]*sailor mends", last)[0]
        sentence = {"text": "Here a sailor mends his fishing nets.", "chunks": [int(number)]}
        return as_chat(json.dumps({"told": True, "sentences": [sentence]}))

    with (
        serve() as model,
        open_site(
            tmp_path / "site", engine="sketch", reconciler="digest", read_text="off",
            embedder="words", judge="off",
        ) as site,
    ):  # fmt: skip
        model.set("/v1/chat/completions", *[reply] * 20)
        page = browser.new_page(storage_state=LET_IN, viewport=WIDE)
        page.set_default_timeout(PATIENCE)
        paste(page, site, f"{web.url}/talk.html")
        start(page)
        wait_for_summary(page)
        expect(page.get_by_text("Edit the descriptions")).to_be_visible()
        run = page.url
        site.kill()
        site.settings |= {"reconciler": "server:tiny", "base_url": model.base_url}
        site.start()
        page.goto(run)
        page.get_by_role("tab", name="Ask").click()
        field = page.locator(".asker .ask-field")
        field.fill("Who mends the nets?")
        field.press("Enter")
        expect(page.locator(".answer")).to_contain_text(f"{SAID[1][2]} 0:30")
        page.locator(".answer .proof").click()
        wait_for_time(page, 30)
        field.fill("and what is he called?")
        field.press("Enter")
        expect(page.locator(".answer")).to_have_count(2)
        shoot(page, "33-answers")
        page.close()
    assert "Who mends the nets?" not in shown[0].partition("Asked before")[2]
    assert "Who mends the nets?" in shown[-1].partition("Asked before")[2]
