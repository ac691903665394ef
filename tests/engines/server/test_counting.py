"""Tokens are counted by the server, or bounded."""

import socket

import pytest

from tests.engines.server.opened import open_at
from tests.servers import (
    CHAT,
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
    cut,
    drop,
)


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
