"""Moments of an event film as pictures: large plain things on a light ground, with soft edges."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from longtake.evaluate.figures import FIGURES, INK, OWN, PAINTS
from longtake.evaluate.poses import Pose
from longtake.evaluate.script import Script
from longtake.evaluate.world import HIDING_PLACE, SIGN

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

    Pen = ImageDraw.ImageDraw

FINE = 2
"""Each pixel is drawn as so many in a row and in a column, then made one: soft edges."""
SMALL_HEIGHT, SMALL_FINE = 180, 3
GROUNDS = ((246, 244, 238), (236, 242, 246), (246, 240, 230), (240, 246, 238))
SKIES = ((222, 236, 245), (245, 232, 222), (232, 228, 244), (238, 240, 226))
LINE = 0.012
"""Of outlines, in heights."""
SIGN_HEIGHT, SLIDE_SECONDS = 0.11, 0.4
CLOUD_SPEED = 0.012
"""Widths a second."""


def draw_frame(script: Script, time: float, width: int, height: int) -> np.ndarray:
    """The picture at a time, uint8 RGB (height, width, 3); the smaller, the faster."""
    fine = FINE if height > SMALL_HEIGHT else SMALL_FINE
    return np.asarray(_draw(script, time, width * fine, height * fine).reduce(fine))


def _draw(script: Script, time: float, width: int, height: int) -> "Image.Image":
    from PIL import Image, ImageDraw

    scene = sum(cut <= time for cut in script.cuts)
    ground = (script.seed + scene) % len(GROUNDS)
    lens = _Lens(script.camera.pose(time), width, height)
    picture = Image.new("RGB", (width, height), SKIES[ground] if script.land else GROUNDS[ground])
    pen = ImageDraw.Draw(picture)
    if script.land:
        _draw_land(pen, lens, scene, time)
    for kind, pose in _in_order(script, time):
        _draw_figure(pen, lens, kind, pose)
    for event in script.events:
        if event.actor == SIGN and event.start <= time < event.end:
            shown = min(
                1.0, (time - event.start) / SLIDE_SECONDS, (event.end - time) / SLIDE_SECONDS
            )
            _draw_sign(pen, event.target, shown, width, height)
    return picture


class _Lens:
    """From places of the film to places in the picture, as the camera sees them."""

    def __init__(self, camera: Pose, width: int, height: int) -> None:
        self.width, self.unit = width * camera.size, min(width, height) * camera.size
        self.height = height * camera.size
        self.corner = complex(
            width / 2 - camera.x * self.width, height / 2 - camera.y * self.height
        )

    def place(self, pose: Pose) -> complex:
        """Its middle in pixels."""
        here = complex(pose.x * self.width, pose.y * self.height)
        return self.corner + here + complex(pose.dx, pose.dy) * self.unit

    def fill(self, pen: "Pen", points: np.ndarray, paint: tuple[int, int, int]) -> None:
        """An outline whose points are shares of the picture at rest."""
        there = self.corner + points.real * self.width + 1j * points.imag * self.height
        pen.polygon(_flat(there), paint)


def _in_order(script: Script, time: float) -> Iterable[tuple[str, Pose]]:
    """What is seen, and last what others are behind."""
    poses = [(thing.kind, thing.course.pose(time)) for thing in script.things]
    return sorted((p for p in poses if p[1].seen), key=lambda p: p[0] == HIDING_PLACE)


def _draw_figure(pen: "Pen", lens: _Lens, kind: str, pose: Pose) -> None:
    scale = pose.size * lens.unit * np.exp(2j * np.pi * pose.angle)
    middle, line = lens.place(pose), max(1, round(LINE * lens.unit))
    red, green, blue = pose.colour
    own = round(red), round(green), round(blue)
    parts = [(part.paint, _flat(middle + scale * part.points)) for part in FIGURES[kind]]
    for _, points in parts:
        pen.line(points + points[:4], INK, 2 * line, joint="curve")
    for paint, points in parts:
        pen.polygon(points, own if paint == OWN else PAINTS[paint])


def _flat(points: np.ndarray) -> list[float]:
    """As x, y, x, y, …"""
    flat: list[float] = points.view(np.float64).tolist()
    return flat


def _ellipse(x: float, y: float, across: float, down: float) -> np.ndarray:
    circle = np.exp(2j * np.pi * np.arange(48) / 48)
    points: np.ndarray = x + across * circle.real + 1j * (y + down * circle.imag)
    return points


def _draw_land(pen: "Pen", lens: _Lens, scene: int, time: float) -> None:
    """Hills, a tree and clouds that drift; where they are differs from scene to scene."""
    shift = 0.37 * scene
    for number in range(3):
        x = (shift + 0.45 * number + CLOUD_SPEED * time) % 1.6 - 0.3
        for dx, size in ((-0.06, 0.05), (0.0, 0.075), (0.07, 0.055)):
            cloud = _ellipse(x + dx, 0.08 + 0.05 * (number % 2), size, 0.9 * size)
            lens.fill(pen, cloud, (250, 251, 252))
    for number in range(4):
        x = (shift + 0.42 * number) % 1.7 - 0.35
        lens.fill(pen, _ellipse(x, 0.56, 0.34, 0.13 + 0.04 * (number % 3)), (205, 219, 205))
    ground = np.array([-0.5 + 0.5j, 1.5 + 0.5j, 1.5 + 1.5j, -0.5 + 1.5j])
    lens.fill(pen, ground, (224, 230, 208))


def _draw_sign(pen: "Pen", text: str, shown: float, width: int, height: int) -> None:
    """A board that comes up from below; `shown` is how far, 0 to 1."""
    tall = SIGN_HEIGHT * height
    top = height - tall * shown
    pen.rectangle((-9, top, width + 9, top + tall + 9), (255, 255, 255), INK, round(0.06 * tall))
    font = _load_font(max(8, round(0.78 * tall)))
    pen.text((width / 2, top + 0.53 * tall), text, INK, font, "mm")


@lru_cache
def _load_font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
