"""The `server` engine against a real HTTP server: what it asks, what it makes of each answer."""

import base64
import inspect
import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from longtake.ask.engine import Request
from longtake.engines.http import MOST_REPLY_BYTES, Connection, mapped_errors
from longtake.engines.server import ASSUMED_CONTEXT_TOKENS, ServerEngine, open_server
from longtake.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    LongtakeError,
    OutOfMemory,
    RequestTooLarge,
    UsageError,
)
from longtake.records import Frame
from longtake.settings import Settings
from tests.frames import make_frame
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
    as_json,
    as_models,
    babble,
    cut,
    drip,
    drop,
    echo,
    hang,
    serve,
)
from tests.tiny_gguf import write_projector, write_text_model
from tests.videos import read_jpeg

QUESTION = Request("You describe.", ("What is it?",), max_tokens=64)
KEY = "sk-a-secret-of-some-length"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve() as running:
        yield running


def open_at(server: ScriptedServer, model: str = "", **settings: Any) -> ServerEngine:
    return open_server(model, Settings(base_url=server.base_url, **settings))


def error_of(server: ScriptedServer, route: Route, **settings: Any) -> LongtakeError:
    """The error that the engine makes of this answer to a chat completion."""
    server.set(CHAT, route)
    with open_at(server, **settings) as engine, pytest.raises(LongtakeError) as caught:
        engine.answer(QUESTION)
    return caught.value


# What is asked


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
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


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


def refuse_fields(*refusals: tuple[str, Answer]) -> Act:
    """Refuses one field after the other, in a server's words."""

    def answer(asked: Asked, connection: socket.socket) -> Answer:
        return next((said for field, said in refusals if field in asked.json), as_chat("A cat."))

    return answer


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


# Frames as one video


def open_video(server: ScriptedServer, model: str = MODEL) -> ServerEngine:
    server.set(MODELS, as_models({"id": model, "owned_by": "vllm", "max_model_len": 4096}))
    return open_at(server, frames_as="video")


def test_frames_go_as_one_video_after_their_times(server: ScriptedServer) -> None:
    frames = [make_corners(62.0), make_corners(63.5, turned=True), make_corners(67.0)]
    labelled = [part for f, t in zip(frames, "237", strict=True) for part in (f"At 1:0{t}:", f)]
    with open_video(server) as engine:
        assert engine.options["frames_as"] == "video"
        engine.answer(Request("s", ("Before.", *labelled, "Describe.")))
    (body,) = server.chats
    before, times, video, after = body["messages"][-1]["content"]
    texts = [part["text"] for part in (before, times, after)]
    assert texts == ["Before.", "Frames at 1:02, 1:03, 1:07:", "Describe."]
    head, *data = video["video_url"]["url"].split(",")
    assert (video["type"], head) == ("video_url", "data:video/jpeg;base64")
    assert [base64.b64decode(part, validate=True) for part in data] == [f.jpeg for f in frames]
    told = body["media_io_kwargs"]["video"]
    assert [place / told["fps"] for place in told["frames_indices"]] == [62.0, 63.5, 67.0]
    assert told["duration"] == told["total_num_frames"] / told["fps"] == 7.5


def test_single_frame_goes_as_an_image_all_the_same(server: ScriptedServer) -> None:
    with open_video(server) as engine:
        engine.answer(Request("s", (make_corners(1.0), "Describe.")))
    (body,) = server.chats
    assert [part["type"] for part in body["messages"][-1]["content"]] == ["image_url", "text"]
    assert "media_io_kwargs" not in body


def test_video_is_sent_without_its_times_where_they_are_not_trusted(
    server: ScriptedServer,
) -> None:
    said = as_error(
        400,
        "Per-request media_io_kwargs are disabled by default because they can change multimodal"
        " media loading resource usage. (parameter=media_io_kwargs)",
    )
    server.set(CHAT, refuse_fields(("media_io_kwargs", said)))
    frames = (make_corners(1.0), make_corners(2.0))
    with open_video(server) as engine:
        assert engine.answer(Request("s", frames)).text == "A cat."
    assert ["media_io_kwargs" in body for body in server.chats] == [True, False]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "At most 0 video(s) may be provided in one prompt."),
        (400, "Failed to load image or audio file"),
        (500, "video input is not supported"),
    ],
)
def test_server_that_takes_no_video_is_to_be_sent_images(
    server: ScriptedServer, status: int, message: str
) -> None:
    server.set(CHAT, refuse_images(status, message))
    with open_video(server) as engine:
        with pytest.raises(EngineError) as refused:
            engine.answer(Request("s", (make_corners(1.0), make_corners(2.0))))
        assert isinstance(refused.value, EngineRefused | EngineFailed)
        with pytest.raises(UsageError, match="no frames as a video") as caught:
            engine.check_sight()
    assert "--frames-as images" in refused.value.hint and "--frames-as images" in caught.value.hint


def test_no_more_frames_are_sent_than_a_video_keeps(server: ScriptedServer) -> None:
    with open_video(server) as engine:
        assert engine.capabilities.images == 32
        with pytest.raises(RequestTooLarge, match="33 frames"):
            engine.answer(Request("s", (make_corners(1.0),) * 33))
    assert server.chats == []


def test_pairs_of_frames_in_a_video_cost_qwen_what_an_image_does(server: ScriptedServer) -> None:
    with open_at(server, frames_as="images") as engine:
        assert "frames_as" not in engine.options
    with open_video(server, "Qwen/Qwen3-VL-4B-Instruct") as engine:
        each = engine.frame_tokens(640, 352)
    assert each < 20 * 11
    for frames in range(2, 12):
        assert frames * each >= ceil(frames / 2) * 20 * 11
    with open_video(server, "other") as engine:
        assert engine.frame_tokens(640, 352) >= 20 * 11


