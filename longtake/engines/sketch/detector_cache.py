"""Remembers what was detected in the last pictures: none that comes back is searched again."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from longtake.engines.sketch.objects import Detection
from longtake.video.frame_similarity import is_same, make_look

KEPT = 32
"""Pictures: 57 KB each; the slides of a talk come back within fewer."""
CELL_DIFFERENCE = 3.0
"""As for chunks that look the same: stricter than from frame to frame."""


class CachedDetector:
    """A detector that knows the last pictures again; it may be used from several threads."""

    def __init__(self, detect: Callable[[np.ndarray], Sequence[Detection]]) -> None:
        self._detect = detect
        self._lock = threading.Lock()
        self._kept: deque[tuple[np.ndarray, Sequence[Detection]]] = deque(maxlen=KEPT)

    def detect(self, image: np.ndarray) -> Sequence[Detection]:
        """What is in a uint8 RGB image (height, width, 3)."""
        look = make_look(image)
        with self._lock:
            kept = [*self._kept][::-1]
        for other, objects in kept:
            if is_same(look, other, CELL_DIFFERENCE):
                return objects
        found = self._detect(image)
        with self._lock:
            self._kept.append((look, found))
        return found
