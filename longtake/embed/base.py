"""The interface of every embedder: texts in, unit vectors out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from longtake.closeable import Closeable


@dataclass
class Embedder(Closeable, ABC):
    """A model of sentence embeddings: texts near in meaning have a large dot product."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)
    """All that changes a vector besides name and text. No secrets."""
    why: str = ""
    """Why this one serves, in a few words."""

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 of shape (texts, size); EngineError or ModelError where none."""


def as_unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors scaled to length one; a zero vector stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), np.float32)
