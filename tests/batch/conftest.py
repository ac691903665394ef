"""What tests of batches have: a slow server."""

from collections.abc import Iterator

import pytest

from tests.batch.slow_server import SlowServer
from tests.servers import as_models, serve

SIGHT = {"input_modalities": ["image"]}


@pytest.fixture
def server() -> Iterator[SlowServer]:
    slow = SlowServer()
    with serve() as served:
        models = as_models({"id": "tiny", "max_model_len": 4096, "architecture": SIGHT})
        served.set("/v1/models", models)
        served.set("/v1/chat/completions", slow.act)
        slow.url = served.base_url
        yield slow
