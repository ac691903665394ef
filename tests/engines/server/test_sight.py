"""Whether a model sees is known before the first frame."""

import base64

import pytest

from longtake.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    OutOfMemory,
    RequestTooLarge,
    UsageError,
)
from tests.engines.server.opened import (
    QUESTION,
    open_at,
    refuse_images,
)
from tests.servers import (
    CHAT,
    MODEL,
    MODELS,
    ScriptedServer,
    as_chat,
    as_error,
    as_models,
)
from tests.videos import read_jpeg

REFUSALS = [
    # llama.cpp without its --mmproj, vLLM (two ways), LM Studio, Ollama, DeepSeek, OpenAI, Groq,
    # OpenRouter.
    (500, "image input is not supported - hint: you may need to provide the mmproj"),
    (400, "tiny is not a multimodal model"),
    (400, "At most 0 image(s) may be provided in one prompt."),
    (400, "Model does not support images. Please use a model that does."),
    (400, "this model does not support image input"),
    (400, "Failed to deserialize: messages[1]: unknown variant `image_url`, expected `text`"),
    (400, "Invalid content type. image_url is only supported by certain models."),
    (400, "messages[1].content must be a string"),
    (404, "No endpoints found that support image input"),
]


@pytest.mark.parametrize(("status", "message"), REFUSALS)
def test_model_that_refuses_a_tiny_image_is_bad_usage(
    server: ScriptedServer, status: int, message: str
) -> None:
    server.set(CHAT, refuse_images(status, message))
    with open_at(server) as engine, pytest.raises(UsageError, match="takes no images") as caught:
        engine.check_sight()
    assert message in caught.value.message and "vision model" in caught.value.hint


def test_tiny_image_is_a_picture_and_asked_about_once(server: ScriptedServer) -> None:
    with open_at(server) as engine:
        engine.check_sight()
        engine.check_sight()
    (body,) = server.chats
    (image,) = (part for part in body["messages"][-1]["content"] if part["type"] == "image_url")
    data = base64.b64decode(image["image_url"]["url"].partition(",")[2])
    assert read_jpeg(data).shape == (64, 64, 3) and body["max_tokens"] <= 4


def test_model_that_is_known_to_see_is_not_asked(server: ScriptedServer) -> None:
    server.set(MODELS, as_models({"id": MODEL, "architecture": {"input_modalities": ["image"]}}))
    with open_at(server) as engine:
        engine.check_sight()
    assert server.chats == []


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "no key", EngineRefused),
        (404, "no such model", EngineRefused),
        (429, "too many requests", EngineBusy),
        (500, "broken", EngineFailed),
        (500, "CUDA out of memory", OutOfMemory),
        (400, "request (300 tokens) exceeds the available context size", RequestTooLarge),
    ],
)
def test_failure_of_another_kind_is_not_taken_for_blindness(
    server: ScriptedServer, status: int, message: str, kind: type[EngineError]
) -> None:
    server.set(CHAT, as_error(status, message))
    with open_at(server) as engine:
        with pytest.raises(EngineError) as caught:
            engine.check_sight()
        assert type(caught.value) is kind
        server.set(CHAT, as_chat("A square."))
        engine.check_sight()  # asked again: nothing was known yet


def test_thoughts_that_take_all_tokens_are_no_blindness(server: ScriptedServer) -> None:
    said = "Could not finish the message because max_tokens or model output limit was reached."
    server.set(CHAT, as_error(400, said))
    with open_at(server) as engine:
        engine.check_sight()
        reply = engine.answer(QUESTION)
    assert (reply.text, reply.complete) == ("", False)
