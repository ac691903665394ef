"""Compares the frames of a chunk: which differ, by how much, and how light they are.

Knows no objects and no text. Frames are uint8 RGB (height, width, 3), in time order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from longtake.video.frame_similarity import is_same, make_look

PLAIN_SPREAD = 2.0
DARK = 40.0


@dataclass(frozen=True)
class StillRun:
    """A run of frames that show the same: the place of its first, and how many they are."""

    first: int
    frames: int


@dataclass(frozen=True)
class FrameChanges:
    """What comparing the frames of a chunk has shown."""

    pictures: tuple[StillRun, ...]
    difference: float
    """Mean difference of grey levels from frame to frame, cuts left out."""
    fade: str
    """"in", "out" or empty."""
    plain: bool
    """Whether each is of one colour."""
    dark: bool


def compare_frames(images: Sequence[np.ndarray], cuts: int = 0) -> FrameChanges:
    """What changes over frames in time order, at least one; `cuts` is how many lie between them."""
    greys = [make_look(image) for image in images]
    light = [float(grey.mean()) for grey in greys]
    return FrameChanges(
        pictures=_pictures(greys),
        difference=_difference(greys, cuts),
        fade=_fade(light),
        plain=all(float(grey.std()) < PLAIN_SPREAD for grey in greys),
        dark=float(np.mean(light)) < DARK,
    )


def _pictures(greys: Sequence[np.ndarray]) -> tuple[StillRun, ...]:
    """Runs of frames that stay close to the first of their run."""
    starts = [0]
    for place, grey in enumerate(greys):
        if not is_same(grey, greys[starts[-1]]):
            starts.append(place)
    ends = [*starts[1:], len(greys)]
    return tuple(StillRun(a, b - a) for a, b in zip(starts, ends, strict=True))


def _difference(greys: Sequence[np.ndarray], cuts: int) -> float:
    """The mean difference from frame to frame, without the largest ones, one for each cut."""
    steps = sorted(float(np.abs(after - before).mean()) for before, after in pairwise(greys))
    calm = steps[: max(0, len(steps) - cuts)]
    return float(np.mean(calm)) if calm else 0.0


def _fade(light: Sequence[float]) -> str:
    """Whether brightness rises from black ("in") or falls to it ("out") all the way; else empty."""
    if len(light) < 3 or max(light) < 2 * DARK:
        return ""
    steps = np.diff(light)
    if light[-1] < DARK / 2 and light[0] > DARK and (steps[len(steps) // 2 :] <= 1).all():
        return "out"
    if light[0] < DARK / 2 and light[-1] > DARK and (steps[: len(steps) // 2 + 1] >= -1).all():
        return "in"
    return ""
