"""Any server that speaks the OpenAI chat API: vLLM, llama.cpp's, SGLang, LM Studio, a cloud.

The one door to HTTP for engines: httpx2's exceptions and the server's status codes stop here.
"""

import base64
import ipaddress
import json
import queue
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    LongtakeError,
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
MOST_REPLY_BYTES = 16 << 20
"""A reply has some kilobytes, a cloud's list of models a megabyte; more is not read."""


class ServerEngine(Engine):
    """One model of one server."""

    def __init__(
        self, base_url: str, model: str, settings: Settings, client: httpx2.Client
    ) -> None:
        self._address = base_url
        self._root = base_url.removesuffix("/v1")
        self._key = settings.api_key
        self._seconds = settings.timeout_seconds
        self._client = client
        self._counts_tokens = True
        facts = self._find_model(model)
        self.model: str = facts["id"]
        context = settings.context_tokens or _context_tokens(facts) or self._ask_lm_studio()
        super().__init__(
            name=f"server:{self.model}",
            capabilities=Capabilities(
                images=_images(facts),
                context_tokens=context or ASSUMED_CONTEXT_TOKENS,
                width=WIDTH,
            ),
            options={"base_url": base_url},
            why=f"at {base_url}" + ("" if context else _unknown_context()),
        )

    def answer(self, request: Request) -> Reply:
        """One chat completion."""
        if request.frames and self.capabilities.images == 0:
            raise RequestTooLarge(f"{self.name} takes no images", "Describe with another model.")
        started = time.monotonic()
        body = {
            "model": self.model,
            "messages": request.messages(_content(request)),
            "max_tokens": request.max_tokens,
            "temperature": RETRY_TEMPERATURE if request.attempt else 0.0,
            "seed": request.attempt,
        }
        answer = self._ask("POST", f"{self._address}/chat/completions", body)
        return _read_reply(answer, round(time.monotonic() - started, 3))

    def count_tokens(self, text: str) -> int:
        """As the server's own tokenizer counts, where it lends it (vLLM, llama.cpp do)."""
        if self._counts_tokens:
            # llama.cpp reads `content`, vLLM reads `prompt`; each passes over the other's.
            body = {"model": self.model, "content": text, "prompt": text}
            try:
                answer = self._ask("POST", f"{self._root}/tokenize", body)
                return int(answer.get("count") or len(answer["tokens"]))
            except (EngineError, ArithmeticError, LookupError, TypeError, ValueError):
                self._counts_tokens = False
        return byte_bound(text)

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def _find_model(self, model: str) -> dict[str, Any]:
        """What the server says of the model; of its first one, where none is named."""
        listed = self._list_models(f"{self._address}/models")
        for facts in listed:
            if facts["id"] == model or not model:
                return facts
        if listed:
            known = ", ".join(facts["id"] for facts in listed[:10])
            raise UsageError(f"{self._address} has no model {model!r}", f"It serves: {known}.")
        if not model:
            raise UsageError(f"{self._address} lists no models", "Name one: --engine server:MODEL.")
        return {"id": model}

    def _list_models(self, url: str) -> list[dict[str, Any]]:
        """Empty where there is no list: such a server still serves the model that is named."""
        answer = self._send("GET", url)
        if answer.status in (404, 405):
            return []
        try:
            listed = self._read(answer).get("data")
        except BadReply:
            return []
        entries = listed if isinstance(listed, list) else []
        return [e for e in entries if isinstance(e, dict) and isinstance(e.get("id"), str)]

    def _ask_lm_studio(self) -> int:
        """LM Studio says only in its own list how long a loaded model's context is; 0 elsewhere."""
        try:
            listed = self._list_models(f"{self._root}/api/v0/models")
        except EngineError:
            return 0
        return next((_context_tokens(facts) for facts in listed if facts["id"] == self.model), 0)

    def _ask(self, method: str, url: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._read(self._send(method, url, body))

    def _send(self, method: str, url: str, body: dict[str, Any] | None = None) -> "_Answer":
        """What the server answers, within the seconds of the settings.

        httpx2 bounds each read, not their sum: a server that drips would hold it for ever. So it
        works in a thread, which is left behind where time runs out, and ends with its next read.
        """
        ends = time.monotonic() + self._seconds
        outcomes: queue.SimpleQueue[_Answer | Exception] = queue.SimpleQueue()

        def work() -> None:
            try:
                outcomes.put(_exchange(self._client, method, url, body, ends))
            except Exception as error:
                outcomes.put(error)

        threading.Thread(target=work, daemon=True).start()
        with mapped_errors(self._address, self._key):
            try:
                outcome = outcomes.get(timeout=self._seconds)
            except queue.Empty:
                raise httpx2.ReadTimeout("") from None
            if isinstance(outcome, Exception):
                raise outcome
        return outcome

    def _read(self, answer: "_Answer") -> dict[str, Any]:
        """The JSON object that came; EngineError for all but success."""
        if not 200 <= answer.status < 300:
            said = f"the server answered {answer.status}: {_error_text(answer, self._key)}"
            raise _status_error(answer, said)
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise BadReply(f"{self._address} answered with something that is not JSON") from error
        if not isinstance(found, dict):
            raise BadReply(f"the server answered with {type(found).__name__}, not an object")
        return found


def open_server(model: str, settings: Settings) -> ServerEngine:
    """The server of the settings; it is asked for its models at once, so a wrong address shows."""
    if not settings.base_url:
        raise UsageError(
            "the engine 'server' needs an address",
            "Give --base-url http://127.0.0.1:8000/v1, or set OPENAI_BASE_URL.",
        )
    address = settings.base_url.rstrip("/")
    client = _open_client(_check_address(address), settings)
    try:
        return ServerEngine(address, model, settings, client)
    except LongtakeError:
        client.close()
        raise


def _check_address(address: str) -> str:
    """The address's host."""
    try:
        parts = urlsplit(address)
        if "@" in parts.netloc:
            raise UsageError("--base-url holds a name or a password", "Use OPENAI_API_KEY instead.")
        host = (parts.hostname or "").encode("idna").decode("ascii")
        fits = parts.scheme in ("http", "https") and host and parts.port != 0
        if fits and not (parts.query or parts.fragment) and not re.search(r"\s", address):
            return host
    except ValueError:
        pass
    raise UsageError(f"--base-url {address!r} is no address", "Such as http://127.0.0.1:8000/v1.")


def _open_client(host: str, settings: Settings) -> httpx2.Client:
    """A client for that host: past the environment's proxy where the host is this machine."""
    key = settings.api_key
    if not (key.isascii() and key.isprintable()):
        raise UsageError(
            "the API key holds a character that can't be sent", "Look at OPENAI_API_KEY, --api-key."
        )
    shown = f"[{host}]" if ":" in host else host
    try:
        return httpx2.Client(
            timeout=httpx2.Timeout(
                settings.timeout_seconds, connect=min(CONNECT_SECONDS, settings.timeout_seconds)
            ),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            mounts={f"all://{shown}": None} if _is_this_machine(host) else {},
        )
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise UsageError(
            f"the proxy of the environment can't be used: {error}", "See HTTPS_PROXY, ALL_PROXY."
        ) from error


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass(frozen=True)
class _Answer:
    """What came over HTTP, read whole."""

    status: int
    retry_after: str
    body: bytes


def _exchange(
    client: httpx2.Client, method: str, url: str, body: dict[str, Any] | None, ends: float
) -> _Answer:
    """One request and its answer, read until `ends` (of the monotonic clock)."""
    pieces: list[bytes] = []
    size = 0
    # ASCII: broken characters are for the server to refuse.
    content = None if body is None else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    with client.stream(method, url, content=content, headers=headers) as response:
        for piece in response.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > MOST_REPLY_BYTES:
                raise BadReply(f"the server sent more than {MOST_REPLY_BYTES >> 20} MiB")
            if time.monotonic() > ends:
                raise httpx2.ReadTimeout("")
        return _Answer(
            response.status_code, response.headers.get("retry-after", ""), b"".join(pieces)
        )


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
        (facts, "loaded_context_length"),  # LM Studio, in its own list
        (facts, "context_length"),  # OpenRouter
    ):
        value = (place or {}).get(name)
        if isinstance(value, int) and value > 0:
            return value
    return 0


