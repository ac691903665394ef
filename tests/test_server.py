"""The `server` engine against a real HTTP server: what it asks, what it makes of each answer."""

import base64
import inspect
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from longtake.engines.base import Request
from longtake.engines.http import MOST_REPLY_BYTES, mapped_errors
from longtake.engines.server import ASSUMED_CONTEXT_TOKENS, ServerEngine, open_server
from longtake.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    LongtakeError,
    RequestTooLarge,
    UsageError,
)
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
from tests.test_engines import make_frame
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
        open_at(server, "mine", timeout_seconds=0.6)


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
    server.set(MODELS, as_models("other", "qwen"))
    server.set(
        "/api/v0/models",
        as_models(
            {"id": "other", "state": "not-loaded", "max_context_length": 131072},
            {"id": "qwen", "state": "loaded", "loaded_context_length": 6000},
        ),
    )
    with open_at(server, "qwen") as engine:
        assert engine.capabilities.context_tokens == 6000
    with open_at(server, "other") as engine:
        assert engine.capabilities.context_tokens == ASSUMED_CONTEXT_TOKENS


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
        drop,
        cut,
    ],
)
def test_bytes_are_counted_where_the_server_does_not_count(
    server: ScriptedServer, route: Route
) -> None:
    server.set("/tokenize", route)
    with open_at(server) as engine:
        assert [engine.count_tokens(text) for text in ("four", "été", "\ud800")] == [4, 5, 1]
    assert sum(asked.path == "/tokenize" for asked in server.asked) == 1


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


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "This model's maximum context length is 4096 tokens.", RequestTooLarge),
        (400, "request (3031 tokens) exceeds the available context size", RequestTooLarge),
        (400, "At most 4 image(s) may be provided in one request.", RequestTooLarge),
        (400, "Input is too long.", RequestTooLarge),
        (413, "Payload", RequestTooLarge),
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
    ],
)
def test_each_status_has_its_error(
    server: ScriptedServer, status: int, message: str, kind: type[EngineError]
) -> None:
    error = error_of(server, as_error(status, message))
    assert type(error) is kind
    assert str(status) in error.message and message in error.message


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
    with open_at(server, timeout_seconds=0.6) as engine:
        started = time.monotonic()
        with pytest.raises(EngineTimeout) as caught:
            engine.answer(QUESTION)
        assert 0.5 < time.monotonic() - started < 2
        assert caught.value.retry and "--timeout-seconds" in caught.value.hint
        server.set(CHAT, as_chat("A cat."))
        assert engine.answer(QUESTION).text == "A cat."


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


def test_key_is_shown_nowhere(server: ScriptedServer) -> None:
    with open_at(server, api_key=KEY) as engine:
        shown = [repr(engine), str(engine), repr(engine.options), engine.name, engine.why]
        for status in (400, 401, 500):
            server.set(CHAT, as_error(status, f"Incorrect API key provided: {KEY}. Bearer {KEY}!"))
            with pytest.raises(EngineError) as caught:
                engine.answer(QUESTION)
            shown += [str(caught.value), repr(caught.value), caught.value.hint]
            assert "Incorrect API key provided: …." in caught.value.message
    assert not any(KEY in text for text in shown)


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
    with pytest.raises(EngineUnreachable):
        engine.answer(QUESTION)
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
        with pytest.raises(UsageError, match="lists no models"):
            open_server("", Settings(base_url="http://models.example/v1"))
        assert [asked.path for asked in proxy.asked] == ["http://models.example/v1/models"]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1", "127.0.0.1:x"])
def test_proxy_that_can_not_be_used_is_bad_usage(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(UsageError, match="proxy"):
        open_server("", Settings(base_url="http://models.example/v1"))


# A real server


@pytest.mark.real
def test_real_llama_cpp_server_keeps_the_same_promises(tmp_path: Path) -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    from longtake.models import SMOLLM2, model_path

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
