"""Each status, body and foreign exception becomes an error of ours."""

import inspect
from collections.abc import Callable

import httpx2
import pytest

from longtake.engines.http import mapped_errors
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
)
from tests.engines.server.opened import KEY, error_of
from tests.servers import (
    Answer,
    ScriptedServer,
    as_error,
    as_json,
    serve,
)

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
        # What passes: a proxy whose server is away, Cloudflare's likes of it, Anthropic, OpenAI
        (502, "bad gateway", EngineUnreachable),
        (521, "web server is down", EngineUnreachable),
        (524, "a timeout occurred", EngineTimeout),
        (529, "Overloaded", EngineBusy),
        (500, "The engine is currently overloaded, please try again later", EngineBusy),
        # More than it takes
        (
            422,
            "Prompt contains 40000 tokens, too large for 32768 maximum context length",
            TOO_LARGE,
        ),
        (500, "the request exceeds the available context size. try increasing it", TOO_LARGE),
        (400, "Trying to keep the first 9000 tokens when context the overflows.", TOO_LARGE),
        (422, "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000", TOO_LARGE),
        (422, "`max_new_tokens` must be <= 512", EngineRefused),
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


def test_redirect_is_not_followed(server: ScriptedServer) -> None:
    with serve() as elsewhere:
        moved = Answer(307, b"", {"Location": f"{elsewhere.base_url}/chat/completions"})
        error = error_of(server, moved, api_key=KEY)
        assert isinstance(error, EngineRefused) and "307" in error.message
        assert elsewhere.asked == []


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


PASSING = [
    # Gemini, OpenAI, Groq, Mistral: limits by the minute, whatever they call them
    ("You exceeded your current quota, check your billing. Please retry in 2.5s.", 2.5),
    ("Rate limit reached on tokens per min (TPM). Please try again in 20ms. Visit …/billing", 0.02),
    ("Rate limit reached. Please try again in 1m26.4s. Upgrade at …/settings/billing", 86.4),
    ("Quota exceeded for requests per minute", None),
    ("Requests rate limit exceeded", None),
]


@pytest.mark.parametrize(("said", "seconds"), PASSING)
def test_limit_by_the_minute_is_waited_for_as_long_as_it_says(
    server: ScriptedServer, said: str, seconds: float | None
) -> None:
    error = error_of(server, as_error(429, said))
    assert isinstance(error, EngineBusy) and error.retry and error.retry_after == seconds


def test_time_to_come_back_is_found_beside_the_words(server: ScriptedServer) -> None:
    """As Gemini puts it, in a list that holds one error."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]
    said = {"code": 429, "message": "You exceeded your current quota.", "details": details}
    error = error_of(server, as_json([{"error": said}], 429))
    assert isinstance(error, EngineBusy) and error.retry_after == 7
    assert error.message.endswith("429: You exceeded your current quota.")
    error = error_of(server, as_error(429, "quota exceeded", Retry_After="9"))
    assert isinstance(error, EngineBusy) and error.retry_after == 9


SPENT = [
    as_error(429, "You exceeded your current quota, check your billing"),
    as_error(429, "You exceeded your current quota. Please retry in 13h2m"),
    as_error(429, "Quota of 50 requests per day exceeded. Please retry in 30s"),
    as_json({"error": {"message": "Wait 20s", "code": "insufficient_quota"}}, 429),
    as_error(429, "Insufficient balance"),
]


@pytest.mark.parametrize("answer", SPENT)
def test_spent_quota_is_not_waited_for(server: ScriptedServer, answer: Answer) -> None:
    error = error_of(server, answer)
    assert isinstance(error, EngineRefused) and "account" in error.hint
