"""Which chunk looks the same as one that came before: a frozen slide, a looped intro.

In doubt it does not. Holds 144 bytes a frame, whatever the size of the pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from longtake.video.frame_similarity import is_same

COARSE = (16, 9)
COARSE_DIFFERENCE = 3.0
CELL_DIFFERENCE = 3.0
"""Stricter than for frames of one chunk: here a mistake is a wrong description."""
SAME_SECONDS = 0.1
SAME_MOTION = 0.05


@dataclass(frozen=True)
class ChunkLook:
    """What a chunk looks like: its frames as 16×9 grey bytes each, one after the other."""

    number: int
    seconds: float
    still: bool
    motion: float
    """The highest point of its motion curve."""
    coarse: bytes
    words: tuple[str, ...] = ()
    """What is said and written there: with other words it is another chunk."""

    def may_equal(self, other: "ChunkLook") -> bool:
        """Whether it is worth comparing their frames."""
        if len(self.coarse) != len(other.coarse) or self.still != other.still:
            return False
        if self.words != other.words:
            return False
        if not self.still and (
            abs(self.seconds - other.seconds) > SAME_SECONDS
            or abs(self.motion - other.motion) > SAME_MOTION
        ):
            return False
        one, two = (np.frombuffer(look.coarse, np.uint8).astype(int) for look in (self, other))
        return bool(np.abs(one - two).mean() <= COARSE_DIFFERENCE)


def make_coarse(looks: Sequence[np.ndarray]) -> bytes:
    """The looks of a chunk's frames at 16×9 pixels, one after the other."""
    import cv2

    return b"".join(
        cv2.resize(look, COARSE, interpolation=cv2.INTER_AREA).astype(np.uint8).tobytes()
        for look in looks
    )


class Repeats:
    """The looks of the chunks that are asked about; `read` gives the frames' looks of one."""

    def __init__(self, read: Callable[[int], Sequence[np.ndarray]]) -> None:
        self._read = read
        self._known: list[ChunkLook] = []
        self._last: tuple[int, Sequence[np.ndarray]] = (0, ())

    def add(self, look: ChunkLook) -> None:
        """Remember a chunk that is asked about, or was."""
        self._known.append(look)

    def find(self, look: ChunkLook, frames: Sequence[np.ndarray]) -> int | None:
        """The number of a chunk with the same frames."""
        for known in reversed(self._known):
            if known.may_equal(look) and self._is_same(known.number, frames):
                return known.number
        return None

    def _is_same(self, number: int, frames: Sequence[np.ndarray]) -> bool:
        if self._last[0] != number:
            self._last = number, self._read(number)
        others = self._last[1]
        return len(others) == len(frames) and all(
            is_same(one, other, CELL_DIFFERENCE) for one, other in zip(frames, others, strict=True)
        )