def _images(facts: dict[str, Any]) -> int | None:
    """0 where the server says that the model takes no images (llama.cpp, OpenRouter do)."""
    architecture = facts.get("architecture")
    takes = architecture.get("input_modalities") if isinstance(architecture, dict) else None
    return 0 if isinstance(takes, list) and takes and "image" not in takes else None


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
        usage = answer.get("usage") or {}
        return Reply(
            text=_read_text(choice["message"]["content"] or ""),
            input_tokens=int(usage.get("prompt_tokens") or 0),
            output_tokens=int(usage.get("completion_tokens") or 0),
            seconds=seconds,
            complete=choice.get("finish_reason") != "length",
        )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise BadReply(f"the server's answer is no chat completion ({error!r})") from error


def _read_text(content: Any) -> str:
    """A message's text, which some servers send in parts; without what the model thought before.

    Some templates open the thought themselves, so that only its end is in the message.
    """
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type") == "text")
    return re.sub(r"^.*?</think>|^\s*<think>.*", "", content, count=1, flags=re.DOTALL).strip()


@contextmanager
def mapped_errors(address: str, key: str = "") -> Iterator[None]:
    """Turn all that httpx2 raises into errors of our own."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise EngineTimeout(
            f"{address} gave no reply in time", "Raise --timeout-seconds, or lower --at-once."
        ) from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError) as error:
        raise UsageError(f"{address!r} is no address: {error}") from error
    except httpx2.DecodingError as error:
        raise BadReply(f"{address} answered with something that can't be unpacked") from error
    except (httpx2.HTTPError, httpx2.CookieConflict, RuntimeError) as error:
        # RuntimeError: the client was closed, or a stream of it.
        raise EngineUnreachable(
            f"{address} can't be reached: {_plain(str(error), key)}", "Is the server running there?"
        ) from error


def _status_error(answer: _Answer, said: str) -> EngineError:
    """The error that a status other than success stands for."""
    status = answer.status
    if status in (401, 403):
        return EngineRefused(said, "Check the key: --api-key, or OPENAI_API_KEY.")
    if status == 413 or (status == 400 and _is_too_large(said)):
        return RequestTooLarge(said, "Lower --frames or --frame-side.")
    if status in (429, 503):
        return EngineBusy(said, "Lower --at-once.", _retry_after(answer))
    if status in (408, 504):
        return EngineTimeout(said)
    if status >= 500:
        return EngineFailed(said, "The server's own log says more.")
    return EngineRefused(said, "Check --base-url and the model's name.")


def _error_text(answer: _Answer, key: str) -> str:
    """The server's own words."""
    try:
        found = json.loads(answer.body)
        error = found.get("error", found) if isinstance(found, dict) else found
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, RecursionError):
        text = answer.body.decode("utf-8", "replace")
    return _plain(text, key) or "nothing"


def _plain(text: str, key: str) -> str:
    """On one line, kept short, without the key; one of few letters may be any word."""
    return one_line(text.replace(key, "…") if len(key) >= 8 else text)[:300]


def _is_too_large(said: str) -> bool:
    return bool(re.search(r"context|too (long|large|many)|exceed|at most", said, re.IGNORECASE))


def _retry_after(answer: _Answer) -> float | None:
    """In seconds; a date, which HTTP also allows, counts as none."""
    try:
        return max(0.0, float(answer.retry_after))
    except ValueError:
        return None
