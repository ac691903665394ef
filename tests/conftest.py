"""What every test has: a home of its own, and none of the user's settings."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from longtake.store import Store
from tests.videos import make_video

ROOT = Path(__file__).parents[1]

# Speed is shown in benchmarks: a busy machine fails no test.
settings.register_profile("longtake", deadline=None)
settings.load_profile("longtake")

# The hub's client tries for half a minute before it says that there is no network.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A fresh LONGTAKE_HOME; tests marked `real` see the user's models through it."""
    folder = tmp_path / "home"
    if not request.node.get_closest_marker("real"):
        monkeypatch.setenv("LONGTAKE_HOME", str(folder))
    for name in [*os.environ]:
        if name.startswith(("OPENAI_", "OLLAMA_")) or (
            name.startswith("LONGTAKE_") and name != "LONGTAKE_HOME"
        ):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store(tmp_path / "store.sqlite") as opened:
        yield opened


@pytest.fixture(scope="session")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s at 10 pictures a second; each picture carries its own number."""
    return make_video(tmp_path_factory.mktemp("videos") / "numbered.mp4", seconds=20)


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the videos of every kind (`make_kind`), each made when first asked for."""
    return tmp_path_factory.mktemp("kinds")


@pytest.fixture(scope="session")
def two_hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 200 chunks of half a second."""
    folder = tmp_path_factory.mktemp("videos")
    return make_video(folder / "two_hundred.mp4", seconds=100, rate=4, size=(32, 32))
