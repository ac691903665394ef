"""What the things of event films look like, as outlines about their middle, in sizes of theirs."""

import math
from dataclasses import dataclass

import numpy as np

from longtake.evaluate.world import HIDING_PLACE

OWN = ""
"""A part in the thing's own colour."""
INK = (38, 38, 44)
PAINTS = {
    "ink": INK,
    "skin": (233, 188, 150),
    "glass": (214, 236, 246),
    "wall": (196, 190, 182),
    "roof": (96, 84, 80),
}
EXTENTS = {
    "circle": (1.0, 1.0),
    "square": (0.9, 0.9),
    "triangle": (1.04, 0.92),
    "star": (1.1, 1.06),
    "person": (0.78, 1.24),
    "car": (1.2, 0.66),
    HIDING_PLACE: (1.52, 1.96),
}
"""Widths and heights."""
BEHIND = 0.29
"""How far below its middle what goes behind the house is hidden best."""


@dataclass(frozen=True)
class Outline:
    """An outline, filled: points as complex numbers, to the right and down."""

    paint: str
    points: np.ndarray


def _polygon(paint: str, *points: tuple[float, float]) -> Outline:
    return Outline(paint, np.array([complex(*point) for point in points]))


def _disc(paint: str, x: float, y: float, radius: float, corners: int = 40) -> Outline:
    return Outline(
        paint, complex(x, y) + radius * np.exp(2j * np.pi * np.arange(corners) / corners)
    )


def _box(paint: str, left: float, top: float, right: float, bottom: float) -> Outline:
    return _polygon(paint, (left, top), (right, top), (right, bottom), (left, bottom))


def _star() -> Outline:
    corners = [
        (radius * math.sin(math.pi * k / 5), -radius * math.cos(math.pi * k / 5))
        for k, radius in enumerate((0.57, 0.25) * 5)
    ]
    return _polygon(OWN, *corners)


FIGURES: dict[str, tuple[Outline, ...]] = {
    "circle": (_disc(OWN, 0, 0, 0.5, 56),),
    "square": (_box(OWN, -0.45, -0.45, 0.45, 0.45),),
    "triangle": (_polygon(OWN, (0, -0.5), (0.52, 0.42), (-0.52, 0.42)),),
    "star": (_star(),),
    "person": (
        _polygon(OWN, (-0.17, 0.12), (0.0, 0.12), (-0.06, 0.62), (-0.22, 0.62)),
        _polygon(OWN, (0.17, 0.12), (0.0, 0.12), (0.06, 0.62), (0.22, 0.62)),
        _polygon(OWN, (-0.14, -0.2), (-0.39, 0.1), (-0.32, 0.17), (-0.1, -0.02)),
        _polygon(OWN, (0.14, -0.2), (0.39, 0.1), (0.32, 0.17), (0.1, -0.02)),
        _polygon(OWN, (-0.18, -0.21), (0.18, -0.21), (0.18, 0.2), (-0.18, 0.2)),
        _disc("skin", 0, -0.42, 0.2, 32),
    ),
    "car": (
        _polygon(OWN, (-0.36, -0.04), (-0.22, -0.33), (0.22, -0.33), (0.36, -0.04)),
        _polygon("glass", (-0.26, -0.04), (-0.17, -0.25), (-0.03, -0.25), (-0.03, -0.04)),
        _polygon("glass", (0.26, -0.04), (0.17, -0.25), (0.03, -0.25), (0.03, -0.04)),
        _box(OWN, -0.6, -0.06, 0.6, 0.19),
        _disc("ink", -0.33, 0.19, 0.14, 24),
        _disc("ink", 0.33, 0.19, 0.14, 24),
    ),
    HIDING_PLACE: (
        _box("wall", -0.72, -0.42, 0.72, 1.0),
        _polygon("roof", (-0.76, -0.38), (0, -0.95), (0.76, -0.38)),
        _box("roof", -0.16, 0.45, 0.16, 1.0),
        _box("glass", -0.54, -0.12, -0.26, 0.16),
        _box("glass", 0.26, -0.12, 0.54, 0.16),
    ),
}
