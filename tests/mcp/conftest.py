"""What tests of the protocol have: an engine that takes its time, and no worker that is left."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from longtake.runs.folder import is_alive, list_runs, stop
from tests.mcp.clients import QUICK
from tests.servers import Answer, as_chat, as_json, serve

ALL_KINDS = ("summarize", "compare", "reconcile", "transcribe", "look", "ask")


@pytest.fixture(autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    yield
    for run in list_runs(kinds=ALL_KINDS):
        if is_alive(run.folder):
            stop(run.id)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """Settings with an engine that takes most of a second for each of many chunks."""

    def answer(_asked: Any, _connection: Any) -> Answer:
        time.sleep(0.7)
        return as_chat("A dog runs.")

    with serve() as server:
        server.set("/v1/models", as_json({"data": [{"id": "tiny"}]}))
        server.set("/v1/chat/completions", answer)
        monkeypatch.setenv("LONGTAKE_BASE_URL", f"{server.url}/v1")
        yield QUICK | {"engine": "server:tiny", "at_once": 1, "chunk_seconds": 1.0}
