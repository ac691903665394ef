"""Fetching models from the hub, as scripted."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from longtake.models.table import (
    Asset,
    Hub,
)
from tests.models.packages import CONTENT, files_in, make_asset
from tests.servers import Answer, ScriptedServer, cut, serve

HUB = Hub("someone/tiny", "0" * 40, "model.bin")


def fetch_from_hub(server: ScriptedServer, place: Path, asset: Asset, tell: str = "None") -> str:
    """What a fetch in a process of its own says; the hub's client reads its address at import."""
    script = f"""
        from pathlib import Path
        from longtake.errors import LongtakeError
        from longtake.models.fetch import fetch_files
        from longtake.models.table import Asset, Hub
        try:
            fetch_files({{Path({str(place)!r}): {asset!r}}}, {tell})
        except LongtakeError as error:
            print(type(error).__name__, error.message)
    """
    environment = os.environ | {
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(place.parents[2] / "hub"),
        "HF_HUB_DOWNLOAD_TIMEOUT": "1",
        "HF_HUB_ETAG_TIMEOUT": "1",
    }
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HF_HUB_OFFLINE"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_hub_is_a_source_too(place: Path) -> None:
    headers = {"ETag": '"tag"', "X-Repo-Commit": HUB.revision}
    with serve() as server:
        path = f"/{HUB.repository}/resolve/{HUB.revision}/{HUB.file}"
        server.set(path, Answer(200, CONTENT, headers))
        said = fetch_from_hub(server, place, make_asset(CONTENT, HUB))
    assert said == "" and place.read_bytes() == CONTENT
    assert files_in(place.parent) == ["model.bin"]


@pytest.mark.parametrize("answer", [Answer(404), Answer(401), cut])
def test_hub_that_fails_is_a_model_error(place: Path, answer: object) -> None:
    with serve() as server:
        path = f"/{HUB.repository}/resolve/{HUB.revision}/{HUB.file}"
        server.set(path, answer)  # type: ignore[arg-type]
        said = fetch_from_hub(server, place, make_asset(CONTENT, HUB))
    assert said.startswith("ModelError model.bin could not be fetched. Hugging Face someone/tiny: ")
    assert files_in(place.parent) == []


def test_bytes_from_the_hub_are_told_as_they_come(place: Path) -> None:
    headers = {"ETag": '"tag"', "X-Repo-Commit": HUB.revision}
    with serve() as server:
        path = f"/{HUB.repository}/resolve/{HUB.revision}/{HUB.file}"
        server.set(path, Answer(200, CONTENT, headers))
        said = fetch_from_hub(server, place, make_asset(CONTENT, HUB), tell="print")
    assert said.splitlines()[-1] == f"{len(CONTENT)} {len(CONTENT)}"