def test_later_attempts_are_sampled_so_that_they_can_differ(server: ScriptedServer) -> None:
    with open_at(server) as engine:
        for attempt in range(3):
            engine.answer(QUESTION.again(attempt))
    assert [body["temperature"] > 0 for body in server.chats] == [False, True, True]
    assert [body["seed"] for body in server.chats] == [0, 1, 2]


def test_key_is_sent_as_a_bearer_and_only_where_there_is_one(server: ScriptedServer) -> None:
    with open_at(server) as engine:
        engine.answer(QUESTION)
    with open_at(server, api_key=KEY) as engine:
        engine.answer(QUESTION)
    sent = [asked.headers.get("Authorization") for asked in server.asked]
    assert sent == [None, None, f"Bearer {KEY}", f"Bearer {KEY}"]


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_a_slash_at_the_end_of_the_address_does_not_matter(
    server: ScriptedServer, slashes: str
) -> None:
    with open_server("", Settings(base_url=server.base_url + slashes)) as engine:
        engine.answer(QUESTION)
    assert [asked.path for asked in server.asked] == [MODELS, CHAT]


# Which model


def test_first_model_serves_where_none_is_named(server: ScriptedServer) -> None:
    server.set(MODELS, as_models({"id": "one", "max_model_len": 64}, "two"))
    with open_at(server) as engine:
        assert (engine.name, engine.model) == ("server:one", "one")
        engine.answer(QUESTION)
    assert server.chats[0]["model"] == "one"


def test_model_that_the_server_lacks_is_named_with_those_it_has(server: ScriptedServer) -> None:
    server.set(MODELS, as_models("one", "two"))
    with pytest.raises(UsageError) as caught:
        open_at(server, "three")
    assert "'three'" in caught.value.message and "one, two" in caught.value.hint


NO_LISTS = [
    as_error(404, "no such path"),
    as_error(405, "GET is not for here"),
    Answer(200, b"<html>a page</html>"),
    as_json([1, 2]),
    as_json({"data": "none"}),
    as_json({"data": [1, {"name": "no id"}, {"id": 7}]}),
    as_json({"data": []}),
]


@pytest.mark.parametrize("listed", NO_LISTS)
def test_server_without_a_list_serves_the_model_that_is_named(
    server: ScriptedServer, listed: Answer
) -> None:
    server.set(MODELS, listed)
    with open_at(server, "mine") as engine:
        assert engine.model == "mine" and engine.answer(QUESTION).text == "A cat."
    with pytest.raises(UsageError, match="lists no models") as caught:
        open_at(server)
    assert "--engine server:MODEL" in caught.value.hint


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        (as_error(401, "404 keys"), EngineRefused),
        (as_error(500, "broken"), EngineFailed),
        (as_error(503, "Loading model"), EngineBusy),
        (drop, EngineUnreachable),
        (hang(2), EngineTimeout),
    ],
)
def test_failure_of_the_list_is_not_taken_for_a_missing_list(
    server: ScriptedServer, route: Route, kind: type[EngineError]
) -> None:
    server.set(MODELS, route)
    with pytest.raises(kind):
        open_at(server, "mine", timeout_seconds=0.3)


