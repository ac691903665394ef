"""In a real browser: the transcript beside the player, and files that browsers don't play."""

import re
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.conftest import ROOT
from tests.videos import make_film, make_video
from tests.web.sites import LET_IN
from tests.web.test_browser import (
    FAINT,
    HOSTILE,
    PATIENCE,
    PHONE,
    WIDE,
    Site,
    open_site,
    paste,
    play_time,
    shoot,
    start,
    wait_for_summary,
)

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

CODECS = {
    "asp.avi": ("mpeg4", "libmp3lame"),
    "ps.mpg": ("mpeg2video", "mp2"),
    "h264.mkv": ("libx264", "ac3"),
    "vp9.mkv": ("libvpx-vp9", "libopus"),
}
SAID = [f"Line {n} tells of bridge number {n}." for n in range(30)]
SAID[7] = "In the café, SOMEBODY orders a coffee."
SAID[12] = HOSTILE


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site") / "home"
    with open_site(home, engine="fake", reconciler="fake", read_text="off") as opened:
        yield opened


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(storage_state=LET_IN, viewport=WIDE, accept_downloads=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def talk(own_site: Site, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a run of a film of two minutes in which a line is said every four seconds."""
    film = make_video(
        tmp_path_factory.mktemp("talk") / "talk.mp4", seconds=120, rate=5, size=(160, 96),
        sound_seconds=120,
    )  # fmt: skip
    cues = [
        f"{n + 1}\n00:{n * 4 // 60:02}:{n * 4 % 60:02},000 --> "
        f"00:{(n * 4 + 3) // 60:02}:{(n * 4 + 3) % 60:02},500\n{escape(text)}\n"
        for n, text in enumerate(SAID)
    ]
    film.with_suffix(".srt").write_text("\n".join(cues))
    return run_to_end(own_site, chromium, str(film))


def run_to_end(site: Site, browser: Browser, source: str) -> str:
    page = browser.new_page(storage_state=LET_IN, viewport=WIDE)
    paste(page, site, source)
    start(page)
    wait_for_summary(page)
    page.close()
    return page.url


def open_transcript(page: Page, url: str) -> Locator:
    page.goto(url)
    wait_for_summary(page)
    page.get_by_role("tab", name="Transcript").click()
    expect(page.locator(".line").first).to_be_visible()
    return page.locator(".line")


def wait_for_time(page: Page, due: float) -> None:
    for _ in range(100):
        if abs(play_time(page) - due) < 0.6:
            return
        page.wait_for_timeout(50)
    raise AssertionError(play_time(page))


def take_to(page: Page, time: float) -> None:
    page.locator("video").evaluate("(video, time) => { video.currentTime = time }", time)


def is_in_view(page: Page, line: Locator) -> bool:
    frame, place = page.locator(".said-box").bounding_box(), line.bounding_box()
    assert frame and place
    return bool(
        frame["y"] <= place["y"] and place["y"] + place["height"] <= frame["y"] + frame["height"]
    )


def wait_for_view(page: Page, line: Locator) -> None:
    for _ in range(60):
        if is_in_view(page, line):
            return
        page.wait_for_timeout(50)
    raise AssertionError(line.bounding_box())


def test_the_line_that_is_spoken_is_marked_and_kept_in_view(tab: Page, talk: str) -> None:
    lines = open_transcript(tab, talk)
    expect(lines).to_have_count(30)
    wait_for_time(tab, 0)
    before = tab.evaluate("() => document.querySelector('.stMain').scrollTop")
    for number in (2, 25, 13):
        take_to(tab, 4 * number + 1)
        expect(tab.locator(".line[aria-current]")).to_have_count(1)
        expect(lines.nth(number)).to_have_attribute("aria-current", "true")
        wait_for_view(tab, lines.nth(number))
    shoot(tab, "8-transcript")
    assert tab.evaluate("() => document.querySelector('.stMain').scrollTop") == before
    tab.locator("video").evaluate("video => { video.muted = true; return video.play() }")
    expect(lines.nth(14)).to_have_attribute("aria-current", "true", timeout=20_000)


def test_a_click_on_a_line_takes_the_player_there_and_so_does_the_keyboard(
    tab: Page, talk: str
) -> None:
    lines = open_transcript(tab, talk)
    lines.nth(9).click()
    wait_for_time(tab, 36)
    lines.nth(11).locator("button").focus()
    tab.keyboard.press("Enter")
    wait_for_time(tab, 44)
    expect(lines.nth(11)).to_have_attribute("aria-current", "true")


def test_who_scrolls_stays_there_until_he_asks_for_the_line_again(tab: Page, talk: str) -> None:
    lines = open_transcript(tab, talk)
    lines.nth(1).click()
    wait_for_time(tab, 4)
    tab.locator(".said-box").hover()
    tab.mouse.wheel(0, 900)
    back = tab.get_by_role("button", name="Back to what is said now")
    expect(back).to_be_visible()
    take_to(tab, 9)
    expect(lines.nth(2)).to_have_attribute("aria-current", "true")
    tab.wait_for_timeout(600)
    assert not is_in_view(tab, lines.nth(2))
    back.click()
    wait_for_view(tab, lines.nth(2))
    expect(back).to_be_hidden()


def test_search_shows_the_lines_that_have_the_words_whatever_their_case_or_accents(
    tab: Page, talk: str
) -> None:
    lines = open_transcript(tab, talk)
    field = tab.get_by_label("Search what is said")
    field.fill("CAFE, somebody")
    expect(tab.locator(".line:visible")).to_have_count(1)
    expect(tab.locator(".line:visible mark")).to_have_text("café, SOMEBODY")
    expect(tab.locator(".count")).to_have_text("1 of 30 lines")
    field.fill("bridge number 2")
    expect(tab.locator(".line:visible")).to_have_count(11)  # 2, and 20 to 29
    shoot(tab, "9-search")
    tab.locator(".line:visible").last.click()
    wait_for_time(tab, 116)
    field.fill("<script>")
    expect(tab.locator(".line:visible mark")).to_have_text("<script>")
    field.fill("no such words")
    expect(tab.locator(".count")).to_have_text("none of 30 lines")
    field.fill("")
    expect(tab.locator(".line:visible")).to_have_count(30)
    expect(tab.locator("mark")).to_have_count(0)
    assert lines.all_inner_texts()[7].endswith(SAID[7])


def test_the_transcript_is_copied_and_taken_away_in_three_forms(
    tab: Page, talk: str, tmp_path: Path
) -> None:
    open_transcript(tab, talk)
    tab.get_by_role("button", name="Copy").click()
    expect(tab.get_by_role("button", name="Copied")).to_be_visible()
    copied = tab.evaluate("() => navigator.clipboard.readText()")
    assert copied.splitlines()[:2] == [f"0:00 {SAID[0]}", f"0:04 {SAID[1]}"]
    assert len(copied.splitlines()) == 30
    for name, begins in (("SRT", "1\n00:00:00,000"), ("VTT", "WEBVTT"), ("Text", "[0:00] Line 0")):
        with tab.expect_download() as waited:
            tab.locator(".take a", has_text=name).click()
        path = tmp_path / waited.value.suggested_filename
        waited.value.save_as(path)
        assert path.read_text().startswith(begins) and "bridge number 29" in path.read_text()


def test_hostile_words_in_the_transcript_show_as_text(tab: Page, talk: str) -> None:
    shown: list[str] = []
    tab.on("dialog", lambda dialog: (shown.append(dialog.message), dialog.dismiss()))
    lines = open_transcript(tab, talk)
    expect(lines.nth(12)).to_contain_text("<script>window.owned=1</script> [x](javascript:alert(1)")
    tab.get_by_label("Search what is said").fill("onerror")
    expect(tab.locator(".line:visible mark")).to_have_text("onerror")
    assert tab.evaluate("window.owned") is None
    assert tab.locator("img[src=x]").count() == 0 and not shown


def test_tabs_are_turned_by_the_keyboard(tab: Page, talk: str) -> None:
    tab.goto(talk)
    wait_for_summary(tab)
    tab.get_by_role("tab", name="Summary").focus()
    tab.keyboard.press("ArrowRight")
    expect(tab.get_by_role("tab", name="Transcript")).to_have_attribute("aria-selected", "true")
    expect(tab.locator(".line").first).to_be_visible()
    expect(tab.locator(".headline")).to_be_hidden()
    tab.keyboard.press("ArrowRight")
    expect(tab.get_by_role("tab", name="Ask")).to_have_attribute("aria-selected", "true")
    tab.keyboard.press("ArrowRight")
    expect(tab.locator(".headline").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_transcript_fits_a_phone_and_no_text_of_it_is_faint(
    chromium: Browser, talk: str, scheme: Any
) -> None:
    context = chromium.new_context(
        storage_state=LET_IN, viewport=PHONE, color_scheme=scheme, is_mobile=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    lines = open_transcript(page, talk)
    lines.nth(3).click()
    page.get_by_label("Search what is said").fill("bridge")
    widest = page.evaluate(
        "() => Math.max(...[document.scrollingElement,"
        " ...document.querySelectorAll('.stMain, .stApp')].map(n => n.scrollWidth))"
    )
    assert widest <= PHONE["width"]
    texts, faint = page.evaluate(FAINT)
    assert texts > 20 and not faint
    shoot(page, f"10-phone-transcript-{scheme}")
    context.close()


def test_cards_tell_words_once(tab: Page, talk: str) -> None:
    """A slide's lines and captions in the picture would stand in each card again."""

    def add_words(route: Any) -> None:
        told = route.fetch().json()
        if told["result"]:
            first, second, third, *_ = told["result"]["arms"][0]["chunks"]
            first.update(speech="We look at arches today.", on_screen="The arch / a stone")
            second.update(speech="", on_screen="The arch / a stone", same_as=1, text=first["text"])
            third.update(speech="", on_screen="The arch / We look at arches today / the keystone")
            second["speech"] = "We look at arches today, again."
        route.fulfill(json=told)

    tab.route("**/told?*", add_words)
    tab.goto(talk)
    wait_for_summary(tab)
    first, second, third = (tab.locator(".part").nth(n) for n in range(3))
    expect(first).to_contain_text("The arch / a stone")
    expect(second).to_contain_text("Looks the same as chunk 1.")
    expect(second).to_contain_text("Written as before")
    expect(second).not_to_contain_text("a stone")
    expect(second.locator(".text")).to_have_count(0)
    expect(third.locator(".said")).to_have_text("Written the keystone")


# --- what browsers don't play -----------------------------------------------------------------


def make_noise_film(path: Path, seconds: int) -> Path:
    """Of which a copy takes a while."""
    noise = np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)
    return make_video(
        path, seconds=seconds, rate=25, codec="mpeg4", size=(640, 360), sound_seconds=seconds,
        draw=lambda number, *_: np.roll(noise, 7 * number, axis=1),
    )  # fmt: skip


@pytest.mark.parametrize("name", [*CODECS, "city.mpg"])
def test_a_file_that_browsers_don_t_play_plays(
    tab: Page, own_site: Site, chromium: Browser, tmp_path: Path, name: str
) -> None:
    film = tmp_path / name
    real = ROOT / ".cache" / "films" / "cityCC0.mpg"
    if name == "city.mpg":
        if not real.is_file():
            pytest.skip("the film is not here: make films")
        shutil.copy(real, film)
    else:
        make_film(film, *CODECS[name], size=(320, 240), seconds=12)
    tab.goto(run_to_end(own_site, chromium, str(film)))
    wait_for_summary(tab)
    expect(tab.locator("video")).to_be_visible()
    expect(tab.locator(".play-note")).to_contain_text("What plays is a copy")
    tab.locator(".part-face").last.click()
    due = float(tab.locator(".part-face").last.get_attribute("data-at") or -1)
    wait_for_time(tab, due)
    tab.locator("video").evaluate("video => { video.muted = true; return video.play() }")
    tab.wait_for_timeout(700)
    assert play_time(tab) > due + 0.3
    assert tab.locator("video").evaluate("video => video.videoWidth") == (
        640 if name == "city.mpg" else 320
    )
    shoot(tab, f"11-{name}")


def test_the_summary_is_read_while_the_copy_is_made_and_then_it_plays_where_one_was(
    tab: Page, own_site: Site, tmp_path: Path
) -> None:
    film = make_noise_film(tmp_path / "noise.avi", 60)
    paste(tab, own_site, str(film))
    start(tab)
    wait_for_summary(tab)
    expect(tab.locator(".doing")).to_contain_text("Making a copy that browsers play")
    expect(tab.locator(".stage-words")).to_contain_text(re.compile(r"is being made: \d+ %"))
    tab.locator(".part-face").nth(3).click()
    due = float(tab.locator(".part-face").nth(3).get_attribute("data-at") or -1)
    expect(tab.locator(".still")).to_be_visible()
    shoot(tab, "12-copying")
    expect(tab.locator(".stage video")).to_be_visible(timeout=PATIENCE)
    wait_for_time(tab, due)
    expect(tab.locator(".still")).to_be_hidden()
    expect(tab.locator(".progress")).to_be_hidden(timeout=PATIENCE)
    expect(tab.get_by_text("Edit the descriptions")).to_be_visible()


def test_of_a_file_without_a_copy_the_page_says_why_and_shows_the_rest(
    tab: Page, own_site: Site, tmp_path: Path
) -> None:
    film = make_noise_film(tmp_path / "noise.avi", 60)
    paste(tab, own_site, str(film))
    start(tab)
    wait_for_summary(tab)
    (own_site.home / "runs" / tab.url.rpartition("=")[2] / "play.mp4").mkdir()
    words = tab.locator(".stage-words")
    expect(words).to_contain_text("no copy that it could: making one broke off", timeout=PATIENCE)
    tab.locator(".part-face").nth(2).click()
    expect(tab.locator(".still")).to_be_visible()
    expect(tab.locator(".headline").first).to_be_visible()
    shoot(tab, "13-no-copy")


def test_the_original_stays_what_it_was(own_site: Site, chromium: Browser, tmp_path: Path) -> None:
    film = make_video(tmp_path / "v.avi", seconds=6, codec="mpeg4")
    before = film.read_bytes()
    run = run_to_end(own_site, chromium, str(film)).rpartition("=")[2]
    assert film.read_bytes() == before
    with av.open(str(own_site.home / "runs" / run / "play.mp4")) as copy:
        assert copy.streams.video[0].codec_context.name == "h264"
