"""A small film to try with, drawn when it is asked for: four scenes that move, a title on each.

A wheel carries no video, and this one is known through and through.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

    Draw = ImageDraw.ImageDraw

WIDTH, HEIGHT = 960, 540
RATE = 10
SCENE_SECONDS = 8
INK = "#f7f4ea"
SEA = 380
"""Where the picture's lower part begins, in pixels from above."""


@dataclass(frozen=True)
class Scene:
    """What is written on it, the colours of sky and ground, and what moves, from 0 to 1."""

    title: str
    line: str
    sky: str
    ground: str
    draw: "Callable[[Draw, float], None]"


def _draw_sun(draw: "Draw", part: float) -> None:
    y = SEA + 70 - 300 * part
    draw.ellipse((660, y - 70, 800, y + 70), fill="#ffd27a")


def _draw_boat(draw: "Draw", part: float) -> None:
    x, y = -140 + (WIDTH + 180) * part, SEA + 6 * math.sin(20 * part)
    draw.polygon([(x, y), (x + 140, y), (x + 112, y + 38), (x + 26, y + 38)], fill="#7a3b2e")
    draw.line((x + 66, y, x + 66, y - 150), fill="#4a2a20", width=5)
    draw.polygon([(x + 72, y - 146), (x + 72, y - 14), (x + 142, y - 14)], fill=INK)
    draw.polygon([(x + 60, y - 130), (x + 60, y - 14), (x + 8, y - 14)], fill="#e9e2cf")


def _draw_rain(draw: "Draw", part: float) -> None:
    for left, top in ((460, 80), (570, 40), (680, 80)):
        draw.ellipse((left, top, left + 160, top + 100), fill="#8e9aa5")
    for drop in range(60):
        x = 470 + (drop * 97) % 360
        y = 170 + (drop * 61 + 900 * part) % 300
        draw.line((x, y, x - 5, y + 22), fill="#c9dbe8", width=3)


def _draw_moon(draw: "Draw", part: float) -> None:
    for star in range(round(40 * part)):
        left, top = (star * 211) % WIDTH, 20 + (star * 83) % 330
        draw.ellipse((left, top, left + 4, top + 4), fill=INK)
    x, y = 560 + 240 * part, 190 - 60 * part
    draw.ellipse((x - 50, y - 50, x + 50, y + 50), fill="#f2ead0")
    draw.ellipse((x - 28, y - 62, x + 72, y + 38), fill="#15203a")


SCENES = (
    Scene("The sun rises over the bay", "Morning begins at six", "#f0a56b", "#3d6d8a", _draw_sun),
    Scene("A boat sails across the bay", "It carries salt", "#7fb8d8", "#2f6f93", _draw_boat),
    Scene("Rain falls in the afternoon", "The boat is in port", "#5d6b78", "#33505f", _draw_rain),
    Scene("The moon shines at night", "Good night", "#15203a", "#0d1526", _draw_moon),
)


def make_sample(path: Path) -> Path:
    """Draw the film into that file, as an MP4 that browsers play."""
    import av
    import numpy as np

    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for scene in SCENES:
            for number in range(SCENE_SECONDS * RATE):
                picture = _draw_scene(scene, number / (SCENE_SECONDS * RATE - 1))
                frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _draw_scene(scene: Scene, part: float) -> "Image.Image":
    """The scene's picture when so much of it, 0 to 1, has passed."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (WIDTH, HEIGHT), scene.sky)
    draw = ImageDraw.Draw(picture)
    scene.draw(draw, part)
    draw.rectangle((0, SEA + 30, WIDTH, HEIGHT), fill=scene.ground)
    draw.text((48, 430), scene.title, INK, _load_font(40))
    draw.text((48, 484), scene.line, INK, _load_font(28))
    return picture


@lru_cache
def _load_font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