def test_server_that_is_loading_is_waited_for_and_that_is_said_once(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    loading = as_error(503, "Loading model")
    server.set(MODELS, loading, as_models({"id": "big", "max_model_len": 4096}))
    with caplog.at_level("INFO", "longtake"), open_at(server, api_key=KEY) as engine:
        assert engine.model == "big"
    assert len(server.asked) == 2
    (said,) = caplog.messages
    assert f"{server.base_url} is still loading its model; waiting" in said and KEY not in said


def test_server_that_does_not_end_loading_is_busy(server: ScriptedServer) -> None:
    server.set(MODELS, as_error(503, "Loading model"))
    with pytest.raises(EngineBusy, match=r"still loading its model after 0\.3 s") as caught:
        open_at(server, timeout_seconds=0.3)
    assert "--timeout-seconds" in caught.value.hint


@pytest.mark.parametrize(
    "page",
    [as_json({"detail": "Not Found"}, 404), Answer(200, b" <!doctype html><p>A page"), Answer(405)],
)
@pytest.mark.parametrize("model", ["", "mine"])
def test_address_of_something_else_is_said_to_be_that(
    server: ScriptedServer, page: Answer, model: str
) -> None:
    server.set(MODELS, page)
    server.set(CHAT, page)
    with pytest.raises(UsageError, match="answers, but not as an OpenAI") as caught:
        open_at(server, model)
    assert "right port" in caught.value.hint and "longtake doctor" in caught.value.hint
    with pytest.raises(UsageError, match="answers, but not as an OpenAI") as caught:
        open_server(model, Settings(base_url=server.url))
    assert "end in /v1" in caught.value.hint


# How long its context is


@pytest.mark.parametrize(
    ("facts", "tokens"),
    [
        ({"max_model_len": 32768}, 32768),  # vLLM, SGLang
        ({"meta": {"n_ctx": 8192, "n_ctx_train": 131072}}, 8192),  # llama.cpp
        ({"context_length": 200_000}, 200_000),  # OpenRouter
        ({"max_model_len": None, "meta": None}, ASSUMED_CONTEXT_TOKENS),
        ({"max_model_len": "many", "meta": [1]}, ASSUMED_CONTEXT_TOKENS),
        ({"max_model_len": -1}, ASSUMED_CONTEXT_TOKENS),
        ({}, ASSUMED_CONTEXT_TOKENS),
    ],
)
def test_context_length_is_taken_from_the_list_of_models(
    server: ScriptedServer, facts: dict[str, Any], tokens: int
) -> None:
    server.set(MODELS, as_models({"id": MODEL} | facts))
    with open_at(server) as engine:
        assert engine.capabilities.context_tokens == tokens
        assumed = "are assumed" in engine.why and "--context-tokens" in engine.why
        assert assumed == (tokens == ASSUMED_CONTEXT_TOKENS)


def test_context_length_of_lm_studio_is_in_its_own_list(server: ScriptedServer) -> None:
    owner = {"owned_by": "organization_owner"}
    server.set(MODELS, as_models({"id": "other"} | owner, {"id": "qwen"} | owner))
    server.set(
        "/api/v0/models",
        as_models(
            {"id": "other", "type": "llm", "state": "not-loaded", "max_context_length": 131072},
            {"id": "qwen", "type": "vlm", "state": "loaded", "loaded_context_length": 6000},
        ),
    )
    with open_at(server, "qwen") as engine:
        assert engine.capabilities.context_tokens == 6000 and engine.capabilities.images is None
    with open_at(server, "other") as engine:
        assert engine.capabilities.context_tokens == ASSUMED_CONTEXT_TOKENS
        assert engine.capabilities.images == 0


def test_context_length_of_the_settings_wins(server: ScriptedServer) -> None:
    with open_at(server, context_tokens=999) as engine:
        assert engine.capabilities.context_tokens == 999 and "assumed" not in engine.why


def test_model_that_takes_no_images_is_not_sent_any(server: ScriptedServer) -> None:
    architecture = {"input_modalities": ["text"]}
    server.set(MODELS, as_models({"id": MODEL, "architecture": architecture}))
    with open_at(server) as engine:
        assert engine.capabilities.images == 0
        with pytest.raises(RequestTooLarge, match="no images"):
            engine.answer(Request("s", (make_frame(),)))
        assert engine.answer(QUESTION).text == "A cat."
    architecture["input_modalities"].append("image")
    server.set(MODELS, as_models({"id": MODEL, "architecture": architecture}))
    with open_at(server) as engine:
        assert engine.capabilities.images is None


def llama_props(slots: int = 1, vision: bool = True) -> Answer:
    return as_json(
        {
            "default_generation_settings": {"n_ctx": 2048},
            "total_slots": slots,
            "modalities": {"vision": vision, "audio": False},
        }
    )


@pytest.mark.parametrize(
    ("facts", "path", "own", "expected"),
    [
        ({"owned_by": "vllm", "max_model_len": 32768}, "", None, (None, 32768, 4, 64, True)),
        (
            {"owned_by": "sglang", "max_model_len": 8192},
            "/get_model_info",
            as_json({"has_image_understanding": True}),
            (None, 8192, 4, 64, True),
        ),
        (
            {"owned_by": "sglang", "max_model_len": 8192},
            "/get_model_info",
            as_json({"has_image_understanding": False}),
            (0, 8192, 4, 64, True),
        ),
        # Older ones list `n_ctx_train` alone; what one slot may hold stands in /props.
        (
            {"owned_by": "llamacpp", "meta": {"n_ctx_train": 131072}},
            "/props?model=tiny",
            llama_props(slots=3),
            (None, 2048, 3, 3, True),
        ),
        (
            {"owned_by": "llamacpp", "meta": {"n_ctx_train": 131072}},
            "/props?model=tiny",
            llama_props(vision=False),
            (0, 2048, 1, 1, True),
        ),
        (
            {"owned_by": "llamacpp", "meta": {"n_ctx": 1024}},
            "/props?model=tiny",
            as_error(501, "This server does not support props endpoint."),
            (None, 1024, 4, 64, True),
        ),
        (
            {
                "context_length": 200_000,
                "architecture": {"input_modalities": ["text", "image"]},
                "supported_parameters": ["seed", "structured_outputs"],
            },
            "",
            None,
            (None, 200_000, 4, 64, True),
        ),
        ({"owned_by": "system"}, "", None, (None, ASSUMED_CONTEXT_TOKENS, 4, 64, True)),
        ({"owned_by": "somebody"}, "", None, (None, ASSUMED_CONTEXT_TOKENS, 4, 64, False)),
    ],
)
def test_each_kind_of_server_is_asked_in_its_own_way_what_it_takes(
    server: ScriptedServer,
    facts: dict[str, Any],
    path: str,
    own: Answer | None,
    expected: tuple[int | None, int, int, int, bool],
) -> None:
    server.set(MODELS, as_models({"id": MODEL} | facts))
    if own:
        server.set(path, own)
    with open_at(server) as engine:
        can = engine.capabilities
        seen = (can.images, can.context_tokens, can.width, can.widest, can.schemas)
    assert seen == expected
    assert [asked.path for asked in server.asked] == [MODELS] + [path] * bool(path)


@pytest.mark.parametrize("own", [drop, as_json([1]), as_json({"total_slots": "many"}), hang(2)])
def test_server_that_says_nothing_of_itself_serves_all_the_same(
    server: ScriptedServer, own: Route
) -> None:
    server.set(MODELS, as_models({"id": MODEL, "owned_by": "llamacpp", "meta": {"n_ctx": 1024}}))
    server.set("/props?model=tiny", own)
    with open_at(server, timeout_seconds=0.4) as engine:
        assert engine.capabilities.context_tokens == 1024 and engine.capabilities.width == 4
        assert engine.answer(QUESTION).text == "A cat."


def test_ollama_is_known_and_its_own_engine_named_as_the_better_door(
    server: ScriptedServer,
) -> None:
    server.set(MODELS, as_models({"id": "qwen3-vl:4b", "owned_by": "library"}))
    with open_at(server) as engine:
        assert engine.why.startswith("Ollama at ")
        assert "--engine ollama:qwen3-vl:4b" in engine.why and "cut off" in engine.why


# Whether it sees

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


def refuse_images(status: int, message: str) -> Act:
    """Answers text, and says that it takes no images."""

    def answer(asked: Asked, connection: socket.socket) -> Answer:
        sent = asked.body.decode()
        seen = "image_url" in sent or "video_url" in sent
        return as_error(status, message) if seen else as_chat("Hello.")

    return answer


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


# Counting tokens


def vllm_tokens(asked: Asked, connection: socket.socket) -> Answer:
    words = asked.json["prompt"].split()
    return as_json({"count": len(words), "max_model_len": 4096, "tokens": list(range(len(words)))})


def llama_tokens(asked: Asked, connection: socket.socket) -> Answer:
    return as_json({"tokens": list(range(len(asked.json["content"].split())))})


@pytest.mark.parametrize("tokenizer", [vllm_tokens, llama_tokens])
def test_tokens_are_counted_by_the_server(server: ScriptedServer, tokenizer: Act) -> None:
    server.set("/tokenize", tokenizer)
    with open_at(server) as engine:
        counts = [engine.count_tokens(text) for text in ("", "one", "one two", "één twee 三")]
    assert counts == [0, 1, 2, 3]


def test_tokens_of_one_text_are_asked_for_once(server: ScriptedServer) -> None:
    server.set("/tokenize", vllm_tokens)
    with open_at(server) as engine:
        assert [engine.count_tokens(text) for text in ("a b", "a b", "c", "a b")] == [2, 2, 1, 2]
    assert sum(asked.path == "/tokenize" for asked in server.asked) == 2


@pytest.mark.parametrize(
    "route",
    [
        as_error(404, "no such path"),
        as_error(500, "broken"),
        Answer(200, b"<html>"),
        as_json([]),
        as_json({}),
        as_json({"tokens": None}),
        as_json({"count": "many"}),
        as_json({"count": float("inf")}),
    ],
)
def test_bytes_are_counted_where_the_server_does_not_count(
    server: ScriptedServer, route: Route
) -> None:
    server.set("/tokenize", route)
    with open_at(server) as engine:
        assert [engine.count_tokens(text) for text in ("four", "été", "\ud800")] == [4, 5, 1]
    assert sum(asked.path == "/tokenize" for asked in server.asked) == 1


@pytest.mark.parametrize("route", [drop, cut, as_error(429, "slow down")])
def test_bytes_are_counted_while_the_server_is_away(server: ScriptedServer, route: Route) -> None:
    server.set("/tokenize", route, as_json({"count": 2}))
    with open_at(server) as engine:
        assert [engine.count_tokens(text) for text in ("four", "été")] == [4, 2]


# What comes back


def test_reply_carries_text_tokens_and_seconds(server: ScriptedServer) -> None:
    def answer_late(asked: Asked, connection: socket.socket) -> Answer:
        time.sleep(0.05)
        return as_chat("  A cat sleeps. \n", usage=(123, 45))

    server.set(CHAT, answer_late)
    with open_at(server) as engine:
        reply = engine.answer(QUESTION)
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("A cat sleeps.", 123, 45)
    assert reply.complete and 0.05 <= reply.seconds < 5


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("", ""),
        ("<think>Hm. A dog?\nNo.</think>\n\nA cat.", "A cat."),
        ("Hm, a dog? No.\n</think>\n\nA cat.", "A cat."),
        ("<think>Hm, I could go on for", ""),
        ("A cat does <think> it.", "A cat does <think> it."),
        ([{"type": "text", "text": "A "}, {"type": "text", "text": "cat."}], "A cat."),
        ([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "A cat."}], "A cat."),
        ([], ""),
    ],
)
def test_text_is_what_the_model_says_and_not_what_it_thinks(
    server: ScriptedServer, content: Any, text: str
) -> None:
    server.set(CHAT, as_chat(content))
    with open_at(server) as engine:
        assert engine.answer(QUESTION).text == text


