"""Whether two pictures look the same: small copies compared as a whole and cell by cell.

Pictures are uint8 RGB of shape (height, width, 3); a look is a picture's grey levels, float32 of
shape (90, 160).
"""

import numpy as np

THUMB = (160, 90)
"""Width and height of a look."""
CELLS = (10, 9)
SAME_DIFFERENCE = 1.5
SAME_CELL_DIFFERENCE = 6.0
"""Two pictures are the same where the mean difference of grey levels (0..255) is not over the
first in the whole, nor over the second in any cell of a grid. Measured at 640x360: on a frozen
picture H.264 leaves up to 1.4 and 2.4 (at CRF 38 up to 4.2 and 5.2); two words of 12 pixels that
appear make 0.1 and 6.2, of 16 pixels 0.2 and 11."""


def make_look(image: np.ndarray) -> np.ndarray:
    """The look of a picture."""
    import cv2

    small = cv2.resize(image, THUMB, interpolation=cv2.INTER_AREA).astype(np.float32)
    # As their mean over the last axis, in a third of its time.
    return np.asarray((small[..., 0] + small[..., 1] + small[..., 2]) / np.float32(3))


def is_same(
    one: np.ndarray, other: np.ndarray, cell_difference: float = SAME_CELL_DIFFERENCE
) -> bool:
    """Whether two looks are of one picture."""
    gaps = np.abs(one - other)
    across, down = CELLS
    cells = gaps.reshape(down, THUMB[1] // down, across, THUMB[0] // across).mean(axis=(1, 3))
    return bool(gaps.mean() <= SAME_DIFFERENCE and cells.max() <= cell_difference)
