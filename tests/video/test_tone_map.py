"""Pictures of high dynamic range look to a model as their twins of ordinary range do."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from longtake.pipeline.session import run_to_end
from longtake.timecode import Span
from longtake.video.choose_frames import Slot
from longtake.video.frames import open_frames
from longtake.video.playable import copy_to_play
from longtake.video.probe import probe

SIDE = 32
COLOURS = np.array(
    [
        (208, 32, 32), (30, 160, 60), (40, 60, 200), (220, 180, 150),
        (0, 0, 0), (64, 64, 64), (128, 128, 128), (200, 200, 200),
    ],
    float,
)  # fmt: skip
"""Of patches side by side, as they are in a video of BT.709."""
WHITE, PEAK = 203.0, 1000.0
BT709 = np.array([(0.412391, 0.357584, 0.180481), (0.212639, 0.715169, 0.072192),
                  (0.019331, 0.119195, 0.950532)])  # fmt: skip
PRIMARIES = {
    9: np.array([(0.636958, 0.144617, 0.168881), (0.262700, 0.677998, 0.059302),
                 (0.000000, 0.028073, 1.060985)]),
    12: np.array([(0.486571, 0.265668, 0.198217), (0.228975, 0.691739, 0.079287),
                  (0.000000, 0.045113, 1.043944)]),
}  # fmt: skip
"""From red, green and blue of these primaries to CIE XYZ."""


def as_light(colours: np.ndarray, primaries: int) -> np.ndarray:
    """The cd/m² of a screen of these primaries that shows such colours of BT.709."""
    shares = (colours / 255) ** 2.4
    light: np.ndarray = shares @ (np.linalg.inv(PRIMARIES[primaries]) @ BT709).T * WHITE
    return light.clip(0)


def as_pq(light: np.ndarray) -> np.ndarray:
    """By SMPTE ST 2084."""
    powers = (light / 10_000) ** (2610 / 16384)
    signal: np.ndarray = ((3424 / 4096 + 2413 / 128 * powers) / (1 + 2392 / 128 * powers)) ** (
        2523 / 32
    )
    return signal


def as_hlg(light: np.ndarray) -> np.ndarray:
    """By BT.2100, for a screen of 1,000 cd/m²."""
    shares = light / PEAK
    luminance = (shares @ np.array([0.2627, 0.6780, 0.0593])).clip(1e-9)[..., None]
    scene = shares * luminance ** (1 / 1.2 - 1)
    high = 0.17883277 * np.log((12 * scene - 0.28466892).clip(1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


TRANSFERS = {16: as_pq, 18: as_hlg}


def make_patches(path: Path, signal: np.ndarray, codec: str, **tags: int) -> Path:
    """A patch for each signal of red, green and blue, in 10 bits with BT.2020's matrix."""
    red, green, blue = np.repeat(np.repeat(signal[None], SIDE, 0), SIDE, 1).transpose(2, 0, 1)
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    planes = (
        64 + 876 * luma,
        512 + 896 * ((blue - luma) / 1.8814)[::2, ::2],
        512 + 896 * ((red - luma) / 1.4746)[::2, ::2],
    )
    with av.open(str(path), "w") as container:
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        stream: Any = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width = luma.shape
        stream.pix_fmt = "yuv420p10le"
        context = stream.codec_context
        context.color_range, context.colorspace = 1, 9
        context.color_trc, context.color_primaries = tags["transfer"], tags["primaries"]
        frame = av.VideoFrame(stream.width, stream.height, "yuv420p10le")
        for plane, values in zip(frame.planes, planes, strict=True):
            lines = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            lines[:, : plane.width] = np.rint(values)
            plane.update(lines.tobytes())
        for number in range(5):
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_patches(path: Path, side: int = 512) -> np.ndarray:
    """The colours of the patches as a model is shown them, of shape (patches, 3)."""
    _, index = probe(path, "")
    with open_frames(path, index) as reader:
        [picture] = reader.read(Span(0, 0.5), [Slot((0.25,))], side)
    height, width = picture.pixels.shape[:2]
    step = width // len(COLOURS)
    return picture.pixels[height // 2, step // 2 :: step].astype(int)


@pytest.mark.parametrize("codec", ["libx265", "libx264"])
@pytest.mark.parametrize("primaries", PRIMARIES)
@pytest.mark.parametrize("transfer", TRANSFERS)
def test_a_twin_of_high_dynamic_range_has_the_colours_of_its_ordinary_twin(
    transfer: int, primaries: int, codec: str, tmp_path: Path
) -> None:
    signal = TRANSFERS[transfer](as_light(COLOURS, primaries))
    path = make_patches(tmp_path / "a.mp4", signal, codec, transfer=transfer, primaries=primaries)
    assert np.abs(read_patches(path) - COLOURS).max() <= 12
    assert np.abs(read_patches(path, 64) - COLOURS).max() <= 12


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_what_is_brighter_than_white_still_differs(transfer: int, tmp_path: Path) -> None:
    nits = np.array([50, 100, WHITE, 300, 450, 600, 800, PEAK])
    signal = TRANSFERS[transfer](np.repeat(nits[:, None], 3, 1))
    path = make_patches(tmp_path / "a.mp4", signal, "libx265", transfer=transfer, primaries=9)
    shades = read_patches(path).mean(axis=1)
    assert (np.diff(shades) >= 1).all()
    assert shades[2] > 225 and shades[-1] > 250


def test_a_bright_colour_keeps_its_hue(tmp_path: Path) -> None:
    colours = np.array([(255, 80, 40)] * 8, float)
    light = as_light(colours, 9) * np.linspace(1, 4, 8)[:, None]
    path = make_patches(tmp_path / "a.mp4", as_pq(light), "libx265", transfer=16, primaries=9)
    red, green, blue = read_patches(path).T
    assert (red > 225).all() and (green < 90).all() and (blue < green).all()


def test_ten_bits_of_ordinary_range_stay_as_they_are(tmp_path: Path) -> None:
    signal = COLOURS / 255
    path = make_patches(tmp_path / "a.mp4", signal, "libx265", transfer=14, primaries=9)
    assert np.abs(read_patches(path) - COLOURS).max() <= 4


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_a_copy_to_play_has_ordinary_colours(transfer: int, tmp_path: Path) -> None:
    signal = TRANSFERS[transfer](as_light(COLOURS, 9))
    path = make_patches(tmp_path / "a.mkv", signal, "libx265", transfer=transfer, primaries=9)
    video, index = probe(path, "")
    out = tmp_path / "out.mp4"
    assert run_to_end(copy_to_play(video, index, out)).size
    assert not probe(out, "")[1].hdr
    assert np.abs(read_patches(out) - COLOURS).max() <= 20
