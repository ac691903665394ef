"""What comes back: replies, thoughts, errors, broken connections."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from longtake.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    OutOfMemory,
    RequestTooLarge,
)
from longtake.inference.retry import tidy
from tests.engines.ollama.opened import QUESTION, error_of, open_at
from tests.ollamas import (
    CHAT,
    as_reply,
    as_wrong,
    chats,
)
from tests.servers import (
    Answer,
    Asked,
    Route,
    ScriptedServer,
    as_json,
    babble,
    cut,
    drop,
    hang,
)


def test_reply_has_text_tokens_and_whether_it_is_whole(server: ScriptedServer) -> None:
    def take_a_moment(asked: Asked, connection: object) -> Answer:
        time.sleep(0.005)
        return as_reply(" A cat. \n", prompt=20, output=5)

    server.set(
        CHAT,
        take_a_moment,
        as_reply("A c", done_reason="length"),
        as_reply("A c", done=False, done_reason=None, prompt_eval_count=None, eval_count=None),
    )
    with open_at(server) as engine:
        whole, cut_short, given_up = (engine.answer(QUESTION) for _ in range(3))
    assert (whole.text, whole.input_tokens, whole.output_tokens) == ("A cat.", 20, 5)
    assert whole.complete and whole.seconds > 0
    assert not cut_short.complete and not given_up.complete
    assert (given_up.input_tokens, given_up.output_tokens) == (0, 0)


def test_thoughts_are_no_part_of_what_is_judged(server: ScriptedServer) -> None:
    apart = {"role": "assistant", "content": "A cat.", "thinking": "Is it a dog?"}
    server.set(
        CHAT,
        as_reply(message=apart),
        as_reply("<think>A dog?</think>\nA cat."),
        as_reply("A dog?</think>A cat."),
        as_reply("<think>A dog? No,", done_reason="length"),
        as_reply(message={"role": "assistant", "content": None}),
    )
    with open_at(server) as engine:
        replies = [tidy(engine.answer(QUESTION)) for _ in range(5)]
    assert [reply.text for reply in replies] == ["A cat."] * 3 + ["", ""]
    assert [reply.thought for reply in replies] == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (500, "model requires more system memory (5.0 GiB) than is available (3.1 GiB)", "memory"),
        (500, "llama runner process has terminated: cudaMalloc failed: out of memory", "memory"),
        (500, "llama runner process has terminated: signal: killed", "memory"),
        (500, "llama-server process has terminated: exit status 2", "memory"),
        (500, "llama runner process no longer running: 2", "memory"),
        (
            500,
            "llama runner process has terminated: error loading model: unknown model architecture",
            "refused",
        ),
        (500, "unable to load model: /models/blobs/sha256-1", "refused"),
        (500, "an error was encountered while running the model", "failed"),
        (400, '"see" does not support chat', "refused"),
        (404, "model 'see' not found", "refused"),
        (401, "unauthorized", "refused"),
        (429, "too many requests", "busy"),
        (503, "server busy, please try again.  maximum pending requests exceeded", "busy"),
        (400, "request (9 tokens) exceeds the available context size (4 tokens)", "large"),
        (500, "the input length exceeds the context length", "large"),
        (
            400,
            "the prompt is longer than the context length currently available to the model",
            "large",
        ),
        (504, "", "late"),
    ],
)
def test_error_is_of_the_kind_that_its_words_say(
    server: ScriptedServer, status: int, message: str, kind: str
) -> None:
    error = error_of(server, as_wrong(status, message))
    kinds: dict[str, type[EngineError]] = {
        "memory": OutOfMemory,
        "refused": EngineRefused,
        "failed": EngineFailed,
        "busy": EngineBusy,
        "large": RequestTooLarge,
        "late": EngineTimeout,
    }
    assert type(error) is kinds[kind]
    assert " ".join(message.split()) in error.message
    assert error.hint or kind == "late"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"no json"),
        Answer(200, b"[]"),
        as_json({}),
        as_json({"message": "text"}),
        as_json({"message": {}}),
        as_reply(content=7),  # type: ignore[arg-type]
        as_reply(prompt_eval_count="many"),
        as_json({"error": "an error was encountered while running the model"}),
        Answer(500, b""),
    ],
)
def test_answer_that_is_no_chat_is_a_failure(server: ScriptedServer, answer: Answer) -> None:
    assert type(error_of(server, answer)) is EngineFailed


@pytest.mark.parametrize("route", [drop, cut, babble])
def test_broken_connection_says_how_to_start_ollama(server: ScriptedServer, route: Route) -> None:
    error = error_of(server, route)
    assert type(error) is EngineUnreachable
    assert "`ollama serve`" in error.hint and "longtake doctor" in error.hint


def test_answer_that_takes_too_long_is_a_timeout(server: ScriptedServer) -> None:
    assert type(error_of(server, hang(3), timeout_seconds=0.3)) is EngineTimeout


def test_closed_engine_answers_nothing_and_ends_what_is_under_way(server: ScriptedServer) -> None:
    engine = open_at(server)
    server.set(CHAT, hang(3))
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(engine.answer, QUESTION)
        while not chats(server):
            time.sleep(0.01)
        engine.close()
        with pytest.raises(EngineRefused, match="was closed"):
            under_way.result(timeout=2)
    with pytest.raises(EngineRefused, match="is closed"):
        engine.answer(QUESTION)
