"""Servers that the engine is opened on."""

from collections.abc import Iterator

import pytest

from tests.ollamas import (
    set_ollama,
)
from tests.servers import (
    ScriptedServer,
    serve,
)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve() as running:
        set_ollama(running)
        yield running
