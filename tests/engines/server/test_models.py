"""Which model serves, and what its server says that it takes."""

from typing import Any

import pytest

from longtake.engines.server import ASSUMED_CONTEXT_TOKENS, open_server
from longtake.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    RequestTooLarge,
    UsageError,
)
from longtake.inference.engine import Request
from longtake.settings import Settings
from tests.engines.server.opened import KEY, QUESTION, open_at
from tests.frames import make_frame
from tests.servers import (
    CHAT,
    MODEL,
    MODELS,
    Answer,
    Route,
    ScriptedServer,
    as_error,
    as_json,
    as_models,
    drop,
    hang,
)


def test_first_model_serves_where_none_is_named(server: ScriptedServer) -> None:
    server.set(MODELS, as_models({"id": "one", "max_model_len": 64}, "two"))
    with open_at(server) as engine:
        assert (engine.name, engine.model) == ("server:one", "one")
        engine.answer(QUESTION)
    assert server.chats[0]["model"] == "one"


EMBEDDERS: list[dict[str, Any] | str] = [
    "text-embedding-nomic-embed-text-v1.5",
    "BAAI/bge-m3",
    "whisper-large-v3",
    {"id": "a", "type": "embedding"},
    {"id": "b", "task": "text-to-image"},
    {"id": "c", "capabilities": {"completion_chat": False}},
    {"id": "d", "architecture": {"output_modalities": ["image"]}},
    "openai/*",
    "*",
]


@pytest.mark.parametrize("first", EMBEDDERS)
def test_model_that_answers_no_questions_does_not_serve_for_standing_first(
    server: ScriptedServer, first: dict[str, Any] | str
) -> None:
    server.set(MODELS, as_models(first, "qwen3-vl", "other"))
    with open_at(server) as engine:
        assert engine.model == "qwen3-vl"
    server.set(MODELS, as_models(first))
    with pytest.raises(UsageError, match="lists no model that could be asked") as caught:
        open_at(server)
    assert "--engine server:MODEL" in caught.value.hint
    name = first if isinstance(first, str) else first["id"]
    with open_at(server, name) as engine:  # who names it knows better
        assert engine.model == name


@pytest.mark.parametrize("kind", ["llm", "vlm", "chat", "image-text-to-text", "model", None])
def test_model_whose_kind_answers_questions_serves(
    server: ScriptedServer, kind: str | None
) -> None:
    server.set(MODELS, as_models({"id": "first", "type": kind}, "second"))
    with open_at(server) as engine:
        assert engine.model == "first"


@pytest.mark.parametrize("pattern", ["openai/*", "*", "o*/gpt-*", "openai/gpt-4o*"])
def test_pattern_in_the_list_serves_each_model_that_it_stands_for(
    server: ScriptedServer, pattern: str
) -> None:
    server.set(MODELS, as_models("local", {"id": pattern, "max_model_len": 900}))
    with open_at(server, "openai/gpt-4o") as engine:
        assert engine.name == "server:openai/gpt-4o"
        assert engine.capabilities.context_tokens == 900
        engine.answer(QUESTION)
    assert server.chats[0]["model"] == "openai/gpt-4o"
    with open_at(server) as engine:
        assert engine.model == "local"
    server.set(MODELS, as_models("anthropic/*", "[a-z]*", "openai/gpt-4?"))
    with pytest.raises(UsageError, match="has no model"):
        open_at(server, "openai/gpt-4o")


def test_list_without_an_envelope_is_read(server: ScriptedServer) -> None:
    """As Together and GitHub Models give it."""
    server.set(MODELS, as_json([{"id": "bge-small"}, {"id": "one", "context_length": 900}, "two"]))
    with open_at(server) as engine:
        assert engine.model == "one" and engine.capabilities.context_tokens == 900
    with open_at(server, "two") as engine:
        assert engine.model == "two"
    with pytest.raises(UsageError, match="has no model 'three'"):
        open_at(server, "three")


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