def test_reply_that_was_cut_off_is_not_complete(server: ScriptedServer) -> None:
    server.set(CHAT, as_chat("A cat sl", finish="length"))
    with open_at(server) as engine:
        assert not engine.answer(QUESTION).complete


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}])
def test_reply_without_usage_counts_no_tokens(server: ScriptedServer, usage: Any) -> None:
    server.set(CHAT, as_chat("A cat.", usage=usage))
    with open_at(server) as engine:
        reply = engine.answer(QUESTION)
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("A cat.", 0, 0)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html><body>Welcome</body></html>", {"Content-Type": "text/html"}),
        Answer(200, b""),
        Answer(204),
        Answer(200, b"\xff\xfe\xfa"),
        Answer(200, b"[" * 200_000),
        Answer(200, b"{}", {"Content-Encoding": "gzip"}),
        as_json([]),
        as_json("text"),
        as_json(None),
        as_json({}),
        as_json({"choices": []}),
        as_json({"choices": None}),
        as_json({"choices": [None]}),
        as_json({"choices": [{"message": None}]}),
        as_json({"choices": [{"text": "of another API"}]}),
        as_json({"error": {"message": "a failure with status 200"}}),
        as_chat({"text": "A cat."}),
        as_chat(7),
        as_chat(["A cat."]),
        as_chat([{"type": "text"}]),
        as_chat("A cat.", usage=[1]),
        as_chat("A cat.", usage={"prompt_tokens": "many"}),
        as_chat("A cat.", usage={"prompt_tokens": float("inf")}),
    ],
)
def test_success_without_a_chat_completion_is_a_failure(
    server: ScriptedServer, answer: Answer
) -> None:
    error = error_of(server, answer)
    assert isinstance(error, EngineFailed) and error.retry


# What fails

