"""Finds the objects of one frame with the CenterNet network that ships in `weights/`.

Knows the 80 COCO labels and boxes; of other frames only whether one looks the same.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from longtake.models.onnx import open_network
from longtake.video.frame_similarity import is_same, make_look

NAMES = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant,
stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe,
backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite,
baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork,
knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake,
chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard,
cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear,
hair drier, toothbrush
"""
LABELS = tuple(name.strip() for name in NAMES.split(","))
SIDE = 512

# Tried by eye on street footage of 640x272. Black bars instead of squashing: in 42 frames they find
# 20 persons against 7, and 8 bicycles against 1. At a score of 0.3 about one name in six is wrong:
# what of it may be told is decided in tags.
MINIMUM_SCORE = 0.3
SAME_OBJECT = 0.5  # overlap above which two boxes of one label are one object
SAME_PLACE = 0.8  # the same for two labels

KEPT = 32
"""Pictures whose objects are cached, 57 KB each; the slides of a talk come back within fewer."""
CELL_DIFFERENCE = 3.0
"""As for chunks that look the same: stricter than from frame to frame."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Detection:
    """One object: box is left, top, right, bottom as fractions of the frame."""

    label: str
    score: float
    box: Box


class ObjectDetector:
    """CenterNet on the CPU; one detector may be used from several threads."""

    def __init__(self) -> None:
        weights = resources.files(__package__).joinpath("weights/centernet.onnx").read_bytes()
        self.sha256 = hashlib.sha256(weights).hexdigest()
        """Of the weights."""
        self._session = open_network(weights, threads=1)
        self._input = self._session.get_inputs()[0].name

    def detect(self, image: np.ndarray, minimum_score: float = MINIMUM_SCORE) -> list[Detection]:
        """The objects of a uint8 RGB image (height, width, 3), the surest first."""
        square, area = fit_image(image)
        batch = square[None].astype(np.float32)
        rows = self._session.run(None, {self._input: batch})[0][0]
        found = [read_row(row, area) for row in rows if row[4] >= minimum_score]
        # What lies in the black bars has no area inside the frame.
        inside = [d for d in found if d.box[0] < d.box[2] and d.box[1] < d.box[3]]
        return drop_repeats(inside)


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


def fit_image(image: np.ndarray) -> tuple[np.ndarray, Box]:
    """The image in the middle of a black square, and the part of the square that it fills."""
    import cv2

    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    right, bottom = left + size[0], top + size[1]
    square = np.zeros((SIDE, SIDE, 3), np.uint8)
    square[top:bottom, left:right] = cv2.resize(image, size, interpolation=way)
    return square, (left, top, right, bottom)


def read_row(row: np.ndarray, area: Box) -> Detection:
    """A detection from a row of the network: left, top, right, bottom, score, label."""
    left, top, right, bottom = area
    corner, size = np.array([left, top] * 2), np.array([right - left, bottom - top] * 2)
    sides = np.clip((row[:4] - corner) / size, 0, 1).tolist()
    return Detection(LABELS[int(row[5])], float(row[4]), (sides[0], sides[1], sides[2], sides[3]))


def drop_repeats(found: list[Detection]) -> list[Detection]:
    """The surest of those that are the same object (non-maximum suppression)."""
    kept: list[Detection] = []
    for detection in sorted(found, key=lambda one: -one.score):
        if not any(
            overlap(detection.box, other.box)
            > (SAME_OBJECT if detection.label == other.label else SAME_PLACE)
            for other in kept
        ):
            kept.append(detection)
    return kept


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)
