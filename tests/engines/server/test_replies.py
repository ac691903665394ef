"""What the engine makes of an answer: a reply, or a failure."""

import socket
import time
from typing import Any

import pytest

from longtake.errors import (
    EngineFailed,
)
from tests.engines.server.opened import QUESTION, error_of, open_at
from tests.servers import (
    CHAT,
    Answer,
    Asked,
    ScriptedServer,
    as_chat,
    as_json,
)


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
