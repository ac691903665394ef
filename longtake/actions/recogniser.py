"""The interface of every model that names what is done in clips."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from longtake.closeable import Closeable

MOST_LABELS = 5
"""Of a clip."""


@dataclass(frozen=True)
class Sampling:
    """How a clip is sampled: what the model was trained with.

    A clip has so many `frames` and spans so many `seconds`, which is that many intervals between
    two of them; `side` is the longest side in pixels that pictures need to have.
    """

    frames: int
    seconds: float
    side: int

    @property
    def interval(self) -> float:
        """Seconds from one picture to the next."""
        return self.seconds / self.frames


@dataclass
class ActionRecogniser(Closeable, ABC):
    """A temporal model with labels; `batch` clips at once suit it."""

    name: str
    sampling: Sampling
    batch: int = 1
    options: Mapping[str, object] = field(default_factory=dict)
    """All that changes an answer besides name and clip. No secrets."""

    @abstractmethod
    def classify(self, clips: Sequence[np.ndarray]) -> list[list[tuple[str, float]]]:
        """Of each clip its likeliest labels with scores from 0 to 1, best first: `MOST_LABELS`.

        Clips are uint8 RGB of shape (frames, height, width, 3); EngineError where it can't.
        """
