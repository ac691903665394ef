"""The first minutes in a real browser: a sample, a server that is connected, runs in their list."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from longtake.models.table import SMOLVLM2, Hub
from tests.conftest import ROOT
from tests.servers import MODELS, Answer, Asked, Route, as_chat, as_error, as_models, serve
from tests.web.sites import (
    FAINT,
    LET_IN,
    PATIENCE,
    WIDE,
    Site,
    open_browser,
    open_site,
    paste,
    shoot,
    start,
    wait_for_summary,
)

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

KEY = "sk-of-the-browser-0123456789"
SMALL = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(storage_state=LET_IN, viewport=WIDE)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def sampled(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> Iterator[tuple[Site, str]]:
    """A page whose only run is of the sample that it offered, and that run's address."""
    home = tmp_path_factory.mktemp("first") / "home"
    with open_site(home, engine="sketch", speech="off") as site:
        page = browser.new_page(storage_state=LET_IN, viewport=WIDE)
        page.set_default_timeout(PATIENCE)
        page.goto(site.url)
        expect(page.get_by_role("button", name="Try a sample")).to_be_visible()
        shoot(page, "start-empty")
        page.get_by_role("button", name="Try a sample").click()
        expect(page.locator(".st-key-choice")).to_contain_text(re.compile("1:.?34"))
        shoot(page, "start-sample")
        start(page)
        wait_for_summary(page)
        yield site, page.url
        page.close()


def test_a_run_stands_in_its_list_with_picture_headline_and_length(
    page: Page, sampled: tuple[Site, str]
) -> None:
    site, url = sampled
    page.goto(site.url)
    row = page.locator(".run")
    expect(row.locator(".run-headline")).to_have_text("How Bridges Carry Weight")
    expect(row.locator(".run-length")).to_have_text("1:34")
    expect(row.locator(".run-title")).to_have_text("lecture.mp4")
    drawn = "node => new Promise(done => { const look = () => node.naturalWidth ? done(true)"
    assert row.locator("img").evaluate(f"{drawn} : setTimeout(look, 50); look(); }})")
    expect(page.get_by_role("button", name="Try a sample")).to_have_count(0)
    assert page.title() == "Longtake"
    row.locator("a").click()
    page.wait_for_url(url)
    wait_for_summary(page)
    assert page.title().startswith("lecture.mp4 · Longtake")
    expect(row).to_have_attribute("aria-current", "page")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_timeout(500)
        assert not page.evaluate(FAINT)[1]
        shoot(page, f"start-list-{scheme}")


def test_an_estimate_rests_on_the_run_before(page: Page, sampled: tuple[Site, str]) -> None:
    site, _ = sampled
    paste(page, site, str(ROOT / "examples" / "bikes.mp4"))
    expect(page.locator(".st-key-choice")).to_contain_text(
        re.compile(r"an earlier run with sketch took \d+ s for each minute of video")
    )
    shoot(page, "start-estimate")


