"""Small pictures by which others are told apart: what they are, and how two of them differ.

A thumb has 36 rows of 64 grey levels, and below them its two planes of colour (Cb, Cr), each of
18×32 values that lie in 9 rows of 64. Thumbs may lie in arrays of any more dimensions before.
"""

import numpy as np

THUMB = (64, 36)
"""Width and height."""
THUMB_FORMAT = "yuvj420p"
"""As ffmpeg names it; a swing of levels from 0 to 255, whatever the video's own."""
BLACK_LEVEL, BLACK_SPREAD = 20.0, 6.0
PLAIN_SPREAD = 2.0
COLOUR_WEIGHT = 0.5
"""So much does colour count beside grey: with motion it changes, too."""
NO_SPREAD = 0.5
"""Of grey levels: no more is what rounding leaves of a plain picture."""
SAME_DIFFERENCE, SAME_MOST = 1.5, 24.0
"""Two thumbs are the same where the mean and the largest difference are not over these."""


def grey(thumbs: np.ndarray) -> np.ndarray:
    """Their grey levels, shape (…, 36, 64)."""
    return thumbs[..., : THUMB[1], :]


def colour(thumbs: np.ndarray) -> np.ndarray:
    """Their two planes of colour, shape (…, 2, 9, 64)."""
    planes = thumbs[..., THUMB[1] :, :]
    return planes.reshape(*planes.shape[:-2], 2, THUMB[1] // 4, THUMB[0])


def mean_gaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How much thumbs differ in the mean, float32 of shape (…): in grey or colour, the larger."""
    gaps = np.abs(one - other)
    levels, hues = grey(gaps).mean(axis=(-2, -1)), colour(gaps).mean(axis=(-3, -2, -1))
    means: np.ndarray = np.maximum(levels, COLOUR_WEIGHT * hues)
    return means


def share_apart(one: np.ndarray, other: np.ndarray, levels: float) -> float:
    """The share of a thumb that differs by more than that, of its grey or colour, the larger."""
    apart = np.abs(one - other) > levels
    return float(max(grey(apart).mean(), colour(apart).mean()))


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two thumbs' grey, -1..1, whatever their light and contrast; 0 for a plain one.

    So it knows no colour: the same view in another light is alike.
    """
    first, second = grey(one), grey(other)
    spreads = float(first.std()), float(second.std())
    if min(spreads) < NO_SPREAD:
        return 0.0
    together = ((first - first.mean()) * (second - second.mean())).mean()
    return float(together) / (spreads[0] * spreads[1])


def are_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two thumbs show the same, but for what an encoder leaves over."""
    first, second = one.astype(np.float32), other.astype(np.float32)
    most = np.abs(first - second).max()
    return bool(mean_gaps(first, second) <= SAME_DIFFERENCE and most <= SAME_MOST)


def is_black(thumb: np.ndarray) -> bool:
    """Whether there is nothing but black."""
    levels = grey(thumb)
    return bool(levels.mean() < BLACK_LEVEL and levels.std() < BLACK_SPREAD)


def is_plain(thumb: np.ndarray) -> bool:
    """Whether there is nothing but one colour."""
    spread = max(grey(thumb).std(), colour(thumb).std(axis=(-2, -1)).max())
    return bool(spread < PLAIN_SPREAD)
