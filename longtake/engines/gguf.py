"""Text models in the GGUF format, run by llama.cpp in this process (`xllamacpp`).

The library counts tokens only over HTTP: it listens on a free port of 127.0.0.1, behind a key that
is made anew each time.
"""

import hashlib
import json
import os
import secrets
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from longtake.engines.base import Capabilities, Engine, Reply, Request, byte_bound
from longtake.errors import EngineFailed, EngineRefused, RequestTooLarge, UsageError
from longtake.models import SMOLLM2, Asset, fetch, find_model, is_here, model_path
from longtake.settings import Settings

CONTEXT_TOKENS = 4096
RETRY_TEMPERATURE = 0.5
"""The first attempt is greedy; the next ones must be able to come out differently."""
FINGERPRINT_PARTS = 64
FINGERPRINT_BYTES = 1 << 18


class GgufEngine(Engine):
    """One GGUF text model; loaded when it is first asked."""

    def __init__(self, name: str, path: Path, fingerprint: str, why: str) -> None:
        super().__init__(
            name=name,
            capabilities=Capabilities(images=0, context_tokens=CONTEXT_TOKENS),
            options={"weights": fingerprint, "context_tokens": CONTEXT_TOKENS},
            why=why,
        )
        self._path = path
        self._lock = threading.Lock()
        self._server: Any = None
        self._key = secrets.token_urlsafe()

    def answer(self, request: Request) -> Reply:
        """One chat completion: greedy at first, sampled on later attempts."""
        if request.frames:
            raise RequestTooLarge(f"{self.name} takes no images", "Describe with another engine.")
        started = time.monotonic()
        body = {
            "messages": request.messages(request.text),
            "max_tokens": request.max_tokens,
            "temperature": RETRY_TEMPERATURE if request.attempt else 0.0,
            "seed": request.attempt,
        }
        server = self._loaded()
        try:
            answer = server.handle_chat_completions(body)
        except RuntimeError as error:
            raise EngineFailed(f"llama.cpp failed: {error}") from error
        return _read_reply(answer, round(time.monotonic() - started, 3))

    def count_tokens(self, text: str) -> int:
        """By the model's own tokenizer; a bound for what it can't read, such as broken Unicode."""
        request = urllib.request.Request(  # noqa: S310 - a fixed loopback address
            f"{self._loaded().listening_address}/tokenize",
            json.dumps({"content": text}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=60) as response:
                return len(json.load(response)["tokens"])
        except (OSError, ValueError, LookupError):
            return byte_bound(text)

    def close(self) -> None:
        """Unload the model."""
        with self._lock:
            self._server = None

    def _loaded(self) -> Any:
        with self._lock:
            if self._server is None:
                self._server = self._load()
            return self._server

    def _load(self) -> Any:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(self._path)
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        # llama.cpp's threads spin: without a free core each token waits for the scheduler.
        params.cpuparams.n_threads = max(1, (os.cpu_count() or 2) - 1)
        params.verbosity = -1
        params.ui = False
        params.api_keys = [self._key]
        try:
            return xllamacpp.Server(params)
        except RuntimeError as error:
            raise EngineRefused(
                f"llama.cpp can't load {self._path}",
                "It may be broken, of an unknown kind, or too large for the memory.",
            ) from error


def open_gguf(model: str, settings: Settings) -> GgufEngine:
    """A model of the table (fetched where it is missing) or a .gguf file; none named: SmolLM2."""
    weights = find_weights(model)
    if isinstance(weights, Asset):
        path = model_path(weights)
        if not is_here(weights, path):
            fetch(weights, path)
        why = f"{weights.about}, by llama.cpp in this process"
        return GgufEngine(f"gguf:{weights.name}", path, weights.sha256, why)
    why = "your own file, by llama.cpp in this process"
    try:
        return GgufEngine(f"gguf:{weights.name}", weights, _fingerprint(weights), why)
    except OSError as error:
        raise UsageError(f"{weights} can't be read: {error.strerror}") from error


def find_weights(model: str) -> Asset | Path:
    """What `gguf:MODEL` names: an entry of the table of models, or a file."""
    if not model.endswith(".gguf"):
        return find_model(model) if model else SMOLLM2
    path = Path(model).expanduser()
    if not path.is_file():
        raise UsageError(f"there is no file {path}", "Name a .gguf file, or see `longtake models`.")
    return path


def _fingerprint(path: Path) -> str:
    """Tells weights apart without reading gigabytes: a hash of size and parts from all over."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for part in range(FINGERPRINT_PARTS + 1):
            file.seek(max(0, size - FINGERPRINT_BYTES) * part // FINGERPRINT_PARTS)
            digest.update(file.read(FINGERPRINT_BYTES))
    return digest.hexdigest()


def _read_reply(answer: dict[str, Any], seconds: float) -> Reply:
    if error := answer.get("error"):
        said = f"llama.cpp answered {error.get('code')}: {error.get('message')}"
        if error.get("type") == "exceed_context_size_error":
            raise RequestTooLarge(said, "Use a model with a longer context.")
        raise EngineFailed(said)
    try:
        choice, usage = answer["choices"][0], answer["usage"]
        return Reply(
            text=(choice["message"]["content"] or "").strip(),
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
            seconds=seconds,
            complete=choice["finish_reason"] != "length",
        )
    except (LookupError, TypeError) as error:
        raise EngineFailed(f"llama.cpp's answer is no chat completion ({error!r})") from error
