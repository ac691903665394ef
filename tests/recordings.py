"""Recordings as no muxer writes them: clocks that jump, streams that change, a time that can't be.

Every picture carries its number, and a tone goes with them.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.videos import FILM_RATE, draw_number

RATE = 48_000
SECONDS = 6
PICTURES = SECONDS * FILM_RATE
TS_PACKET = 188

Shift = Callable[[int], float]
"""Seconds by which the time of the picture of that number is put off."""


def make_recording(
    path: Path,
    *,
    first: int = 0,
    offset: float = 0.0,
    pids: tuple[int, int] = (256, 4096),
    version: int = 0,
    silent: bool = False,
    reordered: int = 0,
    bad: Shift = lambda number: 0.0,
) -> Path:
    """Six seconds; all times begin at `offset`, and pictures are shown `bad` seconds too late.

    Up to so many pictures in a row are `reordered`; `first` is the number of the first. `pids` are
    those of a broadcast's first stream and of its table of streams, which has a `version`.
    """
    names = {"mpegts_start_pid": str(pids[0]), "mpegts_pmt_start_pid": str(pids[1])}
    names["tables_version"] = str(version)
    options = names if path.suffix == ".ts" else {}
    with av.open(str(path), "w", options=options) as container:
        coding = {"bf": str(reordered), "g": "30"}
        pictures: Any = container.add_stream("libx264", rate=FILM_RATE, options=coding)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        tone: Any = container.add_stream("aac", rate=RATE, layout="mono")
        blocks = _make_tone(offset)
        for number in range(PICTURES):
            frame = av.VideoFrame.from_ndarray(draw_number(first + number, 64, 48), format="rgb24")
            frame.pts, frame.time_base = number + round(offset * FILM_RATE), Fraction(1, FILM_RATE)
            _mux(container, pictures.encode(frame), bad)
            while not silent and (block := next(blocks, None)):
                container.mux(tone.encode(block))
                if block.pts > frame.pts * RATE / FILM_RATE:
                    break
        _mux(container, pictures.encode(None), bad)
        if not silent:
            container.mux(tone.encode(None))
    return path


def _mux(container: Any, packets: Any, bad: Shift) -> None:
    for packet in packets:
        number = round(packet.pts * packet.time_base * FILM_RATE) % 90_000
        packet.pts += round(bad(number) / packet.time_base)
        container.mux(packet)


def _make_tone(offset: float) -> Iterator[av.AudioFrame]:
    for start in range(0, SECONDS * RATE, 1024):
        wave = np.sin(np.arange(start, start + 1024) * 2 * np.pi * 440 / RATE) / 2
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], "fltp", "mono")
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = start + round(offset * RATE)
        yield frame


def join(path: Path, *parts: Path) -> Path:
    """Put together byte by byte."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def put_off(path: Path, numbers: range, seconds: float, pid: int = 256) -> None:
    """Put off these pictures of a broadcast: when they are decoded, and when they are shown."""
    content = bytearray(path.read_bytes())
    seen = -1
    for start in range(0, len(content), TS_PACKET):
        head = content[start : start + TS_PACKET]
        begins, belongs = head[1] & 0x40, (head[1] & 0x1F) << 8 | head[2]
        if not (begins and belongs == pid):
            continue
        seen += 1
        body = 4 + (1 + head[4] if head[3] & 0x20 else 0)
        stamps = 2 if head[body + 7] & 0x40 else 1
        for stamp in range(stamps if seen in numbers else 0):
            place = start + body + 9 + 5 * stamp
            content[place : place + 5] = _add(bytes(content[place : place + 5]), seconds)
    path.write_bytes(content)


def _add(stamp: bytes, seconds: float) -> bytes:
    """To a time of a broadcast: 33 bits of 90 kHz, in three parts with a 1 after each."""
    whole = int.from_bytes(stamp)
    ticks = (whole >> 33 & 7) << 30 | (whole >> 17 & 0x7FFF) << 15 | whole >> 1 & 0x7FFF
    ticks += round(seconds * 90_000)
    high, middle, low = ticks >> 30 & 7, ticks >> 15 & 0x7FFF, ticks & 0x7FFF
    marks = whole >> 36 << 36 | 1 << 32 | 1 << 16 | 1
    return (marks | high << 33 | middle << 17 | low << 1).to_bytes(5)
