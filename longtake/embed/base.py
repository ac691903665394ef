"""The promise that every embedder keeps: texts in, unit vectors out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from longtake.closeable import Closeable


@dataclass
class Embedder(Closeable, ABC):
    """A model that tells how near texts are in meaning: near ones have a large dot product."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)
    """All that changes a vector besides name and text. No secrets."""
    why: str = ""
    """Why this one serves, in a few words."""

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 of shape (texts, size); EngineError or ModelError where none."""


def as_unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors at length one; one of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), np.float32)
