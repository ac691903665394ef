"""From texts to vectors, through one door: an embedder's name is `minilm`, `words`,
`server:MODEL`, `ollama:MODEL`, a folder, or a model of the hub.

Vectors are kept in the store by what they are of: nothing is embedded twice.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from longtake.embed.base import Embedder
from longtake.errors import EngineFailed, LongtakeError, UsageError
from longtake.models.table import MINILM, FolderModel, is_model_here
from longtake.settings import Settings
from longtake.store import Store, make_key

__all__ = [
    "Embedder",
    "bring_embedder",
    "choose_embedder",
    "embed_kept",
    "identify",
    "open_embedder",
]

LOG = logging.getLogger("longtake")

AUTO, WORDS, MINILM_NAME = "auto", "words", "minilm"
BLOCK = 256
"""Vectors that reach the store together."""


def choose_embedder(settings: Settings, language: str) -> tuple[str, str]:
    """Which embedder serves texts in this language (ISO 639, empty: not known), and why."""
    if settings.embedder != AUTO:
        return settings.embedder, "as --embedder says"
    if language.partition("-")[0] not in ("", "en"):
        return WORDS, (
            f"{MINILM.name} knows English, and this seems to be in {language!r}: --embedder names a"
            " multilingual model"
        )
    if not is_model_here(MINILM):
        return WORDS, f"no embedder is here: longtake models pull {MINILM.name}"
    return MINILM_NAME, "the texts seem to be in English"


def bring_embedder(settings: Settings, fetch: Callable[[FolderModel], object]) -> None:
    """Have the model of the table fetched that a digest needs; `auto` goes on without it."""
    if settings.embedder not in (AUTO, MINILM_NAME, MINILM.name) or is_model_here(MINILM):
        return
    try:
        fetch(MINILM)
    except LongtakeError as error:
        if settings.embedder != AUTO:
            raise
        LOG.info("%s", error.message)


def check_embedder(name: str) -> None:
    """UsageError for a name that can be none."""
    kind, _, model = name.partition(":")
    known = name in (AUTO, WORDS, MINILM_NAME, MINILM.name) or ("/" in name and not model)
    known = known or (kind in ("server", "ollama") and bool(model))
    if not known and not (name and Path(name).expanduser().is_dir()):
        raise UsageError(
            f"there is no embedder {name!r}",
            f"Known: {AUTO}, {MINILM_NAME}, {WORDS}, server:MODEL, ollama:MODEL, a folder, or"
            " OWNER/MODEL of the hub.",
        )


def open_embedder(name: str, settings: Settings, why: str = "") -> Embedder | None:
    """The embedder of that name; None for `words`, which needs no model."""
    check_embedder(name)
    kind, _, model = name.partition(":")
    if name == WORDS:
        return None
    if kind in ("server", "ollama"):
        from longtake.embed.server import open_server

        return open_server(kind, model, settings.for_reconciler())
    from longtake.embed.onnx import open_minilm, open_onnx

    return open_minilm(why) if name in (MINILM_NAME, MINILM.name) else open_onnx(name, why)


def identify(embedder: Embedder) -> str:
    """A key for all that changes a vector besides the text."""
    return make_key({"embedder": embedder.name, "options": dict(embedder.options)})


def _is_vector(kept: object) -> bool:
    """Whether it is what was put, and no damaged row."""
    if not isinstance(kept, bytes) or not kept or len(kept) % 4:
        return False
    return bool(np.isfinite(np.frombuffer(kept, np.float32)).all())


def embed_kept(
    embedder: Embedder, store: Store, texts: Sequence[str], *, keep: bool = True
) -> np.ndarray:
    """The vectors of the texts; those that the store lacks are made, and with `keep` kept."""
    facts = identify(embedder)
    keys = [
        hashlib.sha256(f"{facts}\n{text}".encode("utf-8", "replace")).digest() for text in texts
    ]
    known = {k: v for k, v in store.get_vectors(keys).items() if _is_vector(v)}
    missing = list({k: t for k, t in zip(keys, texts, strict=True) if k not in known}.items())
    for first in range(0, len(missing), BLOCK):
        block = missing[first : first + BLOCK]
        vectors = embedder.embed([text for _, text in block]).astype(np.float32)
        made = {key: row.tobytes() for (key, _), row in zip(block, vectors, strict=True)}
        if keep:
            store.put_vectors(made)
        known |= made
    rows = [np.frombuffer(known[key], np.float32) for key in keys]
    sizes = sorted({len(row) for row in rows})
    if len(sizes) > 1:
        raise EngineFailed(
            f"the embedder {embedder.name} gives vectors of {sizes[0]} and of {sizes[-1]} numbers",
            "Another model may serve under its name now: name it otherwise, or leave it out.",
        )
    return np.stack(rows) if rows else np.zeros((0, 1), np.float32)