def test_what_sketch_cannot_do_is_disabled_with_the_reason(
    page: Page, sampled: tuple[Site, str]
) -> None:
    site, _ = sampled
    page.goto(site.url)
    flows = page.get_by_role("radio")
    expect(flows).to_have_count(3)
    assert all(flow.is_disabled() for flow in flows.all())
    expect(page.get_by_text("can't be told of earlier chunks")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_the_player_leaves_the_summary_room(
    browser: Browser, sampled: tuple[Site, str], scheme: str
) -> None:
    context = browser.new_context(
        storage_state=LET_IN, viewport=SMALL, color_scheme=scheme, is_mobile=True
    )  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(sampled[1])
    last = page.locator(".sentence").last
    expect(last).to_be_visible(timeout=PATIENCE)
    shoot(page, f"phone-run-{scheme}")
    last.scroll_into_view_if_needed()
    page.locator(".parts").scroll_into_view_if_needed()
    stage = page.locator(".stage").bounding_box()
    assert stage
    assert stage["height"] <= 0.21 * SMALL["height"]
    assert stage["y"] >= 0 and stage["y"] + stage["height"] <= 0.28 * SMALL["height"]
    shoot(page, f"phone-scrolled-{scheme}")
    context.close()


def want_key(answer: Route) -> Route:
    """The answer to who has the key; 401 to all others."""

    def check(asked: Asked, connection: object) -> object:
        if asked.headers.get("Authorization") != f"Bearer {KEY}":
            return as_error(401, "the key is wrong")
        return answer

    return check  # type: ignore[return-value]


def test_a_server_is_tested_connected_used_found_again_and_forgotten(
    page: Page, tmp_path: Path
) -> None:
    with serve() as server, open_site(tmp_path / "site", speech="off", read_text="off") as site:
        entry = {"id": "tiny-vl", "owned_by": "vllm", "max_model_len": 4096}
        server.set(MODELS, want_key(as_models(entry)))
        server.set("/v1/chat/completions", want_key(as_chat("A man rides a red bicycle.")))
        page.goto(site.url)
        page.get_by_role("button", name="Connect a server").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Address").fill(server.url.removeprefix("http://"))
        dialog.get_by_role("button", name="Test").click()
        expect(dialog.get_by_text("401")).to_be_visible()
        shoot(page, "server-refused")
        dialog.get_by_label("Key", exact=True).fill(KEY)
        dialog.get_by_role("button", name="Test").click()
        expect(dialog.get_by_text("vLLM answers: 1 model")).to_be_visible()
        shoot(page, "server-tested")
        dialog.get_by_role("button", name="Use it").click()
        expect(dialog).to_have_count(0)
        describer = page.get_by_role("combobox", name="Who describes the pictures")
        expect(describer).to_have_value("tiny-vl (vLLM)")
        shoot(page, "server-used")
        path = site.home / "servers.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        paste(page, site, str(ROOT / "examples" / "bikes.mp4"))
        expect(describer).to_have_value("tiny-vl (vLLM)")
        start(page)
        wait_for_summary(page)
        expect(page.locator(".part").first).to_contain_text("red bicycle")
        holding = [p for p in site.home.rglob("*") if p.is_file() and KEY.encode() in read(p)]
        assert holding == [path]
        (request,) = site.home.glob("runs/*/request.json")
        assert json.loads(request.read_text())["settings"]["base_url"] == server.base_url
        page.goto(site.url)
        page.get_by_role("button", name="Connect a server").click()
        dialog.get_by_role("button", name="Forget").click()
        expect(dialog).to_have_count(0)
        expect(describer).to_have_value(re.compile("Automatic"))
        assert KEY not in path.read_text()


def read(path: Path) -> bytes:
    """What a file holds; models, which are large, are not looked into."""
    return b"" if "models" in path.parts else path.read_bytes()


def test_a_model_that_sees_is_offered_with_its_size_and_time_and_never_fetched_unasked(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SMOLVLM2.weights.sources[0]
    assert isinstance(source, Hub)
    path = f"/{source.repository}/resolve/{source.revision}/{source.file}"
    headers = {"ETag": '"tag"', "X-Repo-Commit": "0" * 40}
    with serve() as hub:
        hub.set(path, Answer(200, b"not the weights", headers))
        for name in ("HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
        with open_site(tmp_path / "home") as site:
            paste(page, site, str(ROOT / "examples" / "bikes.mp4"))
            choice = page.locator(".st-key-choice")
            expect(choice).to_contain_text("smolvlm2-500m-video (0.5 GB, Apache-2.0) describes")
            expect(choice).to_contain_text(re.compile("This video would take about .+ with it"))
            shoot(page, "start-offer")
            assert {asked.method for asked in hub.asked} == {"HEAD"}
            page.get_by_role("button", name="Fetch it").click()
            expect(choice).to_contain_text("what came is not the file of the table")
            page.get_by_role("button", name="Never offer it").click()
            expect(page.get_by_role("button", name="Fetch it")).to_have_count(0)
            expect(page.get_by_role("button", name="Start")).to_be_visible()


def test_link_that_the_server_printed_opens_the_page_and_the_bare_address_says_so(
    browser: Browser, sampled: tuple[Site, str]
) -> None:
    site, _ = sampled
    printed = re.search(r"open the page: (\S+)", (site.home / "server.log").read_text())
    assert printed
    page = browser.new_page(viewport=WIDE)
    page.goto(site.url)
    expect(page.get_by_text("opened by the link that `longtake app` printed")).to_be_visible()
    page.goto(printed[1])
    expect(page.get_by_label("Paste a link")).to_be_visible(timeout=PATIENCE)
    assert page.url == f"{site.url}/"
