"""The page in a real browser, before a real server: what a visitor does, from link to files.

`make test-browser` runs these.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Route,
    expect,
)

from longtake.report.read_back import read_descriptions
from tests.conftest import ROOT
from tests.servers import Answer, ScriptedServer, as_chat, as_json, serve
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

HOSTILE = (
    "<script>window.owned=1</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)> ../../a"
)
FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(
        tmp_path_factory.mktemp("site") / "home", engine="sketch", speech="off"
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedServer]:
    """Where the links lead."""
    folder = tmp_path_factory.mktemp("web")
    for name in ("lecture.mp4", "bikes.mp4"):
        shutil.copy(ROOT / "examples" / name, folder)
    # Of other content, so that no answer to it is known; players skip the box at its end.
    other = (folder / "lecture.mp4").read_bytes() + b"\0\0\0\x08free"
    (folder / "other.mp4").write_bytes(other)
    with serve_folder(folder) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(storage_state=LET_IN, viewport=WIDE, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(visitor: BrowserContext) -> Page:
    return visitor.new_page()


def play_time(page: Page) -> float:
    return float(page.locator("video").evaluate("video => video.currentTime"))


def read_states(site: Site) -> list[str]:
    return [json.loads(p.read_text())["state"] for p in site.home.glob("runs/*/state.json")]


def watch_shifts(page: Page) -> None:
    """Count from now on how far what is drawn has jumped."""
    page.evaluate(
        "() => { window.shifted = 0; new PerformanceObserver((list) => {"
        " for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifted += e.value;"
        " }).observe({type: 'layout-shift'}); }"
    )


def test_link_is_pasted_watched_stopped_found_again_and_gone_on_with(
    page: Page, visitor: BrowserContext, site: Site, web: ScriptedServer
) -> None:
    paste(page, site, f"{web.url}/lecture.mp4")
    card = page.locator(".st-key-choice")
    expect(card).to_contain_text("1.5 MB")
    expect(card).to_contain_text(re.compile("About .*|can't be told yet"))
    shoot(page, "1-chosen")
    start(page)
    expect(page.locator(".doing")).to_be_visible()  # the change of screens is no jump
    watch_shifts(page)
    parts = page.locator(".part")
    expect(parts.nth(2)).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".doing")).to_contain_text("Describing")
    shoot(page, "2-running")
    page.locator("button.act", has_text="Stop").click()
    expect(page.locator(".doing")).to_have_text("Stopped", timeout=PATIENCE)
    assert page.evaluate("window.shifted") < 0.1
    known = parts.count()
    assert 3 <= known < 20
    (state,) = site.home.glob("runs/*/state.json")
    with pytest.raises(ProcessLookupError):
        os.kill(json.loads(state.read_text())["pid"], 0)
    page.reload()
    expect(page.locator(".doing")).to_have_text("Stopped")
    expect(parts).to_have_count(known)
    other = visitor.new_page()
    other.goto(page.url)
    expect(other.locator(".doing")).to_have_text("Stopped")
    page.locator("button.act", has_text="Go on").click()
    wait_for_summary(page)
    expect(parts).to_have_count(20)
    shoot(page, "3-done")
    other.reload()
    wait_for_summary(other)


def run_to_end(site: Site, browser: Browser, link: str) -> str:
    """The address of a run of that link that has ended."""
    page = browser.new_page(storage_state=LET_IN, viewport=WIDE)
    paste(page, site, link)
    start(page)
    wait_for_summary(page)
    page.close()
    return page.url


@pytest.fixture(scope="module")
def finished(site: Site, web: ScriptedServer, browser: Browser) -> str:
    """A run of a film without a word."""
    return run_to_end(site, browser, f"{web.url}/bikes.mp4")


@pytest.fixture(scope="module")
def lectured(site: Site, web: ScriptedServer, browser: Browser) -> str:
    """A run of slides, whose chapters are theirs."""
    return run_to_end(site, browser, f"{web.url}/lecture.mp4")


def test_chunks_that_are_told_out_of_order_stand_in_the_video_s_order(
    page: Page, finished: str
) -> None:
    def reverse(route: Route) -> None:
        told = route.fetch().json()
        told["run"]["state"] = "running"
        route.fulfill(json=told | {"told": told["told"][::-1], "result": None})

    page.route("**/told?*", reverse)
    page.goto(finished)
    expect(page.locator(".part .time").last).to_contain_text("chunk 2")
    assert [part.split()[-1] for part in page.locator(".part .time").all_text_contents()] == [
        "1",
        "2",
    ]


def test_click_on_a_sentence_a_chapter_or_a_part_takes_the_player_there(
    page: Page, lectured: str
) -> None:
    page.goto(lectured)
    wait_for_summary(page)
    expect(page.locator("video")).to_be_visible()
    for kind in (".sentence", ".chapters .jump", ".part-face"):
        place = page.locator(kind).last
        due = float(place.get_attribute("data-at") or -1)
        assert due > 0
        page.locator("video").evaluate("video => { video.currentTime = 0 }")
        place.click()
        page.wait_for_function(
            "due => Math.abs(document.querySelector('video')?.currentTime - due) < 0.5"
            " || [...document.querySelectorAll('*')].some(n => n.shadowRoot && Math.abs("
            "n.shadowRoot.querySelector('video')?.currentTime - due) < 0.5)",
            arg=due,
        )
    expect(page.locator(".part[aria-current]")).to_have_count(1)


def test_each_file_can_be_taken_away_and_read_back(
    page: Page, lectured: str, tmp_path: Path
) -> None:
    page.goto(lectured)
    wait_for_summary(page)
    found: dict[str, Path] = {}
    for link in page.locator(".files a").all():
        with page.expect_download() as waited:
            link.click()
        name = waited.value.suggested_filename
        found[name.rpartition(" - ")[2]] = path = tmp_path / name
        waited.value.save_as(path)
    assert {"summary.md", "summary.json", "descriptions.csv"} < set(found)
    assert len(read_descriptions(found["descriptions.csv"])) == 20
    assert json.loads(found["summary.json"].read_text())["ledger"]["planned"] == 20
    assert found["summary.md"].read_text().startswith("# ")
    assert "descriptions.vtt" not in found  # what was only measured is nothing to read
    assert re.fullmatch(r"0:00 .+\n(\d+:\d\d .+\n)*", found["chapters.txt"].read_text())


def open_first_cell(page: Page, table: Locator) -> Locator:
    """The field of the first description; the table is a canvas, which takes clicks late."""
    cell = page.locator("#portal textarea")
    box = None
    for _ in range(20):
        table.scroll_into_view_if_needed()  # again: what stands above it may have grown
        box = table.bounding_box()
        assert box
        page.mouse.dblclick(box["x"] + box["width"] * 0.7, box["y"] + 35 + 30)
        with suppress(AssertionError):
            expect(cell).to_be_visible(timeout=3000)
            return cell
    raise AssertionError(f"no click opens the table at {box}")


def test_edited_description_is_summarised_again_as_a_run_of_its_own(
    page: Page, finished: str, site: Site
) -> None:
    page.goto(finished)
    wait_for_summary(page)
    page.get_by_text("Edit the descriptions").click()
    cell = open_first_cell(page, page.locator("[data-testid=stDataFrame]"))
    again = page.get_by_role("button", name="Summarise again")
    expect(again).to_have_count(0)
    cell.fill("A red kite flies over the bridge.")
    cell.press("Enter")
    shoot(page, "4-edited")
    expect(page.get_by_text("1 description changed")).to_be_visible()
    again.click()
    page.wait_for_function("old => location.href !== old", arg=finished)
    expect(page.locator(".sub")).to_contain_text("edited", timeout=PATIENCE)
    expect(page.locator(".arm-box")).to_contain_text("red kite", timeout=PATIENCE)
    expect(page.locator("video")).to_be_visible()
    new = site.home / "runs" / page.url.rpartition("=")[2]
    told = read_descriptions(new / "upload" / "descriptions.csv")
    assert told[0].text == "A red kite flies over the bridge."


def test_dropped_file_is_described_and_what_is_no_video_is_refused(page: Page, site: Site) -> None:
    page.goto(site.url)
    drop = page.locator("input[type=file]")
    drop.set_input_files({"name": "x.mp4", "mimeType": "video/mp4", "buffer": b"no video" * 500})
    expect(page.get_by_role("alert").filter(has_text="not a video")).to_be_visible()
    drop.set_input_files(str(ROOT / "examples" / "bikes.mp4"))
    expect(page.locator(".st-key-choice")).to_contain_text("bikes.mp4")
    start(page)
    wait_for_summary(page)
    assert not list((site.home / "uploads").iterdir())


def test_both_flows_stand_side_by_side(page: Page, web: ScriptedServer, tmp_path: Path) -> None:
    with open_site(tmp_path / "site", engine="fake", reconciler="fake", speech="off") as site:
        paste(page, site, f"{web.url}/bikes.mp4")
        page.get_by_text("Both, side by side").click()
        start(page)
        wait_for_summary(page)
        expect(page.locator(".arm-box")).to_have_count(2)
        one, two = (page.locator(".arm-box").nth(k).bounding_box() for k in (0, 1))
        assert one
        assert two
        assert abs(one["y"] - two["y"]) < 5 and one["x"] < two["x"]
        expect(page.locator(".figures")).to_contain_text("input tokens")
        shoot(page, "5-both")


def test_run_is_deleted_once_its_visitor_has_said_so_twice(
    page: Page, site: Site, web: ScriptedServer, browser: Browser
) -> None:
    run = run_to_end(site, browser, f"{web.url}/bikes.mp4").rpartition("=")[2]
    page.goto(f"{site.url}?run={run}")
    row = page.locator(f".run:has(a[href$='{run}'])")
    row.get_by_role("button", name="Delete bikes").click()
    sure, keep = (page.locator(f".st-key-{name} button") for name in ("delete", "keep"))
    painted = "node => getComputedStyle(node).backgroundColor"
    assert sure.evaluate(painted) != keep.evaluate(painted)  # what is blue is to keep it
    shoot(page, "8-delete")
    keep.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert (site.home / "runs" / run).exists()
    row.get_by_role("button", name="Delete bikes").click()
    sure.click()
    expect(page.get_by_label("Paste a link")).to_be_visible()
    expect(row).to_have_count(0)
    assert not (site.home / "runs" / run).exists()


def test_server_that_is_killed_and_started_again_finds_the_run_where_it_is(
    page: Page, site: Site, web: ScriptedServer
) -> None:
    paste(page, site, f"{web.url}/other.mp4")
    start(page)
    run = site.home / "runs" / page.url.rpartition("=")[2]
    expect(page.locator(".doing")).to_contain_text("Describing", timeout=PATIENCE)
    site.kill()
    try:
        expect(page.locator(".left")).to_contain_text("can't be reached", timeout=PATIENCE)
    finally:
        site.start()
    expect(page.locator(".headline").first).to_be_visible(timeout=PATIENCE)
    assert json.loads((run / "state.json").read_text())["attempts"] == 1
    page.reload()
    wait_for_summary(page)


def test_keyboard_alone_leads_from_the_link_to_a_place_in_the_video(
    page: Page, site: Site, web: ScriptedServer
) -> None:
    page.goto(site.url)
    field = page.get_by_label("Paste a link")
    expect(field).to_be_visible()
    press_until(page, lambda: field.evaluate("node => node === document.activeElement"))
    page.keyboard.type(f"{web.url}/lecture.mp4")
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Start")
    expect(button).to_be_visible(timeout=PATIENCE)
    press_until(page, lambda: button.evaluate("node => node === document.activeElement"))
    page.keyboard.press("Enter")
    wait_for_summary(page)
    sentence = page.locator(".sentence").last
    is_there = "node => node === node.getRootNode().activeElement"
    press_until(page, lambda: sentence.evaluate(is_there))
    assert "none" not in sentence.evaluate("node => getComputedStyle(node).outlineStyle")
    page.keyboard.press("Enter")
    due = float(sentence.get_attribute("data-at") or -1)
    for _ in range(100):
        if abs(play_time(page) - due) < 0.5:
            return
        page.wait_for_timeout(50)
    raise AssertionError(play_time(page))


def press_until(page: Page, there: Any) -> None:
    for _ in range(80):
        if there():
            return
        page.keyboard.press("Tab")
    raise AssertionError("the Tab key does not lead there")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_s_width_is_enough_and_no_text_is_faint(
    browser: Browser, site: Site, finished: str, scheme: Any
) -> None:
    context = browser.new_context(
        storage_state=LET_IN, viewport=PHONE, color_scheme=scheme, is_mobile=True
    )
    page = context.new_page()
    for name, url in (("first", site.url), ("done", finished)):
        page.goto(url)
        last = page.get_by_text("More settings" if name == "first" else "Take it with you")
        expect(last).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        widest = page.evaluate(
            "() => Math.max(...[document.scrollingElement,"
            " ...document.querySelectorAll('.stMain, .stApp')].map(n => n.scrollWidth))"
        )
        assert widest <= PHONE["width"]
        texts, faint = page.evaluate(FAINT)
        assert texts > 12 and not faint
        shoot(page, f"6-phone-{name}-{scheme}")
    context.close()


def test_hostile_texts_show_as_text_everywhere(browser: Browser, tmp_path: Path) -> None:
    with serve() as engine:
        engine.set("/v1/models", as_json({"data": [{"id": "tiny"}]}))
        engine.set("/v1/chat/completions", as_chat(f"{HOSTILE} {FORMULA}"))
        with open_site(
            tmp_path / "site",
            engine="server:tiny",
            reconciler="fake",
            base_url=f"{engine.url}/v1",
            speech="off",
            read_text="off",
        ) as site:
            context = browser.new_context(
                storage_state=LET_IN, viewport=WIDE, accept_downloads=True
            )
            page = context.new_page()
            shown: list[str] = []
            page.on("dialog", lambda dialog: (shown.append(dialog.message), dialog.dismiss()))
            page.goto(site.url)
            content = (ROOT / "examples" / "bikes.mp4").read_bytes()
            page.locator("input[type=file]").set_input_files(
                {"name": f"{HOSTILE.replace('/', ' ')}.mp4", "mimeType": "video/mp4",
                 "buffer": content}
            )  # fmt: skip
            expect(page.locator(".st-key-choice")).to_contain_text("<script>window.owned=1")
            start(page)
            wait_for_summary(page)
            expect(page.locator(".part").first).to_contain_text("<img src=x onerror=alert(1)>")
            expect(page.locator(".title")).to_contain_text("<script>window.owned=1")
            expect(page.locator("section[data-testid=stSidebar]")).to_contain_text("<script>")
            shoot(page, "7-hostile")
            assert page.evaluate("window.owned") is None
            assert page.title().startswith("<script>window.owned=1< script> [x](")
            assert page.title().endswith(" · Longtake")
            assert page.locator("a[href^='javascript']").count() == 0
            assert page.locator("img[src=x]").count() == 0
            assert not shown
            with page.expect_download() as waited:
                page.locator(".files a", has_text="CSV").first.click()
            assert "/" not in waited.value.suggested_filename
            waited.value.save_as(tmp_path / "d.csv")
            assert not re.search(r"(^|,)\"?=", (tmp_path / "d.csv").read_text(), re.MULTILINE)
            context.close()


def test_hostile_captions_and_titles_of_a_site_show_as_text(
    page: Page, site: Site, web: ScriptedServer
) -> None:
    said = escape("<script>window.owned=1</script> [x](javascript:alert(1)) =cmd|calc")
    cue = f"WEBVTT\n\n00:00:01.000 --> 00:00:04.000\n{said}\n"
    web.set("/c.vtt", Answer(200, cue.encode(), {"Content-Type": "text/vtt"}))
    video = '<video src="bikes.mp4"><track src="c.vtt" kind="captions" srclang="en"></video>'
    web.set("/talk.html", as_page(video, head=f"<title>{said}</title>"))
    shown: list[str] = []
    page.on("dialog", lambda dialog: (shown.append(dialog.message), dialog.dismiss()))
    paste(page, site, f"{web.url}/talk.html")
    expect(page.locator(".st-key-choice")).to_contain_text("captions published with the video")
    start(page)
    wait_for_summary(page)
    expect(page.locator(".said").first).to_contain_text("<script>window.owned=1</script> [x](java")
    assert page.evaluate("window.owned") is None
    assert page.locator("a[href^='javascript']").count() == 0
    assert not shown


def test_ten_visitors_at_once_lose_no_run_and_take_turns(
    browser: Browser, web: ScriptedServer, tmp_path: Path
) -> None:
    with open_site(
        tmp_path / "site", engine="sketch", reconciler="fake", speech="off", read_text="off"
    ) as site:
        contexts = [browser.new_context(storage_state=LET_IN, viewport=WIDE) for _ in range(10)]
        pages = [context.new_page() for context in contexts]
        for page in pages:
            page.set_default_timeout(PATIENCE)
            paste(page, site, f"{web.url}/bikes.mp4")
        waiting, running = [], []
        for page in pages:
            start(page)
            doing = page.locator(".doing")
            expect(doing).not_to_be_empty(timeout=PATIENCE)
            waiting.append(doing.text_content() or "")
            running.append(read_states(site).count("running"))
        assert any("before yours" in words for words in waiting), waiting
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            states = read_states(site)
            running.append(states.count("running"))
            if states.count("done") == 10:
                break
            time.sleep(0.1)
        assert states == ["done"] * 10 and max(running) == 1
        for page in pages:
            wait_for_summary(page)
        assert len({page.url for page in pages}) == 10
        assert site.process
        status = Path(f"/proc/{site.process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+)", status)
        assert peak and int(peak[1]) < 1_000_000  # kB, of the server for all of them
        for context in contexts:
            context.close()
