"""Clips, a server that has them, and a home of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ScriptedServer, serve
from tests.videos import draw_noisy, make_video


@pytest.fixture(autouse=True)
def own_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For those that are marked as slow, too."""
    monkeypatch.setenv("LONGTAKE_HOME", str(home))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return make_video(path, seconds=4, size=(160, 120), draw=draw_noisy).read_bytes()


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory, clip: bytes) -> bytes:
    """As large as the clip, and with other bytes throughout."""
    path = tmp_path_factory.mktemp("clips") / "other.mp4"
    made = make_video(path, seconds=3, size=(160, 120), draw=draw_noisy).read_bytes()
    spare = len(clip) - len(made)
    return made + spare.to_bytes(4, "big") + b"free" + bytes(spare - 8)


@pytest.fixture(scope="session")
def segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clips") / "segment.ts"
    return make_video(path, seconds=2, sound_seconds=2, file_format="mpegts").read_bytes()


@pytest.fixture
def web() -> Iterator[ScriptedServer]:
    with serve() as server:
        yield server
