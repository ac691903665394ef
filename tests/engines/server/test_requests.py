"""What the `server` engine asks: fields, parts, frames in order, and what it leaves out."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from longtake.errors import (
    EngineError,
    EngineRefused,
)
from longtake.inference.engine import Request
from tests.engines.server.opened import (
    QUESTION,
    SCHEMA,
    make_corners,
    open_at,
    refuse_fields,
)
from tests.frames import make_frame
from tests.servers import (
    CHAT,
    MODEL,
    MODELS,
    Answer,
    Asked,
    ScriptedServer,
    as_chat,
    as_error,
    as_json,
    as_models,
)
from tests.videos import read_jpeg


def test_request_body_is_a_chat_with_the_parts_in_order(server: ScriptedServer) -> None:
    first, second = make_frame(0.5, (255, 0, 0)), make_frame(1.5, (0, 0, 255))
    request = Request(
        "You describe.",
        ("Frame at 0:", first, "Frame at 1:", second, "Describe, ünïcödé 猫."),
        max_tokens=77,
        examples=(("Q1", "A1"), ("Q2", "A2")),
    )
    with open_at(server) as engine:
        engine.answer(request)
    (body,) = server.chats
    assert set(body) == {"model", "messages", "max_tokens", "temperature", "seed"}
    assert (body["model"], body["max_tokens"]) == (MODEL, 77)
    assert (body["temperature"], body["seed"]) == (0.0, 0)
    *before, last = body["messages"]
    assert before == [
        {"role": "system", "content": "You describe."},
        {"role": "user", "content": "Q1"},
        {"role": "assistant", "content": "A1"},
        {"role": "user", "content": "Q2"},
        {"role": "assistant", "content": "A2"},
    ]
    assert last["role"] == "user"
    texts = [part.get("text") for part in last["content"]]
    assert texts == ["Frame at 0:", None, "Frame at 1:", None, "Describe, ünïcödé 猫."]
    for place, frame, colour in ((1, first, 0), (3, second, 2)):
        part = last["content"][place]
        assert part["type"] == "image_url"
        head, _, data = part["image_url"]["url"].partition(",")
        assert head == "data:image/jpeg;base64"
        assert base64.b64decode(data, validate=True) == frame.jpeg
        assert read_jpeg(base64.b64decode(data)).mean(axis=(0, 1)).argmax() == colour


def test_frames_arrive_whole_in_order_in_rgb_and_unflipped(server: ScriptedServer) -> None:
    frames = [make_corners(0.5), make_corners(1.5, turned=True), make_corners(2.5)]
    with open_at(server) as engine:
        engine.answer(Request("s", tuple(frames)))
    (body,) = server.chats
    got = [
        base64.b64decode(part["image_url"]["url"].partition(",")[2], validate=True)
        for part in body["messages"][-1]["content"]
    ]
    assert got == [frame.jpeg for frame in frames]
    for jpeg, corners in zip(got, ("rgbw", "wbgr", "rgbw"), strict=True):
        picture = read_jpeg(jpeg)
        assert picture.shape == (48, 64, 3)
        for (y, x), colour in zip(((8, 8), (8, 56), (40, 8), (40, 56)), corners, strict=True):
            assert [int(value) > 128 for value in picture[y, x]] == LIT[colour]


LIT = {
    "r": [True, False, False],
    "g": [False, True, False],
    "b": [False, False, True],
    "w": [True, True, True],
}


def test_schema_goes_with_a_request_that_has_one(server: ScriptedServer) -> None:
    server.set(MODELS, as_models({"id": MODEL, "owned_by": "vllm", "max_model_len": 4096}))
    with open_at(server) as engine:
        engine.answer(QUESTION)
        engine.answer(replace(QUESTION, schema=SCHEMA))
    plain, held = server.chats
    assert "response_format" not in plain
    assert held["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA},
    }


def test_schema_is_kept_from_servers_that_are_not_known_to_hold_one(
    server: ScriptedServer,
) -> None:
    with open_at(server) as engine:
        engine.answer(replace(QUESTION, schema=SCHEMA))
    assert "response_format" not in server.chats[0]


@pytest.mark.parametrize("owner", ["vllm", "sglang", "llamacpp", "library", "system", "x"])
def test_thinking_is_switched_off_where_the_server_takes_that(
    server: ScriptedServer, owner: str
) -> None:
    server.set(MODELS, as_models({"id": MODEL, "owned_by": owner, "max_model_len": 4096}))
    with open_at(server) as engine:
        engine.answer(QUESTION)
    sent = server.chats[0].get("chat_template_kwargs")
    quiet = {"enable_thinking": False} if owner in ("vllm", "sglang", "llamacpp") else None
    assert sent == quiet


def extra_forbidden(field: str) -> dict[str, Any]:
    """As pydantic says it."""
    message = "Extra inputs are not permitted"
    return {"detail": [{"type": "extra_forbidden", "loc": ["body", field], "msg": message}]}


REFUSED_FIELDS = [
    # OpenAI's reasoning models
    (
        "max_tokens",
        as_error(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model."
            " Use 'max_completion_tokens' instead.",
        ),
    ),
    (
        "temperature",
        as_error(
            400,
            "Unsupported value: 'temperature' does not support 0.0 with this model."
            " Only the default (1) value is supported.",
        ),
    ),
    # Mistral, other servers on FastAPI, older ones of OpenAI
    ("seed", as_json({"object": "error", "message": extra_forbidden("seed")}, 422)),
    ("chat_template_kwargs", as_json(extra_forbidden("chat_template_kwargs"), 422)),
    ("seed", as_error(400, "Unrecognized request argument supplied: seed")),
    # Groq, DeepSeek, OpenAI
    ("response_format", as_error(400, "This model does not support response format `json_schema`")),
    ("response_format", as_error(400, "This response_format type is unavailable now")),
    (
        "response_format",
        as_error(400, "Invalid schema for response_format 'reply': In context=(), …"),
    ),
]


@pytest.mark.parametrize(("field", "said"), REFUSED_FIELDS)
def test_field_that_a_server_refuses_is_left_out_from_then_on(
    server: ScriptedServer, field: str, said: Answer
) -> None:
    server.set(MODELS, as_models({"id": MODEL, "owned_by": "vllm", "max_model_len": 4096}))
    server.set(CHAT, refuse_fields((field, said)))
    with open_at(server) as engine:
        for _ in range(2):
            assert engine.answer(replace(QUESTION, schema=SCHEMA)).text == "A cat."
        assert engine.capabilities.schemas == (field != "response_format")
    first, second, third = server.chats
    assert field in first and second == third
    instead = {"max_completion_tokens"} if field == "max_tokens" else set()
    assert set(second) == set(first) - {field} | instead
    if instead:
        assert second["max_completion_tokens"] == first["max_tokens"] == 64


def test_each_field_is_given_up_once_and_then_the_refusal_stands(server: ScriptedServer) -> None:
    server.set(MODELS, as_models({"id": MODEL, "owned_by": "vllm", "max_model_len": 4096}))
    server.set(CHAT, refuse_fields(*REFUSED_FIELDS))
    with open_at(server) as engine:
        assert engine.answer(replace(QUESTION, schema=SCHEMA)).text == "A cat."
    assert len(server.chats) == 6
    everything = " ".join(field for field, _ in REFUSED_FIELDS)
    server.set(CHAT, as_error(400, f"no: {everything} max_completion_tokens"))
    with open_at(server) as engine, pytest.raises(EngineRefused):
        engine.answer(replace(QUESTION, schema=SCHEMA))
    assert len(server.chats) == 6 + 6


@pytest.mark.parametrize(
    "said",
    [
        as_error(400, "max_tokens is too large: 64. The maximum context length is 32."),
        as_error(500, "seed"),
        as_error(429, "seed"),
        as_error(401, "seed"),
    ],
)
def test_other_errors_that_name_a_field_are_errors(server: ScriptedServer, said: Answer) -> None:
    server.set(CHAT, said)
    with open_at(server) as engine, pytest.raises(EngineError):
        engine.answer(QUESTION)
    assert len(server.chats) == 1


def test_later_attempts_are_sampled_so_that_they_can_differ(server: ScriptedServer) -> None:
    with open_at(server) as engine:
        for attempt in range(3):
            engine.answer(QUESTION.again(attempt))
    assert [body["temperature"] > 0 for body in server.chats] == [False, True, True]
    assert [body["seed"] for body in server.chats] == [0, 1, 2]


def test_field_that_is_named_as_too_large_is_sent_by_its_other_name(
    server: ScriptedServer,
) -> None:
    def answer(asked: Asked, connection: object) -> Answer:
        if "max_tokens" in asked.json:
            return as_error(400, "max_tokens is too large; use max_completion_tokens instead")
        return as_chat("A cat.")

    server.set(CHAT, answer)
    with open_at(server) as engine:
        assert engine.answer(QUESTION).text == "A cat."
