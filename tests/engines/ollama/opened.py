"""The `ollama` engine, opened on a scripted Ollama, which keeps to its documented API."""

from dataclasses import replace
from typing import Any

import pytest

from longtake.engines.ollama import OllamaEngine, open_ollama
from longtake.errors import (
    EngineError,
)
from longtake.inference.engine import Request
from longtake.records import Frame
from longtake.settings import Settings
from tests.frames import make_frame
from tests.ollamas import (
    CHAT,
)
from tests.servers import (
    Route,
    ScriptedServer,
)

QUESTION = Request("You describe.", ("What is it?",), max_tokens=64)

KEY = "sk-a-secret-of-some-length"


def open_at(server: ScriptedServer, model: str = "", **settings: Any) -> OllamaEngine:
    return open_ollama(model, Settings(ollama_url=server.url, **settings))


def ask_about(frames: int, *, side: int = 512, words: str = "") -> Request:
    """A question like that of the pipeline, about so many frames, each unlike the others."""
    parts: list[str | Frame] = []
    for number in range(frames):
        frame = make_frame(number, (20 * number % 256, 90, 200))
        parts += [f"Frame at {number}:", replace(frame, width=side, height=side * 9 // 16)]
    return Request("You describe.", (*parts, f"Describe. {words}"), max_tokens=256)


def error_of(server: ScriptedServer, *routes: Route, **settings: Any) -> EngineError:
    """The error that the engine makes of these answers to a chat."""
    server.set(CHAT, *routes)
    with open_at(server, **settings) as engine, pytest.raises(EngineError) as caught:
        engine.answer(QUESTION)
    return caught.value
