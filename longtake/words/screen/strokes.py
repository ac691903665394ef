"""Whether letters still stand where they stood, and whether new ones may have come.

Pure functions of grey pictures, uint8 of shape (height, width). Reads nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

LEAST_CONTRAST = 6.0
"""Grey levels; a part of a line whose strokes stand out by less is the blank between words."""
EDGE = 30
"""Grey levels from one pixel to the next at the rim of letters that can be read."""
CHANGE = 16
"""Grey levels by which a pixel differs that is not only coded anew."""
DENSITY = 0.3
"""Of the pixels of a stretch of letters, how many lie on a rim that was not there before."""


@dataclass(frozen=True)
class Rect:
    """An upright rectangle in pixels, from `left`, `top` up to but without `right`, `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    @property
    def area(self) -> int:
        """In pixels."""
        return max(0, self.right - self.left) * max(0, self.bottom - self.top)

    def cover(self, other: "Rect") -> float:
        """The share of the smaller of the two that both have, from 0 to 1."""
        both = Rect(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )
        return both.area / max(1, min(self.area, other.area))


def cut_out(grey: np.ndarray, rect: Rect) -> np.ndarray:
    """What stands there; smaller where the rectangle reaches over the picture's rim."""
    return grey[max(0, rect.top) : max(0, rect.bottom), max(0, rect.left) : max(0, rect.right)]


def compare_strokes(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """How alike the strokes in two crops of one size are: in the whole, and where it is least.

    1 is the same, 0 has nothing in common. The light behind the letters is of no matter.
    """
    if one.shape != other.shape or min(one.shape) < 2:
        return 0.0, 0.0
    height = one.shape[0]
    first, second = _strokes(one, height), _strokes(other, height)
    width = max(2, height // 2)  # about a letter
    both = _gather(first * second, width)
    most = (_gather(first**2, width) + _gather(second**2, width)) / 2
    written = most > LEAST_CONTRAST**2
    if not written.any():
        return 0.0, 0.0
    whole = float(both[written].sum() / most[written].sum())
    return whole, float((both[written] / most[written]).min())


def find_again(crop: np.ndarray, grey: np.ndarray, rect: Rect, reach: int) -> Rect:
    """Where the picture is most like a crop that stood in `rect`: there, or up to `reach` pixels
    away.
    """
    import cv2

    height, width = grey.shape
    around = Rect(
        max(0, rect.left - reach),
        max(0, rect.top - reach),
        min(width, rect.right + reach),
        min(height, rect.bottom + reach),
    )
    there = cut_out(grey, around)
    if there.shape[0] < crop.shape[0] or there.shape[1] < crop.shape[1] or min(crop.shape) < 2:
        return rect
    found = cv2.matchTemplate(
        _strokes(there, crop.shape[0]), _strokes(crop, crop.shape[0]), cv2.TM_CCOEFF_NORMED
    )
    _, _, _, (x, y) = cv2.minMaxLoc(found)
    left, top = around.left + x, around.top + y
    return Rect(left, top, left + crop.shape[1], top + crop.shape[0])


def may_hold_more(before: np.ndarray, now: np.ndarray, known: Iterable[Rect]) -> bool:
    """Whether there are rims as of letters that were not there before, outside the known places."""
    import cv2

    change = cv2.absdiff(cv2.blur(before, (3, 3)), cv2.blur(now, (3, 3)))
    rims = cv2.morphologyEx(now, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))
    fresh = ((rims > EDGE) & (cv2.dilate(change, np.ones((3, 3), np.uint8)) > CHANGE)).astype(
        np.float32
    )
    for rect in known:
        by = rect.height // 3
        around = Rect(rect.left - by, rect.top - by, rect.right + by, rect.bottom + by)
        cut_out(fresh, around)[:] = 0
    height = now.shape[0]
    window = max(8, height // 18), max(4, height // 54)
    return bool((cv2.blur(fresh, window) > DENSITY).any())


def _strokes(crop: np.ndarray, line_height: int) -> np.ndarray:
    """The difference of each pixel from the mean around it, in grey levels."""
    import cv2

    pixels = crop.astype(np.float32)
    size = max(3, line_height // 2 | 1)
    strokes: np.ndarray = pixels - cv2.blur(pixels, (size, size))
    return strokes


def _gather(values: np.ndarray, width: int) -> np.ndarray:
    """The means of each `width` neighbouring columns, from half a width to the next."""
    columns = values.mean(axis=0)
    width = min(width, len(columns))
    sums = np.concatenate([[0.0], np.cumsum(columns, dtype=np.float64)])
    starts = np.arange(0, len(columns) - width + 1, max(1, width // 2))
    means: np.ndarray = (sums[starts + width] - sums[starts]) / width
    return means
