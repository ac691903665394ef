"""Any server that speaks the OpenAI chat API: vLLM, llama.cpp's, SGLang, LM Studio, a cloud.

Knows models, chats and their limits; HTTP is `engines/http.py`'s.
"""

import base64
import re
import time
from typing import Any

from longtake.engines.base import Capabilities, Engine, Reply, Request, byte_bound
from longtake.engines.http import Connection
from longtake.engines.visual import frame_tokens
from longtake.errors import EngineError, EngineFailed, LongtakeError, RequestTooLarge, UsageError
from longtake.records import Frame
from longtake.settings import Settings

ASSUMED_CONTEXT_TOKENS = 4096
"""Taken where neither the settings nor the server say how long a context may be."""
WIDTH = 4
RETRY_TEMPERATURE = 0.4
"""The first attempt is greedy; the next ones must be able to come out differently."""


class ServerEngine(Engine):
    """One model of one server."""

    def __init__(self, server: Connection, model: str, settings: Settings) -> None:
        self._server = server
        self._root = server.address.removesuffix("/v1")
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
            options={"base_url": server.address},
            why=f"at {server.address}" + ("" if context else _unknown_context()),
        )

    def frame_tokens(self, width: int, height: int) -> int:
        """By the arithmetic of the model's family."""
        return frame_tokens(self.name, width, height)

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
        answer = self._ask(f"{self._server.address}/chat/completions", body)
        return _read_reply(answer, round(time.monotonic() - started, 3))

    def count_tokens(self, text: str) -> int:
        """As the server's own tokenizer counts, where it lends it (vLLM, llama.cpp do)."""
        if self._counts_tokens:
            # llama.cpp reads `content`, vLLM reads `prompt`; each passes over the other's.
            body = {"model": self.model, "content": text, "prompt": text}
            try:
                answer = self._ask(f"{self._root}/tokenize", body)
                return int(answer.get("count") or len(answer["tokens"]))
            except (EngineError, ArithmeticError, LookupError, TypeError, ValueError):
                self._counts_tokens = False
        return byte_bound(text)

    def close(self) -> None:
        """Drop the connections."""
        self._server.close()

    def _ask(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._server.read(self._server.send("POST", url, body))

    def _find_model(self, model: str) -> dict[str, Any]:
        """What the server says of the model; of its first one, where none is named."""
        listed = self._list_models(f"{self._server.address}/models")
        for facts in listed:
            if facts["id"] == model or not model:
                return facts
        if listed:
            known = ", ".join(facts["id"] for facts in listed[:10])
            raise UsageError(
                f"{self._server.address} has no model {model!r}", f"It serves: {known}."
            )
        if not model:
            raise UsageError(
                f"{self._server.address} lists no models",
                "Name one: --engine server:MODEL. Should the address end in /v1?",
            )
        return {"id": model}

    def _list_models(self, url: str) -> list[dict[str, Any]]:
        """Empty where there is no list: such a server still serves the model that is named."""
        answer = self._server.send("GET", url)
        if answer.status in (404, 405):
            return []
        try:
            listed = self._server.read(answer).get("data")
        except EngineFailed:
            if answer.status >= 500:
                raise
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


def open_server(model: str, settings: Settings) -> ServerEngine:
    """The server of the settings; it is asked for its models at once, so a wrong address shows."""
    if not settings.base_url:
        raise UsageError(
            "the engine 'server' needs an address",
            "Give --base-url http://127.0.0.1:8000/v1, or set OPENAI_BASE_URL.",
        )
    server = Connection(settings.base_url, settings.api_key, settings.timeout_seconds)
    try:
        return ServerEngine(server, model, settings)
    except LongtakeError:
        server.close()
        raise


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
            complete=choice.get("finish_reason") in ("stop", None),
        )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise EngineFailed(f"the server's answer is no chat completion ({error!r})") from error


def _read_text(content: Any) -> str:
    """A message's text, which some servers send in parts; without what the model thought before.

    Some templates open the thought themselves, so that only its end is in the message.
    """
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type") == "text")
    return re.sub(r"^.*?</think>|^\s*<think>.*", "", content, count=1, flags=re.DOTALL).strip()