TOO_LARGE = RequestTooLarge


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "This model's maximum context length is 4096 tokens.", TOO_LARGE),
        (400, "request (3031 tokens) exceeds the available context size", TOO_LARGE),
        (400, "At most 4 image(s) may be provided in one request.", TOO_LARGE),
        (400, "Input is too long.", TOO_LARGE),
        (413, "Payload", TOO_LARGE),
        (400, "temperature must be a number", EngineRefused),
        (401, "no key", EngineRefused),
        (403, "not for you", EngineRefused),
        (404, "no such model", EngineRefused),
        (422, "wrong field", EngineRefused),
        (301, "moved", EngineRefused),
        (408, "slow", EngineTimeout),
        (504, "slow behind", EngineTimeout),
        (429, "too many requests", EngineBusy),
        (503, "Loading model", EngineBusy),
        (500, "CUDA error", EngineFailed),
        (502, "bad gateway", EngineFailed),
        # More than it takes
        (
            422,
            "Prompt contains 40000 tokens, too large for 32768 maximum context length",
            TOO_LARGE,
        ),
        (500, "the request exceeds the available context size. try increasing it", TOO_LARGE),
        (400, "Trying to keep the first 9000 tokens when context the overflows.", TOO_LARGE),
        (400, "Too many images in request. Max is 5.", TOO_LARGE),
        (400, "Number of images (9) exceeds the limit of 8", TOO_LARGE),
        (400, "At most 0 image(s) may be provided in one prompt.", EngineRefused),
        (400, "In this context the schema is wrong", EngineRefused),
        # Out of memory: PyTorch, llama.cpp, llama.cpp with a cache that its slots share, Ollama,
        # SGLang, MLX
        (500, "CUDA out of memory. Tried to allocate 2.50 GiB.", OutOfMemory),
        (400, "torch.OutOfMemoryError: HIP out of memory", OutOfMemory),
        (503, "failed to allocate compute buffers", OutOfMemory),
        (500, "CUBLAS_STATUS_ALLOC_FAILED", OutOfMemory),
        (500, "Context size has been exceeded.", OutOfMemory),
        (500, "model requires more system memory (5.6 GiB) than is available", OutOfMemory),
        (400, "Prefill out of memory. Try to lower your batch size.", OutOfMemory),
        (500, "Insufficient Memory (00000008:kIOGPUCommandBufferCallbackError)", OutOfMemory),
        (401, "out of memory", EngineRefused),
    ],
)
def test_each_status_has_its_error(
    server: ScriptedServer, status: int, message: str, kind: type[EngineError]
) -> None:
    error = error_of(server, as_error(status, message))
    assert type(error) is kind
    assert str(status) in error.message and message in error.message


def test_error_after_a_status_of_success_is_the_error_that_it_says(
    server: ScriptedServer,
) -> None:
    for code, kind in ((429, EngineBusy), (400, EngineRefused), ("x", EngineFailed)):
        error = error_of(server, as_json({"error": {"message": "upstream said", "code": code}}))
        assert type(error) is kind and "upstream said" in error.message
    error = error_of(server, as_json({"error": "CUDA out of memory"}))
    assert isinstance(error, OutOfMemory) and "--at-once" in error.hint


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "nan"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_busy_server_says_when_to_come_back(
    server: ScriptedServer, headers: dict[str, str], seconds: float | None
) -> None:
    error = error_of(server, Answer(429, b"{}", headers))
    assert isinstance(error, EngineBusy) and error.retry_after == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"plain words", "plain words"),
        (b'{"detail": "of another kind"}', "of another kind"),
        (b'{"error": "only text"}', "only text"),
        (b'["a", "list"]', "list"),
        (b'{"error": {"message": null}}', "None"),
        (b"", "nothing"),
        (b"\xff\xfe", "the server answered 500"),
        (b"[" * 200_000, "[[["),
        (b"x" * 100_000, "xxx"),
    ],
)
def test_error_body_of_any_form_is_shown_in_short(
    server: ScriptedServer, body: bytes, words: str
) -> None:
    error = error_of(server, Answer(500, body))
    assert words in error.message and len(error.message) < 400


def test_error_body_can_not_act_on_a_terminal(server: ScriptedServer) -> None:
    nasty = "one\x1b[2J\x1b]0;title\x07\r\ntwo\u202etxt\x9b31m\x00\u2028three"
    for answer in (as_error(400, nasty), Answer(500, nasty.encode())):
        message = error_of(server, answer).message
        assert "one" in message and "three" in message
        assert message.isprintable()


def test_refused_connection_is_unreachable() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EngineUnreachable, match=f"127.0.0.1:{port}") as caught:
        open_server("", Settings(base_url=f"http://127.0.0.1:{port}/v1"))
    assert caught.value.retry and "running" in caught.value.hint


@pytest.mark.parametrize("route", [drop, cut, babble, echo])
def test_broken_connection_is_unreachable(server: ScriptedServer, route: Act) -> None:
    error = error_of(server, route, api_key=KEY)
    assert isinstance(error, EngineUnreachable) and error.retry
    assert KEY not in error.message


def test_engine_serves_again_after_a_broken_connection(server: ScriptedServer) -> None:
    server.set(CHAT, drop, cut, as_chat("A cat."))
    with open_at(server) as engine:
        for _ in range(2):
            with pytest.raises(EngineUnreachable):
                engine.answer(QUESTION)
        assert engine.answer(QUESTION).text == "A cat."


SLOW = {
    "says nothing": hang(3),
    "drips its body": drip(CHUNKED, b"1\r\n \r\n", 0.05, 3),
    "drips its headers": drip(b"HTTP/1.1 200 OK\r\n", b"X", 0.05, 3),
    "drips its status": drip(b"", b"H", 0.05, 3),
    "is still processing": drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.05, 3),
}


@pytest.mark.parametrize("way", SLOW)
def test_time_runs_out_however_a_server_is_slow(server: ScriptedServer, way: str) -> None:
    server.set(CHAT, SLOW[way])
    with open_at(server, timeout_seconds=0.4) as engine:
        started = time.monotonic()
        with pytest.raises(EngineTimeout) as caught:
            engine.answer(QUESTION)
        assert 0.3 < time.monotonic() - started < 2
        assert caught.value.retry and "--timeout-seconds" in caught.value.hint
        server.set(CHAT, as_chat("A cat."))
        assert engine.answer(QUESTION).text == "A cat."


