"""Any server that speaks the OpenAI chat API: vLLM, llama.cpp's, SGLang, LM Studio, a cloud.

The one door to HTTP for engines: httpx2's exceptions and the server's status codes stop here.
"""

import base64
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2

from longtake.engines.base import Capabilities, Engine, Reply, Request, byte_bound
from longtake.errors import (
    BadReply,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    RequestTooLarge,
    UsageError,
)
from longtake.plain import one_line
from longtake.records import Frame
from longtake.settings import Settings

CONNECT_SECONDS = 10.0
ASSUMED_CONTEXT_TOKENS = 4096
"""Taken where neither the settings nor the server say how long a context may be."""
WIDTH = 4
RETRY_TEMPERATURE = 0.4
"""The first attempt is greedy; the next ones must be able to come out differently."""


class ServerEngine(Engine):
    """One model of one server."""

    def __init__(self, base_url: str, model: str, settings: Settings) -> None:
        self._address = base_url
        timeout = httpx2.Timeout(settings.timeout_seconds, connect=CONNECT_SECONDS)
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self._client = httpx2.Client(timeout=timeout, headers=headers)
        self._counts_tokens = True
        facts = self._find_model(model)
        self.model = str(facts["id"])
        context = settings.context_tokens or _context_tokens(facts)
        super().__init__(
            name=f"server:{self.model}",
            capabilities=Capabilities(
                images=None, context_tokens=context or ASSUMED_CONTEXT_TOKENS, width=WIDTH
            ),
            options={"base_url": base_url},
            why=f"at {base_url}" + ("" if context else _unknown_context()),
        )

    def answer(self, request: Request) -> Reply:
        """One chat completion."""
        started = time.monotonic()
        body = {
            "model": self.model,
            "messages": request.messages(_content(request)),
            "max_tokens": request.max_tokens,
            "temperature": RETRY_TEMPERATURE if request.attempt else 0.0,
            "seed": request.attempt,
        }
        answer = self._post(f"{self._address}/chat/completions", body)
        return _read_reply(answer, round(time.monotonic() - started, 3))

    def count_tokens(self, text: str) -> int:
        """As the server's own tokenizer counts, where it lends it (vLLM, llama.cpp do)."""
        if self._counts_tokens:
            # llama.cpp reads `content`, vLLM reads `prompt`; each passes over the other's.
            body = {"model": self.model, "content": text, "prompt": text}
            try:
                answer = self._post(f"{self._address.removesuffix('/v1')}/tokenize", body)
                return int(answer.get("count") or len(answer["tokens"]))
            except (EngineError, LookupError, TypeError, ValueError, AttributeError):
                self._counts_tokens = False
        return byte_bound(text)

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def _find_model(self, model: str) -> dict[str, Any]:
        """What the server says of the model; of its first one, where none is named."""
        try:
            with _mapped_errors(self._address):
                response = self._client.get(f"{self._address}/models")
                _check_status(response)
                listed = [dict(entry) for entry in response.json()["data"]]
        except (EngineRefused, BadReply, LookupError, TypeError, ValueError) as error:
            if isinstance(error, EngineRefused) and "404" not in error.message:
                raise
            listed = []  # a server without a list of models still serves the one that is named
        for facts in listed:
            if facts.get("id") == model or not model:
                return facts
        if listed:
            known = ", ".join(str(facts.get("id")) for facts in listed[:10])
            raise UsageError(f"{self._address} has no model {model!r}", f"It serves: {known}.")
        if not model:
            raise UsageError(f"{self._address} lists no models", "Name one: --engine server:MODEL.")
        return {"id": model}

    def _post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        with _mapped_errors(self._address):
            response = self._client.post(url, json=body)
            _check_status(response)
            answer = response.json()
        if not isinstance(answer, dict):
            raise BadReply(f"the server answered with {type(answer).__name__}, not an object")
        return answer


