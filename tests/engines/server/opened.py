"""The `server` engine, opened on a scripted server."""

import io
import socket
from typing import Any

import pytest
from PIL import Image

from longtake.engines.server import ServerEngine, open_server
from longtake.errors import (
    LongtakeError,
)
from longtake.inference.engine import Request
from longtake.records import Frame
from longtake.settings import Settings
from tests.servers import (
    CHAT,
    MODEL,
    MODELS,
    Act,
    Answer,
    Asked,
    Route,
    ScriptedServer,
    as_chat,
    as_error,
    as_models,
)

QUESTION = Request("You describe.", ("What is it?",), max_tokens=64)

KEY = "sk-a-secret-of-some-length"

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def open_at(server: ScriptedServer, model: str = "", **settings: Any) -> ServerEngine:
    return open_server(model, Settings(base_url=server.base_url, **settings))


def error_of(server: ScriptedServer, route: Route, **settings: Any) -> LongtakeError:
    """The error that the engine makes of this answer to a chat completion."""
    server.set(CHAT, route)
    with open_at(server, **settings) as engine, pytest.raises(LongtakeError) as caught:
        engine.answer(QUESTION)
    return caught.value


def make_corners(time: float, turned: bool = False) -> Frame:
    """A frame whose corners are red, green, blue and white, told apart by any flip or swap."""
    image = Image.new("RGB", (64, 48))
    colours = [(230, 20, 20), (20, 230, 20), (20, 20, 230), (240, 240, 240)]
    for place, colour in zip(((0, 0), (32, 0), (0, 24), (32, 24)), colours, strict=True):
        image.paste(colour, (*place, place[0] + 32, place[1] + 24))
    image = image.rotate(180) if turned else image
    data = io.BytesIO()
    image.save(data, "JPEG", quality=90)
    return Frame(time, data.getvalue(), *image.size)


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def refuse_fields(*refusals: tuple[str, Answer]) -> Act:
    """Refuses one field after the other, in a server's words."""

    def answer(asked: Asked, connection: socket.socket) -> Answer:
        return next((said for field, said in refusals if field in asked.json), as_chat("A cat."))

    return answer


def open_video(server: ScriptedServer, model: str = MODEL) -> ServerEngine:
    server.set(MODELS, as_models({"id": model, "owned_by": "vllm", "max_model_len": 4096}))
    return open_at(server, frames_as="video")


def refuse_images(status: int, message: str) -> Act:
    """Answers text, and says that it takes no images."""

    def answer(asked: Asked, connection: socket.socket) -> Answer:
        sent = asked.body.decode()
        seen = "image_url" in sent or "video_url" in sent
        return as_error(status, message) if seen else as_chat("Hello.")

    return answer
