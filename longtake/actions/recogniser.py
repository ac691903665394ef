"""What a model of actions promises: clips in, labels with scores out."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from longtake.closeable import Closeable


@dataclass(frozen=True)
class Sampling:
    """What a clip is: so many frames over so many seconds, `side` pixels wide and high."""

    frames: int
    seconds: float
    side: int


class ActionRecogniser(Closeable):
    """Names what is done in clips; `options` hold all that changes an answer."""

    name: str
    options: Mapping[str, object]
    sampling: Sampling
    batch: int

    @abstractmethod
    def classify(self, clips: Sequence[np.ndarray]) -> list[list[tuple[str, float]]]:
        """Labels and scores of each clip, the surest first; uint8 (frames, height, width, 3)."""