def open_server(model: str, settings: Settings) -> ServerEngine:
    """The server of the settings; it is asked for its models at once, so a wrong address shows."""
    if not settings.base_url:
        raise UsageError(
            "the engine 'server' needs an address",
            "Give --base-url http://127.0.0.1:8000/v1, or set OPENAI_BASE_URL.",
        )
    address = settings.base_url.rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"--base-url {settings.base_url!r} is no address", "Such as http://127.0.0.1:8000/v1."
        )
    return ServerEngine(address, model, settings)


def _unknown_context() -> str:
    return (
        f"; it does not say how long its context is, so {ASSUMED_CONTEXT_TOKENS} tokens are"
        " assumed (--context-tokens sets it)"
    )


def _context_tokens(facts: dict[str, Any]) -> int:
    """The context length that servers put into their list of models; 0 where they don't."""
    meta = facts.get("meta") if isinstance(facts.get("meta"), dict) else {}
    for place, name in (
        (facts, "max_model_len"),  # vLLM, SGLang
        (meta, "n_ctx"),  # llama.cpp
        (facts, "loaded_context_length"),  # LM Studio
        (facts, "context_length"),  # OpenRouter
    ):
        value = (place or {}).get(name)
        if isinstance(value, int) and value > 0:
            return value
    return 0


def _content(request: Request) -> list[dict[str, Any]]:
    """The parts in OpenAI's form; frames as data URIs."""
    parts: list[dict[str, Any]] = []
    for part in request.parts:
        if isinstance(part, Frame):
            data = base64.b64encode(part.jpeg).decode("ascii")
            url = f"data:image/jpeg;base64,{data}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        else:
            parts.append({"type": "text", "text": part})
    return parts


def _read_reply(answer: dict[str, Any], seconds: float) -> Reply:
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"] or ""
        usage = answer.get("usage") or {}
        return Reply(
            text=re.sub(r"^\s*<think>.*?</think>", "", text, flags=re.DOTALL).strip(),
            input_tokens=int(usage.get("prompt_tokens") or 0),
            output_tokens=int(usage.get("completion_tokens") or 0),
            seconds=seconds,
            complete=choice.get("finish_reason") != "length",
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadReply(f"the server's answer is no chat completion ({error!r})") from error


@contextmanager
def _mapped_errors(address: str) -> Iterator[None]:
    """Turn what httpx2 raises, and a body that is no JSON, into EngineErrors."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise EngineTimeout(
            f"{address} gave no reply in time", "Raise --timeout-seconds, or lower --at-once."
        ) from error
    except httpx2.InvalidURL as error:
        raise UsageError(f"{address!r} is no address: {error}") from error
    except (httpx2.HTTPError, RuntimeError) as error:  # RuntimeError: the client was closed
        raise EngineUnreachable(
            f"{address} can't be reached: {error}", "Is the server running there?"
        ) from error
    except ValueError as error:
        raise BadReply(f"{address} answered with something that is not JSON") from error


def _check_status(response: httpx2.Response) -> None:
    """EngineError for all but success."""
    status = response.status_code
    if 200 <= status < 300:
        return
    said = f"the server answered {status}: {_error_text(response)}"
    if status in (401, 403):
        raise EngineRefused(said, "Check the key: --api-key, or OPENAI_API_KEY.")
    if status == 413 or (status == 400 and _is_too_large(said)):
        raise RequestTooLarge(said, "Lower --frames or --frame-side.")
    if status in (429, 503):
        raise EngineBusy(said, "Lower --at-once.", _retry_after(response))
    if status == 408:
        raise EngineTimeout(said)
    if status >= 500:
        raise EngineFailed(said, "The server's own log says more.")
    raise EngineRefused(said, "Check --base-url and the model's name.")


def _error_text(response: httpx2.Response) -> str:
    """The server's own words, on one line, kept short."""
    try:
        answer = response.json()
        error = answer.get("error", answer) if isinstance(answer, dict) else answer
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except ValueError:
        text = response.text
    return one_line(text)[:300] or "nothing"


def _is_too_large(said: str) -> bool:
    return bool(re.search(r"context|too (long|large|many)|exceed", said, re.IGNORECASE))


def _retry_after(response: httpx2.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
