"""Search in a process that stays: what a search needs is loaded once."""

import threading
from functools import lru_cache
from pathlib import Path

from longtake.embed import Embedder, open_embedder
from longtake.library.search import VectorCache
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.session import Session
from longtake.settings import Settings
from longtake.store import Store, store_path


def keep_session(store: Store) -> Session:
    """A session to search with; it has no engine."""
    return Session(store, Engines(), _keep_vectors(store_path()), _keep_embedder)


@lru_cache(maxsize=1)
def _keep_vectors(_store: Path) -> VectorCache:
    """The vectors of a store, kept as long as this process lives."""
    return VectorCache()


_opening = threading.Lock()
_kept: dict[tuple[str, Settings], Embedder | None] = {}


def _keep_embedder(name: str, settings: Settings, why: str) -> Embedder | None:
    """The embedder; one of this process stays open: to load it takes longer than to search."""
    if name.partition(":")[0] in ("server", "ollama"):
        return open_embedder(name, settings, why)
    with _opening:
        if (name, settings) not in _kept:
            _kept.clear()
            _kept[name, settings] = open_embedder(name, settings, why)
        return _kept[name, settings]
