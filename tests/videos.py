"""Videos whose truth is known: every picture carries its own number, as bright and dark blocks."""

import io
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from PIL import Image

BITS = 16
"""A picture's number in binary: bit k is bright or dark in the k-th of 4×4 blocks."""

Draw = Callable[[int, int, int], np.ndarray]
"""From a picture's number, width and height to its uint8 RGB pixels (height, width, 3)."""

SOUND_RATE = 8000
FILM_RATE = 25


def draw_number(number: int, width: int, height: int) -> np.ndarray:
    """The number as 4×4 blocks, row by row, the lowest bit first."""
    bits = np.array([number >> k & 1 for k in range(BITS)], np.uint8).reshape(4, 4)
    rows = np.arange(height) * 4 // height
    columns = np.arange(width) * 4 // width
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = (40 + 170 * bits)[rows][:, columns, None]
    return pixels


def draw_grey(number: int, width: int, height: int) -> np.ndarray:
    """The number as a shade, for pictures too small for blocks: 16 shades, 12 apart."""
    return np.full((height, width, 3), 30 + 12 * (number % 16), np.uint8)


def draw_still(number: int, width: int, height: int) -> np.ndarray:
    """Always the same."""
    return draw_number(0b1010_0101_1100_0011, width, height)


def draw_noisy(number: int, width: int, height: int) -> np.ndarray:
    """The number under noise, so that a picture has some bytes."""
    noise = np.random.default_rng(number).integers(-30, 30, (height, width, 3))
    return (draw_number(number, width, height) + noise).clip(0, 255).astype(np.uint8)