def test_short_question_does_not_wait_as_long_as_a_chat(server: ScriptedServer) -> None:
    server.set("/v1/short", hang(3))
    server.set("/v1/slow", SLOW["drips its body"])
    with closing(Connection(server.base_url, "", 30)) as connection:
        for path in ("short", "slow"):
            started = time.monotonic()
            with pytest.raises(EngineTimeout):
                connection.send("GET", f"{server.base_url}/{path}", seconds=0.3)
            assert time.monotonic() - started < 1.5


def test_late_reply_does_not_hurt_another_that_is_under_way(server: ScriptedServer) -> None:
    def answer_in_time(asked: Asked, connection: socket.socket) -> Answer:
        time.sleep(0.5)
        return as_chat("A cat.")

    server.set("/v1/slow", SLOW["drips its headers"])
    server.set(CHAT, answer_in_time)
    with (
        open_at(server) as engine,
        closing(Connection(server.base_url, "", 0.2)) as hasty,
        ThreadPoolExecutor(2) as pool,
    ):
        patient = pool.submit(engine.answer, QUESTION)
        late = pool.submit(hasty.send, "GET", f"{server.base_url}/slow")
        assert isinstance(late.exception(), EngineTimeout)
        assert patient.result().text == "A cat."


def test_closing_ends_what_is_under_way(server: ScriptedServer) -> None:
    under_way = threading.Event()

    def answer_late(asked: Asked, connection: socket.socket) -> None:
        under_way.set()
        time.sleep(3)

    server.set(CHAT, answer_late)
    engine = open_at(server)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(engine.answer, QUESTION)
        assert under_way.wait(5)
        started = time.monotonic()
        engine.close()
        assert isinstance(asking.exception(), EngineRefused)
        assert time.monotonic() - started < 1.5


# Many at once


def test_sixty_four_requests_are_under_way_at_once(server: ScriptedServer) -> None:
    all_here = threading.Barrier(64)

    def answer_together(asked: Asked, connection: socket.socket) -> Answer:
        all_here.wait(timeout=10)
        return as_chat(asked.json["messages"][-1]["content"][0]["text"])

    server.set(CHAT, answer_together)
    with open_at(server) as engine, ThreadPoolExecutor(64) as pool:
        assert engine.capabilities.widest == 64
        texts = [f"number {number}" for number in range(64)]
        replies = list(pool.map(lambda text: engine.answer(Request("s", (text,))).text, texts))
    assert replies == texts


def test_connections_are_used_again(server: ScriptedServer) -> None:
    peers: list[object] = []

    def note_peer(asked: Asked, connection: socket.socket) -> Answer:
        peers.append(connection.getpeername())
        return as_chat("A cat.")

    server.set(CHAT, note_peer)
    with open_at(server) as engine, ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            engine.answer(QUESTION)
        assert len(set(peers)) == 1
        list(pool.map(lambda _: engine.answer(QUESTION), range(40)))
    assert len(peers) == 45 and len(set(peers)) <= 4


def test_llama_cpp_is_not_left_with_connections_that_hold_its_threads(
    server: ScriptedServer,
) -> None:
    server.set(MODELS, as_models({"id": MODEL, "owned_by": "llamacpp", "meta": {"n_ctx": 1024}}))
    with open_at(server) as engine:
        engine.answer(QUESTION)
    assert [asked.headers.get("Connection") for asked in server.asked][1:] == ["close"] * 2


def test_endless_body_is_not_read_to_its_end(server: ScriptedServer) -> None:
    piece = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    server.set(CHAT, drip(CHUNKED, piece, 0.0, 20))
    with open_at(server) as engine, pytest.raises(EngineFailed, match="more than 16 MiB"):
        engine.answer(QUESTION)
    assert MOST_REPLY_BYTES == 16 << 20


def test_redirect_is_not_followed(server: ScriptedServer) -> None:
    with serve() as elsewhere:
        moved = Answer(307, b"", {"Location": f"{elsewhere.base_url}/chat/completions"})
        error = error_of(server, moved, api_key=KEY)
        assert isinstance(error, EngineRefused) and "307" in error.message
        assert elsewhere.asked == []


