"""Embeddings of an OpenAI-compatible server, or of Ollama: both answer to /v1/embeddings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from longtake.embed.base import Embedder, as_unit
from longtake.engines.http import Connection
from longtake.engines.ollama import connect
from longtake.errors import EngineFailed, EngineRefused, UsageError
from longtake.settings import Settings, list_addresses

BATCH = 64


class ServerEmbedder(Embedder):
    """A model behind HTTP."""

    def __init__(self, kind: str, model: str, server: Connection, path: str) -> None:
        options = {"base_url": server.address}
        super().__init__(f"{kind}:{model}", options, f"at {server.address}")
        self._model, self._server = model, server
        self._url = f"{server.address}{path}"

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Asked in batches, one after the other."""
        parts = [texts[first : first + BATCH] for first in range(0, len(texts), BATCH)]
        found = [self._ask(part) for part in parts]
        if len({vectors.shape[1] for vectors in found}) > 1:
            raise EngineFailed(f"{self._url} answered with vectors of more than one size")
        return np.concatenate(found) if found else np.zeros((0, 1), np.float32)

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _ask(self, texts: Sequence[str]) -> np.ndarray:
        body = {"model": self._model, "input": list(texts)}
        answer = self._server.send("POST", self._url, body)
        if answer.status == 404:
            said = f"{self._url} has no such model, or makes no embeddings: {self._model!r}"
            raise EngineRefused(said, "Name another with --embedder, or leave it out.")
        return as_unit(_read_vectors(self._server.read(answer), len(texts), self._url))


def open_server(kind: str, model: str, settings: Settings) -> ServerEmbedder:
    """The embedder `server:MODEL`, of the first address of several, or `ollama:MODEL`."""
    if not model:
        raise UsageError(f"--embedder {kind} names no model", f"Such as --embedder {kind}:MODEL.")
    if kind == "ollama":
        return ServerEmbedder(kind, model, connect(settings), "/v1/embeddings")
    addresses = list_addresses(settings.base_url)
    if not addresses:
        raise UsageError(
            f"the embedder {kind}:{model} needs an address",
            "Give --base-url http://127.0.0.1:8000/v1, or set OPENAI_BASE_URL.",
        )
    server = Connection(addresses[0], settings.api_key, settings.timeout_seconds)
    return ServerEmbedder(kind, model, server, "/embeddings")


def _read_vectors(answer: dict[str, Any], count: int, url: str) -> np.ndarray:
    """The vectors in the order of the texts; EngineFailed where they are not what was asked."""
    try:
        rows = sorted(answer["data"], key=lambda row: row["index"])
        vectors = np.array([row["embedding"] for row in rows], np.float32)
    except (KeyError, OverflowError, TypeError, ValueError):
        vectors = np.zeros(0, np.float32)
    shaped = vectors.ndim == 2 and vectors.size and len(vectors) == count
    if not shaped or not np.isfinite(vectors).all():
        raise EngineFailed(f"{url} answered with something that is no list of {count} vectors")
    return vectors
