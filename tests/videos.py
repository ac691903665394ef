"""Videos whose truth is known: every picture carries its own number, as bright and dark blocks."""

import io
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

BITS = 16
"""A picture's number in binary: bit k is bright or dark in the k-th of 4×4 blocks."""

Draw = Callable[[int, int, int], np.ndarray]
"""From a picture's number, width and height to its uint8 RGB pixels (height, width, 3)."""


def draw_number(number: int, width: int, height: int) -> np.ndarray:
    """The number as 4×4 blocks, row by row, the lowest bit first."""
    bits = np.array([number >> k & 1 for k in range(BITS)], np.uint8).reshape(4, 4)
    rows = np.arange(height) * 4 // height
    columns = np.arange(width) * 4 // width
    grey = 40 + 170 * bits[rows][:, columns]
    return np.repeat(grey[:, :, None], 3, axis=2).astype(np.uint8)


def read_number(pixels: np.ndarray) -> int:
    """The number that a picture of `draw_number` carries; uint8 RGB (height, width, 3)."""
    height, width = pixels.shape[:2]
    bits = [
        pixels[int((k // 4 + 0.5) * height / 4), int((k % 4 + 0.5) * width / 4)].mean() > 125
        for k in range(BITS)
    ]
    return sum(1 << k for k, bit in enumerate(bits) if bit)


def read_jpeg(jpeg: bytes) -> np.ndarray:
    """uint8 RGB (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def make_video(
    path: Path,
    *,
    seconds: float = 10,
    rate: int = 10,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    draw: Draw = draw_number,
    times: Iterable[Fraction] | None = None,
    rotation: int = 0,
) -> Path:
    """A video with one picture for each of `times` (seconds), or `rate` a second for `seconds`."""
    width, height = size
    due = list(times) if times is not None else [Fraction(n, rate) for n in range(int(seconds * rate))]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = options or {}
        if rotation:
            stream.set_display_rotation(rotation)
        for number, time in enumerate(due):
            frame = av.VideoFrame.from_ndarray(draw(number, width, height), format="rgb24")
            frame.pts, frame.time_base = int(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
