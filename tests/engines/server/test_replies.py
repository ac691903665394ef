"""What the engine makes of an answer: a reply, or a failure."""

import re
import socket
import time
from typing import Any

import pytest

from longtake.errors import BadReply, EngineFailed, OnlyThought
from longtake.inference.retry import ask, tidy
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
        assert tidy(engine.answer(QUESTION)).text == text


@pytest.mark.parametrize(
    ("finish", "complete"),
    [
        *((f, True) for f in ("stop", "STOP", "eos_token", "end_turn", "stop_sequence", "", None)),
        *((f, False) for f in ("length", "LENGTH", "max_tokens", "MAX_TOKENS", "content_filter")),
    ],
)
def test_only_a_text_that_ran_out_of_room_is_not_complete(
    server: ScriptedServer, finish: str, complete: bool
) -> None:
    server.set(CHAT, as_chat("A cat sl", finish=finish))
    with open_at(server) as engine:
        assert engine.answer(QUESTION).complete is complete


def as_message(finish: str = "stop", details: Any = None, **message: Any) -> Answer:
    """A chat completion of one message as the server has it."""
    choice = {"message": {"role": "assistant", **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 11, "completion_tokens": 64, "completion_tokens_details": details}
    return as_json({"choices": [choice], "usage": usage})


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (as_message(content=None, refusal="I can't do that."), BadReply, "I can't do that."),
        (as_message(content=[{"type": "refusal", "refusal": "No."}]), BadReply, "'No.'"),
        (as_message("content_filter", content=""), BadReply, "a filter of the server"),
        (as_message(content=None, reasoning_content="Hm."), BadReply, "thought alone"),
        (as_message("length", content=None, reasoning="Hm."), OnlyThought, "all 64 tokens"),
        (as_message("length", {"reasoning_tokens": 64}, content=""), OnlyThought, "all 64 tokens"),
        (as_message("length", content="<think>Hm."), OnlyThought, "all 64 tokens"),
    ],
)
def test_reason_why_there_is_no_text_is_said(
    server: ScriptedServer, answer: Answer, kind: type[BadReply], said: str
) -> None:
    server.set(CHAT, answer)
    with open_at(server) as engine, pytest.raises(kind, match=re.escape(said)) as caught:
        ask(engine, QUESTION, lambda reply: None, sleep=lambda seconds: None)
    assert type(caught.value) is kind
    rooms = {asked["max_tokens"] for asked in server.chats} if kind is OnlyThought else {64}
    assert len(rooms) == (2 if kind is OnlyThought else 1)


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
