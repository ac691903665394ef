"""A small model that really sees, by vLLM on the CPU: the same films as by PyTorch."""

import shutil
from pathlib import Path

import pytest

from longtake.engines.server import open_server
from longtake.settings import Settings
from tests.sights import MODEL, check_same
from tests.vllms import serve_vllm

pytestmark = pytest.mark.vllm


def test_same_films_give_the_same_events_by_vllm_as_by_pytorch(tmp_path: Path) -> None:
    def copy(folder: Path) -> None:
        shutil.copytree(MODEL, folder, dirs_exist_ok=True)

    with (
        serve_vllm(tmp_path, copy) as server,
        open_server("", Settings(base_url=f"{server.url}/v1")) as engine,
    ):
        check_same(engine, 20, floor=97)
