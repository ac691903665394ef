"""The page without a browser: its routes, its script, and a run that has ended."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from longtake.runs.folder import ENDED, Asked, read_run, submit
from longtake.runs.queue import Queue
from longtake.web.door import KEY_COOKIE
from longtake.web.server import SCRIPT, make_middleware, make_routes
from tests.videos import make_video
from tests.web.examples import HOSTILE


@pytest.fixture
def own_machine() -> Iterator[None]:
    """The page as bound to 127.0.0.1."""
    old = streamlit.get_option("server.address")
    streamlit.config.set_option("server.address", "127.0.0.1")
    yield
    streamlit.config.set_option("server.address", old)


KEY = "the-key-of-the-page"


@pytest.fixture
def stranger(own_machine: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The page's own routes behind its door, asked by one who has no key yet."""
    monkeypatch.setenv("LONGTAKE_PAGE_KEY", KEY)
    app = Starlette(routes=make_routes(), middleware=make_middleware())
    with TestClient(app, base_url="http://127.0.0.1:8501") as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """The same, by one who was let in."""
    stranger.cookies.set(KEY_COOKIE, KEY)
    return stranger


@pytest.fixture(scope="session")
def home_with_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home with one finished run with a hostile title; made once by a real worker."""
    folder = tmp_path_factory.mktemp("page")
    video = make_video(folder / "numbers.mp4", seconds=12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LONGTAKE_HOME", str(folder / "home"))
        settings = {
            "engine": "fake", "reconciler": "fake", "speech": "off", "read_text": "off",
        }  # fmt: skip
        asked = Asked(str(video), "summarize", dict(settings), HOSTILE[0], "me", time.time(), "")
        run = submit(asked)
        queue = Queue(1)
        queue.start()
        try:
            deadline = time.monotonic() + 60
            while (found := read_run(run)).state not in ENDED:
                assert time.monotonic() < deadline, found
                time.sleep(0.05)
        finally:
            queue.close()
        assert found.state == "done", found
    return folder / "home", run


@pytest.fixture
def run(home_with_run: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The finished run; its home is the test's."""
    monkeypatch.setenv("LONGTAKE_HOME", str(home_with_run[0]))
    return home_with_run[1]


@pytest.fixture
def page(own_machine: None) -> AppTest:
    """The script."""
    return AppTest.from_file(str(SCRIPT), default_timeout=20)
