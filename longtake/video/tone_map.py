"""Pictures of high dynamic range brought to what a model, or a screen, takes for colours: BT.709.

By the transfer and primaries that the file names (PQ of HDR10, or HLG, of BT.2020 or Display P3).
Reference white (203 cd/m², ITU-R BT.2408) becomes nearly white, and what is brighter keeps its
differences in what is left above, as BT.2390 does. What is darker stays as it was graded.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

VERSION = 1
"""Part of the key of what is made of such pictures: raised whenever they would look otherwise."""

BAND_PIXELS = 1 << 20
"""So many are mapped at once: each takes some hundred bytes meanwhile."""
Resize = Callable[..., np.ndarray]
"""From a decoded picture, width, height and a pixel format to its pixels."""
PQ, HLG, BT2020, P3 = 16, 18, 9, 12
"""As H.273 numbers transfers and primaries."""
WHITE = 203.0
"""cd/m² of reference white."""
HLG_PEAK, HLG_GAMMA = 1000.0, 1.2
"""Of the screen for which HLG is turned into light (BT.2100)."""
KNEE, PEAK = 0.6, 1000.0 / WHITE
"""Of light, as a share of reference white: up to the first it stays as it is, and what is as bright
as the second becomes white."""
SCREEN_GAMMA = 2.4
LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
"""Shares of red, green and blue of BT.2020."""
TO_709 = {
    BT2020: [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349],
        [-0.018151, -0.100579, 1.118730]],
    P3: [[1.224940, -0.224940, 0.0], [-0.042057, 1.042057, 0.0],
         [-0.019638, -0.078636, 1.098274]],
}  # fmt: skip
"""From light of these primaries to that of BT.709."""


def is_hdr(transfer: int) -> bool:
    """Whether a transfer is one of high dynamic range."""
    return transfer in (PQ, HLG)


def read_pixels(resize: Resize, decoded: "VideoFrame", width: int, height: int) -> np.ndarray:
    """A decoded picture in that size, as uint8 RGB (height, width, 3) of BT.709."""
    if not is_hdr(decoded.color_trc):
        return resize(decoded, width, height, format="rgb24")
    signal = resize(decoded, width, height, format="rgb48le")
    mapped = np.empty(signal.shape, np.uint8)
    rows = max(1, BAND_PIXELS // width)
    for first in range(0, height, rows):
        band = slice(first, first + rows)
        mapped[band] = _map_tones(signal[band], decoded.color_trc, decoded.color_primaries)
    return mapped


def _map_tones(signal: np.ndarray, transfer: int, primaries: int) -> np.ndarray:
    light: np.ndarray = _pq_light()[signal] if transfer == PQ else _hlg_light(signal)
    matrix = np.array(TO_709.get(primaries, TO_709[BT2020]), np.float32)
    return _encode(np.maximum(light @ matrix.T, 0.0))


def _encode(light: np.ndarray) -> np.ndarray:
    """Light as shares of reference white to colours; a colour keeps its hue when it is dimmed."""
    brightest = light.max(axis=-1, keepdims=True)
    dimmed = light * (_dim(brightest) / np.maximum(brightest, 1e-6))
    colours: np.ndarray = np.rint(255 * np.minimum(dimmed, 1.0) ** (1 / SCREEN_GAMMA))
    return colours.astype(np.uint8)


def _dim(light: np.ndarray) -> np.ndarray:
    """The same up to the knee; from there on ever less of what is more, and 1 at the peak."""
    above = np.maximum(light - KNEE, 0.0) / (1 - KNEE)
    whole = (PEAK - KNEE) / (1 - KNEE)
    less = above * (1 + above / whole**2) / (1 + above)
    dimmed: np.ndarray = np.minimum(light, KNEE) + (1 - KNEE) * less
    return dimmed


@lru_cache(1)
def _pq_light() -> np.ndarray:
    """The light of each 16-bit signal of PQ (SMPTE ST 2084), as shares of reference white."""
    m1, m2 = 2610 / 16384, 2523 / 32
    c1, c2, c3 = 3424 / 4096, 2413 / 128, 2392 / 128
    powers = np.linspace(0, 1, 1 << 16) ** (1 / m2)
    light = (np.maximum(powers - c1, 0) / (c2 - c3 * powers)) ** (1 / m1)
    table: np.ndarray = (light * 10_000 / WHITE).astype(np.float32)
    return table


@lru_cache(1)
def _hlg_scene() -> np.ndarray:
    """The scene's light of each 16-bit signal of HLG (ARIB STD-B67), from 0 to 1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    signal = np.linspace(0, 1, 1 << 16)
    light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return light.astype(np.float32)


def _hlg_light(signal: np.ndarray) -> np.ndarray:
    """The light of a screen that shows this, as shares of reference white."""
    scene = _hlg_scene()[signal]
    luminance = np.maximum(scene @ LUMINANCE, 1e-6)[..., None]
    light: np.ndarray = scene * luminance ** (HLG_GAMMA - 1) * np.float32(HLG_PEAK / WHITE)
    return light