def test_key_is_shown_nowhere(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    with open_at(server, api_key=KEY) as engine:
        shown = [repr(engine), str(engine), repr(engine.options), engine.name, engine.why]
        for status in (400, 401, 500):
            server.set(CHAT, as_error(status, f"Incorrect API key provided: {KEY}. Bearer {KEY}!"))
            with pytest.raises(EngineError) as caught:
                engine.answer(QUESTION)
            shown += [str(caught.value), repr(caught.value), caught.value.hint]
            assert "Incorrect API key provided: …." in caught.value.message
        server.set(CHAT, refuse_images(400, f"{KEY} may show me no images"))
        with caplog.at_level("DEBUG", "longtake"), pytest.raises(UsageError) as refused:
            engine.check_sight()
        server.set(CHAT, refuse_fields(("seed", as_error(400, f"no seed for {KEY}"))))
        with caplog.at_level("DEBUG", "longtake"):
            engine.answer(QUESTION)
    server.set(MODELS, as_models(f"a {KEY} b"))
    with pytest.raises(UsageError) as unknown:
        open_at(server, "other", api_key=KEY)
    shown += [refused.value.message, refused.value.hint, unknown.value.hint, *caplog.messages]
    assert "seed" in caplog.text and not any(KEY in text for text in shown)


@pytest.mark.parametrize("key", ["schlüssel-lang", "two\nlines", "nul\x00", "“quoted”"])
def test_key_that_can_not_be_sent_is_bad_usage_and_not_shown(
    server: ScriptedServer, key: str
) -> None:
    with pytest.raises(UsageError, match="API key") as caught:
        open_at(server, api_key=key)
    assert key not in caught.value.message + caught.value.hint and server.asked == []


def test_closed_engine_answers_with_an_error_of_ours(server: ScriptedServer) -> None:
    engine = open_at(server)
    engine.close()
    engine.close()
    with pytest.raises(EngineRefused, match="is closed") as caught:
        engine.answer(QUESTION)
    assert not caught.value.retry
    assert engine.count_tokens("four") == 4


def list_exceptions() -> list[type[Exception]]:
    found = (getattr(httpx2, name) for name in httpx2.__all__)
    return [
        kind
        for kind in found
        if inspect.isclass(kind) and issubclass(kind, Exception) and not issubclass(kind, Warning)
    ]


def raise_one(kind: type[Exception]) -> Exception:
    """An instance, whatever its constructor asks for."""
    made: list[Callable[[], Exception]] = [
        lambda: kind("said"),
        lambda: kind(),
        lambda: kind("said", request=None, response=None),  # type: ignore[call-arg]
    ]
    for make in made:
        try:
            return make()
        except TypeError:
            continue
    raise AssertionError(f"{kind} can't be made")


def test_each_exception_of_the_http_library_is_mapped() -> None:
    kinds = list_exceptions()
    assert len(kinds) >= 25
    for kind in kinds:
        with pytest.raises(LongtakeError), mapped_errors("http://127.0.0.1/v1"):
            raise raise_one(kind)


# Where it goes


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8000/v1",
        "localhost:8000",
        "http:///v1",
        "http://",
        "ftp://127.0.0.1/v1",
        "http://127.0.0.1:port/v1",
        "http://127.0.0.1:99999/v1",
        "http://127.0.0.1:0/v1",
        "http://[::1/v1",
        "http://two words/v1",
        "http://two..dots/v1",
        "http://" + "long" * 20 + "/v1",
        "http://127.0.0.1:8000/v1?key=1",
        "http://127.0.0.1:8000/v1#part",
        "http://127.0.0.1:8000/v\x001",
        "file:///etc/hostname",
        "nonsense",
    ],
)
def test_what_is_no_address_is_bad_usage(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_server("m", Settings(base_url=address))
    assert "address" in caught.value.message


def test_address_that_holds_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        open_server("m", Settings(base_url=f"http://user:{KEY}@127.0.0.1:1/v1"))
    assert KEY not in caught.value.message + caught.value.hint
    assert "OPENAI_API_KEY" in caught.value.hint


def test_no_address_is_bad_usage() -> None:
    with pytest.raises(UsageError, match="needs an address") as caught:
        open_server("m", Settings())
    assert "--base-url" in caught.value.hint and "OPENAI_BASE_URL" in caught.value.hint


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "https_proxy"])
def test_requests_to_this_machine_pass_by_the_proxy(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serve() as proxy:
        monkeypatch.setenv(variable, proxy.url)
        with open_at(server) as engine:
            assert engine.answer(QUESTION).text == "A cat."
        assert proxy.asked == []


def test_requests_to_other_machines_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        proxy.set("http://models.example/v1/models", as_models({"id": "far", "max_model_len": 99}))
        with open_server("", Settings(base_url="http://models.example/v1")) as engine:
            assert engine.model == "far"
        assert [asked.path for asked in proxy.asked] == ["http://models.example/v1/models"]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1", "127.0.0.1:x"])
def test_proxy_that_can_not_be_used_is_bad_usage(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(UsageError, match="proxy"):
        open_server("", Settings(base_url="http://models.example/v1"))


# A real server


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A text model, and what lets it see."""
    folder = tmp_path_factory.mktemp("tiny")
    return write_text_model(folder / "tiny.gguf"), write_projector(folder / "sight.gguf")


@contextmanager
def open_llama(model: Path, sight: Path | None, slots: int, **settings: Any) -> Iterator[Any]:
    """The engine on llama.cpp's own server, with 2048 tokens a slot."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.mmproj.path = str(sight or "")
    params.n_ctx, params.n_parallel, params.kv_unified = 2048 * slots, slots, False
    params.cpuparams.n_threads = 1
    params.verbosity, params.ui, params.warmup = -1, False, False
    params.api_keys = [KEY]
    running = xllamacpp.Server(params)
    base_url = f"{running.listening_address}/v1"
    with open_server("", Settings(**{"base_url": base_url, "api_key": KEY} | settings)) as engine:
        yield engine


@pytest.mark.parametrize("slots", [1, 4])
def test_llama_cpp_says_what_one_request_may_hold(tiny: tuple[Path, Path], slots: int) -> None:
    with open_llama(*tiny, slots=slots) as engine:
        can = engine.capabilities
        assert (can.context_tokens, can.width, can.widest) == (2048, slots, slots)
        assert can.images is None and can.schemas and engine.why.startswith("llama.cpp at ")
        engine.check_sight()
        text = "x" * 1800
        assert engine.count_tokens(text) == 1800
        assert engine.answer(Request("s", (text,), 4)).input_tokens > 1800
        with pytest.raises(RequestTooLarge, match="2048 tokens"):
            engine.answer(Request("s", (text + text,), 4))


def test_llama_cpp_without_sight_is_bad_usage_before_the_first_frame(
    tiny: tuple[Path, Path],
) -> None:
    with open_llama(tiny[0], None, slots=1) as engine:
        assert engine.capabilities.images == 0
        with pytest.raises(UsageError, match="takes no images"):
            engine.check_sight()
        assert engine.answer(Request("s", ("Say.",), 4)).text


def test_llama_cpp_sees_each_frame_and_their_order(tiny: tuple[Path, Path]) -> None:
    one, other = make_frame(0.0, (255, 0, 0)), make_frame(1.0, (0, 60, 255))
    with open_llama(*tiny, slots=1) as engine:
        ways = [(), (one,), (other,), (one, other), (other, one)]
        replies = [engine.answer(Request("s", (*way, "Say."), 24)) for way in ways]
    assert len({reply.text for reply in replies}) == len(ways)
    tokens = [reply.input_tokens for reply in replies]
    assert tokens[0] < tokens[1] == tokens[2] < tokens[3] == tokens[4]


def test_llama_cpp_holds_the_schema(tiny: tuple[Path, Path]) -> None:
    with open_llama(*tiny, slots=1) as engine:
        request = Request("s", (make_frame(), "Say."), 64, schema=SCHEMA)
        held = json.loads(engine.answer(request).text)
    assert set(held) == {"a"} and isinstance(held["a"], int)


def test_llama_cpp_gives_a_crowd_the_answers_that_each_gets_alone(
    tiny: tuple[Path, Path],
) -> None:
    requests = [Request("s", (make_frame(0.0, (9 * n, 60, 90)), "Say."), 12) for n in range(16)]
    with open_llama(*tiny, slots=4) as engine, ThreadPoolExecutor(16) as pool:
        together = [reply.text for reply in pool.map(engine.answer, requests)]
        alone = [engine.answer(request).text for request in requests]
    assert together == alone and len(set(alone)) > 1


def test_llama_cpp_refuses_frames_as_a_video_and_a_wrong_key(tiny: tuple[Path, Path]) -> None:
    no_video = pytest.raises(UsageError, match="no frames as a video")
    with open_llama(*tiny, slots=1, frames_as="video") as engine, no_video:
        engine.check_sight()
    refused = pytest.raises(EngineRefused, match="401")
    with refused as caught, open_llama(*tiny, slots=1, api_key="a-wrong-key"):
        pass
    assert "a-wrong-key" not in caught.value.message


@pytest.mark.real
def test_real_llama_cpp_server_keeps_the_same_promises(tmp_path: Path) -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    from longtake.models.table import SMOLLM2, model_path

    params = xllamacpp.CommonParams()
    params.model.path = str(model_path(SMOLLM2))
    params.n_ctx, params.n_parallel, params.verbosity, params.ui = 1024, 2, -1, False
    params.api_keys = [KEY]
    running = xllamacpp.Server(params)
    base_url = f"{running.listening_address}/v1"
    with open_server("", Settings(base_url=base_url, api_key=KEY)) as engine:
        assert engine.capabilities.context_tokens == 512  # of each of the two slots
        assert engine.capabilities.images == 0
        request = Request("You are brief.", ("Name", "a colour."), max_tokens=8)
        reply = engine.answer(request)
        assert reply.text and 0 < reply.output_tokens <= 8 and reply.input_tokens > 8
        assert engine.answer(request).text == reply.text
        long = "word " * 2000
        assert 1000 < engine.count_tokens(long) < len(long)
        with pytest.raises(RequestTooLarge):
            engine.answer(Request("s", (long,)))
    with pytest.raises(EngineRefused, match="401") as caught:
        open_server("", Settings(base_url=base_url, api_key="a-wrong-key"))
    assert "a-wrong-key" not in caught.value.message


@pytest.mark.parametrize(
    ("model", "asked", "tokens"),
    [("SmolVLM2-500M", 2, 871), ("my-own-model", 2, 871), ("Qwen2.5-VL-7B", 0, 209)],
)
def test_tokens_of_a_frame_are_asked_where_the_family_does_not_tell(
    server: ScriptedServer, model: str, asked: int, tokens: int
) -> None:
    def count(asked: Asked, connection: object) -> Answer:
        parts = asked.json["messages"][-1]["content"]
        images = sum(part["type"] == "image_url" for part in parts)
        return as_chat("A cat.", usage=(20 + 871 * images, 1))

    server.set(MODELS, as_models({"id": model, "max_model_len": 4096}))
    server.set(CHAT, count)
    with open_at(server) as engine:
        assert [engine.frame_tokens(512, 288) for _ in range(2)] == [tokens] * 2
    assert len(server.chats) == asked


@pytest.mark.parametrize("route", [as_error(400, "boom"), as_chat("A cat.", usage=None)])
def test_tokens_of_a_frame_are_bounded_where_the_server_does_not_count(
    server: ScriptedServer, route: Answer
) -> None:
    server.set(CHAT, route)
    with open_at(server) as engine:
        assert engine.frame_tokens(512, 288) == 37 * 21


@pytest.mark.parametrize(
    ("said", "kind", "most"),
    [
        ("temperature must be at most 1", EngineRefused, 0),
        ("response_format: schema nesting exceeds 5 levels", EngineRefused, 0),
        ("At most 2 image(s) may be provided in one prompt.", RequestTooLarge, 2),
        ("Number of images (9) exceeds the limit of 8", RequestTooLarge, 8),
        ("prompt is too long: 9000 tokens > 8192 maximum", RequestTooLarge, 0),
    ],
)
def test_what_is_too_large_is_told_from_what_is_wrong(
    server: ScriptedServer, said: str, kind: type[EngineError], most: int
) -> None:
    error = error_of(server, as_error(400, said))
    assert type(error) is kind
    assert getattr(error, "most_images", 0) == most


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


def test_spent_quota_is_not_waited_for(server: ScriptedServer) -> None:
    error = error_of(server, as_error(429, "You exceeded your current quota, check your billing"))
    assert isinstance(error, EngineRefused) and "account" in error.hint


@pytest.mark.parametrize(
    "address", ["http://me:PASSWORD@", "http://h/v1?api-key=SECRET", "me:PW@h"]
)
def test_address_that_can_not_be_is_shown_without_its_secrets(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_server("", Settings(base_url=address))
    assert not re.search("PASSWORD|SECRET|PW", caught.value.message + caught.value.hint)