@lru_cache(256)
def make_photo(seed: int, width: int, height: int) -> np.ndarray:
    """A picture like no other, with large and small things in it, as a photo has."""
    random = np.random.default_rng(seed)
    photo = np.zeros((height, width, 3), np.float32)
    for columns, contrast in ((3, 1.0), (9, 0.6), (30, 0.25)):
        rows = max(2, columns * height // width)
        grid = random.integers(0, 256, (rows, columns, 3), np.uint8)
        large = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        photo += contrast * (np.asarray(large, np.float32) - 128)
    light = random.integers(90, 160)
    return (photo + light).clip(30, 235).astype(np.uint8)


def draw_shots(*cuts: int, pan: float = 0.5, seed: int = 0) -> Draw:
    """Another photo from each of these numbers on, under faint noise as from a camera.

    `pan` is its motion, in pixels a picture; without any there is no noise.
    """

    def draw(number: int, width: int, height: int) -> np.ndarray:
        shot = bisect_right(cuts, number)
        photo = make_photo(1000 * seed + shot, 2 * width, height)
        there = int(abs(pan * number) % (2 * width))
        aside = there if there <= width else 2 * width - there
        pixels = photo[:, aside : aside + width]
        return (pixels + make_noise(number, width, height)).astype(np.uint8) if pan else pixels

    return draw


@lru_cache(256)
def make_noise(number: int, width: int, height: int) -> np.ndarray:
    """What a camera adds to the picture of that number, small enough to be kept for all films."""
    noise = np.random.default_rng(number).integers(-5, 6, (height, width, 1))
    return noise.astype(np.int8)


def draw_dimmed(draw: Draw, middle: int, half: int, dark: int = 0) -> Draw:
    """Down to black in `half` pictures, black from `middle` for `dark` pictures, and up again."""

    def dim(number: int, width: int, height: int) -> np.ndarray:
        away = max(middle - number, number - (middle + dark), 0)
        light = min(1.0, away / half)
        return (draw(number, width, height) * light).astype(np.uint8)

    return dim


def draw_dissolved(before: Draw, after: Draw, first: int, last: int) -> Draw:
    """One over the other by degrees, from `first` to `last`."""

    def dissolve(number: int, width: int, height: int) -> np.ndarray:
        share = min(1.0, max(0.0, (number - first) / (last - first)))
        old, new = before(number, width, height), after(number, width, height)
        return (old * (1 - share) + new * share).astype(np.uint8)

    return dissolve


def draw_plain(draw: Draw, first: int, last: int, level: int) -> Draw:
    """One grey level alone in the pictures `first`..`last`."""

    def plain(number: int, width: int, height: int) -> np.ndarray:
        pixels = draw(number, width, height)
        return np.full_like(pixels, level) if first <= number <= last else pixels

    return plain


def draw_held(draw: Draw, first: int, last: int) -> Draw:
    """The picture `first` stands still up to `last`; motion goes on after it."""

    def hold(number: int, width: int, height: int) -> np.ndarray:
        return draw(first if first <= number <= last else number, width, height)

    return hold


def read_number(pixels: np.ndarray) -> int:
    """The number that a picture of `draw_number` carries; uint8 RGB (height, width, 3)."""
    height, width = pixels.shape[:2]
    middles = np.arange(4) + 0.5
    rows, columns = (middles * height / 4).astype(int), (middles * width / 4).astype(int)
    bits = pixels[rows][:, columns].mean(axis=2).flatten() > 125
    return sum(1 << k for k, bit in enumerate(bits) if bit)


def read_grey(pixels: np.ndarray) -> int:
    """The number that a picture of `draw_grey` carries."""
    return round((float(pixels.mean()) - 30) / 12)


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
    tick: Fraction = Fraction(1, 1000),
    aspect: Fraction | None = None,
    sound_seconds: float = 0,
    cover: bool = False,
    file_format: str | None = None,
    file_options: dict[str, str] | None = None,
) -> Path:
    """A video with one picture for each of `times` (seconds), or `rate` a second for `seconds`.

    `tick` is the encoder's time base, `aspect` that of a pixel, `cover` adds cover art before all.
    """
    width, height = size
    given = [Fraction(n, rate) for n in range(int(seconds * rate))]
    due = list(times) if times is not None else given
    with av.open(str(path), "w", format=file_format, options=file_options or {}) as container:
        art: Any = _add_cover(container) if cover else None
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.time_base = tick
        stream.options = options or {}
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        sound: Any = container.add_stream("aac", rate=SOUND_RATE) if sound_seconds else None
        if art:
            container.mux(art.encode(_as_frame(draw_still(0, 32, 32), 0, Fraction(1), "yuvj420p")))
        for number, time in enumerate(due):
            frame = _as_frame(draw(number, width, height), int(time / tick), tick, "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            _add_sound(container, sound, sound_seconds)
    return path


def _as_frame(pixels: np.ndarray, pts: int, tick: Fraction, form: str) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    if form != "rgb24":
        frame = frame.reformat(format=form)
    frame.pts, frame.time_base = pts, tick
    return frame


def _add_cover(container: Any) -> Any:
    art = container.add_stream("mjpeg", rate=1)
    art.width, art.height, art.pix_fmt = 32, 32, "yuvj420p"
    art.disposition = Disposition.attached_pic
    return art


def _add_sound(container: Any, stream: Any, seconds: float) -> None:
    for start in range(0, int(seconds * SOUND_RATE), 1024):
        wave = np.sin(np.arange(start, start + 1024) / 10).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SOUND_RATE, start
        frame.time_base = Fraction(1, SOUND_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def make_film(
    path: Path,
    codec: str,
    sound: str,
    *,
    size: tuple[int, int] = (128, 96),
    rate: int = 48_000,
    seconds: int = 4,
    hole: tuple[float, float] = (0, 0),
    **stream: Any,
) -> Path:
    """Numbered pictures and a tone, packet by packet as recorders write them; none in the hole."""
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream(
            codec, rate=FILM_RATE, options=stream.pop("options", {})
        )
        pictures.width, pictures.height = size
        pictures.pix_fmt = stream.get("pixels", "yuv420p")
        tone: Any = container.add_stream(sound, rate=rate, layout="stereo")
        blocks = iter(_make_tone(rate, seconds, hole))
        block = next(blocks)
        for number in range(seconds * FILM_RATE):
            frame = av.VideoFrame.from_ndarray(draw_number(number, *size), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FILM_RATE)
            container.mux(pictures.encode(frame))
            while block and block.pts <= (number + 1) * rate / FILM_RATE:
                container.mux(tone.encode(block))
                block = next(blocks, None)
        container.mux(pictures.encode(None))
        container.mux(tone.encode(None))
    return path


def _make_tone(rate: int, seconds: int, hole: tuple[float, float]) -> Iterator[av.AudioFrame]:
    for start in range(0, seconds * rate, 1152):
        if hole[0] <= start / rate < hole[1]:
            continue
        wave = np.sin(np.arange(start, start + 1152) * 2 * np.pi * 440 / rate)
        both = np.stack([wave, wave]).astype(np.float32) / 2
        frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def make_sound(path: Path, seconds: float = 2) -> Path:
    """A file with sound alone."""
    with av.open(str(path), "w") as container:
        _add_sound(container, container.add_stream("aac", rate=SOUND_RATE), seconds)
    return path


def smash(path: Path, start: float, end: float) -> None:
    """Overwrite a share of the file with noise."""
    content = bytearray(path.read_bytes())
    first, last = int(len(content) * start), int(len(content) * end)
    content[first:last] = np.random.default_rng(1).bytes(last - first)
    path.write_bytes(content)


def cut(path: Path, share: float) -> None:
    """Keep only the first share of the file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
